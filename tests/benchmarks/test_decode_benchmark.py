"""Decoding speed: stages, the comparison with ``ffmpeg``, and why there may be none."""

import stat
import sys
from pathlib import Path

import pytest

from benchmarks.decode_benchmark import (
    DecodePlan,
    DecodeReport,
    decode_stages,
    run_decode_benchmark,
)
from benchmarks.ffmpeg_program import FfmpegProgram, ProgramError, find_ffmpeg
from benchmarks.stopwatch import Rate, Repeats
from hwcodec import ContainerError, UnsupportedConfig, mux
from render.scene import BakedScene, open_scene

QUICK = DecodePlan(repeats=Repeats(count=2, seconds=0.01))

# Behaves as the real program does, so far as it is used: counts frames as --loops asks.
FAKE = f"""#!{sys.executable}
import sys
words = sys.argv[1:]
if words == ["-version"]:
    print("ffmpeg version 99.1-fake Copyright")
    sys.exit(0)
if "BROKEN" in open(sys.argv[0] + ".mode").read():
    print("some stream: Invalid data", file=sys.stderr)
    sys.exit(1)
loops = int(words[words.index("-stream_loop") + 1]) + 1 if "-stream_loop" in words else 1
frames = 2 if "group0000" in words[words.index("-i") + 1] else 1
if "-frames:v" in words:
    frames = 1
if "SHORT" in open(sys.argv[0] + ".mode").read():
    frames, loops = 1, 1
print("frame=0")
print(f"frame={{frames * loops}}")
"""


@pytest.fixture
def scene(baked_packages) -> BakedScene:
    return open_scene(baked_packages["h264"])


@pytest.fixture
def program(tmp_path, monkeypatch) -> Path:
    """A stand-in for the program, first on the path; its mode is in the file beside it."""
    path = tmp_path / "bin" / "ffmpeg"
    path.parent.mkdir()
    path.write_text(FAKE)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    Path(f"{path}.mode").write_text("GOOD")
    monkeypatch.setenv("PATH", str(path.parent))
    return path


@pytest.fixture
def no_program(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.parametrize("name", ["raw", "h264"])
def test_every_stage_goes_through_every_frame(baked_packages, name) -> None:
    stages = decode_stages(open_scene(baked_packages[name]), QUICK)
    assert [stage.name for stage in stages] == ["demux", "luma", "atlas"]
    assert [stage.work(1) for stage in stages] == [3, 3, 3]
    assert [stage.work(2) for stage in stages] == [6, 6, 6]


@pytest.mark.usefixtures("no_program")
def test_several_groups_at_once_are_one_row_with_their_number(scene) -> None:
    plan = DecodePlan(repeats=Repeats(count=2, seconds=0.01), sessions=2)
    assert [stage.work(1) for stage in decode_stages(scene, plan)] == [3, 6, 6]
    record = run_decode_benchmark(scene, plan).row(scene, plan).to_json()
    assert (record["sessions"], record["speedup_over_one_session"]) == (2, None)


@pytest.mark.usefixtures("no_program")
def test_without_the_program_the_note_says_so(scene) -> None:
    report = run_decode_benchmark(scene, QUICK)
    assert set(report.rates) == {"demux", "luma", "atlas"}
    assert report.ratio is None
    assert report.note == "not compared: there is no ffmpeg program on the path"
    record = report.to_json()
    assert record["ffmpeg"] is None
    assert record["decode_vs_ffmpeg"] is None
    assert record["decode_fps"] == record["atlas"]["fps"]


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")
@pytest.mark.usefixtures("program")
def test_with_the_program_both_are_measured_in_turns(scene) -> None:
    report = run_decode_benchmark(scene, QUICK)
    assert len(report.rates["ffmpeg"].values) == 2
    assert report.ratio == report.rates["luma"].ratio_to(report.rates["ffmpeg"])
    assert report.ffmpeg_version == "99.1-fake"
    assert report.ffmpeg_startup_s > 0


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")
@pytest.mark.parametrize(("mode", "said"), [("BROKEN", "Invalid data"), ("SHORT", "decoded 1")])
def test_a_program_that_fails_spoils_nothing_but_the_comparison(scene, program, mode, said) -> None:
    Path(f"{program}.mode").write_text(mode)
    report = run_decode_benchmark(scene, QUICK)
    assert report.ratio is None
    assert said in report.note
    assert report.rates["atlas"].fps > 0


def test_raw_pictures_are_compared_with_nothing(baked_packages) -> None:
    report = run_decode_benchmark(open_scene(baked_packages["raw"]), QUICK)
    assert "raw pictures" in report.note


def test_the_real_program_decodes_the_frames_it_is_given(scene, tmp_path) -> None:
    program = find_ffmpeg()
    if program is None:
        pytest.skip("ffmpeg: no such program on the path")
    file = tmp_path / "group.mp4"
    file.write_bytes(mux(scene.package.bitstream(0)))
    assert program.decode(file, loops=1, frame_count=2, thread_count=1) == 2
    assert program.decode(file, loops=7, frame_count=2, thread_count=None) == 14
    assert program.startup_s(file, 1) > 0
    with pytest.raises(ProgramError, match="expected 3"):
        program.decode(file, loops=1, frame_count=3, thread_count=1)


def test_a_program_that_is_gone_is_an_error_of_its_own(tmp_path) -> None:
    program = FfmpegProgram(str(tmp_path / "gone"), "1")
    with pytest.raises(ProgramError, match="ffmpeg failed"):
        program.decode(tmp_path / "a.mp4", loops=1, frame_count=1, thread_count=None)


def test_the_package_holds_the_very_bytes_that_the_program_gets(scene) -> None:
    stored = sorted((scene.package.path / "streams").iterdir())
    for index, path in enumerate(stored):
        assert path.read_bytes() == mux(scene.package.bitstream(index))


def test_a_device_that_is_not_there_is_refused(scene) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("cuda: this machine has it")
    with pytest.raises(UnsupportedConfig, match="cuda"):
        run_decode_benchmark(scene, DecodePlan("cuda", repeats=QUICK.repeats))


@pytest.mark.parametrize("threads", [0, 65])
def test_thread_counts_out_of_range_are_refused(scene, threads) -> None:
    with pytest.raises(UnsupportedConfig, match="thread_count"):
        run_decode_benchmark(scene, DecodePlan("cpu", threads, QUICK.repeats))


def test_damage_is_found_before_anything_is_timed(baked_packages, tmp_path) -> None:
    import shutil

    copy = shutil.copytree(baked_packages["h264"], tmp_path / "copy")
    stream = next((copy / "streams").iterdir())
    stream.write_bytes(stream.read_bytes()[:-1])
    with pytest.raises(ContainerError, match=stream.name):
        decode_stages(open_scene(copy), QUICK)


def test_the_ratio_is_ours_over_theirs() -> None:
    rates = {"luma": Rate((300.0,)), "atlas": Rate((200.0,)), "ffmpeg": Rate((150.0,))}
    assert DecodeReport(rates, "7", 0.05, "").ratio == 2
