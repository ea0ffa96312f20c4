"""The yardstick program, played by shell scripts that behave, fail, stall or talk strangely."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import ffmpeg_program
from benchmarks.ffmpeg_program import FfmpegProgram, ProgramError, find_ffmpeg

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are scripts")
Script = Callable[[str], FfmpegProgram]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Put a shell script in front of the path under the program's name."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def write(body: str) -> FfmpegProgram:
        path = folder / "ffmpeg"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return FfmpegProgram(str(path), "test")

    return write


def decoded(program: FfmpegProgram, loops: int = 1, frame_count: int = 3) -> int:
    return program.decode(Path("a.mp4"), loops=loops, frame_count=frame_count, thread_count=2)


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("ffmpeg version 7.1.2-static https://example.org Copyright", "7.1.2-static"),
        ("ffmpeg version N-12345-gabcdef0 built", "N-12345-gabcdef0"),
        ("ffmpeg version n6.0", "n6.0"),
        ("ffmpeg version ", "unknown"),
        ("avconv version 9", "unknown"),
        ("some wrapper says hello\nffmpeg version 7", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_version_is_the_word_after_its_name_or_unknown(script, said, version) -> None:
    written = script(f"cat <<'END'\n{said}\nEND")
    assert find_ffmpeg() == FfmpegProgram(written.path, version)


@pytest.mark.parametrize("body", ["exit 1", "kill -9 $$", "echo 'ffmpeg version 7'; exit 3"])
def test_a_program_that_cannot_say_its_version_is_none_at_all(script, body) -> None:
    script(body)
    assert find_ffmpeg() is None


def test_a_program_that_stalls_over_its_version_is_given_up(script, monkeypatch) -> None:
    monkeypatch.setattr(ffmpeg_program, "_TIMEOUT_S", 0.1)
    script("exec sleep 20")
    began = time.monotonic()
    assert find_ffmpeg() is None
    assert time.monotonic() - began < 5


def test_a_file_that_may_not_run_is_not_the_program(script, monkeypatch) -> None:
    path = Path(script("exit 0").path)
    monkeypatch.setenv("PATH", str(path.parent))
    assert find_ffmpeg() is not None
    path.chmod(0o644)
    assert find_ffmpeg() is None


def test_a_script_without_an_interpreter_is_no_program(script) -> None:
    Path(script("").path).write_text("#!/no/such/interpreter\n")
    assert find_ffmpeg() is None


def test_the_last_count_is_the_one_that_counts(script) -> None:
    program = script("echo frame=0; echo progress=continue; echo 'frame=   3'; echo fps=9")
    assert decoded(program) == 3


@pytest.mark.parametrize(
    ("body", "found"),
    [("echo frame=2", 2), ("echo frame=4", 4), ("echo done", 0), ("echo 'xframe=3'", 0)],
)
def test_another_count_than_expected_is_an_error_with_both(script, body, found) -> None:
    with pytest.raises(ProgramError, match=rf"decoded {found} frames of a\.mp4, expected 3$"):
        decoded(script(body))


def test_every_loop_has_to_deliver_every_frame(script) -> None:
    program = script("echo frame=12")
    assert decoded(program, loops=4, frame_count=3) == 12
    with pytest.raises(ProgramError, match=r"decoded 12 frames of .*, expected 15"):
        decoded(program, loops=5, frame_count=3)


def test_the_program_is_told_file_loops_and_threads_and_never_reads_our_input(
    script, tmp_path
) -> None:
    program = script(f'echo "$@" > {tmp_path}/words; echo frame=14')
    file = tmp_path / "group 1.mp4"
    program.decode(file, loops=7, frame_count=2, thread_count=None)
    words = (tmp_path / "words").read_text()
    assert f"-threads 0 -stream_loop 6 -i {file} -an" in words
    assert "-nostdin" in words
    assert words.rstrip().endswith("-f null -")
    program.startup_s(file, 3)
    words = (tmp_path / "words").read_text()
    assert f"-threads 3 -i {file} -an" in words
    assert "-stream_loop" not in words


@pytest.mark.parametrize("code", [1, 137, 255])
def test_what_a_failing_program_said_is_repeated_in_one_line(script, code) -> None:
    program = script(f"echo frame=3; echo 'Invalid data\n  found' >&2; exit {code}")
    with pytest.raises(ProgramError, match=r"^ffmpeg failed: Invalid data found$"):
        decoded(program)


def test_a_program_that_fails_in_silence_is_described_by_its_exit(script) -> None:
    with pytest.raises(ProgramError, match=r"ffmpeg failed: .*exit status 9"):
        decoded(script("exit 9"))


def test_endless_complaints_are_cut(script) -> None:
    program = script(
        "i=0; while [ $i -lt 99 ]; do echo 'noise and more noise' >&2; i=$((i+1)); done; exit 1"
    )
    with pytest.raises(ProgramError) as caught:
        decoded(program)
    assert len(str(caught.value)) < 350


def test_a_program_that_hangs_is_an_error_not_a_wait(script, monkeypatch) -> None:
    monkeypatch.setattr(ffmpeg_program, "_TIMEOUT_S", 0.1)
    began = time.monotonic()
    with pytest.raises(ProgramError, match="timed out"):
        decoded(script("exec sleep 20"))
    assert time.monotonic() - began < 5


def test_starting_up_takes_the_median_of_an_odd_number_of_trials(script, tmp_path) -> None:
    count = tmp_path / "count"
    # Every second start is slow; two of five do not move the median.
    program = script(f"echo x >> {count}; [ $(($(wc -l < {count}) % 2)) = 0 ] && sleep 0.4; exit 0")
    assert program.startup_s(Path("a.mp4"), 1) < 0.35
    assert len(count.read_text().split()) == 5


def test_a_program_that_fails_to_start_up_is_an_error(script) -> None:
    with pytest.raises(ProgramError, match="no such codec"):
        script("echo no such codec >&2; exit 1").startup_s(Path("a.mp4"), None)


def test_words_in_no_known_encoding_do_not_stop_the_measurement(script) -> None:
    program = script(r"printf 'ffmpeg version \377\n'; printf '\376bad' >&2; exit 1")
    with pytest.raises(ProgramError, match="bad"):
        program.decode(Path("a.mp4"), loops=1, frame_count=1, thread_count=1)
    script(r"printf 'ffmpeg version 7\377x\n'")
    found = find_ffmpeg()
    assert found is not None
    assert found.version.startswith("7")
