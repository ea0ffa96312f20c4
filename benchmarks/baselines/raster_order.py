"""Ablation: the plain bake's texels laid out in raster order instead of Morton order and blocks.

Vertex after vertex by x, then y, then z, row after row. Training saw the Morton layout,
whose total variation is the published one; so this is the price of the order for the codec alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bake.profiles import EXPORT_PROFILES, default_profile, make_quantizer
from bake.sequence import BakedSequence, Span, open_sequence
from benchmarks.baselines.videorf import PLAIN, VideoRf
from benchmarks.rd.footage import Footage
from benchmarks.rd.method import Frame, Rate
from benchmarks.rd.stream_record import OpenStream, StreamBody, write_stream
from hwcodec import (
    Bitstream,
    ConstantQp,
    EncoderSettings,
    Package,
    Picture,
    PictureGeometry,
    PlaneLayout,
    Quantizer,
    StreamContent,
    choose_encoder,
    decode_all,
    encode,
)
from hwcodec.records import named_values
from render.errors import SceneError
from render.mapping import MappingTable
from render.shading import weights_from_bytes

_ENCODER = "libx265"
_PROFILE = EXPORT_PROFILES[default_profile(_ENCODER)]


@dataclass(frozen=True, slots=True)
class RasterOrder(VideoRf):
    """The plain recipe's fit, packed by raster order."""

    def encode(self, footage: Footage, rate: Rate, folder: Path, out: Path) -> None:
        """Encode the bake at a QP."""
        sequence = open_sequence(folder)
        choice = choose_encoder(_ENCODER, _PROFILE.format, allow_fallback=False)
        quantizer = make_quantizer(sequence, _PROFILE)
        streams = [
            StreamContent(
                f"group{number:04d}", _coded(sequence, span, quantizer, int(rate.value)), choice
            )
            for number, span in enumerate(sequence.groups)
        ]
        network = weights_from_bytes(sequence.network_bytes(), sequence.shading)
        own = {"quantizer": quantizer.to_json()}
        write_stream(out, self.name, footage, StreamBody(own, {}, network, streams))

    def decode(self, package: Package) -> Iterator[Frame]:
        """The decoded frames."""
        stream = OpenStream(package, self.name)
        try:
            own = named_values("own", stream.record.own, "quantizer")
        except ValueError as error:
            raise SceneError(f"the stream's record is damaged: {error}; encode it again") from error
        quantizer = Quantizer.from_json(own["quantizer"])  # type: ignore[arg-type]
        bitstreams = [package.bitstream(n) for n in range(len(stream.record.groups))]
        for number, picture in decode_all(bitstreams):
            mapping = stream.scene(number).mapping
            layout = PlaneLayout.plan(len(quantizer.minimum), mapping.rows, mapping.columns)
            image = quantizer.dequantize(layout.unpack(picture.luma))
            yield stream.frame(number, texels_of(image, mapping))


def raster_image(texels: Tensor, mapping: MappingTable) -> Tensor:
    """Values (texels, channels) as an atlas image (channels, rows, columns) in raster order."""
    ordered = texels[torch.from_numpy(_texels_in_raster_order(mapping))]
    size = mapping.rows * mapping.columns
    image = ordered[-1].expand(size, -1).clone()  # Padding repeats the last texel, as blocks do.
    image[: len(ordered)] = ordered
    return image.T.reshape(-1, mapping.rows, mapping.columns)


def texels_of(image: Tensor, mapping: MappingTable) -> Tensor:
    """Values (texels, channels) back from `raster_image`; texels without a vertex are zero."""
    order = torch.from_numpy(_texels_in_raster_order(mapping))
    texels = image.new_zeros(mapping.texel_count, len(image))
    texels[order] = image.reshape(len(image), -1).T[: len(order)]
    return texels


def _texels_in_raster_order(mapping: MappingTable) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    x, y, z = mapping.vertices.T
    return mapping.texels[np.lexsort((z, y, x))].astype(np.int64)


def _coded(sequence: BakedSequence, span: Span, quantizer: Quantizer, qp: int) -> Bitstream:
    mapping = sequence.mapping(span)
    layout = PlaneLayout.plan(len(quantizer.minimum), mapping.rows, mapping.columns)
    pictures = []
    for pts in range(span.frame_count):
        image = raster_image(sequence.texels(span.first_frame + pts), mapping)
        pictures.append(Picture((layout.pack(quantizer.quantize(image)),), _PROFILE.format, pts))
    geometry = PictureGeometry(_PROFILE.format, layout.width, layout.height, sequence.frame_rate)
    return encode(pictures, EncoderSettings(_ENCODER, geometry, ConstantQp(qp)))


RASTER_ORDER = RasterOrder(
    "ablation-raster-order",
    replace(
        PLAIN.provenance,
        reproduced="the plain bake, its texels in raster order of their vertices",
        simplified="trained in Morton order; the order changes for coding alone",
    ),
    PLAIN.fit_label,
    PLAIN.rates,
    PLAIN.experiment,
)
