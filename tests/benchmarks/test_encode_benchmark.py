"""Encoding speed: our rows, the program on the same pictures, and what each side is linked with."""

import shutil
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import encode_benchmark
from benchmarks.encode_benchmark import (
    EncodePlan,
    Encoders,
    encode_rows,
    encode_table,
    libraries,
)
from benchmarks.ffmpeg_encoding import RawVideo, own_encoder_versions, version_text, write_raw
from benchmarks.ffmpeg_program import FfmpegProgram, find_ffmpeg
from benchmarks.stopwatch import Repeats
from benchmarks.stream_matrix import StreamSpec, encoder_settings
from benchmarks.synthetic import synthetic_pictures
from hwcodec import Codec, decode, demux

SPEC = StreamSpec(Codec.H264, 8, 192, 128, 3)
QUICK = EncodePlan(1, Repeats(1, 0.0))
FIELDS = {
    *("codec", "bit_depth", "width", "height", "frame_count", "encoder", "backend", "preset"),
    *("rate", "b_frame_count", "thread_count", "encode_fps", "ms_per_frame", "bytes_per_frame"),
    *("ffmpeg_fps", "ffmpeg_bytes_per_frame", "ratio_to_ffmpeg", "note"),
}
posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")


def fake(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script in the program's place that does as ``body`` says."""
    folder.mkdir()
    (folder / "ffmpeg").write_text(f"#!/bin/sh\n{body}\n")
    (folder / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_without_the_program_a_row_is_ours_alone(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (row,) = encode_rows(SPEC, {"libx264": "ffmpeg", "libx265": "ffmpeg"}, QUICK)
    record = row.to_json()
    assert record.keys() == FIELDS
    assert (record["encoder"], record["preset"], record["thread_count"]) == ("libx264", "medium", 1)
    assert record["encode_fps"] == pytest.approx(1000 / record["ms_per_frame"])
    assert record["bytes_per_frame"] > 0
    assert record["ratio_to_ffmpeg"] is record["ffmpeg_fps"] is None
    assert record["note"] == "not compared: there is no ffmpeg program on the path"
    assert "libx264" in encode_table([row])


@posix
def test_a_program_that_cannot_encode_is_left_out(tmp_path, monkeypatch) -> None:
    fake(tmp_path / "bin", "echo 'unknown encoder' >&2; exit 1", monkeypatch)
    monkeypatch.setattr(
        encode_benchmark, "find_ffmpeg", lambda: FfmpegProgram(str(shutil.which("ffmpeg")), "1")
    )
    (row,) = encode_rows(SPEC, {"libx264": "ffmpeg"}, QUICK)
    assert "unknown encoder" in row.note
    assert row.ratio is None


@posix
def test_both_are_measured_and_the_program_gets_our_options(tmp_path, monkeypatch) -> None:
    log = tmp_path / "words"
    body = (
        f'echo "$@" >> {log}; for last; do :; done; test "$last" = - || echo coded > "$last"; '
        'case "$*" in *frames:v*) echo frame=1;; *) echo frame=3;; esac'
    )
    fake(
        tmp_path / "bin",
        f'test "$1" = -version && echo "ffmpeg version 9" || {{ {body}; }}',
        monkeypatch,
    )
    (row,) = encode_rows(SPEC, {"libx264": "ffmpeg"}, QUICK)
    assert row.ratio == row.rates["ours"].fps / row.rates["ffmpeg"].fps
    assert row.sizes["ffmpeg"] == 2
    words = log.read_text()
    assert "-f rawvideo -pixel_format yuv420p -video_size 192x128 -framerate 30" in words
    for expected in ("-c:v libx264", "-preset medium", "-qp 22", "-g 3", "-threads 1", "bframes=8"):
        assert expected in words


def test_the_raw_file_holds_luma_and_neutral_chroma(tmp_path) -> None:
    settings = encoder_settings(SPEC)
    pictures = synthetic_pictures(SPEC.geometry, 2)
    video = write_raw(pictures, settings, tmp_path / "a.yuv")
    data = video.path.read_bytes()
    size = 192 * 128
    assert len(data) == 2 * size * 3 // 2
    luma = torch.frombuffer(bytearray(data[:size]), dtype=torch.uint8).reshape(128, 192)
    assert torch.equal(luma, pictures[0].luma)
    assert set(data[size : size * 3 // 2]) == {128}


def test_ten_bits_are_named_as_each_encoder_wants_them(tmp_path) -> None:
    deep = StreamSpec(Codec.HEVC, 10, 192, 128, 3)
    software = RawVideo(tmp_path, 3, encoder_settings(deep))
    hardware = RawVideo(tmp_path, 3, encoder_settings(deep, "hevc_nvenc"))
    assert "yuv420p10le" in software.encoder_words(tmp_path)
    assert "p010le" in hardware.encoder_words(tmp_path)
    assert "yuv420p10le" in hardware.input_words


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_the_real_program_codes_the_pictures_that_it_is_given(tmp_path, encoder) -> None:
    program = find_ffmpeg()
    if program is None:
        pytest.skip("ffmpeg: no such program on the path")
    spec = StreamSpec(Codec.H264 if encoder == "libx264" else Codec.HEVC, 8, 192, 128, 3)
    pictures = synthetic_pictures(spec.geometry, 3)
    settings = encode_benchmark._with_group(encoder_settings(spec), 3)
    video, sink = write_raw(pictures, settings, tmp_path / "a.yuv"), tmp_path / "a.mp4"
    words = [*video.encoder_words(sink)[:-4], "-movflags", "frag_keyframe+empty_moov"]
    try:
        program.run([*video.input_words, *words, "-f", "mp4", "-y", str(sink)])
    except encode_benchmark.ProgramError as error:
        pytest.skip(f"ffmpeg: this build cannot: {error}")
    found = list(decode(demux(sink.read_bytes())))
    assert len(found) == 3
    for ours, theirs in zip(pictures, found, strict=True):
        assert (ours.luma.int() - theirs.luma.int()).abs().float().mean() < 3


def test_every_encoder_runs_or_has_a_reason() -> None:
    found = Encoders.of((Codec.H264,))
    assert {"libx264", "h264_nvenc"} == found.running.keys() | found.refused.keys()
    assert all(found.refused.values())


def test_versions_are_told_as_far_as_they_are_known(tmp_path, monkeypatch) -> None:
    assert own_encoder_versions().keys() <= {"libx264", "libx265", "libsvtav1"}
    monkeypatch.setenv("PATH", str(tmp_path))
    found = libraries(("libx264",))
    assert found["ffmpeg"] is None
    assert found["encoders"]["libx264"]["ffmpeg"] is None
    assert version_text(FfmpegProgram(str(tmp_path / "gone"), "7.1")) == "7.1"


@posix
def test_a_program_says_which_encoder_it_is_linked_with(tmp_path, monkeypatch) -> None:
    body = (
        'case "$*" in *-version*) echo "ffmpeg version 9"; echo "configuration: --x";; '
        '*) echo "[libx264 @ 0x1] 264 - core 164 r3095 baee400" >&2;; esac'
    )
    fake(tmp_path / "bin", body, monkeypatch)
    found = libraries(("libx264",))
    assert found["ffmpeg"] == "ffmpeg version 9"
    assert found["encoders"]["libx264"]["ffmpeg"] == "164 r3095"
