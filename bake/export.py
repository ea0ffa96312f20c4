"""Stage 5: a baked sequence becomes a package; one bake can be encoded many times.

texels -> atlas image -> codes -> luma plane -> picture -> bitstream -> package
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import bake.limits as bounds
from bake.encode_config import EncodeConfig
from bake.profiles import Profile, default_profile, find_profile, make_quantizer
from bake.progress import Progress, SilentProgress
from bake.rate_search import PackageRate, QpRange, find_qp
from bake.sequence import BakedSequence, Span
from hwcodec import (
    Codec,
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
    PlaneLayout,
    RateControl,
    StreamContent,
    TargetBitrate,
    Tuning,
    UnsupportedConfig,
    choose_encoder,
    content_size,
    encode,
    encoder_qps,
    write_package,
)
from render.mapping import MappingTable
from render.rig import encode_rig
from render.scene import NETWORK_BLOB, RIG_BLOB
from render.scene_record import CaptureRecord, FieldConstants, Group, SceneRecord

# Measured on bakes of two captures, libx265, against its own default: 3 to 8 % fewer bytes at equal
# PSNR for two to four times the encoding, which is a few seconds.
_CAREFUL: Mapping[str, str] = {"libx264": "slower", "libx265": "slower"}


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How a bake is encoded.

    Attributes:
        encoder: libx264, libx265, libsvtav1, h264_nvenc, hevc_nvenc, av1_nvenc or raw.
        profile: a key of ``EXPORT_PROFILES``, or None for the encoder's best.
        rate: constant QP, quality, bit rate of the encoder's own control or of the whole package;
            None: the rate that the bake was made for. Lossless profiles ignore it.
        gop: prediction structure; its length is always one group.
        tuning: preset and threads; software encoders of H.264 and HEVC take the preset ``slower``
            where none is named, since a bake is encoded once and fetched often.
        allow_fallback: whether software may stand in for missing hardware.
        density_spread: what density's range is widened by, 1 or more; None: as the profile says.

    Raises:
        UnsupportedConfig: if the range would be narrower than what training kept values within.
    """

    encoder: str = "libx265"
    profile: str | None = None
    rate: RateControl | PackageRate | None = None
    gop: GopStructure = field(default_factory=GopStructure)
    tuning: Tuning = field(default_factory=Tuning)
    allow_fallback: bool = True
    density_spread: float | None = None

    def __post_init__(self) -> None:
        """Refuse a range that would cut values off."""
        if self.density_spread is not None and not 1 <= self.density_spread <= bounds.LARGEST_VALUE:
            raise UnsupportedConfig(
                f"density_spread is {self.density_spread}, expected a number in "
                f"[1, {bounds.LARGEST_VALUE:g}]; 1 spends as many bytes on density as on features"
            )

    @property
    def kind(self) -> tuple[str, Profile]:
        """The profile's name and the profile itself, with the range of density that is asked for.

        Raises:
            UnsupportedConfig: if there is no such profile.
        """
        name = self.profile or default_profile(self.encoder)
        profile = find_profile(name)
        if self.density_spread is None:
            return name, profile
        return name, replace(profile, density_spread=self.density_spread)


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
    kind = options.kind
    choice = choose_encoder(options.encoder, kind[1].format, allow_fallback=options.allow_fallback)
    rate = _own_rate(sequence, choice) if options.rate is None else options.rate
    job = _Job(sequence, kind, choice, options)
    if isinstance(rate, PackageRate):
        content = _content_within(job, rate, report)
    else:
        content = _content(job, rate, report)
    write_package(out, content, overwrite=overwrite)
    return choice


@dataclass(frozen=True, slots=True)
class _Job:
    """What is encoded, as which profile (its name and itself), by whom and how."""

    sequence: BakedSequence
    profile: tuple[str, Profile]
    choice: EncoderChoice
    options: ExportOptions


