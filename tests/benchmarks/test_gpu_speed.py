"""The measurements of a device, tried on the processor."""

import pytest
import torch

from benchmarks import decode_rows, gpu_speed
from benchmarks.decode_rows import DecodePlan
from benchmarks.gpu_speed import (
    check_capabilities,
    check_encoders,
    check_host_copies,
    check_rows,
    check_sessions,
    profiled,
)
from benchmarks.stopwatch import Repeats
from benchmarks.stream_matrix import StreamSpec, stored_stream
from benchmarks.yardsticks import Yardsticks
from hwcodec import Bitstream, Codec, decode_all
from hwcodec.device_probe import DeviceProbe, Finding, probe_with

SPEC = StreamSpec(Codec.H264, 8, 192, 128, 4)


@pytest.fixture(scope="module")
def stream(tmp_path_factory) -> Bitstream:
    return stored_stream(SPEC, tmp_path_factory.mktemp("cache")).bitstream


def probe(**works: bool) -> DeviceProbe:
    data = {"driver": {"devices": ["Test GPU"]}}
    return DeviceProbe(
        {name: Finding(is_ok, data.get(name, {}), "") for name, is_ok in works.items()}
    )


def test_capabilities_name_the_device_and_what_works() -> None:
    found = check_capabilities(probe(driver=True, ffmpeg=True, nvidia=False))
    assert found.is_ok
    assert found.said == "Test GPU; works through ffmpeg"
    assert found.data["nvidia"]["is_ok"] is False


def test_a_machine_without_a_driver_can_nothing() -> None:
    found = check_capabilities(probe_with(lambda _: (0, ""), "there is no driver"))
    assert not found.is_ok
    assert found.said == "no device; works through nothing"


def test_every_number_of_sessions_has_a_rate(stream) -> None:
    found = check_sessions(stream, "cpu", Repeats(1, 0.0), (1, 2))
    assert found.data.keys() == {"1", "2"}
    assert found.data["1"]["speedup"] == 1
    assert found.data["2"]["fps"] > 0


def test_rows_are_those_of_the_benchmark(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(decode_rows, "yardsticks", lambda _: Yardsticks())
    found = check_rows([SPEC], DecodePlan(repeats=Repeats(1, 0.0)), tmp_path)
    assert found.is_ok
    assert found.data["rows"][0]["codec"] == "h264"
    assert not check_rows([], DecodePlan(), tmp_path).is_ok


def test_a_machine_without_encoders_says_why(monkeypatch) -> None:
    monkeypatch.setattr(gpu_speed, "encoder_refusal", lambda name: f"{name} is not there")
    found = check_encoders("cpu")
    assert found.is_ok
    assert found.said == "hevc_nvenc is not there"


def test_an_encoder_that_runs_is_measured_and_its_pictures_are_compared(monkeypatch) -> None:
    """Software in the encoders' place; what is said to be lossless has to be."""
    software = {"libx264": Codec.H264, "libx265": Codec.HEVC}
    monkeypatch.setattr(gpu_speed, "NVENC", software)
    monkeypatch.setattr(gpu_speed, "encoder_refusal", lambda _: None)
    found = check_encoders("cpu", (192, 128), 3)
    assert found.is_ok
    assert found.data["libx265"]["differing_bytes"] == 0
    assert found.data["libx264"]["differing_bytes"] > 0
    assert found.data["libx264"]["fps"] > 0
    assert found.said == "encoded by libx264, libx265"


TO_HOST = "Memcpy DtoH (Device -> Pageable)"


def known() -> list[str]:
    return [TO_HOST]


def test_copies_to_the_processor_are_counted_by_their_names(stream) -> None:
    names = ["Memcpy DtoD (Device -> Device)"] * 4 + ["aten::copy_", "Memcpy HtoD (Pinned)"]
    quiet = check_host_copies(decode_all, stream, known, lambda work: work() or names)
    assert quiet.is_ok
    assert quiet.data == {"to_host": 0, "to_device": 1, "on_device": 4, "packets": 4}
    loud = check_host_copies(decode_all, stream, known, lambda _: [TO_HOST])
    assert not loud.is_ok
    assert loud.said.startswith("1 copies to the processor")


def test_a_profiler_that_sees_no_copies_proves_nothing(stream) -> None:
    blind = check_host_copies(decode_all, stream, known, lambda _: ["aten::copy_"])
    assert not blind.is_ok
    assert "nothing is known" in blind.said


def test_the_profiler_names_what_it_saw() -> None:
    def work() -> None:
        torch.ones(2).add_(1)

    assert "aten::add_" in profiled(work)
