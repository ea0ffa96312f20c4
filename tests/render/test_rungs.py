"""Rungs: names of folders, rates, and the playlists that list them."""

import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest

from hwcodec import open_package
from render.playlists import master_playlist, media_playlist
from render.publish import PublishOptions, publish
from render.rungs import Rung, describe_rung, rung_names
from render.scene import open_scene


def scene_with(rate: str, codec: str = "h264", depth: int = 8) -> SimpleNamespace:
    stream = {"codec": codec, "bit_depth": depth}
    return SimpleNamespace(
        package=SimpleNamespace(streams=(stream,)), record=SimpleNamespace(rate=rate)
    )


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        (["qp 20"], ("h264-8bit-qp-20",)),
        (["qp 20", "qp 24"], ("h264-8bit-qp-20", "h264-8bit-qp-24")),
        (["qp 20"] * 3, ("h264-8bit-qp-20", "h264-8bit-qp-20--2", "h264-8bit-qp-20--3")),
        (["", "crf 18.5 / \u00fc"], ("h264-8bit", "h264-8bit-crf-18-5")),
        (["x" * 200], ("h264-8bit-" + "x" * 50,)),
    ],
)
def test_names_are_plain_and_differ(rates, expected) -> None:
    names = rung_names([scene_with(rate) for rate in rates])
    assert names == expected
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


def test_rates_are_bits_per_second_of_playing_time(baked_packages) -> None:
    package = open_package(baked_packages["h264"])
    rung = describe_rung("a", package, "web8")
    sizes = [stream["bytes"] for stream in package.streams]
    # Three frames at 30 a second: two in the first group, one in the second.
    assert rung.bandwidth == round(8 * sum(sizes) / (3 / 30))
    assert rung.peak_bandwidth == max(
        round(8 * sizes[0] / (2 / 30)), round(8 * sizes[1] / (1 / 30))
    )
    assert rung.bytes == sum(package.sizes().values())


def test_the_master_playlist_lists_rungs_with_what_a_player_chooses_by() -> None:
    rung = Rung("low", "h264", "avc1.640020", "web8", 8, 1000, 1500, 9, (640, 480))
    text = master_playlist([rung], Fraction(30000, 1001))
    assert text.splitlines()[0] == "#EXTM3U"
    assert 'BANDWIDTH=1500,AVERAGE-BANDWIDTH=1000,CODECS="avc1.640020"' in text
    assert "RESOLUTION=640x480,FRAME-RATE=29.970" in text
    assert text.splitlines()[-1] == "rungs/low/media.m3u8"


def test_segments_are_byte_ranges_that_cover_every_file(baked_packages) -> None:
    package = open_package(baked_packages["h264"])
    text = media_playlist(package)
    maps = re.findall(r'#EXT-X-MAP:URI="(.+)",BYTERANGE="(\d+)@0"', text)
    parts = re.findall(r"#EXTINF:([\d.]+),\n#EXT-X-BYTERANGE:(\d+)@(\d+)\n(.+)", text)
    assert [name for name, _ in maps] == [name for *_, name in parts]
    for (name, header), (_, length, start, _) in zip(maps, parts, strict=True):
        data = package.file(name)
        assert int(header) == int(start)
        assert int(start) + int(length) == len(data)
        assert data[int(start) + 4 : int(start) + 8] == b"moof"
    assert [float(seconds) for seconds, *_ in parts] == pytest.approx([2 / 30, 1 / 30], abs=1e-6)
    assert text.count("#EXT-X-DISCONTINUITY") == len(parts) - 1
    assert "#EXT-X-TARGETDURATION:1" in text
    assert text.endswith("#EXT-X-ENDLIST\n")


@pytest.mark.parametrize("playlist", ["master.m3u8", "rungs/h264-8bit-qp-24/media.m3u8"])
def test_ffmpeg_plays_the_playlists(baked_packages, tmp_path, playlist) -> None:
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("ffmpeg: no such program on the path")
    site: Path = publish([baked_packages["h264"]], tmp_path / "site", PublishOptions()).folder
    words = [
        program,
        "-v",
        "error",
        "-i",
        str(site / playlist),
        "-f",
        "null",
        "-progress",
        "-",
        "-",
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    # Its HLS reader keeps the first header, so it may stop after the first group's two frames.
    frames = [int(number) for number in re.findall(r"frame=\s*(\d+)", done.stdout)]
    assert frames[-1] >= open_scene(baked_packages["h264"]).record.groups[0].frame_count
