"""Ablation: the bake of rate=medium with its features rotated by their Karhunen-Loeve transform.

    features' = R features        R: eigenvectors of the covariance within blocks of the first frame
    network'  = network with the first layer's weights of the features times R^T

Decoders and players are the same, as rays accumulate features linearly; the codec gets channels
that are not correlated.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from bake.export import export
from bake.sequence import BakedSequence, open_sequence
from benchmarks.baselines.videorf import VideoRf, ablation
from benchmarks.rd.footage import Footage
from benchmarks.rd.method import ABLATION, Frame, Rate
from render.shading import weights_from_bytes, weights_to_bytes

_MEDIUM = ablation("medium")


class RotatedSequence(BakedSequence):
    """A bake whose features are rotated as they are read."""

    __slots__ = ()

    def texels(self, frame_index: int) -> Tensor:
        """Texel values of a frame, float32 (texels, channels), density first."""
        values = BakedSequence.texels(self, frame_index)
        return torch.cat([values[:, :1], values[:, 1:] @ self._rotation().T], 1)

    def network_bytes(self) -> bytes:
        """The network that takes rotated features for the same colors, rounded as all are."""
        count = self.shading.feature_count
        network = weights_from_bytes(BakedSequence.network_bytes(self), self.shading)
        first = next(iter(network.parameters()))
        with torch.no_grad():
            first[:, :count] = first[:, :count] @ self._rotation().T
        return weights_to_bytes(network)

    def _rotation(self) -> Tensor:
        """Orthonormal (features, features)."""
        area = self.settings.block_size**2
        features = BakedSequence.texels(self, 0)[:, 1:].unflatten(0, (-1, area)).double()
        changes = (features - features.mean(1, keepdim=True)).flatten(0, 1)
        _, vectors = torch.linalg.eigh(changes.T @ changes)
        rotation: Tensor = vectors.T.float()
        return rotation


@dataclass(frozen=True, slots=True)
class RotatedVideoRf(VideoRf):
    """A bake with rotated features."""

    def uncoded(self, footage: Footage, folder: Path) -> Iterator[Frame]:
        """The baked frames: a rotation changes nothing before coding."""
        return VideoRf.uncoded(self, footage, folder)

    def encode(self, footage: Footage, rate: Rate, folder: Path, out: Path) -> None:
        """Encode the rotated bake at a QP."""
        del footage
        baked = open_sequence(folder)
        parts = {name: getattr(baked, name) for name in BakedSequence.__dataclass_fields__}
        export(RotatedSequence(**parts), out, self.options(rate))


KLT = RotatedVideoRf(
    f"{ABLATION}medium-klt",
    replace(_MEDIUM.provenance, reproduced="the bake of rate=medium, its features decorrelated"),
    _MEDIUM.fit_label,
    _MEDIUM.rates,
    _MEDIUM.experiment,
    _MEDIUM.version,
)
