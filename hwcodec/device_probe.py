"""What NVIDIA hardware this machine has and what really runs on it, found out in another process.

A vendor library may refuse to load, hang, or end the process that asks it; so a child asks, one
step after another, and whatever happens to it is an answer. Without a driver no child is started.
"""

import ctypes
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from hwcodec.types import Capabilities, Codec, PictureGeometry

DRIVER, FFMPEG, NVIDIA = "driver", "ffmpeg", "nvidia"
STEPS = (DRIVER, FFMPEG, NVIDIA)
_CHILD = "hwcodec.device_probe_child"
# Creating a context on a large machine takes seconds; a step that takes longer than this hangs.
_TIMEOUT_S = 90.0
_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"

# Starts the child on some steps; its exit code (None: it ran too long) and its output so far.
Runner = Callable[[Sequence[str]], tuple[int | None, str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """How one step ended: what it found, or why it found nothing."""

    is_ok: bool
    data: Mapping[str, Any] = field(default_factory=dict)
    said: str = ""


@dataclass(frozen=True, slots=True)
class DecoderLimits:
    """What one decoder takes; a limit is None where the library does not tell."""

    codec: Codec
    bit_depth: int
    engines: int | None = None
    max_width: int | None = None
    max_height: int | None = None
    max_blocks: int | None = None

    def refusal(self, geometry: PictureGeometry) -> str | None:
        """Why pictures of this size do not fit, or None when they do."""
        blocks = -(-geometry.width // 16) * -(-geometry.height // 16)
        found = {
            "width": (geometry.width, self.max_width),
            "height": (geometry.height, self.max_height),
            "16x16 blocks": (blocks, self.max_blocks),
        }
        for name, (value, most) in found.items():
            if most is not None and value > most:
                return f"its limit is {most} {name}, the pictures have {value}"
        return None


@dataclass(frozen=True, slots=True)
class DeviceProbe:
    """The answers of all steps; empty ones stand for steps that never ran."""

    findings: Mapping[str, Finding]

    @property
    def device_names(self) -> tuple[str, ...]:
        """The devices' names, in the driver's order."""
        return tuple(self.findings[DRIVER].data.get("devices", ()))

    @property
    def default_device(self) -> str:
        """Where pictures from the processor's memory go for hardware encoding."""
        return "cuda:0"

    def decoders(self, step: str) -> tuple[DecoderLimits, ...]:
        """The decoders that one library really offers."""
        rows = self.findings[step].data.get("decoders", ())
        return tuple(DecoderLimits(Codec(row["codec"]), **_limits(row)) for row in rows)

    def decoder(self, step: str, codec: Codec, bit_depth: int) -> DecoderLimits | None:
        """The decoder of one library for a codec and depth, or None."""
        rows = self.decoders(step)
        return next((r for r in rows if (r.codec, r.bit_depth) == (codec, bit_depth)), None)

    def engine_count(self, codec: Codec) -> int:
        """Decoding engines for a codec, at least 1; one stream keeps one engine busy."""
        counts = [row.engines or 1 for row in self.decoders(NVIDIA) if row.codec is codec]
        return max(counts, default=1)

    def refusal(self, step: str) -> str:
        """Why a library offers nothing here; empty where it does."""
        return self.findings[step].said

    def capabilities(self, step: str) -> Capabilities:
        """What one library offers, in the form of a backend's answer."""
        finding = self.findings[step]
        codecs = tuple(dict.fromkeys(row.codec for row in self.decoders(step)))
        encodes = tuple(finding.data.get("encoders", ()))
        refused = dict(finding.data.get("refused", {}))
        return Capabilities(step, encodes, codecs, refused)


@cache
def probe_devices() -> DeviceProbe:
    """Ask once per process; takes some seconds with a driver and no time without.

    Never raises: that something does not work is the answer.
    """
    return probe_with(run_child, driver_refusal())


def probe_with(run: Runner, no_driver: str | None) -> DeviceProbe:
    """Take every step through ``run``, or none of them where there is no driver.

    A step in which the child ends or hangs is noted as such; a new child takes the remaining ones.
    """
    if no_driver is not None:
        return DeviceProbe({step: Finding(is_ok=False, said=no_driver) for step in STEPS})
    findings: dict[str, Finding] = {}
    while waiting := [step for step in STEPS if step not in findings]:
        code, output = run(waiting)
        findings |= _answers(output, waiting)
        broken = next((step for step in waiting if step not in findings), None)
        if broken is not None:
            findings[broken] = Finding(is_ok=False, said=_broke(broken, code, output))
    return DeviceProbe(findings)


def run_child(steps: Sequence[str]) -> tuple[int | None, str]:
    """Run the child on some steps, with what it wrote to standard output."""
    command = [sys.executable, "-m", _CHILD, *steps]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return None, (error.stdout or b"").decode(errors="replace")
    except OSError as error:
        return 1, str(error)
    return done.returncode, done.stdout.decode(errors="replace")


def driver_refusal() -> str | None:
    """Why the NVIDIA driver cannot be loaded, or None when it can; touches no device."""
    try:
        ctypes.CDLL(_LIBRARY)
    except OSError:
        return (
            f"there is no NVIDIA driver ({_LIBRARY} cannot be loaded); install the driver, or in "
            "a container pass the GPU with the video capability (NVIDIA_DRIVER_CAPABILITIES)"
        )
    return None


def _answers(output: str, steps: Sequence[str]) -> dict[str, Finding]:
    """The complete answers among whatever else a library may have printed."""
    found: dict[str, Finding] = {}
    for line in output.splitlines():
        try:
            record = json.loads(line)
            if record["step"] in steps:
                found[record["step"]] = Finding(
                    bool(record["is_ok"]), dict(record["data"]), str(record["said"])
                )
        except (ValueError, TypeError, KeyError):
            continue
    return found


def _broke(step: str, code: int | None, output: str) -> str:
    last = next((line for line in reversed(output.splitlines()) if line.strip()), "nothing")
    how = f"did not answer within {_TIMEOUT_S:.0f} s" if code is None else f"ended with code {code}"
    return (
        f"the process that asked {how} in step {step!r}, after saying {last.strip()[:200]!r}; "
        "check the driver with nvidia-smi"
    )


def _limits(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("bit_depth", "engines", "max_width", "max_height", "max_blocks")
    return {name: row.get(name) for name in names}
