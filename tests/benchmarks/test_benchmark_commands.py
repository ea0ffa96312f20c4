"""``benchmark decode`` and ``benchmark encode`` over synthetic streams, as a user calls them."""

import json
from importlib import import_module
from types import ModuleType

import pytest

from benchmarks.commands import benchmark
from render.console import EXIT_DONE, EXIT_USAGE

TINY = ("--sizes", "192x128", "--frames", 3, "--repeats", 1)
ROWS = (
    {"codec": "h264", "bit_depth": 8, "width": 64, "height": 64, "sessions": 1}
    | {"decode_fps": 30.0, "ffmpeg_fps": 20.0, "bare_fps": None},
    {"codec": "av1", "bit_depth": 10, "width": 64, "height": 64, "sessions": 2}
    | {"decode_fps": 10.0, "ffmpeg_fps": None, "bare_fps": None},
)


@pytest.fixture(autouse=True)
def no_program(tmp_path, monkeypatch) -> None:
    """Comparing is tested elsewhere."""
    monkeypatch.setenv("PATH", str(tmp_path))


def run(*words: object) -> int:
    return benchmark([str(word) for word in words])


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_the_matrix_ends_with_a_table_and_a_file(tmp_path, capsys) -> None:
    out, cache = tmp_path / "new" / "a.json", tmp_path / "cache"
    words = ("--codecs", "h264,hevc", "--bits", "8", "--threads", 1, "--seconds", 0)
    assert run("decode", *TINY, *words, "--cache", cache, "--json", out) == EXIT_DONE
    record = json.loads(out.read_text())
    assert record["format"] == "videorf-decode-matrix"
    assert [row["codec"] for row in record["rows"]] == ["h264", "hevc"]
    assert all(row["thread_count"] == 1 for row in record["rows"])
    assert "random plane waves" in record["content"]
    assert not {"commit", "machine", "versions", "command", "utc"} - record.keys()
    table = capsys.readouterr().out
    assert "hevc-8bit-192x128" in table
    assert "no ffmpeg program" in table
    assert len(list(cache.iterdir())) == 2


def test_a_package_becomes_one_row_beside_its_old_record(baked_packages, tmp_path) -> None:
    out = tmp_path / "a.json"
    words = ("--repeats", 1, "--seconds", 0, "--json", out)
    assert run("decode", baked_packages["h264"], *words) == EXIT_DONE
    record = json.loads(out.read_text())
    (row,) = record["rows"]
    assert row["decode_fps"] == record["luma_fps"]
    assert row["dequantize_fps"] == record["decode_fps"]
    assert (row["codec"], row["frame_count"], row["sessions"]) == ("h264", 3, 1)
    assert row["backend"] == "ffmpeg"


def test_raw_packages_have_a_row_too(baked_packages, tmp_path) -> None:
    out = tmp_path / "a.json"
    words = ("--repeats", 1, "--seconds", 0, "--json", out)
    assert run("decode", baked_packages["raw"], *words) == EXIT_DONE
    (row,) = json.loads(out.read_text())["rows"]
    assert (row["backend"], row["ratio_to_ffmpeg"]) == ("raw", None)


def test_encoding_ends_with_a_table_and_a_file(tmp_path, capsys) -> None:
    out = tmp_path / "a.json"
    assert run("encode", *TINY, "--codecs", "h264", "--json", out) == EXIT_DONE
    record = json.loads(out.read_text())
    assert record["format"] == "videorf-encode-benchmark"
    assert record["rows"][0]["encoder"] == "libx264"
    assert record["rows"][0]["encode_fps"] > 0
    names = {row["encoder"] for row in record["rows"]} | record["not_run"].keys()
    assert names == {"libx264", "h264_nvenc"}
    assert "libx264" in capsys.readouterr().out


