"""Stage 5: a baked sequence becomes a package; one bake can be encoded many times.

texels -> atlas image -> codes -> luma plane -> picture -> bitstream -> package
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from bake.progress import Progress, SilentProgress
from bake.sequence import BakedSequence, Span
from hwcodec import (
    PROFILES,
    YUV420P8,
    YUV420P10,
    Codec,
    CodeRange,
    ConstantQp,
    ConstantQuality,
    EncoderChoice,
    EncoderSettings,
    GopStructure,
    Lossless,
    PackageContent,
    Picture,
    PictureGeometry,
    PictureMarks,
    PixelFormat,
    PlaneLayout,
    Quantizer,
    RateControl,
    StreamContent,
    TargetBitrate,
    Tuning,
    UnsupportedConfig,
    choose_encoder,
    encode,
    write_package,
)
from render.mapping import MappingTable
from render.rig import encode_rig
from render.scene import NETWORK_BLOB, RIG_BLOB
from render.scene_record import CaptureRecord, FieldConstants, Group, SceneRecord


@dataclass(frozen=True, slots=True)
class Profile:
    """A named kind of package: the codes it uses and the pixel format that carries them.

    ``has_marks`` says whether pictures carry calibration codes and their frame's number, for
    players that get them only as colors. ``density_spread`` widens the density's range beyond what
    its values use: its codes get coarser, so an encoder that treats all codes alike spends fewer
    bytes on density than on features.
    """

    codes: CodeRange
    format: PixelFormat
    is_lossless: bool = False
    has_marks: bool = False
    density_spread: float = 1.0


# Measured on two bakes, libx264, against a spread of 1 at equal PSNR: 1.5 saves 6 to 17 % of the
# bytes on one and up to 7 % on the other, 2 saves less; spreading the features costs bytes.
_DENSITY_SPREAD = 1.5

EXPORT_PROFILES: Mapping[str, Profile] = {
    "web8": Profile(PROFILES["web8"], YUV420P8, has_marks=True, density_spread=_DENSITY_SPREAD),
    "hq10": Profile(PROFILES["hq10"], YUV420P10, density_spread=_DENSITY_SPREAD),
    "lossless": Profile(PROFILES["hq10"], YUV420P10, is_lossless=True),
}
"""``web8`` plays everywhere, ``hq10`` has four times finer codes, ``lossless`` keeps them."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How a bake is encoded.

    Attributes:
        encoder: libx264, libx265, libsvtav1, h264_nvenc, hevc_nvenc, av1_nvenc or raw.
        profile: a key of ``EXPORT_PROFILES``, or None for the encoder's best.
        rate: constant QP, quality or bit rate; ignored by lossless profiles.
        gop: prediction structure; its length is always one group.
        tuning: preset and threads.
        allow_fallback: whether software may stand in for missing hardware.
    """

    encoder: str = "libx265"
    profile: str | None = None
    rate: RateControl = field(default_factory=lambda: ConstantQp(24))
    gop: GopStructure = field(default_factory=GopStructure)
    tuning: Tuning = field(default_factory=Tuning)
    allow_fallback: bool = True


def export(
    sequence: BakedSequence,
    out: str | Path,
    options: ExportOptions,
    *,
    overwrite: bool = True,
    progress: Progress | None = None,
) -> EncoderChoice:
    """Encode a bake and write the package; which encoder ran, and why.

    Raises:
        UnsupportedConfig: if encoder, profile and rate do not go together.
        BackendUnavailable: if the encoder does not run here and no fallback is allowed.
        ArtifactError: if the bake is incomplete or damaged.
        ContainerError: if the package cannot be written.
    """
    report = progress or SilentProgress()
    profile_name = options.profile or default_profile(options.encoder)
    profile = find_profile(profile_name)
    choice = choose_encoder(options.encoder, profile.format, allow_fallback=options.allow_fallback)
    report.start("encode", len(sequence.groups))
    streams: list[StreamContent] = []
    groups: list[Group] = []
    blobs = {NETWORK_BLOB: sequence.network_bytes(), RIG_BLOB: encode_rig(sequence.rig.cameras)}
    for index, span in enumerate(sequence.groups):
        mapping = sequence.mapping(span)
        group = _plan_group(sequence, span, mapping, (index, profile))
        pictures = _pictures(sequence, group, mapping, profile)
        bitstream = encode(pictures, _settings(sequence, group, (options, profile, choice)))
        streams.append(StreamContent(f"group{index:04d}", bitstream, choice))
        blobs[group.occupancy] = sequence.occupancy_bytes(span)
        groups.append(group)
        report.advance(
            f"{bitstream.size_bytes / span.frame_count / 1024:.1f} KiB/frame of pictures"
        )
    record = _scene_record(sequence, tuple(groups), (profile_name, _rate_text(options, profile)))
    content = PackageContent(record.to_json(), blobs, streams)
    write_package(out, content, overwrite=overwrite)
    return choice


def default_profile(encoder: str) -> str:
    """The profile with the finest codes that hardware decodes for the encoder's standard."""
    return "web8" if encoder in {"libx264", "h264_nvenc"} else "hq10"


