"""ReRF: voxel grids, motion and residual from frame to frame, a 3D transform codec; and two parts.

Source: Wang et al., "Neural Residual Radiance Fields for Streamably Free-Viewpoint Videos", CVPR
2023, arXiv 2304.04452.

Reproduced: a grid of density and features per frame; for every frame but the first of a group one
motion vector per cube of 8^3, trained alone, and then a residual with an L1 norm; occupied cubes,
principal components of the residual, 3D DCT, quantization by a table and a JPEG-like quality, a
closed loop of prediction.

Simplified: capture, occupied vertices, groups and iterations are the protocol's, and so is the
shading, once per ray and not per sample. The occupancy stands for the coarse stage. Density is
warped as features are. The averages of motion are trained, not averaged afterwards, and sent as
entropy-coded sixteenths of a voxel, not as float16. Levels go through a range coder; what a
JPEG-like run-length and Huffman coder would take is in a package's record. Weights of the
regularization were tuned anew.

Not run: the official code (GPL text with "research purposes only", its entropy coder a binary) and
its captures. Nothing of it is here.

    rerf          key frame, then motion and residual
    rerf-intra    the same fit, each frame coded alone: what residual coding saves
    voxel         each frame trained and coded alone: what a sequence of still fields takes
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bake.optimize import GroupScene
from bake.progress import Progress
from benchmarks.baselines.cube_codec import CubeCodec, CubeScale
from benchmarks.baselines.cube_stream import GroupShape, GroupWriter, read_group
from benchmarks.baselines.cubes import CubeLayout
from benchmarks.baselines.voxel_fit import VoxelFit, VoxelRecipe
from benchmarks.baselines.warping import Warp
from benchmarks.rd.footage import Footage, FootageGroup
from benchmarks.rd.method import PlayedFrame, Provenance, Rate
from benchmarks.rd.stream_record import OpenStream, StreamBody, StreamRecord, write_stream
from benchmarks.rd.training import field_of
from benchmarks.results import Origin
from hwcodec import Package
from hwcodec.records import finite_number, named_values, positive_number, whole_number
from render.errors import SceneError
from render.fragment import Appearance
from render.shading import ShadingMlp, weights_from_bytes, weights_to_bytes

_NETWORK = "network.bin"
_LARGEST_LIMIT = 1e3
_OWN_KEYS = "quality density_limit feature_limit coder_bytes run_length_bytes"


@dataclass(frozen=True, slots=True)
class GridMethod:
    """Voxel grids coded by cubes.

    Attributes:
        fit_label: name of the fit, which methods may share.
        trains_on_previous: whether frames are fitted against the one before.
        predicts: whether frames are coded against the one before.
    """

    name: str
    provenance: Provenance
    fit_label: str
    trains_on_previous: bool
    predicts: bool
    rates: tuple[Rate, ...]
    version: int = 1

    def fit_name(self, rate: Rate) -> str:
        """The fit's name, whatever the rate."""
        del rate
        return self.fit_label

    def fit(self, footage: Footage, rate: Rate, folder: Path, progress: Progress) -> None:
        """Train every frame; the folder gets the network, values and motion."""
        del rate
        progress.start(self.fit_label, footage.frame_count)
        fit = VoxelFit(footage, VoxelRecipe())
        for index, frame in enumerate(fit.frames(is_predicted=self.trains_on_previous)):
            np.save(_values_file(folder, index), frame.values.numpy())
            if frame.motion is not None:
                np.save(_motion_file(folder, index), frame.motion)
            progress.advance(f"frame {index}: squared error {frame.error:.6f}")
        (folder / _NETWORK).write_bytes(weights_to_bytes(fit.network))

    def uncoded(self, footage: Footage, folder: Path) -> Iterator[PlayedFrame]:
        """The fitted frames."""
        background = torch.tensor(footage.capture.background)
        appearance = Appearance(_network(footage, folder), background)
        for group in footage.groups:
            for index in group.frames:
                yield PlayedFrame(
                    field_of(footage, group.scene, _values(folder, index)), appearance
                )

    def encode(self, footage: Footage, rate: Rate, folder: Path, out: Path) -> None:
        """Code every frame at a quality, in a loop with the decoder's own values."""
        limits = footage.config.optimize.limits
        scale = CubeScale(limits.density, limits.feature, rate.value)
        blobs: dict[str, bytes] = {}
        coder_bytes = run_length_bytes = 0
        for number, group in enumerate(footage.groups):
            writer = self._write_group(group, scale, folder)
            found = writer.blobs()
            coder_bytes += len(found["tables"]) + len(found["texels"])
            run_length_bytes += writer.run_length_bytes
            blobs |= {_blob(kind, number): data for kind, data in found.items()}
        own = {
            "quality": scale.quality,
            "density_limit": scale.density_limit,
            "feature_limit": scale.feature_limit,
            "coder_bytes": coder_bytes,
            "run_length_bytes": run_length_bytes,
        }
        write_stream(out, self.name, footage, StreamBody(own, blobs, _network(footage, folder)))

    def decode(self, package: Package) -> Iterator[PlayedFrame]:
        """The coded frames.

        Raises:
            HwcodecError, RenderError: if the package is damaged.
        """
        stream = OpenStream(package, self.name)
        scale = read_scale(stream.record)
        for number, (_, count) in enumerate(stream.record.groups):
            codec = _codec(stream.scene(number), scale)
            channels = 1 + stream.record.shading.feature_count
            shape = GroupShape(count, codec.layout.count, channels, self.predicts)
            previous: Tensor | None = None
            blobs = {kind: package.blob(_blob(kind, number)) for kind in shape.blob_kinds}
            for frame in read_group(shape, blobs):
                previous = codec.values(frame, None if frame.is_alone else previous)
                yield stream.frame(number, previous)

    def _write_group(self, group: FootageGroup, scale: CubeScale, folder: Path) -> GroupWriter:
        codec, writer = _codec(group.scene, scale), GroupWriter()
        previous: Tensor | None = None
        for index in group.frames:
            values = _values(folder, index)
            if previous is None or not self.predicts:
                frame = codec.alone(values)
                previous = codec.values(frame)
            else:
                motion = np.load(_motion_file(folder, index), allow_pickle=False)
                frame = codec.against(values, previous, motion)
                previous = codec.values(frame, previous)
            writer.add(frame)
        return writer


