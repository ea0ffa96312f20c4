"""Ablation: two plain streams per group, the second one what the first one lacks.

    base         the bake of rate=medium at a high QP; any player shows it alone
    enhancement  trained values minus those of the decoded base, in a range four times narrower

One bake serves several rates without another copy, at the price that the enhancement is coded
without what an encoder knows of the base but its decoded pictures.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bake.export import export
from bake.profiles import EXPORT_PROFILES, default_profile, make_quantizer
from bake.sequence import BakedSequence, open_sequence
from benchmarks.baselines.videorf import VideoRf, ablation, qp_rates
from benchmarks.rd.footage import Footage
from benchmarks.rd.method import ABLATION, Frame, PlayedFrame, Rate
from hwcodec import (
    Bitstream,
    ConstantQp,
    EncoderSettings,
    Package,
    PackageContent,
    Picture,
    PictureGeometry,
    Quantizer,
    StreamContent,
    choose_encoder,
    decode,
    encode,
    open_package,
    write_package,
)
from render.scene import BakedScene
from render.scene_record import Group

_MEDIUM = ablation("medium")
_ENCODER = "libx265"
_PROFILE = EXPORT_PROFILES[default_profile(_ENCODER)]
_BASE_QP = 36
# The enhancement's range is narrower by this factor, which is 6 QPs for every halving.
_NARROWER, _NARROWER_QPS = 4, 12


@dataclass(frozen=True, slots=True)
class LayeredVideoRf(VideoRf):
    """A base and, at rates below its QP, an enhancement whose steps are those of the rate's QP."""

    def encode(self, footage: Footage, rate: Rate, folder: Path, out: Path) -> None:
        """Encode the base and what it lacks."""
        sequence = open_sequence(folder)
        with TemporaryDirectory() as scratch:
            path = Path(scratch) / "base.vrf"
            export(sequence, path, self.options(Rate("base", _BASE_QP)))
            base = open_package(path)
            names = base.manifest["blobs"]
            choice = choose_encoder(_ENCODER, _PROFILE.format, allow_fallback=False)
            streams = [
                StreamContent(record["name"], base.bitstream(number), choice)
                for number, record in enumerate(base.streams)
            ]
            if rate.value < _BASE_QP:
                for group in BakedScene(base).record.groups:
                    added = _enhancement(sequence, BakedScene(base), group, int(rate.value))
                    streams.append(StreamContent(f"enhancement{group.stream:04d}", added, choice))
            blobs = {name: base.blob(name) for name in names}
            write_package(out, PackageContent(base.scene, blobs, streams), overwrite=True)

    def decode(self, package: Package) -> Iterator[Frame]:
        """The frames of base and enhancement together."""
        scene = BakedScene(package)
        groups = scene.record.groups
        for group in groups:
            added: Iterator[Picture] = iter(())
            if package.stream_count > len(groups):
                added = decode(package.bitstream(len(groups) + group.stream))
            for atlas in scene.atlases(group):
                picture = next(added, None)
                if picture is not None:
                    lacking = _narrow(group.quantizer).dequantize(group.layout.unpack(picture.luma))
                    atlas = replace(atlas, values=atlas.values + lacking)
                yield PlayedFrame(scene.field(atlas), scene.appearance)


def _enhancement(sequence: BakedSequence, base: BakedScene, group: Group, qp: int) -> Bitstream:
    """What the decoded base lacks, as pictures of a stream of their own."""
    quantizer, mapping = _narrow(make_quantizer(sequence, _PROFILE)), base.geometry(group).mapping
    pictures = []
    for pts, atlas in enumerate(base.atlases(group)):
        lacking = mapping.to_image(sequence.texels(atlas.frame_index)) - atlas.values
        luma = group.layout.pack(quantizer.quantize(lacking))
        pictures.append(Picture((luma,), _PROFILE.format, pts))
    geometry = PictureGeometry(
        _PROFILE.format, group.layout.width, group.layout.height, sequence.frame_rate
    )
    rate = ConstantQp(min(qp + _NARROWER_QPS, 51))
    return encode(pictures, EncoderSettings(_ENCODER, geometry, rate))


def _narrow(quantizer: Quantizer) -> Quantizer:
    """The quantizer of what is lacking."""
    low, high = quantizer.minimum / _NARROWER, quantizer.maximum / _NARROWER
    return replace(quantizer, minimum=low, maximum=high)


LAYERED = LayeredVideoRf(
    f"{ABLATION}medium-layered",
    replace(
        _MEDIUM.provenance,
        reproduced="the bake of rate=medium in two layers, each a plain stream",
    ),
    _MEDIUM.fit_label,
    qp_rates(20, 24, 28, 32, _BASE_QP),
    _MEDIUM.experiment,
    _MEDIUM.version,
)
