"""Baked atlases in streams that are no codecs of ours: how they are packed, and read back.

A package of such a method holds one blob of pictures per group: the ranges of the channels, then
one elementary stream (all channels tiled into one picture) or one per channel.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bake.errors import ArtifactError
from bake.profiles import EXPORT_PROFILES, Profile, make_quantizer
from bake.sequence import BakedSequence, Span
from benchmarks.rd.footage import Footage
from benchmarks.rd.method import PlayedFrame
from benchmarks.rd.stream_record import (
    OpenStream,
    StreamBody,
    group_occupancy,
    write_stream,
)
from benchmarks.rd.symbols import join_chunks, split_chunks
from hwcodec import (
    PROFILES,
    YUV420P8,
    Chroma,
    CodeRange,
    Package,
    PictureMarks,
    PixelFormat,
    PlaneLayout,
    Quantizer,
    fit_ranges,
)
from hwcodec.backends.foreign import (
    H264_444,
    HEVC_GRAY12,
    MJPEG,
    VVC,
    ForeignFormat,
    decode_foreign,
)
from render.errors import SceneError
from render.mapping import MappingTable, VertexOrder
from render.shading import weights_from_bytes

KIND = "stream_kind"
"""The key of a stream record's own part that names the kind of streams."""


@dataclass(frozen=True, slots=True)
class StreamKind:
    """How atlases become planes of a foreign format.

    Attributes:
        profile_name: standard, profile, chroma and depth, for people.
        format: what the streams are.
        profile: codes, marks and spread of density, as in an export.
        is_tiled: whether all channels lie in one picture, or each has a stream and range its own.
    """

    profile_name: str
    format: ForeignFormat
    profile: Profile
    is_tiled: bool = True


STREAM_KINDS: Mapping[str, StreamKind] = {
    "mjpeg": StreamKind("Motion JPEG baseline, 4:2:0 8-bit", MJPEG, EXPORT_PROFILES["web8"]),
    "vvc": StreamKind("VVC Main 10, 4:2:0 10-bit", VVC, EXPORT_PROFILES["hq10"]),
    "h264-444": StreamKind(
        "H.264 High 4:4:4 Predictive, 4:4:4 8-bit, a stream per channel",
        H264_444,
        Profile(PROFILES["full8"], YUV420P8),
        is_tiled=False,
    ),
    "hevc-gray12": StreamKind(
        "HEVC RExt, 4:0:0 12-bit",
        HEVC_GRAY12,
        Profile(
            CodeRange(12, 0, 4095),
            PixelFormat(Chroma.GRAY, 12),
            density_spread=EXPORT_PROFILES["hq10"].density_spread,
        ),
    ),
}
"""Every kind by the name that records give it."""

_FLOAT_BYTES = 4

Coder = Callable[[Sequence[Tensor], Fraction], bytes]
"""Codes luma planes (rows, columns) of a frame rate as one elementary stream."""


@dataclass(frozen=True, slots=True, eq=False)
class PackedGroup:
    """The planes of a group's streams, stream by stream, and the codes' meaning."""

    quantizer: Quantizer
    streams: Sequence[Sequence[Tensor]]


def write_foreign(
    out: Path, method: tuple[str, str], source: tuple[Footage, BakedSequence], coder: Coder
) -> None:
    """Write the package of a bake; ``method`` is its name and the name of its kind of streams.

    Raises:
        HwcodecError: if an encoder is not there or fails.
        ArtifactError: if the bake is damaged, or one of other footage.
    """
    name, kind = method
    footage, sequence = source
    _check_same_groups(footage, sequence)
    blobs = {}
    for number, span in enumerate(sequence.groups):
        packed = pack_group(sequence, span, STREAM_KINDS[kind])
        streams = [coder(planes, sequence.frame_rate) for planes in packed.streams]
        ends = torch.stack((packed.quantizer.minimum, packed.quantizer.maximum))
        ranges = ends.numpy().astype("<f4").tobytes()
        blobs[pictures_blob(number)] = join_chunks([ranges, *streams])
    network = weights_from_bytes(sequence.network_bytes(), sequence.shading)
    write_stream(out, name, footage, StreamBody({KIND: kind}, blobs, network))


def _check_same_groups(footage: Footage, sequence: BakedSequence) -> None:
    """The package gets the footage's occupancies, and pictures that were packed by the bake's."""
    if sequence.settings.vertex_order is not VertexOrder.MORTON:
        raise ArtifactError(
            f"the bake's atlases are in {sequence.settings.vertex_order} order, expected morton, "
            "which packages of baselines are read in; bake with optimize.vertex_order=morton"
        )
    ours = [group_occupancy(group) for group in footage.groups]
    theirs = [sequence.occupancy_bytes(span) for span in sequence.groups]
    if ours != theirs:
        raise ArtifactError(
            f"the bake has {len(theirs)} groups with occupancies of {list(map(len, theirs))} "
            f"bytes, expected the footage's {len(ours)} of {list(map(len, ours))}; "
            "delete the fit and run again"
        )


