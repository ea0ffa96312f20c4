"""Frames of density at vertices and features on three planes: their starts, and fits on disk.

Density before activation is one value per texel of the group, as in all methods here; features are
values at the pixels of `TriPlanes`.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from bake.optimize import Motion, adapt_density, carry_texels
from benchmarks.baselines.planes import PLANE_COUNT, TriPlanes
from benchmarks.rd.footage import Footage, FootageGroup
from benchmarks.rd.method import PlayedFrame
from benchmarks.rd.training import field_of
from render.errors import SceneError
from render.fragment import Appearance
from render.shading import ShadingMlp, ShadingShape, weights_from_bytes, weights_to_bytes

NETWORK_FILE = "network.bin"
# Breaks the symmetry of channels, as `bake.optimize.fresh_texels` does.
_FIRST_SPREAD = 0.01


@dataclass(frozen=True, slots=True)
class PlaneSettings:
    """Channels of each plane, and pixels per vertex along each of its sides.

    Planes have 10 channels in TeTriRF and 4 here: the march reads three times as many at every
    sample, and takes most of the time of a step.
    """

    channels: int = 4
    scale: float = 1.0
    rate_factor: ClassVar[float] = 2.0
    """Learning rate of planes by that of features at vertices; found on the built-in capture."""

    @property
    def feature_count(self) -> int:
        """Feature channels that the network reads."""
        return PLANE_COUNT * self.channels

    def shading(self, footage: Footage) -> ShadingShape:
        """The protocol's network, for that many features."""
        return replace(footage.config.shading.shape, feature_count=self.feature_count)


@dataclass(frozen=True, slots=True, eq=False)
class PlaneFrame:
    """One frame: density (texels,) and plane values (pixels, channels), float32."""

    density: Tensor
    planes: Tensor

    def detached(self) -> "PlaneFrame":
        """A copy that is no parameter."""
        return PlaneFrame(self.density.detach().clone(), self.planes.detach().clone())

    def trainable(self) -> "PlaneFrame":
        """A copy that can be trained."""
        copy = self.detached()
        return PlaneFrame(copy.density.requires_grad_(), copy.planes.requires_grad_())

    def texels(self, planes: TriPlanes) -> Tensor:
        """Values (texels, 1 + features), differentiable."""
        return torch.cat([self.density[:, None], planes.features(self.planes)], 1)


@dataclass(frozen=True, slots=True, eq=False)
class PlaneGroup:
    """A group of the footage with its planes."""

    group: FootageGroup
    planes: TriPlanes

    @classmethod
    def of(cls, group: FootageGroup, settings: PlaneSettings) -> Self:
        """The planes of a group."""
        return cls(group, TriPlanes(group.scene.mapping, settings.scale))

    def fresh(self, footage: Footage, settings: PlaneSettings) -> PlaneFrame:
        """The group's first frame without history: thin density, small random features."""
        first = self.group.plan.first_frame
        density = footage.fresh_texels(self.group, first, 0)[:, 0]
        generator = torch.Generator().manual_seed(footage.config.seed + first)
        shape = (self.planes.pixel_count, settings.channels)
        return PlaneFrame(density, torch.randn(shape, generator=generator) * _FIRST_SPREAD)

    def moved(self, footage: Footage, frame: PlaneFrame, index: int, source: int) -> PlaneFrame:
        """Another frame of the group, ``source``, made ready for the frame ``index``."""
        motion = Motion(self.group.occupancy(index), self.group.occupancy(source))
        return self._adapted(footage, frame, motion)

    def carried(self, footage: Footage, before: "PlaneGroup", frame: PlaneFrame) -> PlaneFrame:
        """The last frame of the group before, made ready for the first of this one."""
        old, mapping = before.group.scene.mapping, self.group.scene.mapping
        density = carry_texels((old, frame.density[:, None]), mapping, footage.config.optimize)
        planes = self.planes.carried(before.planes, frame.planes)
        first, last = self.group.plan.first_frame, before.group.frames[-1]
        motion = Motion(self.group.occupancy(first), before.group.occupancy(last))
        return self._adapted(footage, PlaneFrame(density[:, 0], planes), motion)

    def _adapted(self, footage: Footage, frame: PlaneFrame, motion: Motion) -> PlaneFrame:
        mapping = self.group.scene.mapping
        density = adapt_density(frame.density[:, None], mapping, motion, footage.config.optimize)
        return PlaneFrame(density[:, 0].clone(), frame.planes.clone())


def plane_groups(footage: Footage, settings: PlaneSettings) -> tuple[PlaneGroup, ...]:
    """Every group with its planes."""
    return tuple(PlaneGroup.of(group, settings) for group in footage.groups)


def frame_file(folder: Path, index: int) -> Path:
    """Where a fit keeps a frame."""
    return folder / f"frame{index:05d}.npz"


def save_frame(folder: Path, index: int, frame: PlaneFrame) -> None:
    """Keep a frame in a fit."""
    density, planes = frame.density.detach().numpy(), frame.planes.detach().numpy()
    np.savez(frame_file(folder, index), density=density, planes=planes)


def load_frame(folder: Path, index: int) -> PlaneFrame:
    """A frame of a fit."""
    with np.load(frame_file(folder, index)) as stored:
        return PlaneFrame(torch.from_numpy(stored["density"]), torch.from_numpy(stored["planes"]))


def save_network(folder: Path, network: ShadingMlp) -> None:
    """Keep the rounded network in a fit."""
    (folder / NETWORK_FILE).write_bytes(weights_to_bytes(network))


def load_network(folder: Path, footage: Footage, settings: PlaneSettings) -> ShadingMlp:
    """The network of a fit."""
    data = (folder / NETWORK_FILE).read_bytes()
    return weights_from_bytes(data, settings.shading(footage))


def played(
    footage: Footage, group: PlaneGroup, frame: PlaneFrame, network: ShadingMlp
) -> PlayedFrame:
    """A fitted frame, ready to be rendered."""
    field = field_of(footage, group.group.scene, frame.texels(group.planes))
    return PlayedFrame(field, Appearance(network, footage.background))


def stated_settings(channels: int, scale: float, shading: ShadingShape) -> PlaneSettings:
    """Settings as a package states them.

    Raises:
        SceneError: if they do not go together with the network.
    """
    settings = PlaneSettings(channels, scale)
    if settings.feature_count != shading.feature_count:
        raise SceneError(
            f"planes of {channels} channels make {settings.feature_count} features, expected "
            f"{shading.feature_count} as the network reads; the package is damaged, encode it again"
        )
    return settings
