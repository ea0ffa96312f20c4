"""Whatever happens to the process that asks vendor libraries, the answer is a sentence."""

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest

from hwcodec import YUV420P8, YUV420P10, Codec, PictureGeometry
from hwcodec import device_probe as probes
from hwcodec.device_probe import DRIVER, FFMPEG, NVIDIA, STEPS, DecoderLimits, Runner, probe_with
from hwcodec.device_probe_child import main

H264 = {"codec": "h264", "bit_depth": 8, "engines": 7, "max_width": 4096, "max_height": 4096}
HEVC = {"codec": "hevc", "bit_depth": 10, "engines": 5, "max_width": 8192, "max_blocks": 1 << 18}
GOOD = {
    DRIVER: {"devices": ["NVIDIA H200"], "cuda_version": "13.0"},
    FFMPEG: {"decoders": [{"codec": "h264", "bit_depth": 8}], "refused": {"av1/8": "no engine"}},
    NVIDIA: {"decoders": [H264, HEVC], "encoders": [], "refused": {"hevc_nvenc": "no engine"}},
}


def line(step: str, said: str = "") -> str:
    return json.dumps({"step": step, "is_ok": not said, "data": GOOD[step], "said": said})


class Child:
    """Answers step after step; ends as told at one of them."""

    def __init__(self, trouble: str | None = None, code: int | None = 1, noise: str = "") -> None:
        self.trouble, self.code, self.noise = trouble, code, noise
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, steps: Sequence[str]) -> tuple[int | None, str]:
        self.asked.append(tuple(steps))
        output = [self.noise]
        for step in steps:
            if step == self.trouble:
                return self.code, "\n".join([*output, "[FATAL] CUDA driver API error"])
            output.append(line(step))
        return 0, "\n".join(output)


def test_all_answers_come_from_one_child() -> None:
    child = Child(noise='[INFO] {"unrelated": 1}\n{broken\n[1, 2]')
    found = probe_with(child, None)
    assert child.asked == [STEPS]
    assert found.device_names == ("NVIDIA H200",)
    assert found.engine_count(Codec.H264) == 7
    assert found.engine_count(Codec.AV1) == 1
    assert found.decoder(NVIDIA, Codec.HEVC, 10) is not None
    assert found.decoder(NVIDIA, Codec.HEVC, 8) is None
    assert found.capabilities(FFMPEG).decodes == (Codec.H264,)
    assert found.capabilities(NVIDIA).refused == {"hevc_nvenc": "no engine"}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("code", "said"), [(1, "ended with code 1"), (-11, "code -11"), (None, "did not answer")]
)
def test_a_child_that_dies_or_hangs_costs_one_answer_and_no_other(step, code, said) -> None:
    child = Child(step, code)
    found = probe_with(child, None)
    assert said in found.refusal(step)
    assert "FATAL" in found.refusal(step)
    assert all(found.findings[other].is_ok for other in STEPS if other != step)
    assert len(child.asked) == (1 if step == STEPS[-1] else 2)


def test_a_child_that_never_says_anything_ends_the_questions() -> None:
    found = probe_with(lambda steps: (127, ""), None)
    assert not any(finding.is_ok for finding in found.findings.values())
    assert "'nothing'" in found.refusal(DRIVER)


def test_without_a_driver_no_child_is_started() -> None:
    def never(steps: Sequence[str]) -> tuple[int, str]:
        raise AssertionError(steps)

    found = probe_with(never, "there is no driver; install one")
    assert {found.refusal(step) for step in STEPS} == {"there is no driver; install one"}
    assert found.capabilities(NVIDIA).decodes == ()


def test_a_refusal_is_an_answer() -> None:
    def refusing(steps: Sequence[str]) -> tuple[int, str]:
        return 0, "\n".join(line(step, "RuntimeError: Driver version is too old") for step in steps)

    assert "too old" in probe_with(refusing, None).refusal(NVIDIA)


def test_limits_say_what_is_too_large() -> None:
    row = DecoderLimits(Codec.H264, 8, 7, 4096, 2048, 16384)
    assert row.refusal(PictureGeometry(YUV420P8, 2048, 2048)) is None
    assert "4096 width" in str(row.refusal(PictureGeometry(YUV420P8, 4098, 16)))
    assert "2048 height" in str(row.refusal(PictureGeometry(YUV420P8, 16, 2050)))
    assert "16384 16x16 blocks" in str(row.refusal(PictureGeometry(YUV420P8, 4096, 2048)))
    unknown = DecoderLimits(Codec.HEVC, 10)
    assert unknown.refusal(PictureGeometry(YUV420P10, 8192, 8192)) is None


def test_the_real_child_answers_every_step_whatever_the_machine() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hwcodec.device_probe_child", *STEPS],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    answers = [json.loads(text) for text in done.stdout.splitlines() if text.startswith("{")]
    assert [answer["step"] for answer in answers] == list(STEPS)
    assert all(answer["is_ok"] or answer["said"] for answer in answers)


def test_a_step_nobody_knows_is_refused_in_its_turn(capsys) -> None:
    assert main(["weather"]) == 0
    assert json.loads(capsys.readouterr().out)["said"].startswith("KeyError")


def test_the_runner_reports_a_timeout_with_what_was_said(monkeypatch) -> None:
    monkeypatch.setattr(probes, "_TIMEOUT_S", 1.0)
    monkeypatch.setattr(probes, "_CHILD", "timeit")
    code, output = probes.run_child(
        ["-n", "1", "-s", "print('begun', flush=True)", "while True: 0"]
    )
    assert code is None
    assert "begun" in output


def test_the_runner_survives_a_missing_interpreter(monkeypatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    code, output = probes.run_child([DRIVER])
    assert code == 1
    assert "nowhere" in output


def test_a_runner_is_whatever_takes_steps() -> None:
    runner: Runner = Child()
    assert probe_with(runner, None).findings[DRIVER].is_ok
