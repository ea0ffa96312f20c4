"""Requests that the benchmark cannot meet: two, one line, no work and no file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks import benchmark_commands, gpu_check
from benchmarks.benchmark_commands import benchmark
from benchmarks.ffmpeg_program import ProgramError
from benchmarks.output import write_json
from hwcodec import BitstreamError
from render.console import EXIT_FAILED, EXIT_USAGE

WORK = ("stored_stream", "measure_stream", "encode_rows", "run_decode_benchmark")
TINY = ("--sizes", "192x128", "--frames", "2", "--repeats", "1", "--codecs", "h264")


@pytest.fixture
def idle(monkeypatch) -> None:
    """Work of any kind would be a failure."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("this is work")

    for name in WORK:
        monkeypatch.setattr(benchmark_commands, name, refuse)


def raising(error: Exception) -> Callable[..., None]:
    def work(*_: object, **__: object) -> None:
        raise error

    return work


def only_line(capsys: pytest.CaptureFixture[str]) -> str:
    written = capsys.readouterr()
    (line,) = written.err.splitlines()
    assert written.out == ""
    assert line.startswith("error: ")
    return line


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["encode", "--codecs", "h264", "--bits", "10"], "h264"),
        (["encode", "--bits", "9"], "9"),
        (["encode", "--sizes", "16x4096"], "columns"),
        (["encode", "--json", "."], "--json is ., a folder"),
        (["decode", "--json", "."], "--json is ., a folder"),
        (["decode", "--cache", "taken"], "taken"),
        (["decode", "--device", "gpu"], "gpu"),
        (["decode", "--device", ""], "device"),
        (["decode", "gone"], "gone"),
        (["decode", "taken", "--bits", "8"], "--bits"),
        (["decode", "taken", "--cache", "c", "--sessions", "2"], "--sessions, --cache"),
        (["march", "gone"], "gone"),
    ],
)
def test_a_request_that_cannot_be_met_ends_with_two_and_one_line(
    words, said, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("mine")
    assert benchmark(words) == EXIT_USAGE
    assert said in only_line(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize(
    "words",
    [
        ["play"],
        ["encode", "--sessions", "2"],
        ["encode", "--threads", "0"],
        ["decode", "--seconds", "nan"],
        ["decode", "--seconds", "1e9"],
        ["decode", "--frames", "-1"],
        ["decode", "--repeats", "9" * 5000],
        ["march"],
        ["march", "a", "--rays", "0"],
    ],
)
def test_words_that_are_none_end_with_two_and_the_last_line_says_why(words, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        benchmark(words)
    assert stop.value.code == EXIT_USAGE
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("usage: benchmark")
    assert [line for line in lines if ": error: " in line] == lines[-1:]
    assert not [line for line in lines if "Traceback" in line]


@pytest.mark.parametrize(
    ("name", "verb"), [("measure_stream", "decode"), ("encode_rows", "encode")]
)
@pytest.mark.parametrize(
    "error", [ProgramError("ffmpeg failed:\nbroken"), BitstreamError("cut"), OSError("disk full")]
)
def test_trouble_on_the_way_ends_with_one_and_keeps_the_older_result(
    name, verb, error, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(benchmark_commands, name, raising(error))
    monkeypatch.setattr(benchmark_commands, "stored_stream", lambda *_: None)
    monkeypatch.setattr(
        benchmark_commands.Encoders,
        "of",
        lambda _: benchmark_commands.Encoders({"libx264": "ffmpeg"}, {}),
    )
    out = tmp_path / "a.json"
    out.write_text("old")
    assert benchmark([verb, *TINY, "--json", str(out)]) == EXIT_FAILED
    assert " ".join(str(error).split()) in only_line(capsys)
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_record_replaces_the_older_one_in_one_step(tmp_path, monkeypatch) -> None:
    out, seen = tmp_path / "a.json", []
    write_json(out, {"a": 1})
    real = Path.replace

    def watch(source: Path, target: Path) -> Path:
        seen.append((json.loads(source.read_text()), json.loads(out.read_text())))
        return real(source, target)

    monkeypatch.setattr(Path, "replace", watch)
    write_json(out, {"a": "é"})
    assert seen == [({"a": "é"}, {"a": 1})]
    assert out.read_bytes().endswith(b"}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_disk_that_refuses_leaves_the_older_record_and_no_rest(tmp_path, monkeypatch) -> None:
    out = tmp_path / "a.json"
    write_json(out, {"a": 1})
    monkeypatch.setattr(Path, "replace", raising(OSError("no space")))
    with pytest.raises(OSError, match="no space"):
        write_json(out, {"a": 2})
    assert json.loads(out.read_text()) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_without_a_device_no_part_of_the_check_begins(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(gpu_check, "gpu_parts", raising(AssertionError("this is work")))
    assert gpu_check.main(["--budget", "1"]) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--codecs", "h264", "--bits", "8,10", "--sizes", "192x128"], "[10] bits"),
        (["--sizes", "192x128,193x129"], "even width"),
    ],
)
@pytest.mark.parametrize("verb", ["decode", "encode"])
def test_one_stream_that_cannot_be_made_stops_all_of_them(
    verb, words, said, capsys, monkeypatch
) -> None:
    for name in ("stored_stream", "encode_rows"):
        monkeypatch.setattr(benchmark_commands, name, raising(AssertionError("this is work")))
    assert benchmark([verb, *words]) == EXIT_USAGE
    assert said in only_line(capsys)


def test_too_many_encoder_threads_are_refused_before_pictures_are_made(capsys, monkeypatch) -> None:
    monkeypatch.setattr(benchmark_commands, "encode_rows", raising(AssertionError("this is work")))
    assert benchmark(["encode", "--codecs", "h264", "--threads", "999"]) == EXIT_USAGE
    assert "expected 1 to 64" in only_line(capsys)
