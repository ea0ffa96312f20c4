"""The history of a bake in its scene folder: one line of JSON per item, for curves and scripts.

    {"format": "videorf-bake-log", "version": 1, "time": ..., "key": ..., "command": ...}
    {"time": 1795914000.5, "stage": "atlas", "item": 16, "total": 300, "seconds": 41.2,
     "resumed": false, "figures": {"psnr": 31.25, "estimated_bytes": 21044.0}}

A run begins with a line of the first kind. A bake of another capture or with other settings begins
the file anew. ``item`` counts from 0 and is the frame's position; what counts of an item is its
latest line with figures.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bake.progress import SilentProgress, StageClock
from bake.scene_folder import LOG_FILE
from bake.watching.status import BakeFacts, read_figures
from hwcodec import replace_file
from hwcodec.records import any_text, finite_number, named_values, parse_json, whole_number

LOG_FORMAT = "videorf-bake-log"
LOG_VERSION = 1


@dataclass(frozen=True, slots=True)
class LogItem:
    """An item that was worked on: its stage, its number, and the figures measured on it."""

    stage: str
    item: int
    seconds: float
    figures: dict[str, float]


class LogProgress(SilentProgress):
    """Appends to the log of a scene folder.

    Raises, from every method:
        OSError: if the disk refuses.
    """

    def __init__(self, root: Path, about: BakeFacts) -> None:
        self._path, self._about = root / LOG_FILE, about
        self._clock = StageClock()
        self._has_begun = False

    def start(self, stage: str, total: int) -> None:
        """Before the first stage a line about this run."""
        self._clock = StageClock(stage, total)
        if not self._has_begun:
            self._begin()
            self._has_begun = True

    def advance(self, message: str = "", *, is_resumed: bool = False, **figures: float) -> None:
        """One line per item."""
        clock = self._clock
        clock.advance(is_resumed=is_resumed)
        record = {
            "time": time.time(),
            "stage": clock.stage,
            "item": clock.done - 1,
            "total": clock.total,
            "seconds": round(clock.spent, 3),
            "resumed": is_resumed,
            "figures": figures,
        }
        self._append(record)

    def _begin(self) -> None:
        record = {"format": LOG_FORMAT, "version": LOG_VERSION, "time": time.time()}
        record |= {"key": self._about.key, "command": self._about.command}
        known = self._path.read_bytes() if self._path.is_file() else b""
        if known and _key_of(known) == self._about.key:
            if not known.endswith(b"\n"):  # A killed run may leave a part of a line.
                self._write(b"\n")
            self._append(record)
        else:
            replace_file(self._path, _line(record))

    def _append(self, record: dict[str, object]) -> None:
        self._write(_line(record))

    def _write(self, data: bytes) -> None:
        with self._path.open("ab", buffering=0) as file:
            file.write(data)


def read_log(root: Path) -> tuple[LogItem, ...]:
    """Every item that was worked on, the latest time it was, by stage and number.

    Lines that are damaged, or from a later version of this software, are left out.
    """
    path = root / LOG_FILE
    data = path.read_bytes() if path.is_file() else b""
    latest = {(item.stage, item.item): item for item in _items(data)}
    return tuple(latest[where] for where in sorted(latest))


def _items(data: bytes) -> Iterator[LogItem]:
    for line in data.splitlines():
        try:
            record = named_values("the line", parse_json(line), "stage item seconds figures")
            item = LogItem(
                any_text("stage", record["stage"]),
                whole_number("item", record["item"]),
                finite_number("seconds", record["seconds"], 0),
                read_figures(record["figures"]),
            )
        except ValueError:
            continue
        if item.figures:
            yield item


def _key_of(data: bytes) -> object:
    """The key in the first line, or None where that is damaged."""
    try:
        return named_values("the line", parse_json(data.splitlines()[0]), "key")["key"]
    except ValueError:
        return None


def _line(record: dict[str, object]) -> bytes:
    return json.dumps(record).encode() + b"\n"
