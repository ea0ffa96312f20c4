"""Fits a sequence frame after frame, and the folder that such a fit leaves.

frame 0          thin values, and the network, which is then rounded and frozen
first of group   values carried over by grid vertex
other frames     values of the frame before, emptied and filled where the occupancy says

FOLDER/network.bin          weights of the shading network
FOLDER/frame00000.npz       a frame's whole numbers and their steps, by name, and its texel values
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from bake.optimize import Motion, adapt_density, carry_texels
from bake.progress import Progress
from benchmarks.baselines.coded_values import SteppedCodes
from benchmarks.rd.footage import Footage, FootageGroup
from benchmarks.rd.method import PlayedFrame
from benchmarks.rd.training import (
    Setting,
    TrainingPlan,
    field_of,
    fresh_shading,
    frozen_shading,
    plan_of,
)
from render.fragment import Appearance
from render.shading import ShadingMlp, round_weights, weights_from_bytes, weights_to_bytes

_NETWORK = "network.bin"
_OCTAVES, _TEXELS = "-octaves", "texels"


@dataclass(frozen=True, slots=True, eq=False)
class FrameTask:
    """A frame to be fitted.

    Attributes:
        index: which one; ``is_key`` says whether its group begins with it.
        group: its group.
        setting: what trains it.
        plan: the protocol's budget for it.
        start: texel values (texels, 1 + features) to begin with.
    """

    index: int
    is_key: bool
    group: FootageGroup
    setting: Setting
    plan: TrainingPlan
    start: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class FittedFrame:
    """A fit: whole numbers by name, and texel values as a decoder has them."""

    codes: Mapping[str, SteppedCodes]
    decoded: Tensor
    error: float


class FrameFit(Protocol):
    """A method's way to fit one frame; frames come in order, so that it may remember the last."""

    def __call__(self, task: FrameTask) -> FittedFrame:
        """Train the frame."""


def fit_sequence(footage: Footage, fit: FrameFit, folder: Path, progress: Progress) -> None:
    """Fit all frames in order, and fill an empty folder."""
    network, shading = fresh_shading(footage)
    decoded: Tensor | None = None
    progress.start("frames", footage.frame_count)
    for number, group in enumerate(footage.groups):
        before = footage.groups[number - 1] if number else None
        for index in group.frames:
            is_key = index == group.plan.first_frame
            start = _start(footage, group, index, (before if is_key else group, decoded))
            setting = Setting(footage, group.scene, shading)
            plan = plan_of(footage, index, _iterations(footage, index, is_key=is_key))
            fitted = fit(FrameTask(index, is_key, group, setting, plan, start))
            if index == 0:
                network = round_weights(network)
                shading = frozen_shading(footage, network)
                (folder / _NETWORK).write_bytes(weights_to_bytes(network))
            decoded = fitted.decoded
            _save(_file(folder, index), fitted)
            progress.advance(f"frame {index}: mean squared error {fitted.error:.5f}")


def fitted_network(footage: Footage, folder: Path) -> ShadingMlp:
    """The shading network of a fit."""
    return weights_from_bytes((folder / _NETWORK).read_bytes(), footage.config.shading.shape)


def fitted_codes(folder: Path, index: int, name: str) -> SteppedCodes:
    """Whole numbers of a frame, (rows, channels), with their steps."""
    with np.load(_file(folder, index)) as stored:
        return SteppedCodes(stored[name], stored[name + _OCTAVES])


def fitted_frames(footage: Footage, folder: Path) -> Iterator[PlayedFrame]:
    """The frames of a fit."""
    appearance = Appearance(fitted_network(footage, folder), footage.background)
    for group in footage.groups:
        for index in group.frames:
            with np.load(_file(folder, index)) as stored:
                texels = torch.from_numpy(stored[_TEXELS])
            yield PlayedFrame(field_of(footage, group.scene, texels), appearance)


def _iterations(footage: Footage, index: int, *, is_key: bool) -> int:
    config = footage.config.optimize
    if index == 0:
        return config.first_iterations
    return config.group_iterations if is_key else config.iterations


def _start(
    footage: Footage,
    group: FootageGroup,
    index: int,
    before: tuple[FootageGroup | None, Tensor | None],
) -> Tensor:
    """Texel values to begin with, from the group and the values of the frame before, if any."""
    old, texels = before
    if old is None or texels is None:
        return footage.fresh_texels(group, index, footage.feature_count)
    if old is group:
        return footage.moved_texels(group, texels, index)
    config = footage.config.optimize
    carried = carry_texels((old.scene.mapping, texels), group.scene.mapping, config)
    own, last = group.occupancy(index), old.occupancy(index - 1)
    return adapt_density(carried, group.scene.mapping, Motion(own, last), config)


def _save(path: Path, fitted: FittedFrame) -> None:
    stored: dict[str, Any] = {_TEXELS: fitted.decoded.numpy()}
    for name, coded in fitted.codes.items():
        stored |= {name: coded.codes, name + _OCTAVES: coded.octaves}
    np.savez_compressed(path, **stored)


def _file(folder: Path, index: int) -> Path:
    return folder / f"frame{index:05d}.npz"
