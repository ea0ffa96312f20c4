"""The script for a machine with a GPU, on one without."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import gpu_check
from benchmarks.gpu_check import NO_DEVICE, check, decode_by, gpu_parts, main, refusal_of
from benchmarks.gpu_parts import Outcome, Part
from benchmarks.stream_matrix import StreamSpec, stored_stream
from hwcodec import Codec, decode_all
from hwcodec.device_probe import DeviceProbe, Finding

ROOT = Path(__file__).resolve().parents[2]
# What a machine that only decodes does not have.
ABSENT = ("cv2", "skimage", "numba", "hydra", "bake", "render", "matplotlib")


def test_without_a_device_it_says_so_and_ends_with_one(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    out = tmp_path / "a.json"
    assert main(["--json", str(out)]) == 1
    assert NO_DEVICE in capsys.readouterr().err
    assert not out.exists()


def test_it_needs_none_of_the_libraries_for_baking_and_drawing() -> None:
    script = (
        "import sys, torch\n"
        f"for name in {ABSENT}: sys.modules[name] = None\n"
        "torch.cuda.is_available = lambda: False\n"
        "from benchmarks.gpu_check import main\n"
        "sys.exit(main([]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == f"error: {NO_DEVICE}: torch finds no CUDA device on this machine\n"


def test_the_file_is_there_after_the_first_part(tmp_path, capsys) -> None:
    out, seen = tmp_path / "a.json", []

    def second() -> Outcome:
        seen.append(json.loads(out.read_text()))
        return Outcome(is_ok=True, said="fine")

    check([Part("one", lambda: Outcome(is_ok=True, said="good")), Part("two", second)], 60, out)
    assert (seen[0]["is_complete"], len(seen[0]["parts"])) == (False, 1)
    record = json.loads(out.read_text())
    assert record["is_complete"]
    assert record["is_ok"]
    assert [part["name"] for part in record["parts"]] == ["one", "two"]
    assert not {"commit", "machine", "versions", "command", "utc"} - record.keys()
    assert "two: fine" in capsys.readouterr().err


def found(decoders: list[dict[str, object]]) -> DeviceProbe:
    works = Finding(is_ok=True, data={"decoders": decoders, "devices": ["Test"]})
    return DeviceProbe({"driver": works, "ffmpeg": works, "nvidia": works})


def test_what_the_probe_did_not_find_is_refused(monkeypatch, tmp_path) -> None:
    rows = [{"codec": "h264", "bit_depth": 8, "max_width": 100}]
    monkeypatch.setattr(gpu_check, "probe_devices", lambda: found(rows))
    streams = {
        codec: stored_stream(StreamSpec(codec, 8, 192, 128, 2), tmp_path).bitstream
        for codec in (Codec.H264, Codec.HEVC)
    }
    assert "100 width" in str(refusal_of("nvidia", streams[Codec.H264]))
    assert refusal_of("ffmpeg-cuda", streams[Codec.HEVC]) == "no decoder for hevc at 8 bits"
    pictures = [picture for _, picture in decode_by("ffmpeg", "cpu", [streams[Codec.H264]])]
    for (_, one), other in zip(decode_all([streams[Codec.H264]]), pictures, strict=True):
        assert torch.equal(one.luma, other.luma)


def test_every_part_that_is_promised_is_there_and_survives_a_machine_without_anything(
    monkeypatch, tmp_path
) -> None:
    nothing = Finding(is_ok=False, said="no driver")
    empty = DeviceProbe(dict.fromkeys(("driver", "ffmpeg", "nvidia"), nothing))
    monkeypatch.setattr(gpu_check, "probe_devices", lambda: empty)
    parts = gpu_parts("cuda:0", tmp_path)
    names = [part.name for part in parts]
    assert names[:5] == [
        *("capabilities", "bit-exactness", "stream ordering", "lifetime", "host copies")
    ]
    assert names[5:9] == ["sessions h264", "sessions hevc", "decode rows", "encoders"]
    assert names[9:] == ["march", "drawing", "drawing speed", "training"]
    results = check((*parts[:5], *parts[9:]), 60, None)
    assert not any(result.outcome.is_ok for result in results)


def test_a_machine_that_cannot_march_says_so_in_one_part(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "benchmarks.gpu_march", None)
    (part,) = gpu_check.drawing_parts("cuda:0", None)
    outcome = part.work()
    assert not outcome.is_ok
    assert outcome.said.startswith("not run: ")


def test_the_exit_code_is_that_of_the_worst_part(monkeypatch, capsys) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    outcomes = [Outcome(is_ok=True, said="fine"), Outcome(is_ok=False, said="wrong")]
    for count, code in ((1, 0), (2, 1)):
        parts = tuple(Part(f"p{i}", lambda i=i: outcomes[i]) for i in range(count))
        monkeypatch.setattr(gpu_check, "gpu_parts", lambda *_, parts=parts: parts)
        assert main([]) == code
    assert "FAILED  p1" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--budget", "soon"], ["PACKAGE"]])
def test_wrong_words_end_with_two(words, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert "usage: " in capsys.readouterr().err
