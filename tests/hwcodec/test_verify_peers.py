"""Files as other projects write them: each is refused for the right reason, and good ones pass."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from hwcodec.backends.scheduling import ordinary_scheduling
from hwcodec.verify import Check, Report, verify_path

av = pytest.importorskip("av")

FULL, LIMITED = 2, 1
CLOSED_X265 = "log-level=none:info=0:keyint=4:min-keyint=4:scenecut=0:open-gop=0"
OPEN_X265 = "log-level=none:info=0:keyint=8:min-keyint=8:scenecut=0"


@dataclass(frozen=True)
class Peer:
    """How somebody else calls an encoder."""

    encoder: str
    layout: str
    options: Mapping[str, str] = field(default_factory=dict)
    color_range: int = FULL
    tag: str | None = None
    muxing: Mapping[str, str] = field(default_factory=dict)
    count: int = 9


def written(peer: Peer) -> bytes:
    sink = io.BytesIO()
    noise = np.random.default_rng(3).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    with av.open(sink, "w", format="mp4", options=dict(peer.muxing)) as container:
        stream = container.add_stream(peer.encoder, rate=30, options=dict(peer.options))
        stream.width, stream.height, stream.pix_fmt = 96, 64, peer.layout
        stream.codec_context.color_range = peer.color_range
        if peer.tag:
            stream.codec_context.codec_tag = peer.tag
        with ordinary_scheduling():
            container.start_encoding()
        for index in range(peer.count):
            frame = av.VideoFrame.from_ndarray(np.roll(noise, 2 * index, 1), format="rgb24")
            frame = frame.reformat(format=peer.layout)
            frame.pts, frame.time_base = index, Fraction(1, 30)
            frame.color_range = peer.color_range
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return sink.getvalue()


def verified(data: bytes, folder: Path) -> Report:
    (folder / "peer.mp4").write_bytes(data)
    return verify_path(folder / "peer.mp4")


def failures(report: Report) -> list[Check]:
    return [check for check in report.streams[0].checks if check.passed is False]


GOOD = {
    "x264": Peer("libx264", "yuv420p", {"g": "4"}),
    "x264 main": Peer("libx264", "yuv420p", {"g": "4", "profile": "main"}),
    "x264 baseline": Peer("libx264", "yuv420p", {"profile": "baseline"}),
    "x264 in fragments": Peer(
        "libx264", "yuv420p", {"g": "4"}, muxing={"movflags": "frag_keyframe+empty_moov"}
    ),
    "x264 index first": Peer("libx264", "yuv420p", {"g": "4"}, muxing={"write_colr": "1"}),
    "x265": Peer("libx265", "yuv420p10le", {"x265-params": CLOSED_X265}, tag="hvc1"),
    "svt": Peer("libsvtav1", "yuv420p10le", {"g": "4", "preset": "10"}),
}


@pytest.mark.parametrize("name", GOOD)
def test_files_of_others_in_the_profile_pass(name, tmp_path) -> None:
    report = verified(written(GOOD[name]), tmp_path)
    assert report.passed, report.table()
    assert [check.name for check in report.streams[0].checks if check.passed is None] == [
        "hardware"
    ]


# Who writes so, the check that must fail, and what it must say.
BAD: dict[str, tuple[Peer, str, str]] = {
    "4:4:4": (Peer("libx264", "yuvj444p"), "profile", "H.264 High 4:4:4 Predictive, 4:4:4 8-bit"),
    "gray 12-bit": (
        Peer("libx265", "gray12le", {"x265-params": CLOSED_X265}, tag="hvc1"),
        "profile",
        "HEVC RExt (format range extensions), 4:0:0 12-bit",
    ),
    "High 10": (Peer("libx264", "yuv420p10le"), "profile", "H.264 High 10, 4:2:0 10-bit"),
    "gray in High": (Peer("libx264", "gray"), "profile", "H.264 High, 4:0:0 8-bit"),
    "lossless x264": (
        Peer("libx264", "yuv420p", {"qp": "0"}),
        "profile",
        "with lossless transform bypass",
    ),
    "interlaced": (
        Peer("libx264", "yuv420p", {"flags": "+ildct+ilme"}),
        "profile",
        "with interlaced coding",
    ),
    "open x265": (
        Peer("libx265", "yuv420p", {"x265-params": OPEN_X265}, tag="hvc1", count=20),
        "closed groups",
        "packet 8 holds a CRA picture: its group is open",
    ),
    "open x264": (
        Peer("libx264", "yuv420p", {"g": "8", "x264-params": "open-gop=1"}, count=20),
        "closed groups",
        "is marked as key and holds a picture of type non-IDR: its group is open",
    ),
    "limited range": (
        Peer("libx264", "yuv420p", color_range=LIMITED),
        "range",
        "limited range, expected the full-range flag",
    ),
    "limited x265": (
        Peer("libx265", "yuv420p", {"x265-params": CLOSED_X265}, LIMITED, "hvc1"),
        "range",
        "limited range, expected the full-range flag",
    ),
    "limited AV1": (
        Peer("libsvtav1", "yuv420p", {"preset": "10"}, LIMITED),
        "range",
        "stream says limited range",
    ),
    "hev1": (
        Peer("libx265", "yuv420p", {"x265-params": CLOSED_X265}),
        "container",
        "sample entry is hev1, expected hvc1; Safari refuses hev1",
    ),
    "level 8.5": (
        Peer("libx265", "yuv420p", {"x265-params": CLOSED_X265 + ":lossless=1"}, tag="hvc1"),
        "level",
        "declared level has number 255, which is no level, expected 30 (level 1.0)",
    ),
    "level 6.2": (
        Peer("libx264", "yuv420p", {"level": "6.2"}),
        "level",
        "declared level 6.2 is above what decoders commonly have, expected 1",
    ),
    "fragments across groups": (
        Peer("libx264", "yuv420p", muxing={"movflags": "frag_every_frame+empty_moov"}),
        "closed groups",
        "a fragment starts at packet 1, which is not key",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_files_outside_the_profile_fail_for_the_right_reason(name, tmp_path) -> None:
    peer, check, said = BAD[name]
    report = verified(written(peer), tmp_path)
    assert not report.passed
    found = failures(report)
    assert [one.name for one in found] == [check], report.table()
    assert said in found[0].said
    assert f"failed: peer.mp4: {check}: " in report.table()