def _content(job: _Job, rate: RateControl, report: Progress) -> PackageContent:
    """The package at one rate."""
    sequence, (profile_name, profile) = job.sequence, job.profile
    report.start("encode", len(sequence.groups))
    streams: list[StreamContent] = []
    groups: list[Group] = []
    blobs = {NETWORK_BLOB: sequence.network_bytes(), RIG_BLOB: encode_rig(sequence.rig.cameras)}
    for index, span in enumerate(sequence.groups):
        mapping = sequence.mapping(span)
        group = plan_group(sequence, span, mapping, (index, profile))
        pictures = group_pictures(sequence, group, mapping, profile)
        bitstream = encode(pictures, _settings(job, group, rate))
        streams.append(StreamContent(f"group{index:04d}", bitstream, job.choice))
        blobs[group.occupancy] = sequence.occupancy_bytes(span)
        groups.append(group)
        report.advance(
            f"{bitstream.size_bytes / span.frame_count / 1024:.1f} KiB/frame of pictures"
        )
    is_exact = _is_exact(profile, job.choice)
    words = (profile_name, "lossless" if is_exact else _rate_text(rate))
    record = _scene_record(sequence, tuple(groups), words)
    return PackageContent(record.to_json(), blobs, streams)


def _content_within(job: _Job, rate: PackageRate, report: Progress) -> PackageContent:
    """The package of the best quality that the bit rate allows, by trying QPs.

    Raises:
        UnsupportedConfig: if no QP is small enough.
    """
    span = encoder_qps(job.choice.encoder)
    if span is None or _is_exact(job.profile[1], job.choice):
        return _content(job, Lossless(), report)
    first = _own_qp(job.sequence, job.choice)
    most = rate.bytes_of(job.sequence.frame_count, job.sequence.frame_rate)
    fits: dict[int, PackageContent] = {}

    def size_at(qp: int) -> int:
        content = _content(job, ConstantQp(qp), report)
        size = content_size(content)
        if size <= most:
            fits.clear()  # Every package that fits is better than the one before, and large.
            fits[qp] = content
        return size

    return fits[find_qp(size_at, most, QpRange(*span, first))]


def _own_rate(sequence: BakedSequence, choice: EncoderChoice) -> RateControl | PackageRate:
    """The rate that the bake was made for."""
    own = EncodeConfig.of(sequence.provenance)
    if own.bits_per_second:
        return PackageRate(own.bits_per_second)
    return ConstantQp(_own_qp(sequence, choice))


def _own_qp(sequence: BakedSequence, choice: EncoderChoice) -> int:
    """The bake's QP on the encoder's own scale."""
    qp = EncodeConfig.of(sequence.provenance).qp
    lowest, highest = encoder_qps(choice.encoder) or (0, bounds.MOST_QP)
    # Scales of other standards are stretched: of AV1 by software 0 to 63, by hardware 0 to 255.
    return min(max(round(qp * highest / bounds.MOST_QP), lowest), highest)


def plan_group(
    sequence: BakedSequence, span: Span, mapping: MappingTable, which: tuple[int, Profile]
) -> Group:
    """Layout and codes of a group's pictures; ``which`` is its number and the profile."""
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


def group_pictures(
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


def _settings(job: _Job, group: Group, rate: RateControl) -> EncoderSettings:
    (_, profile), choice, options = job.profile, job.choice, job.options
    geometry = PictureGeometry(
        profile.format, group.layout.width, group.layout.height, job.sequence.frame_rate
    )
    tuning = careful(options.tuning, choice.encoder)
    exact = Lossless() if _is_exact(profile, choice) else rate
    return EncoderSettings(choice.encoder, geometry, exact, options.gop, tuning)


def careful(tuning: Tuning, encoder: str) -> Tuning:
    """The tuning with the preset that bakes are encoded with, where it names none."""
    if tuning.preset is None and encoder in _CAREFUL:
        return replace(tuning, preset=_CAREFUL[encoder])
    return tuning


def _is_exact(profile: Profile, choice: EncoderChoice) -> bool:
    """Whether pictures come back as they were, whatever the rate."""
    return profile.is_lossless or choice.codec is Codec.RAW


def _rate_text(rate: RateControl) -> str:
    """What decided the quality, in words."""
    match rate:
        case ConstantQp(qp=qp):
            return f"qp {qp}"
        case ConstantQuality(crf=crf):
            return f"crf {crf:g}"
        case TargetBitrate(bits_per_second=bits):
            return f"{bits} bit/s"
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
