"""Which process is at work, so that another one can tell later whether it still is."""

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from hwcodec.records import any_text, named_values, whole_number

_PROC = Path("/proc")
# Of what stands behind a process's name in its Linux record: its state, and when it was started.
_STATE, _START = 0, 19
# States of processes that have ended: a zombie only waits for somebody to ask how.
_ENDED = {"Z", "X"}


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """A process, told apart from all others that have had or will have its number.

    Attributes:
        pid: its number.
        host: name of the machine.
        boot: what names the machine's present run, or empty where nothing does.
        space: the process-number space, which is another one inside a container, or empty.
        start: when the process was started, in the kernel's own count, or empty.
    """

    pid: int
    host: str
    boot: str = ""
    space: str = ""
    start: str = ""

    @property
    def is_running(self) -> bool | None:
        """Whether the process is still there; None where that cannot be known from here."""
        here = this_process()
        if self.host != here.host:
            return None
        if self.boot != here.boot:
            return False  # The machine has been started anew since.
        if self.space != here.space or not here.start:
            return None
        return _start_of(self.pid) == self.start

    def to_json(self) -> dict[str, object]:
        """The mark as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> "ProcessMark":
        """Read a mark that `to_json` has made.

        Raises:
            ValueError: if it is something else.
        """
        record: Mapping[str, object] = named_values("process", value, "pid host boot space start")
        words = {name: any_text(name, record[name]) for name in ("host", "boot", "space", "start")}
        return cls(whole_number("pid", record["pid"]), **words)


def this_process() -> ProcessMark:
    """The mark of the process that asks."""
    pid = os.getpid()
    return ProcessMark(pid, socket.gethostname(), _boot(), _space(), _start_of(pid))


def _boot() -> str:
    """Linux names every run of the machine; other systems leave this empty."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _space() -> str:
    """The namespace of process numbers."""
    try:
        return str((_PROC / "self/ns/pid").readlink())
    except OSError:
        return ""


def _start_of(pid: int) -> str:
    """When a process was started; empty if there is none of that number, or it has ended."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name in parentheses may hold blanks and parentheses of its own.
    fields = text.rpartition(")")[2].split()
    return "" if len(fields) <= _START or fields[_STATE] in _ENDED else fields[_START]
