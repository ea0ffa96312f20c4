"""What decoding is compared with: the program, the vendor's bare loop, another library."""

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from benchmarks import yardsticks as module
from benchmarks.ffmpeg_program import FfmpegProgram
from benchmarks.stream_matrix import StreamSpec, stored_stream
from benchmarks.yardsticks import Played, write_files, yardsticks
from hwcodec import Codec, demux

pytest.importorskip("av")
from tests.hwcodec import fake_vendor

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")
FRAMES = 4
# Decodes as many frames as it is asked to, and writes down its words.
SCRIPT = """#!/bin/sh
echo "$@" >> {log}
case "$*" in
  *-version*) echo "ffmpeg version 9-test"; exit 0;;
  {failing}) echo "no such device" >&2; exit 1;;
  *-frames:v*) echo frame=1;;
  *) loops=$(echo "$*" | sed 's/.*-stream_loop \\([0-9]*\\).*/\\1/')
     echo frame=$(((loops+1)*{n}));;
esac
"""


@pytest.fixture(scope="module")
def stream(tmp_path_factory):  # noqa: ANN201
    spec = StreamSpec(Codec.H264, 8, 192, 128, FRAMES)
    return stored_stream(spec, tmp_path_factory.mktemp("cache")).bitstream


@pytest.fixture
def played(stream, tmp_path) -> Played:
    return Played((stream,), write_files([stream], tmp_path), thread_count=1)


@pytest.fixture
def program(tmp_path, monkeypatch):  # noqa: ANN201
    """Put the script first on the path; the log of its words."""

    def install(failing: str = "never") -> Path:
        folder, log = tmp_path / "bin", tmp_path / "words"
        folder.mkdir()
        (folder / "ffmpeg").write_text(SCRIPT.format(log=log, n=FRAMES, failing=failing))
        (folder / "ffmpeg").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        return log

    return install


def on_cuda(played: Played, monkeypatch: pytest.MonkeyPatch) -> Played:
    """The same, as if the processor were a device."""
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: None)
    return Played(played.streams, played.files, "cuda:0", 1, played.sessions)


def test_files_hold_the_streams(stream, played) -> None:
    assert demux(played.files[0].read_bytes()) == stream


def test_without_the_program_there_is_a_note_and_no_stage(played, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = yardsticks(played)
    assert found.stages == ()
    assert found.note == "not compared: there is no ffmpeg program on the path"
    assert found.ffmpeg_startup_s is None


def test_as_many_processes_run_as_there_are_sessions(played, program) -> None:
    log = program()
    three = Played(played.streams, played.files, thread_count=1, sessions=3)
    (stage,) = yardsticks(three).stages
    log.write_text("")
    assert stage.work(2) == 3 * 2 * FRAMES
    assert len(log.read_text().splitlines()) == 3
    assert stage.overhead_s > 0


def test_on_a_device_the_program_decodes_there_and_in_software(
    played, program, monkeypatch
) -> None:
    log = program()
    monkeypatch.setattr(module, "_bare", lambda _: (_ for _ in ()).throw(ImportError))
    found = yardsticks(on_cuda(played, monkeypatch))
    assert [stage.name for stage in found.stages] == ["ffmpeg", "ffmpeg_software"]
    assert "leaves the frames in device memory" in found.note
    words = log.read_text().splitlines()
    hardware = [line for line in words if "-hwaccel cuda -hwaccel_output_format cuda" in line]
    assert 0 < len(hardware) < len(words)


def test_a_program_without_the_device_is_left_out_and_its_software_is_not(
    played, program, monkeypatch
) -> None:
    program(failing="*hwaccel*")
    found = yardsticks(on_cuda(played, monkeypatch))
    assert [stage.name for stage in found.stages] == ["ffmpeg_software"]
    assert "no such device" in found.note
    assert "bare loop needs PyNvVideoCodec" in found.note


def test_av1_names_the_decoder_that_drives_hardware() -> None:
    program = FfmpegProgram("ffmpeg", "1")
    assert program.on_cuda(Codec.AV1).input_words[-2:] == ("-c:v", "av1")
    assert "-c:v" not in program.on_cuda(Codec.HEVC).input_words


@pytest.fixture
def bare(monkeypatch) -> ModuleType:
    """The bare loop over the stand-in for the vendor's library."""
    names = [f"hwcodec.backends.{name}" for name in ("pynv", "nvidia_bare")]
    monkeypatch.setitem(sys.modules, "PyNvVideoCodec", fake_vendor)
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    fake_vendor.SESSIONS.clear()
    yield importlib.import_module("hwcodec.backends.nvidia_bare")
    for name in names:
        sys.modules.pop(name, None)


def test_the_bare_loop_counts_every_frame_with_one_decoder(bare, stream) -> None:
    work = bare.bare_loop([stream, stream], torch.device("cpu"))
    assert work(3) == 2 * 3 * FRAMES
    assert len(fake_vendor.SESSIONS) == 1


@pytest.mark.usefixtures("bare")
def test_the_bare_loop_is_a_yardstick_where_the_vendor_works(played, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    works = SimpleNamespace(findings={"nvidia": SimpleNamespace(is_ok=True, said="")})
    monkeypatch.setattr(module, "probe_devices", lambda: works)
    (stage,) = yardsticks(on_cuda(played, monkeypatch)).stages
    assert (stage.name, stage.work(2)) == ("bare", 2 * FRAMES)


class Decoder:
    """As torchcodec's: frames one after another, as often as asked."""

    def __init__(self, path: str, num_ffmpeg_threads: int, device: str) -> None:
        assert Path(path).exists()
        assert (num_ffmpeg_threads, device) == (1, "cpu")

    def __iter__(self):  # noqa: ANN204
        return iter(range(FRAMES))


def test_torchcodec_is_measured_where_it_is_installed(played, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    library = ModuleType("torchcodec.decoders")
    library.VideoDecoder = Decoder
    monkeypatch.setitem(sys.modules, "torchcodec", ModuleType("torchcodec"))
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", library)
    (stage,) = yardsticks(played).stages
    assert (stage.name, stage.work(3)) == ("torchcodec", 3 * FRAMES)
