"""Rungs of a published scene: the same frames at several rates, each a package of its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hwcodec import (
    PROFILES,
    YUV420P8,
    Codec,
    ConstantQp,
    EncoderChoice,
    EncoderSettings,
    Package,
    PackageContent,
    Picture,
    PictureGeometry,
    PlaneLayout,
    Quantizer,
    StreamContent,
    choose_encoder,
    encode,
)
from hwcodec.marks import PictureMarks
from render.errors import SceneError
from render.scene import NETWORK_BLOB, RIG_BLOB, BakedScene
from render.scene_record import Group

USUAL_ENCODER = "libx264"
WEB_PROFILE = "web8"


@dataclass(frozen=True, slots=True)
class Rung:
    """What a player must know of a rung to choose it; rates in bits per second of playing time.

    Attributes:
        name: its folder under ``rungs/``.
        codec: of its streams; ``codec_string`` is the one for WebCodecs and media types.
        bandwidth: average over all streams, by which rungs are ordered.
        peak_bandwidth: of the most expensive group.
        bytes: of the whole package, blobs and manifest included.
        size: largest width and height of its pictures.
    """

    name: str
    codec: str
    codec_string: str
    profile: str
    bit_depth: int
    bandwidth: int
    peak_bandwidth: int
    bytes: int
    size: tuple[int, int]

    def to_json(self) -> dict[str, Any]:
        """The rung as scene.json lists it."""
        return {
            "name": self.name,
            "package": f"rungs/{self.name}/",
            "codec_string": self.codec_string,
            "codec": self.codec,
            "profile": self.profile,
            "bit_depth": self.bit_depth,
            "bandwidth": self.bandwidth,
            "bytes": self.bytes,
            "width": self.size[0],
            "height": self.size[1],
        }


def describe_rung(name: str, package: Package, profile: str) -> Rung:
    """The rung that a package makes."""
    streams = package.streams
    rates = [_bits_per_second(stream) for stream in streams]
    seconds = [_seconds(stream) for stream in streams]
    total_bits = 8 * sum(stream["bytes"] for stream in streams)
    # Who decodes the largest pictures decodes the others; their level is the highest.
    largest = max(streams, key=lambda stream: stream["width"] * stream["height"])
    return Rung(
        name=name,
        codec=largest["codec"],
        codec_string=largest["codec_string"],
        profile=profile,
        bit_depth=streams[0]["bit_depth"],
        bandwidth=round(total_bits / sum(seconds)),
        peak_bandwidth=max(rates),
        bytes=sum(package.sizes().values()),
        size=(max(s["width"] for s in streams), max(s["height"] for s in streams)),
    )


def rung_names(scenes: Sequence[BakedScene]) -> tuple[str, ...]:
    """A folder name for each scene's package: codec, depth and rate, numbered where they repeat."""
    names: list[str] = []
    for scene in scenes:
        stream = scene.package.streams[0]
        words = f"{stream['codec']} {stream['bit_depth']}bit {scene.record.rate}".lower()
        name = re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:60].strip("-")
        taken = sum(known == name or known.startswith(f"{name}--") for known in names)
        names.append(f"{name}--{taken + 1}" if taken else name)
    return tuple(names)


def is_for_every_player(scene: BakedScene) -> bool:
    """Whether every browser and phone decodes the package: H.264 at 8 bits."""
    return scene.codec is Codec.H264 and all(s["bit_depth"] == 8 for s in scene.package.streams)


def check_same_scene(scenes: Sequence[BakedScene]) -> None:
    """Insist that packages show the same frames of the same scene from the same cameras.

    They may come of several bakes, one per rate: grid, features and network are each package's own.

    Raises:
        SceneError: if they do not.
    """
    first = scenes[0]
    for other in scenes[1:]:
        pairs = {
            "frame count": (other.frame_count, first.frame_count),
            "frame rate": (other.record.frame_rate, first.record.frame_rate),
            "box": (other.record.grid.aabb, first.record.grid.aabb),
            "groups": (_group_lengths(other), _group_lengths(first)),
            "cameras": (other.package.blob(RIG_BLOB), first.package.blob(RIG_BLOB)),
        }
        for what, (got, expected) in pairs.items():
            if got != expected:
                shown = "others" if isinstance(got, bytes) else f"{got}, expected {expected}"
                raise SceneError(
                    f"{other.package.path} shows another scene than {first.package.path}: its "
                    f"{what} is {shown}; publish packages of one capture together"
                )


def web_rung(scene: BakedScene, qp: int) -> PackageContent:
    """The scene coded again as H.264 at 8 bits, which every browser and phone decodes.

    Raises:
        BackendUnavailable: if no H.264 encoder runs here.
        BitstreamError: if the package is damaged.
        UnsupportedConfig: if ``qp`` is none of the encoder's.
    """
    choice = choose_encoder(USUAL_ENCODER, YUV420P8)
    groups, streams = [], []
    for number, group in enumerate(scene.record.groups):
        coded = replace(
            group,
            stream=number,
            layout=PlaneLayout.plan(group.layout.channels, group.layout.rows, group.layout.columns),
            quantizer=Quantizer.of(
                group.quantizer.minimum, group.quantizer.maximum, PROFILES[WEB_PROFILE]
            ),
        )
        coded = replace(coded, marks=PictureMarks.plan(coded.layout, PROFILES[WEB_PROFILE]))
        groups.append(coded)
        streams.append(_stream(scene, (group, coded), choice, qp))
    blobs = {name: scene.package.blob(name) for name in (NETWORK_BLOB, RIG_BLOB)}
    blobs |= {group.occupancy: scene.package.blob(group.occupancy) for group in groups}
    record = replace(
        scene.record, groups=tuple(groups), profile=WEB_PROFILE, rate=f"qp {qp} from {_rate(scene)}"
    )
    return PackageContent(record.to_json(), blobs, streams)


def _stream(
    scene: BakedScene, groups: tuple[Group, Group], choice: EncoderChoice, qp: int
) -> StreamContent:
    source, coded = groups
    pictures = []
    for atlas in scene.atlases(source):
        luma = coded.layout.pack(coded.quantizer.quantize(atlas.values))
        if coded.marks is not None:
            luma = coded.marks.apply(luma, atlas.frame_index)
        pictures.append(Picture((luma,), YUV420P8, atlas.frame_index - source.first_frame))
    layout = coded.layout
    geometry = PictureGeometry(YUV420P8, layout.width, layout.height, scene.record.frame_rate)
    settings = EncoderSettings(choice.encoder, geometry, ConstantQp(qp))
    return StreamContent(f"group{coded.stream:04d}", encode(pictures, settings), choice)


def _group_lengths(scene: BakedScene) -> list[int]:
    """Rungs change between groups, so all must have the same ones."""
    return [group.frame_count for group in scene.record.groups]


def _rate(scene: BakedScene) -> str:
    return scene.record.rate or scene.record.profile


def _seconds(stream: dict[str, Any]) -> float:
    numerator, denominator = stream["frame_rate"]
    return float(stream["frame_count"] * denominator / numerator)


def _bits_per_second(stream: dict[str, Any]) -> int:
    rate: float = 8 * stream["bytes"] / _seconds(stream)
    return round(rate)