def read_scale(record: StreamRecord) -> CubeScale:
    """Limits and quality from a package's record.

    Raises:
        SceneError: if it is damaged.
    """
    own = record.own
    try:
        named_values("the coder's settings", own, _OWN_KEYS)
        for name in ("coder_bytes", "run_length_bytes"):
            whole_number(name, own[name])
        return CubeScale(
            positive_number("density_limit", own["density_limit"], _LARGEST_LIMIT),
            positive_number("feature_limit", own["feature_limit"], _LARGEST_LIMIT),
            finite_number("quality", own["quality"], 2, 99),
        )
    except ValueError as error:
        raise SceneError(
            f"the stream's settings are damaged: {error}; encode the package again"
        ) from error


def _codec(scene: GroupScene, scale: CubeScale) -> CubeCodec:
    warp = Warp(CubeLayout.of(scene.mapping), scene.mapping, -scale.density_limit)
    return CubeCodec(warp, scale)


def _blob(kind: str, group: int) -> str:
    return f"{kind}{group:04d}"


def _values_file(folder: Path, index: int) -> Path:
    return folder / f"values{index:05d}.npy"


def _motion_file(folder: Path, index: int) -> Path:
    return folder / f"motion{index:05d}.npy"


def _values(folder: Path, index: int) -> Tensor:
    return torch.from_numpy(np.load(_values_file(folder, index), allow_pickle=False))


def _network(footage: Footage, folder: Path) -> ShadingMlp:
    return weights_from_bytes((folder / _NETWORK).read_bytes(), footage.config.shading.shape)


_SOURCE = "Wang et al., ReRF, CVPR 2023, arXiv 2304.04452"
_OFFICIAL = "aoliao12138/ReRF, GPL text with 'research purposes only'; not used"
_SIMPLIFIED = (
    "grid, occupancy, iterations and shading are the protocol's; density is warped too; motion is "
    "trained per cube and sent in sixteenths of a voxel; weights tuned anew; range coder"
)
_NOT_RUN = "the official code, its captures and its entropy coder, which is a binary"
_QUALITIES = tuple(Rate(f"q{quality}", quality) for quality in (4, 8, 16, 32, 64))

RERF = GridMethod(
    "rerf",
    Provenance(
        Origin.REIMPLEMENTED,
        _SOURCE,
        "motion per cube, residual with L1 norm, kept cubes, principal components, 3D DCT, "
        "quantization table with JPEG-like quality, closed prediction loop; a frame has its "
        "iterations twice, once for motion and once for the residual",
        _SIMPLIFIED,
        _NOT_RUN,
        _OFFICIAL,
    ),
    "rerf",
    trains_on_previous=True,
    predicts=True,
    rates=_QUALITIES,
)
INTRA = GridMethod(
    "rerf-intra",
    Provenance(
        Origin.REIMPLEMENTED,
        _SOURCE,
        "the fit of rerf, each frame coded as a key frame: shows what residual coding saves",
        _SIMPLIFIED,
        _NOT_RUN,
        _OFFICIAL,
    ),
    "rerf",
    trains_on_previous=True,
    predicts=False,
    rates=_QUALITIES,
)
VOXEL = GridMethod(
    "voxel",
    Provenance(
        Origin.REIMPLEMENTED,
        "Sun et al., DVGO, CVPR 2022, frame by frame; coded as the key frames of " + _SOURCE,
        "a voxel grid per frame, trained from scratch; nothing shared but network and occupancy; "
        "each frame has the iterations of a group's first frame",
        _SIMPLIFIED,
        _NOT_RUN,
        _OFFICIAL,
    ),
    "voxel",
    trains_on_previous=False,
    predicts=False,
    rates=_QUALITIES,
)
