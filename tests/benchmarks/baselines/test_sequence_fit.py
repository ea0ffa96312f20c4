"""Fitting frame after frame: where frames begin, who trains the network, and what is left."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bake.progress import SilentProgress
from benchmarks.baselines.coded_values import SteppedCodes
from benchmarks.baselines.sequence_fit import (
    FittedFrame,
    FrameTask,
    fit_sequence,
    fitted_codes,
    fitted_frames,
    fitted_network,
)
from benchmarks.rd.footage import Footage, occupied_texels
from render.mapping import UNMAPPED
from tests.benchmarks.baselines.packages import in_groups_of


class Recorder:
    """Fits nothing: a frame ends one above where it begins."""

    def __init__(self) -> None:
        self.tasks: list[FrameTask] = []
        self.trains: list[bool] = []

    def __call__(self, task: FrameTask) -> FittedFrame:
        self.tasks.append(task)
        self.trains.append(task.setting.shading.optimizer is not None)
        coded = SteppedCodes(np.full((2, 3), task.index, np.int8), np.array([-16, 0, 5], np.int8))
        return FittedFrame({"some": coded}, task.start + 1, 0.25)


@pytest.fixture
def recorded(tiny_footage, tmp_path) -> tuple[Footage, Recorder, Path]:
    """Three frames in two groups, (0, 1) and (2)."""
    footage, recorder = in_groups_of(tiny_footage, 2), Recorder()
    fit_sequence(footage, recorder, tmp_path, SilentProgress())
    return footage, recorder, tmp_path


def test_frames_come_in_order_and_each_group_begins_with_a_key_frame(recorded) -> None:
    _, recorder, _ = recorded
    assert [task.index for task in recorder.tasks] == [0, 1, 2]
    assert [task.is_key for task in recorder.tasks] == [True, False, True]


def test_every_frame_has_the_protocols_budget_and_a_random_stream_of_its_own(recorded) -> None:
    footage, recorder, _ = recorded
    config = footage.config.optimize
    budgets = [task.plan.iterations for task in recorder.tasks]
    assert budgets == [config.first_iterations, config.iterations, config.group_iterations]
    assert len({task.plan.seed for task in recorder.tasks}) == 3


def test_only_the_first_frame_trains_the_network(recorded) -> None:
    assert recorded[1].trains == [True, False, False]


def test_the_stored_network_is_the_one_that_later_frames_saw(recorded) -> None:
    footage, recorder, folder = recorded
    stored = fitted_network(footage, folder)
    seen = recorder.tasks[1].setting.shading.shader
    assert isinstance(seen, torch.nn.Module)
    for parameter, other in zip(stored.parameters(), seen.parameters(), strict=True):
        assert torch.equal(parameter, other)
        assert not other.requires_grad


def test_the_first_frame_begins_thin(recorded) -> None:
    footage, recorder, _ = recorded
    expected = footage.fresh_texels(footage.groups[0], 0, footage.feature_count)
    assert torch.equal(recorder.tasks[0].start, expected)


def test_other_frames_begin_where_the_last_one_decodes_to(recorded) -> None:
    footage, recorder, _ = recorded
    before = recorder.tasks[0].start + 1
    expected = footage.moved_texels(footage.groups[0], before, 1)
    assert torch.equal(recorder.tasks[1].start, expected)


def test_a_new_group_takes_values_over_by_vertex(recorded) -> None:
    footage, recorder, _ = recorded
    before, start = recorder.tasks[1].start + 1, recorder.tasks[2].start
    old, new = (group.scene.mapping for group in footage.groups)
    source = old.texel_of_vertex[tuple(new.vertices.T)]
    known = source != UNMAPPED
    assert known.any()
    torch.testing.assert_close(
        start[torch.from_numpy(new.texels[known]).long(), 1:],
        before[torch.from_numpy(source[known]).long(), 1:],
    )
    outside = ~occupied_texels(footage.groups[1], 2)[torch.from_numpy(new.texels).long()]
    empty = footage.config.optimize.limits.empty_density
    assert (start[torch.from_numpy(new.texels).long(), 0][outside] == empty).all()


def test_codes_are_stored_by_name(recorded) -> None:
    _, _, folder = recorded
    for index in range(3):
        coded = fitted_codes(folder, index, "some")
        assert coded.codes.dtype == np.int8
        assert (coded.codes == index).all()
        assert coded.octaves.tolist() == [-16, 0, 5]


def test_fitted_frames_are_what_a_decoder_has(recorded) -> None:
    footage, recorder, folder = recorded
    for task, frame in zip(recorder.tasks, fitted_frames(footage, folder), strict=True):
        found = frame.field.density[:-1]
        torch.testing.assert_close(found, task.start[:, 0] + 1)