@pytest.mark.parametrize("option", [("--codecs", "h264"), ("--sizes", "64x64"), ("--frames", 9)])
def test_a_package_brings_its_own_streams(baked_packages, capsys, option) -> None:
    assert run("decode", baked_packages["h264"], *option) == EXIT_USAGE
    assert f"{option[0]} choose synthetic streams" in error_of(capsys)


def test_a_package_is_decoded_with_one_stream_per_engine_or_as_asked(
    baked_packages, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    quick = ("--repeats", "1", "--seconds", "0", "--json", tmp_path / "out.json")
    for words, expected in (((), 1), (("--streams", "2"), 2)):
        assert run("decode", baked_packages["h264"], *quick, *words) == EXIT_DONE
        record = json.loads((tmp_path / "out.json").read_text())
        assert record["sessions"] == record["rows"][0]["sessions"] == expected


def test_streams_belong_to_packages_and_have_a_limit(baked_packages, capsys) -> None:
    assert run("decode", "--streams", "2") == EXIT_USAGE
    assert "--sessions LIST" in error_of(capsys)
    assert run("decode", baked_packages["h264"], "--streams", "99") == EXIT_USAGE
    assert "sessions is 99" in error_of(capsys)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--device", "cuda:9"), "device"),
        (("--threads", "65"), "thread_count"),
        (("--sessions", "99"), "sessions"),
        (("--codecs", "h264", "--bits", "10"), "10"),
        (("--sizes", "32x32"), "rows"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_the_work(words, said, capsys) -> None:
    assert run("decode", *words) == EXIT_USAGE
    assert said in error_of(capsys)


@pytest.mark.parametrize(
    "words",
    [
        ("--codecs", "vp9"),
        ("--sizes", "1024"),
        ("--sizes", "0x64"),
        ("--sessions", "0"),
        ("--bits", "eight"),
    ],
)
def test_words_that_mean_nothing_end_with_the_usage(words, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        run("decode", *words)
    assert stop.value.code == EXIT_USAGE
    assert "usage: " in error_of(capsys)


def test_a_plot_without_its_library_is_refused_before_the_work(
    tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    assert run("decode", *TINY, "--plot", tmp_path / "a.png") == EXIT_USAGE
    assert "videorf[plot]" in error_of(capsys)


def test_a_plot_is_a_picture_in_a_file(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    plots = import_module("benchmarks.row_plot")
    path = tmp_path / "a.png"
    plots.plot_rows(ROWS, plots.DECODE_BARS, path)
    assert path.read_bytes().startswith(b"\x89PNG")


class Figure:
    """As much of a figure as is used."""

    def __init__(self, **_: object) -> None:
        self.bars: list[tuple[str, list[float]]] = []
        self.labels: list[str] = []
        Figure.last = self

    def add_subplot(self) -> "Figure":
        return self

    def barh(self, _: list[float], values: list[float], __: float, *, label: str) -> None:
        self.bars.append((label, values))

    def set_yticks(self, _: list[float], labels: list[str]) -> None:
        self.labels = labels

    def savefig(self, path, **_: object) -> None:
        path.write_bytes(b"drawn")

    def invert_yaxis(self) -> None: ...

    def set_xlabel(self, _: str) -> None: ...

    def legend(self) -> None: ...


def test_a_plot_shows_what_was_measured_and_nothing_else(tmp_path, monkeypatch) -> None:
    library = ModuleType("matplotlib.figure")
    library.Figure = Figure
    modules = __import__("sys").modules
    monkeypatch.setitem(modules, "matplotlib", ModuleType("matplotlib"))
    monkeypatch.setitem(modules, "matplotlib.figure", library)
    plots = import_module("benchmarks.row_plot")
    plots.plot_rows(ROWS, plots.DECODE_BARS, tmp_path / "a.png")
    assert Figure.last.bars == [("this project", [30.0, 10.0]), ("ffmpeg", [20.0, 0.0])]
    assert Figure.last.labels[1].startswith("av1, 2 x 10 bits")
    assert (tmp_path / "a.png").read_bytes() == b"drawn"