def find_profile(name: str) -> Profile:
    """The profile of that name.

    Raises:
        UnsupportedConfig: if there is none.
    """
    if name not in EXPORT_PROFILES:
        raise UnsupportedConfig(
            f"profile is {name!r}, expected one of {sorted(EXPORT_PROFILES)}; "
            "web8 plays everywhere, hq10 has finer codes"
        )
    return EXPORT_PROFILES[name]


def make_quantizer(sequence: BakedSequence, profile: Profile) -> Quantizer:
    """One range per channel: the limits that training kept texel values within, or wider."""
    settings = sequence.settings
    features = [settings.feature_range] * sequence.shading.feature_count
    limit = torch.tensor([settings.density_range * profile.density_spread, *features])
    return Quantizer.of(-limit, limit, profile.codes)


def _plan_group(
    sequence: BakedSequence, span: Span, mapping: MappingTable, which: tuple[int, Profile]
) -> Group:
    index, profile = which
    layout = PlaneLayout.plan(1 + sequence.shading.feature_count, mapping.rows, mapping.columns)
    return Group(
        first_frame=span.first_frame,
        frame_count=span.frame_count,
        occupancy=f"occupancy{index:04d}",
        stream=index,
        layout=layout,
        quantizer=make_quantizer(sequence, profile),
        marks=PictureMarks.plan(layout, profile.codes) if profile.has_marks else None,
    )


def _pictures(
    sequence: BakedSequence, group: Group, mapping: MappingTable, profile: Profile
) -> list[Picture]:
    """The pictures of a group, in codes."""
    pictures: list[Picture] = []
    for pts, frame_index in enumerate(group.frames):
        image = mapping.to_image(sequence.texels(frame_index))
        luma = group.layout.pack(group.quantizer.quantize(image))
        if group.marks is not None:
            luma = group.marks.apply(luma, frame_index)
        pictures.append(Picture((luma,), profile.format, pts))
    return pictures


def _settings(
    sequence: BakedSequence, group: Group, how: tuple[ExportOptions, Profile, EncoderChoice]
) -> EncoderSettings:
    options, profile, choice = how
    geometry = PictureGeometry(
        profile.format, group.layout.width, group.layout.height, sequence.frame_rate
    )
    is_exact = profile.is_lossless or choice.codec is Codec.RAW
    rate = Lossless() if is_exact else options.rate
    return EncoderSettings(choice.encoder, geometry, rate, options.gop, options.tuning)


def _rate_text(options: ExportOptions, profile: Profile) -> str:
    """What decided the quality, in words."""
    if profile.is_lossless or options.encoder == "raw":
        return "lossless"
    match options.rate:
        case ConstantQp(qp=qp):
            return f"qp {qp}"
        case ConstantQuality(crf=crf):
            return f"crf {crf:g}"
        case TargetBitrate(bits_per_second=rate):
            return f"{rate} bit/s"
    return "lossless"


def _scene_record(
    sequence: BakedSequence, groups: tuple[Group, ...], words: tuple[str, str]
) -> SceneRecord:
    settings, capture = sequence.settings, sequence.provenance["config"]["capture"]
    return SceneRecord(
        grid=sequence.grid,
        constants=FieldConstants(
            settings.block_size,
            settings.step,
            -settings.density_range,
            settings.background,
            settings.vertex_order,
        ),
        shading=sequence.shading,
        groups=groups,
        frame_rate=sequence.frame_rate,
        profile=words[0],
        rate=words[1],
        capture=CaptureRecord(
            str(sequence.provenance["capture"]),
            float(capture["scale"]),
            str(capture["frames"]),
            sequence.rig.test,
        ),
    )
