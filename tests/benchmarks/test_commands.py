"""``evaluate-package``, ``benchmark`` and ``videorf-demo`` as a user calls them."""

import json
import shutil

import pytest

from benchmarks.commands import benchmark, demo, evaluate_package
from render.console import EXIT_DONE, EXIT_FAILED, EXIT_USAGE

CAPTURE = "procedural:3:32"
QUICK = ("--repeats", 1, "--seconds", 0)


@pytest.fixture
def package(baked_packages):  # noqa: ANN201
    return baked_packages["h264"]


@pytest.fixture
def truncated(package, tmp_path):  # noqa: ANN201
    copy = shutil.copytree(package, tmp_path / "truncated")
    stream = next((copy / "streams").iterdir())
    stream.write_bytes(stream.read_bytes()[:-50])
    return copy


@pytest.fixture(autouse=True)
def brief(monkeypatch) -> None:
    """Timing is tested elsewhere."""
    from benchmarks.stopwatch import Repeats

    monkeypatch.setattr("benchmarks.commands._QUICK", Repeats(1, 0.0))


def evaluate(*words: object) -> int:
    return evaluate_package([str(word) for word in words])


def decode(*words: object) -> int:
    return benchmark(["decode", *(str(word) for word in words)])


def one_error(capsys) -> str:
    """The only line on the error stream that is an error, without any traceback."""
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert out == ""
    assert len(lines) == 1
    assert "Traceback" not in err
    return str(lines[0])


def test_an_evaluation_ends_with_a_table_and_a_file(package, tmp_path, capsys) -> None:
    out = tmp_path / "new" / "result.json"
    assert evaluate(package, "--capture", CAPTURE, "--json", out) == EXIT_DONE
    table, progress = capsys.readouterr()
    record = json.loads(out.read_text())
    assert f"{record['psnr']:.2f} dB" in table
    assert "evaluate 3/3" in progress
    assert (record["renderer"], record["device"]) == ("march", "cpu")
    assert record["renderer_reason"] == "requested"
    assert record["frame_count"] == 3
    assert record["views"] == list(range(24, 30))
    assert record["psnr_bake"] is None


def test_an_evaluation_by_the_fastest_renderer_says_which_one_that_was(
    package, tmp_path, capsys
) -> None:
    out = tmp_path / "result.json"
    words = ("--capture", CAPTURE, "--every", 3, "--views", 24, "--renderer", "auto")
    assert evaluate(package, *words, "--json", out) == EXIT_DONE
    record = json.loads(out.read_text())
    assert record["renderer"] in {"march", "gl"}
    note = f"note: drawn by {record['renderer']} on {record['device']} ("
    assert note in capsys.readouterr().err


def test_the_file_is_optional(package, capsys) -> None:
    assert evaluate(package, "--capture", CAPTURE, "--every", 3, "--views", 24) == EXIT_DONE
    assert "1 views of 32x32, 1 of 3 frames" in capsys.readouterr().out


def test_a_quick_look_is_recorded_as_one(package, tmp_path) -> None:
    out = tmp_path / "result.json"
    words = ("--every", 2, "--views", "0,25", "--json", out)
    assert evaluate(package, "--capture", CAPTURE, *words) == EXIT_DONE
    record = json.loads(out.read_text())
    assert (record["views"], record["evaluated_frames"]) == ([0, 25], [0, 2])
    assert record["temporal_psnr"] is None


def test_with_the_scene_the_codecs_loss_is_reported(
    package, baked_sequence, tmp_path, capsys
) -> None:
    out = tmp_path / "result.json"
    words = ("--scene", baked_sequence.root, "--json", out, "--every", 3)
    assert evaluate(package, "--capture", CAPTURE, *words) == EXIT_DONE
    record = json.loads(out.read_text())
    assert record["codec_loss_db"] == record["psnr_bake"] - record["psnr"]
    assert "PSNR before encoding" in capsys.readouterr().out


def test_another_name_of_the_capture_is_a_warning(package, capsys, monkeypatch) -> None:
    from bake.capture import open_capture

    def renamed(options):  # noqa: ANN202
        capture = open_capture(options)
        capture.name = "other"
        return capture

    monkeypatch.setattr("benchmarks.subject.open_capture", renamed)
    assert evaluate(package, "--capture", CAPTURE, "--every", 3, "--views", 24) == EXIT_DONE
    assert "warning: the capture is called 'other'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--capture", "nowhere"), "nowhere"),
        (("--capture", "procedural:4:32"), "has 4 frames"),
        (("--capture", "procedural:3:48"), "cameras"),
        (("--capture", "procedural:x"), "procedural:x"),
        (("--capture", CAPTURE, "--views", "99"), "0..29"),
        (("--capture", CAPTURE, "--scene", "nowhere"), "no scene folder"),
    ],
)
def test_requests_that_do_not_fit_end_with_two(package, tmp_path, capsys, words, said) -> None:
    out = tmp_path / "result.json"
    assert evaluate(package, *words, "--json", out) == EXIT_USAGE
    assert said in one_error(capsys)
    assert not out.exists()