def pack_group(sequence: BakedSequence, span: Span, kind: StreamKind) -> PackedGroup:
    """The planes of a group, in codes.

    Raises:
        ArtifactError: if the bake is damaged.
    """
    mapping = sequence.mapping(span)
    frames = range(span.first_frame, span.first_frame + span.frame_count)
    images = [mapping.to_image(sequence.texels(index)) for index in frames]
    if kind.is_tiled:
        quantizer = make_quantizer(sequence, kind.profile)
        codes = [quantizer.quantize(image) for image in images]
        return PackedGroup(quantizer, [_tiled(codes, frames, kind.profile)])
    # V3's rule is the range of a frame; that of a group keeps prediction between frames intact.
    quantizer = Quantizer.of(*fit_ranges(torch.stack(images, dim=1)), kind.profile.codes)
    codes = [quantizer.quantize(image) for image in images]
    return PackedGroup(quantizer, [list(planes) for planes in zip(*codes, strict=True)])


def _tiled(codes: Sequence[Tensor], frames: range, profile: Profile) -> list[Tensor]:
    """One plane per frame, the very picture that an export makes."""
    layout = PlaneLayout.plan(*codes[0].shape)
    planes = [layout.pack(one) for one in codes]
    marks = PictureMarks.plan(layout, profile.codes) if profile.has_marks else None
    if marks is None:
        return planes
    return [marks.apply(plane, index) for plane, index in zip(planes, frames, strict=True)]


def play_foreign(package: Package, name: str) -> Iterator[PlayedFrame]:
    """Decode the package of a method, frame by frame.

    Raises:
        HwcodecError, RenderError: if it is damaged.
    """
    stream, kind = OpenStream(package, name), stream_kind(package)
    if kind is None:
        raise SceneError(
            f"the record names no kind of streams, expected one of {', '.join(STREAM_KINDS)}; "
            "the package is damaged, encode it again"
        )
    for number in range(len(stream.record.groups)):
        group = CodedGroup.read(stream, number, kind)
        for image in group.images(kind):
            yield stream.frame(number, group.mapping.from_image(image))


def stream_kind(package: Package) -> StreamKind | None:
    """The kind of foreign streams in a package, None where its record names none."""
    own = package.scene.get("own")
    name = own.get(KIND) if isinstance(own, dict) else None
    return STREAM_KINDS.get(name) if isinstance(name, str) else None


@dataclass(frozen=True, slots=True, eq=False)
class CodedGroup:
    """The streams of a group as they lie in a package, and what its geometry says of them."""

    mapping: MappingTable
    quantizer: Quantizer
    layout: PlaneLayout
    size: tuple[int, int]
    frame_count: int
    streams: Sequence[bytes] = field(repr=False)

    @classmethod
    def read(cls, stream: OpenStream, number: int, kind: StreamKind) -> "CodedGroup":
        """A group's streams; ``size`` is the (width, height) that their pictures must have.

        Raises:
            SceneError: if the blob does not hold them.
            HwcodecError: if the blob is missing, or its ranges are no ranges.
        """
        mapping, record = stream.scene(number).mapping, stream.record
        channels = 1 + record.shading.feature_count
        data = stream.package.blob(pictures_blob(number))
        ranges, *streams = split_chunks(data, 2 if kind.is_tiled else 1 + channels)
        if len(ranges) != 2 * _FLOAT_BYTES * channels:
            raise SceneError(
                f"ranges of group {number} take {len(ranges)} bytes, expected "
                f"{2 * _FLOAT_BYTES * channels}; the package is damaged, encode it again"
            )
        ends = torch.from_numpy(np.frombuffer(ranges, "<f4").reshape(2, -1).astype(np.float32))
        layout = PlaneLayout.plan(channels, mapping.rows, mapping.columns)
        tiled, alone = (layout.width, layout.height), (mapping.columns, mapping.rows)
        return cls(
            mapping,
            Quantizer.of(ends[0], ends[1], kind.profile.codes),
            layout,
            tiled if kind.is_tiled else alone,
            record.groups[number][1],
            streams,
        )

    def images(self, kind: StreamKind) -> Iterator[Tensor]:
        """Decoded atlas images (channels, rows, columns) in order.

        Raises:
            BitstreamError: if a stream is damaged.
        """
        planes = (
            decode_foreign(data, kind.format, self.size, self.frame_count) for data in self.streams
        )
        for together in zip(*planes, strict=True):
            codes = self.layout.unpack(together[0]) if kind.is_tiled else torch.stack(together)
            yield self.quantizer.dequantize(codes)


def pictures_blob(number: int) -> str:
    """Name of the blob with a group's pictures."""
    return f"pictures{number:04d}"
