"""A bake that was stopped anywhere ends with the same bytes as one that was not."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest

from bake import pipeline
from bake.artifacts import ArtifactStore
from bake.capture import Capture, CaptureOptions, open_capture
from bake.errors import ArtifactError, CapacityError
from bake.grouping import GroupingConfig
from bake.pipeline import BakeConfig, bake
from bake.progress import SilentProgress
from bake.sequence import SCENE_FILE, open_sequence
from render.shading import weights_from_bytes

FRAMES = ":4"


class Recorder(SilentProgress):
    """Remembers what was reported; interrupts when a stage has reported so many items."""

    def __init__(self, stop: tuple[str, int] | None = None) -> None:
        self.stop, self.stage = stop, ""
        self.messages: dict[str, list[str]] = {}

    def start(self, stage: str, total: int) -> None:
        self.stage = stage
        self.messages[stage] = []
        assert total == 4

    def advance(self, message: str = "", **figures: float) -> None:
        self.messages[self.stage].append(message)
        if self.stop == (self.stage, len(self.messages[self.stage])):
            raise KeyboardInterrupt

    @property
    def trained(self) -> list[int]:
        """Frames whose atlas did not come from the store."""
        return [i for i, line in enumerate(self.messages["atlas"]) if "resumed" not in line]


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def rebake(capture: Capture, config: BakeConfig, out: Path) -> Recorder:
    progress = Recorder()
    bake(capture, config, out, progress)
    return progress


@pytest.fixture
def capture(open_sphere) -> Capture:
    return open_sphere(FRAMES)


@pytest.fixture(scope="module")
def config(tiny_config) -> BakeConfig:
    """Four frames in two groups of two."""
    return tiny_config(grouping=GroupingConfig(texel_capacity=2000, max_length=2))


@pytest.fixture(scope="module")
def uninterrupted(sphere_folder, config, tmp_path_factory) -> Path:
    """The finished bake, not to be changed."""
    out = tmp_path_factory.mktemp("bake") / "scene"
    capture = open_capture(CaptureOptions(str(sphere_folder), frames=FRAMES))
    bake(capture, config, out, SilentProgress())
    return out


@pytest.fixture
def copy(uninterrupted, tmp_path) -> Path:
    """A copy of the finished bake that a test may change."""
    out = tmp_path / "copy"
    for name, data in content(uninterrupted).items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
    return out


def test_a_bake_holds_what_it_says(uninterrupted, capture, config) -> None:
    sequence = open_sequence(uninterrupted)
    assert [(g.first_frame, g.frame_count) for g in sequence.groups] == [(0, 2), (2, 2)]
    assert sequence.frame_count == 4
    assert sequence.rig.test == capture.split.test
    assert sequence.frame_rate == 25
    assert sequence.shading == config.shading.shape
    weights_from_bytes(sequence.network_bytes(), sequence.shading)
    for group in sequence.groups:
        mapping = sequence.mapping(group)
        for frame in range(group.first_frame, group.first_frame + group.frame_count):
            texels = sequence.texels(frame)
            assert texels.shape == (mapping.texel_count, 4)
            assert texels[:, 0].abs().max() <= config.optimize.density_range
            assert texels[:, 1:].abs().max() <= config.optimize.feature_range
            assert texels.std() > 0


def test_the_provenance_tells_the_settings_but_no_folder(uninterrupted, sphere_folder) -> None:
    provenance = open_sequence(uninterrupted).provenance
    assert provenance["frame_indices"] == [0, 1, 2, 3]
    assert provenance["config"]["grouping"]["max_length"] == 2
    everything = b"".join(content(uninterrupted).values())
    assert str(sphere_folder.parent).encode() not in everything


def test_baking_twice_gives_the_same_bytes(capture, config, uninterrupted, tmp_path) -> None:
    bake(capture, config, tmp_path / "again", SilentProgress())
    assert content(tmp_path / "again") == content(uninterrupted)


def test_a_finished_bake_is_not_trained_again(capture, config, copy, uninterrupted) -> None:
    assert rebake(capture, config, copy).trained == []
    assert content(copy) == content(uninterrupted)


STOPS = [("occupancy", 1), ("occupancy", 3), ("atlas", 1), ("atlas", 2), ("atlas", 3), ("atlas", 4)]


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: f"{stop[0]}-{stop[1]}")
def test_a_stopped_bake_resumes_to_the_same_bytes(
    capture, config, uninterrupted, tmp_path, stop
) -> None:
    out = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        bake(capture, config, out, Recorder(stop))
    assert not (out / SCENE_FILE).exists()
    stored = content(out)
    assert stored
    trained = rebake(capture, config, out).trained
    assert content(out) == content(uninterrupted)
    # What was there is taken over, not made again.
    assert trained == list(range(stop[1] if stop[0] == "atlas" else 0, 4))
    assert {name: content(out)[name] for name in stored} == stored


def test_a_bake_that_is_stopped_after_every_item_gets_there(
    capture, config, uninterrupted, tmp_path
) -> None:
    out = tmp_path / "stubborn"
    for stop in STOPS:
        with pytest.raises(KeyboardInterrupt):
            bake(capture, config, out, Recorder(stop))
    bake(capture, config, out, SilentProgress())
    assert content(out) == content(uninterrupted)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_bake_that_is_stopped_before_an_atlas_is_written_resumes(
    capture, config, uninterrupted, tmp_path, monkeypatch, count
) -> None:
    """With count 0 the network is there already, but the atlas it belongs to is not."""
    write_array, written = ArtifactStore.write_array, []

    def interrupt(self: ArtifactStore, name: str, key: str, array: Any) -> None:  # noqa: ANN401
        if len(written) == count:
            raise KeyboardInterrupt
        written.append(name)
        write_array(self, name, key, array)

    out = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr(ArtifactStore, "write_array", interrupt)
        with pytest.raises(KeyboardInterrupt):
            bake(capture, config, out, SilentProgress())
    assert any(name.startswith("shading/") for name in content(out))
    bake(capture, config, out, SilentProgress())
    assert content(out) == content(uninterrupted)


@pytest.fixture
def occupancy_calls(monkeypatch) -> Iterator[list[int]]:
    """Grows by one for every frame whose occupancy is computed."""
    calls: list[int] = []
    original = pipeline.find_occupancy

    def counted(*arguments: object) -> object:
        calls.append(0)
        return original(*arguments)

    monkeypatch.setattr(pipeline, "find_occupancy", counted)
    return calls


def test_other_losses_retrain_atlases_but_keep_occupancies(
    capture, config, copy, occupancy_calls
) -> None:
    other = replace(config, losses=replace(config.losses, inter_bits=0.5))
    assert rebake(capture, other, copy).trained == [0, 1, 2, 3]
    assert occupancy_calls == []


@pytest.mark.parametrize("change", [{"seed": 4}, {"resolution": 9}])
def test_another_seed_or_grid_makes_everything_anew(
    capture, config, copy, occupancy_calls, change
) -> None:
    assert rebake(capture, replace(config, **change), copy).trained == [0, 1, 2, 3]
    assert len(occupancy_calls) == 4


def test_another_coarse_stage_retrains_only_where_it_finds_something_else(
    capture, config, copy, occupancy_calls
) -> None:
    # So low a change that no weight of these frames lies between the two thresholds.
    coarse = replace(config.coarse, weight_threshold=config.coarse.weight_threshold * (1 + 1e-9))
    assert rebake(capture, replace(config, coarse=coarse), copy).trained == []
    assert len(occupancy_calls) == 4


def test_the_old_settings_leave_nothing_behind(capture, config, copy, tmp_path) -> None:
    other = replace(config, losses=replace(config.losses, inter_bits=0.5))
    for out in (copy, tmp_path / "fresh"):
        bake(capture, other, out, SilentProgress())
    assert content(copy) == content(tmp_path / "fresh")


def test_a_changed_picture_retrains_its_frame_and_what_follows(
    sphere, config, tmp_path, occupancy_calls
) -> None:
    folder = sphere.write(tmp_path / "capture", 4)
    out = tmp_path / "scene"

    def open_again() -> Capture:
        return open_capture(CaptureOptions(str(folder)))

    bake(open_again(), config, out, SilentProgress())
    before = content(out)
    path = folder / "camera1" / "003.png"
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    picture[16, 16, :3] ^= 0x7F
    cv2.imwrite(str(path), picture)
    trained = rebake(open_again(), config, out).trained
    assert len(occupancy_calls) == 4 + 1
    # The first group is untouched; the second follows if its union has changed.
    assert trained in ([3], [2, 3])
    kept = [name for name in before if name.startswith(("atlas/frame00000", "atlas/frame00001"))]
    assert len(kept) == 2
    assert all(content(out)[name] == before[name] for name in kept)


def test_another_background_is_another_bake_even_without_masks(sphere, config, tmp_path) -> None:
    folder, out = sphere.write(tmp_path / "capture", 4, masks=False), tmp_path / "scene"
    for background in ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0)):
        capture = open_capture(CaptureOptions(str(folder), background=background))
        assert not capture.has_masks
        progress = Recorder(("atlas", 1))
        with suppress(KeyboardInterrupt):
            bake(capture, config, out, progress)
        assert progress.trained == [0]


def test_a_tight_capacity_cuts_groups_where_the_union_outgrows_it(
    capture, config, tmp_path
) -> None:
    wide = replace(config, grouping=GroupingConfig(texel_capacity=5000, max_length=4))
    sequence = bake(capture, wide, tmp_path / "wide", SilentProgress())
    (group,) = sequence.groups
    union = len(sequence.mapping(group).texels)
    tight = replace(config, grouping=GroupingConfig(texel_capacity=union - 1, max_length=4))
    sequence = bake(capture, tight, tmp_path / "wide", SilentProgress())
    assert len(sequence.groups) >= 2
    assert all(len(sequence.mapping(g).texels) < union for g in sequence.groups)
    assert sum(g.frame_count for g in sequence.groups) == 4


def test_a_frame_beyond_the_capacity_leaves_the_bake_unfinished(capture, config, copy) -> None:
    tight = replace(config, grouping=GroupingConfig(texel_capacity=10, max_length=4))
    with pytest.raises(CapacityError, match="frame 0 alone occupies"):
        bake(capture, tight, copy, SilentProgress())
    assert not (copy / SCENE_FILE).exists()


@pytest.mark.parametrize(
    ("pattern", "length"),
    [("occupancy/frame00001-*", 5), ("shading/network-*", 7), ("atlas/frame00002-*", 60)],
)
def test_a_damaged_result_is_named_with_its_remedy(capture, config, copy, pattern, length) -> None:
    (path,) = copy.glob(pattern)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ArtifactError) as caught:
        bake(capture, config, copy, SilentProgress())
    assert path.name in str(caught.value)
    assert "delete it and run the bake again" in str(caught.value)


def test_following_that_remedy_repairs_the_bake(capture, config, copy, uninterrupted) -> None:
    for pattern in ("occupancy/frame00001-*", "shading/network-*", "atlas/frame00002-*"):
        for path in copy.glob(pattern):
            path.unlink()
    assert rebake(capture, config, copy).trained == [0, 2]
    assert content(copy) == content(uninterrupted)


def test_a_full_disk_stops_the_bake_and_more_space_finishes_it(
    capture, config, uninterrupted, tmp_path, monkeypatch
) -> None:
    replaced, original = [], Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if len(replaced) == 7:
            raise OSError(28, "No space left on device")
        replaced.append(target)
        return original(self, target)

    out = tmp_path / "full"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(ArtifactError, match="run again to resume"):
            bake(capture, config, out, SilentProgress())
    assert len(content(out)) == 7
    bake(capture, config, out, SilentProgress())
    assert content(out) == content(uninterrupted)