def test_an_unfinished_bake_is_a_failure(package, tmp_path, capsys) -> None:
    assert evaluate(package, "--capture", CAPTURE, "--scene", tmp_path) == EXIT_FAILED
    assert "no finished bake" in one_error(capsys)


@pytest.mark.parametrize("command", ["evaluate", "decode"])
def test_a_missing_package_ends_with_two(tmp_path, capsys, command) -> None:
    missing = tmp_path / "nothing"
    code = evaluate(missing, "--capture", CAPTURE) if command == "evaluate" else decode(missing)
    assert code == EXIT_USAGE
    assert "no package" in one_error(capsys)


@pytest.mark.parametrize("command", ["evaluate", "decode"])
def test_a_truncated_stream_ends_with_one_and_without_a_file(
    truncated, tmp_path, capsys, command
) -> None:
    out = tmp_path / "result.json"
    if command == "evaluate":
        code = evaluate(truncated, "--capture", CAPTURE, "--json", out)
    else:
        code = decode(truncated, *QUICK, "--json", out)
    assert code == EXIT_FAILED
    assert "truncated or damaged" in one_error(capsys)
    assert not out.exists()


def test_a_result_that_cannot_be_written_is_found_before_the_work(
    package, tmp_path, capsys
) -> None:
    (tmp_path / "file").write_bytes(b"")
    for out in (tmp_path, tmp_path / "file" / "result.json"):
        assert evaluate(package, "--capture", CAPTURE, "--json", out) == EXIT_USAGE
        assert "evaluate 1/3" not in one_error(capsys)


def test_the_decode_benchmark_ends_with_a_table_and_a_file(
    package, tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    out = tmp_path / "decode.json"
    assert decode(package, *QUICK, "--threads", 1, "--json", out) == EXIT_DONE
    table = capsys.readouterr().out
    record = json.loads(out.read_text())
    assert all(f"\n{stage} " in table for stage in ("demux", "luma", "atlas"))
    assert "no ffmpeg program" in table
    assert record["device"] == "cpu"
    assert record["thread_count"] == 1
    assert record["decode_vs_ffmpeg"] is None
    assert record["luma"]["fps_min"] <= record["luma"]["fps"] <= record["luma"]["fps_max"]
    assert not {"commit", "machine", "versions", "command", "codec", "encoder"} - record.keys()


def test_a_device_that_is_not_there_ends_with_two(package, capsys) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("cuda: this machine has it")
    assert decode(package, "--device", "cuda", *QUICK) == EXIT_USAGE
    assert "cuda" in one_error(capsys)


def test_the_demo_refuses_sizes_that_cannot_be(tmp_path, capsys) -> None:
    assert demo([str(tmp_path / "out"), "--size", "8"]) == EXIT_USAGE
    assert "16" in one_error(capsys)


def test_the_demo_refuses_a_folder_in_the_way(tmp_path, capsys) -> None:
    (tmp_path / "out").write_bytes(b"")
    assert demo([str(tmp_path / "out")]) == EXIT_USAGE
    assert "cannot create the folder" in one_error(capsys)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (evaluate_package, ()),
        (evaluate_package, ("PACKAGE",)),
        (evaluate_package, ("PACKAGE", "--capture", "C", "--every", "0")),
        (benchmark, ()),
        (benchmark, ("encode", "PACKAGE")),
        (benchmark, ("decode", "PACKAGE", "--repeats", "0")),
        (benchmark, ("decode", "PACKAGE", "--seconds", "-1")),
        (demo, ("a", "b")),
        (demo, ("--frames", "0")),
    ],
)
def test_wrong_words_end_with_two(command, words, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        command(words)
    assert stop.value.code == EXIT_USAGE
    assert "usage: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "words", "example"),
    [
        (evaluate_package, ("--help",), "evaluate-package PACKAGE --capture DIR --json"),
        (benchmark, ("--help",), "benchmark decode PACKAGE --device cpu"),
        (benchmark, ("decode", "--help"), "benchmark decode PACKAGE --device cpu"),
        (demo, ("--help",), "videorf-demo OUT"),
    ],
)
def test_help_shows_an_example(command, words, example, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        command(words)
    assert stop.value.code == EXIT_DONE
    assert example in capsys.readouterr().out
