"""The diagnosis says yes or no for everything, and for each no why and what would help."""

import json

import pytest

from hwcodec import BackendUnavailable, decoders, doctor, registry
from hwcodec.commands import main
from hwcodec.device_probe import DRIVER, FFMPEG, NVIDIA, STEPS, DeviceProbe, Finding
from hwcodec.doctor import Diagnosis, examine, table

ffmpeg = pytest.importorskip("hwcodec.backends.ffmpeg")

MISSING = "there is no NVIDIA driver; install it"
H200 = DeviceProbe({
    DRIVER: Finding(is_ok=True, data={"devices": ["NVIDIA H200"], "cuda_version": "13.0"}),
    FFMPEG: Finding(
        is_ok=True,
        data={
            "decoders": [{"codec": c, "bit_depth": d} for c, d in (("h264", 8), ("hevc", 10))],
            "refused": {"av1/8": "RuntimeError: no engine"},
        },
    ),
    NVIDIA: Finding(
        is_ok=True,
        data={
            "decoders": [
                {"codec": "h264", "bit_depth": 8, "engines": 7, "max_width": 4096,
                 "max_height": 4096, "max_blocks": 65536},
            ],
            "other_decoders": [{"codec": "hevc", "chroma": "444", "bit_depth": 8}],
            "encoders": [], "refused": {"hevc_nvenc": "this GPU has no encoding engine"},
        },
    ),
})  # fmt: skip
NOTHING = DeviceProbe({step: Finding(is_ok=False, said=MISSING) for step in STEPS})


def diagnosis(monkeypatch: pytest.MonkeyPatch, found: DeviceProbe) -> Diagnosis:
    for module in (doctor, registry, decoders):
        monkeypatch.setattr(module, "probe_devices", lambda: found)
    monkeypatch.setattr(ffmpeg, "driver_refusal", lambda: found.refusal(DRIVER) or None)
    for cached in (registry.capabilities, ffmpeg._refusal):
        cached.cache_clear()
    answer = examine()
    for cached in (registry.capabilities, ffmpeg._refusal):
        cached.cache_clear()
    return answer


def test_a_machine_without_a_driver_is_a_normal_answer(monkeypatch) -> None:
    found = diagnosis(monkeypatch, NOTHING)
    assert not found.has_hardware
    assert found.devices == ()
    assert found.driver == MISSING
    software = [row for row in found.decoders if not row.is_hardware]
    assert len(software) == 5
    assert all(row.runs and not row.reason for row in software)
    hardware = [row for row in found.decoders if row.is_hardware]
    assert len(hardware) == 10
    assert {(row.runs, row.reason) for row in hardware} == {(False, MISSING)}


def test_every_no_has_a_reason_and_every_yes_a_backend(monkeypatch) -> None:
    for probe in (NOTHING, H200):
        for row in diagnosis(monkeypatch, probe).encoders:
            assert bool(row.backend) != bool(row.reason)


def test_a_gpu_that_only_decodes_is_told_apart_row_by_row(monkeypatch) -> None:
    found = diagnosis(monkeypatch, H200)
    assert found.has_hardware
    assert found.devices == ("NVIDIA H200",)
    rows = {(r.backend, r.standard, r.pixel_format): r for r in found.decoders}
    h264 = rows["ffmpeg-cuda", "h264", "yuv420p"]
    assert (h264.runs, h264.engines, h264.max_width) == (True, 7, 4096)
    deep = rows["ffmpeg-cuda", "hevc", "yuv420p10"]
    assert (deep.runs, deep.engines) == (True, None)
    assert rows["ffmpeg-cuda", "av1", "yuv420p"].reason == "RuntimeError: no engine"
    assert "no such engine" in rows["nvidia", "hevc", "yuv420p10"].reason
    assert found.other_decoders == ("hevc 444 at 8 bits",)
    hevc = next(row for row in found.encoders if row.name == "hevc_nvenc")
    assert hevc.fallback == "libx265"
    assert "no encoding engine" in hevc.reason


def test_the_table_names_each_reason_once_and_refers_to_it(monkeypatch) -> None:
    text = table(diagnosis(monkeypatch, NOTHING))
    assert text.startswith(f"devices: none; {MISSING}")
    assert text.count(MISSING) == 2
    assert "hevc_nvenc" in text
    assert "libx265 instead" in text
    shown = table(diagnosis(monkeypatch, H200))
    assert "4096x4096" in shown
    assert "also decoded, never written: hevc 444 at 8 bits" in shown


def test_everything_goes_into_a_file_of_plain_values(monkeypatch) -> None:
    found = diagnosis(monkeypatch, H200)
    record = json.loads(json.dumps(found.to_json()))
    assert record["format"] == "hwcodec-doctor"
    assert len(record["decoders"]) == 15
    assert record["devices"] == ["NVIDIA H200"]


def test_a_machine_without_pyav_is_examined_too(monkeypatch) -> None:
    def gone(name: str) -> None:
        raise BackendUnavailable(f"backend {name!r} cannot be loaded; install PyAV")

    monkeypatch.setattr(doctor, "capabilities", gone)
    found = diagnosis(monkeypatch, NOTHING)
    assert not any(row.runs for row in found.decoders)
    assert "install PyAV" in table(found)


def test_the_command_prints_and_writes_the_diagnosis(capsys, tmp_path) -> None:
    target = tmp_path / "machine.json"
    assert main(["doctor", "--json", str(target)]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n{name} " in printed for name in registry.encoder_names())
    assert json.loads(target.read_text())["encoders"]
    assert main([]) == 0
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("place", [".", "missing/machine.json"])
def test_a_place_that_cannot_be_written_is_said_before_the_work(
    place, capsys, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("hwcodec.commands.examine", lambda: pytest.fail("worked already"))
    assert main(["doctor", "--json", str(tmp_path / place)]) == 2
    assert "make the folder" in capsys.readouterr().err
