"""Where a measurement comes from: commit, machine, versions and command, as plain values.

Nothing here imports a codec library or starts a device, so a record can be taken before the work.
"""

import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath, PureWindowsPath

CHECKOUT = Path(__file__).resolve().parents[1]
# For installs without a repository, such as a container image: "<revision>" or "<revision>-dirty".
COMMIT_VARIABLE = "VIDEORF_COMMIT"
DIRTY_SUFFIX = "-dirty"
UNKNOWN = "unknown"
NOT_INSTALLED = "not installed"
LIBRARIES = (
    "videorf",
    "torch",
    "numpy",
    "av",
    "numba",
    "opencv-python-headless",
    "scikit-image",
    "constriction",
    "bjontegaard",
    "imageio-ffmpeg",
)
TIMEOUT_S = 10.0
_KIB = 1024
BEFORE_PATHS = re.compile(r"""(file:/*(?=/)|^-\w(?=[/~])|[=,'"\[\]])""")
RESULTS = "benchmarks/results"


@dataclass(frozen=True, slots=True)
class Commit:
    """Revision of the code that ran; ``is_dirty`` is None where that cannot be told."""

    revision: str
    is_dirty: bool | None


@dataclass(frozen=True, slots=True)
class Machine:
    """What the numbers depend on besides the code; names no host and no user.

    ``core_count`` is how many cores this process may use, ``memory_bytes`` the installed memory
    (None where the system does not say), ``gpu`` the name of the first CUDA device if there is one.
    """

    cpu: str
    core_count: int
    memory_bytes: int | None
    gpu: str | None
    system: str


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything needed to judge or repeat a measurement. ``utc`` is ISO 8601, to the second."""

    commit: Commit
    machine: Machine
    versions: dict[str, str]
    command: str
    utc: str


def environment(argv: Sequence[str] | None = None) -> Environment:
    """Record this process; ``argv`` defaults to its own command line."""
    return Environment(
        commit=commit(),
        machine=machine(),
        versions=versions(),
        command=command_line(sys.argv if argv is None else argv),
        utc=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def commit(folder: Path = CHECKOUT) -> Commit:
    """The commit of the checkout, of the variable ``VIDEORF_COMMIT``, or ``unknown``.

    A repository that merely contains an installed copy is not taken for ours: its top folder has
    to be ``folder``.
    """
    stated = os.environ.get(COMMIT_VARIABLE)
    if stated:
        return Commit(stated.removesuffix(DIRTY_SUFFIX), stated.endswith(DIRTY_SUFFIX))
    top = output_of(("git", "rev-parse", "--show-toplevel"), folder)
    revision = output_of(("git", "rev-parse", "HEAD"), folder)
    # A result that was just written changes nothing about the code that the next one measures.
    changes = output_of(("git", "status", "--porcelain", "--", ".", f":!{RESULTS}"), folder)
    if not top or not revision or Path(top).resolve() != folder.resolve():
        return Commit(UNKNOWN, None)
    return Commit(revision, None if changes is None else bool(changes))


def output_of(command: Sequence[str], folder: Path) -> str | None:
    """Trimmed output of a short command, or None if it is missing, fails or hangs."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            check=True,
            timeout=TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def machine() -> Machine:
    """Describe the computer this process runs on."""
    return Machine(
        cpu=cpu_model(),
        core_count=core_count(),
        memory_bytes=memory_bytes(),
        gpu=gpu_name(),
        system=f"{platform.system()} {platform.machine()}",
    )


def cpu_model(listing: Path = Path("/proc/cpuinfo")) -> str:
    """Processor name as the system gives it; ``listing`` is where Linux does."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", listing.read_text(), flags=re.MULTILINE)
    except OSError:
        found = None
    name = found[1] if found else output_of(("sysctl", "-n", "machdep.cpu.brand_string"), CHECKOUT)
    return (name or platform.processor() or platform.machine() or UNKNOWN).strip()


def core_count() -> int:
    """Cores this process may run on, which a container or scheduler can make fewer than all."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int | None:
    """Installed memory, or None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def peak_memory_bytes(status: Path = Path("/proc/self/status")) -> int:
    """Largest resident set of this process so far; ``status`` is where Linux states it.

    There `getrusage` is no use: it starts a program at what its parent held when it was started.
    """
    try:
        found = re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text(), flags=re.MULTILINE)
    except OSError:
        found = None
    if found:
        return int(found[1]) * _KIB
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIB


def gpu_name() -> str | None:
    """Name of the first CUDA device; without one, CUDA stays uninitialized."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def versions() -> dict[str, str]:
    """Versions of Python, the installed libraries and libav, read without importing any of them."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = NOT_INSTALLED
    return found | libav_versions()


def libav_versions() -> dict[str, str]:
    """Versions of the libav libraries that PyAV uses, asked of PyAV in a process of its own."""
    listing = output_of((sys.executable, "-m", "av", "--version"), CHECKOUT) or ""
    found = re.findall(r"^(lib\w+) +(\d+)\. *(\d+)\. *(\d+)$", listing, flags=re.MULTILINE)
    return {name: ".".join(numbers) for name, *numbers in found}


def command_line(argv: Sequence[str]) -> str:
    """The command, quoted for a shell, with places on this machine shortened to their last name."""
    return shlex.join(without_folders(word) for word in argv)


def without_folders(word: str) -> str:
    """Shorten each absolute path in an argument such as ``key=/data/a``, ``[/a/b,/a/c]``.

    Quotes, ``file://`` and a one-letter option may stand right before the path.
    """
    return "".join(last_name(part) for part in BEFORE_PATHS.split(word))


def last_name(text: str) -> str:
    """Last name of an absolute or home path; anything else stays."""
    if text.startswith(("/", "~")):
        return PurePosixPath(text).name or text
    windows = PureWindowsPath(text)
    return windows.name if windows.drive and windows.root else text
