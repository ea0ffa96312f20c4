"""A program on the path that fails becomes a note: rows stay whole, with null where it belongs."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.benchmark_commands import benchmark
from benchmarks.decode_rows import DecodePlan, measure_stream
from benchmarks.encode_benchmark import EncodePlan, encode_rows, encode_table, libraries
from benchmarks.stopwatch import Repeats
from benchmarks.stream_matrix import StoredStream, StreamSpec, stored_stream
from hwcodec import Codec
from render.console import EXIT_DONE

pytest.importorskip("av")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")
SPEC = StreamSpec(Codec.H264, 8, 192, 128, 2)
ONCE = Repeats(1, 0.0)
SAYS_VERSION = 'case "$*" in *-version*) echo "ffmpeg version 9-test"; exit 0;; esac; '
FAILURES = {
    "exits": ("echo 'no\n such codec' >&2; exit 1", "ffmpeg failed: no such codec"),
    "is killed": ("kill -9 $$", "ffmpeg failed: "),
    "says nothing": ("exit 0", " 0 "),
    "miscounts": ("echo frame=7", " 7 "),
    "counts no number": ("echo frame=N/A", " 0 "),
    "writes bytes": ("printf '\\377\\376' >&2; exit 3", "ffmpeg failed: "),
}
COMPARED = ("ffmpeg_fps", "ratio_to_ffmpeg")


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> StoredStream:
    return stored_stream(SPEC, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def program(tmp_path, monkeypatch) -> Path:
    """The file of the program, first on the path; a test writes what it does."""
    path = tmp_path / "bin" / "ffmpeg"
    path.parent.mkdir()
    path.touch(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    return path


@pytest.mark.parametrize("name", FAILURES)
def test_decoding_is_measured_whatever_the_program_does(name, stored, program) -> None:
    body, said = FAILURES[name]
    program.write_text(f"#!/bin/sh\n{SAYS_VERSION}{body}\n")
    (row,) = measure_stream(stored, DecodePlan(thread_count=1, repeats=ONCE))
    record = row.to_json()
    assert "not compared: " in record["note"]
    assert said in record["note"]
    assert "\n" not in record["note"]
    assert all(record[key] is None for key in COMPARED)
    assert record["decode_fps"] > 0
    json.dumps(record, allow_nan=False)


@pytest.mark.parametrize("name", FAILURES)
def test_encoding_is_measured_whatever_the_program_does(name, program) -> None:
    body, said = FAILURES[name]
    program.write_text(f"#!/bin/sh\n{SAYS_VERSION}{body}\n")
    (row,) = encode_rows(SPEC, {"libx264": "ffmpeg"}, EncodePlan(1, ONCE))
    record = row.to_json()
    assert record["note"].startswith("not compared: ")
    assert said in record["note"]
    assert all(record[key] is None for key in (*COMPARED, "ffmpeg_bytes_per_frame"))
    assert record["bytes_per_frame"] > 0
    assert encode_table([row]).splitlines()[1].split()[-3:] == ["-", "-", "-"]


def test_a_program_that_cannot_start_is_no_program(stored, program) -> None:
    program.write_text("#!/nowhere/interpreter\n")
    (row,) = measure_stream(stored, DecodePlan(thread_count=1, repeats=ONCE))
    assert "there is no ffmpeg program on the path" in row.note
    found = libraries(("libx264", "libx265"))
    assert found["ffmpeg"] is None
    assert {each["ffmpeg"] for each in found["encoders"].values()} == {None}


def test_an_encoder_that_does_not_introduce_itself_has_no_version(program) -> None:
    program.write_text(f"#!/bin/sh\n{SAYS_VERSION}echo 'x264 - core' >&2; exit 1\n")
    found = libraries(("libx264", "h264_nvenc"))
    assert found["ffmpeg"] == "ffmpeg version 9-test"
    assert found["encoders"]["libx264"]["ffmpeg"] is None
    assert found["encoders"]["h264_nvenc"] == {"ours": None, "ffmpeg": None}


def test_the_command_ends_well_beside_a_failing_program(program, tmp_path, capsys) -> None:
    program.write_text(f"#!/bin/sh\n{SAYS_VERSION}echo 'broken pipe' >&2; exit 1\n")
    out = tmp_path / "a.json"
    words = ["--codecs", "h264", "--sizes", "192x128", "--frames", "2", "--repeats", "1"]
    assert benchmark(["decode", *words, "--seconds", "0", "--json", str(out)]) == EXIT_DONE
    record = json.loads(out.read_text())
    assert record["ffmpeg_version"] == "9-test"
    assert [row["ffmpeg_fps"] for row in record["rows"]] == [None]
    written = capsys.readouterr()
    assert written.out.count("broken pipe") == 1
    assert "Traceback" not in written.err
