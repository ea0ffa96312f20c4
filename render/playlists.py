"""HLS playlists of a published scene: CMAF segments, one for each group of frames.

They let any CDN, packager or measuring tool treat a scene as the video that it is. A player that
only knows HLS shows the atlas pictures. Every group has a header of its own, so each begins with a
discontinuity and an ``EXT-X-MAP``. Source: RFC 8216, sections 4.3 and 4.4.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from hwcodec import Package
from hwcodec.boxes import children
from hwcodec.errors import ContainerError
from hwcodec.manifest import stream_file
from render.rungs import Rung

_VERSION = 7  # The first with fragmented MP4 and byte ranges of its header.
MASTER, MEDIA = "master.m3u8", "media.m3u8"


def master_playlist(rungs: Sequence[Rung], frame_rate: Fraction) -> str:
    """The list of rungs."""
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for rung in rungs:
        lines += [
            f"#EXT-X-STREAM-INF:BANDWIDTH={rung.peak_bandwidth},"
            f'AVERAGE-BANDWIDTH={rung.bandwidth},CODECS="{rung.codec_string}",'
            f"RESOLUTION={rung.size[0]}x{rung.size[1]},FRAME-RATE={float(frame_rate):.3f}",
            f"rungs/{rung.name}/{MEDIA}",
        ]
    return "\n".join(lines) + "\n"


def media_playlist(package: Package) -> str:
    """The segments of one rung, with addresses relative to its folder.

    Raises:
        ContainerError: if a stream is not laid out as a fragmented file.
    """
    seconds = [_seconds(stream) for stream in package.streams]
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{_VERSION}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f"#EXT-X-TARGETDURATION:{max(1, math.ceil(max(seconds)))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
    ]
    for number, (stream, duration) in enumerate(zip(package.streams, seconds, strict=True)):
        name = stream_file(stream["name"])
        header = _header_bytes(package.file(name), name)
        lines += ["#EXT-X-DISCONTINUITY"] if number else []
        lines += [
            f'#EXT-X-MAP:URI="{name}",BYTERANGE="{header}@0"',
            f"#EXTINF:{float(duration):.6f},",
            f"#EXT-X-BYTERANGE:{stream['bytes'] - header}@{header}",
            name,
        ]
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"


def _seconds(stream: dict[str, Any]) -> Fraction:
    return Fraction(stream["frame_count"]) / Fraction(*stream["frame_rate"])


def _header_bytes(data: bytes, name: str) -> int:
    """Bytes before the first fragment."""
    for box in children(data):
        if box.kind == "moof":
            return box.start
    raise ContainerError(f"{name} has no fragment, expected one; encode the package again")
