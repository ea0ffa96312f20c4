"""Ablations: the bake of rate=medium with its features mixed linearly before they are coded.

    features' = A features
    network'  = network with the first layer's weights of the features times A^-1

Decoders and players are the same, as rays accumulate features linearly. With A the Karhunen-Loeve
transform the codec gets channels that are not correlated; with A diagonal every channel has a range
of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from bake.export import export
from bake.sequence import BakedSequence, open_sequence
from benchmarks.baselines.videorf import VideoRf, ablation
from benchmarks.rd.footage import Footage
from benchmarks.rd.method import ABLATION, Rate
from render.shading import weights_from_bytes, weights_to_bytes

_MEDIUM = ablation("medium")


@dataclass(frozen=True, slots=True, eq=False)
class MixedSequence(BakedSequence):
    """A bake whose features are mixed as they are read; ``mixing`` is A (features, features)."""

    mixing: Tensor

    @classmethod
    def of(cls, baked: BakedSequence, mixing: Tensor) -> "MixedSequence":
        """The bake with its features mixed."""
        parts = {name: getattr(baked, name) for name in BakedSequence.__dataclass_fields__}
        return cls(**parts, mixing=mixing)

    def texels(self, frame_index: int) -> Tensor:
        """Texel values of a frame, float32 (texels, channels), density first."""
        values = BakedSequence.texels(self, frame_index)
        return torch.cat([values[:, :1], values[:, 1:] @ self.mixing.T], 1)

    def network_bytes(self) -> bytes:
        """The network that takes mixed features for the same colors, rounded as all are."""
        count = self.shading.feature_count
        network = weights_from_bytes(BakedSequence.network_bytes(self), self.shading)
        first = next(iter(network.parameters()))
        with torch.no_grad():
            first[:, :count] = first[:, :count] @ torch.linalg.inv(self.mixing.double()).float()
        return weights_to_bytes(network)


def rotated(baked: BakedSequence) -> MixedSequence:
    """Features rotated to the eigenvectors of their covariance within blocks of the first frame."""
    area = baked.settings.block_size**2
    features = baked.texels(0)[:, 1:].unflatten(0, (-1, area)).double()
    changes = (features - features.mean(1, keepdim=True)).flatten(0, 1)
    _, vectors = torch.linalg.eigh(changes.T @ changes)
    return MixedSequence.of(baked, vectors.T.float())


def weighed(baked: BakedSequence) -> MixedSequence:
    """Every feature as large as the trained network's first layer weighs it, within the range.

    The codec's steps then mean as much to the network in every channel.
    """
    network = weights_from_bytes(baked.network_bytes(), baked.shading)
    weights = next(iter(network.parameters()))[:, : baked.shading.feature_count]
    scale = weights.detach().norm(dim=0)
    extents = [baked.texels(index)[:, 1:].abs().amax(0) for index in range(baked.frame_count)]
    most = (torch.stack(extents).amax(0) * scale).max()
    return MixedSequence.of(baked, torch.diag(scale * baked.settings.feature_range / most))


@dataclass(frozen=True, slots=True)
class MixedVideoRf(VideoRf):
    """A bake with mixed features; before coding nothing is changed by it."""

    mix: Callable[[BakedSequence], MixedSequence] = rotated

    def encode(self, footage: Footage, rate: Rate, folder: Path, out: Path) -> None:
        """Encode the mixed bake at a QP."""
        del footage
        export(self.mix(open_sequence(folder)), out, self.options(rate))


def _mixed(name: str, what: str, mix: Callable[[BakedSequence], MixedSequence]) -> MixedVideoRf:
    return MixedVideoRf(
        f"{ABLATION}medium-{name}",
        replace(_MEDIUM.provenance, reproduced=f"the bake of rate=medium, {what}"),
        _MEDIUM.fit_label,
        _MEDIUM.rates,
        _MEDIUM.experiment,
        _MEDIUM.version,
        mix,
    )


KLT = _mixed("klt", "its features decorrelated", rotated)
RANGES = _mixed("ranges", "every feature in a range of its own, by the network's weights", weighed)
