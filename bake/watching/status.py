"""The record that a bake keeps of itself in its scene folder, and what can be told from it.

SCENE/status.json   where the bake is: `BakeStatus`, rewritten as it goes
SCENE/log.jsonl     how it got there: see `bake.watching.run_log`

Neither is part of the result: a bake without them is resumed and encoded all the same.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from bake.errors import ArtifactError
from bake.scene_folder import STATUS_FILE, STATUS_FORMAT
from bake.watching.process_mark import ProcessMark
from hwcodec import replace_file
from hwcodec.records import (
    any_text,
    finite_number,
    named_values,
    parse_json,
    shown,
    whole_number,
)

STATUS_VERSION = 1
RUNNING, FINISHED, STOPPED, FAILED = "running", "finished", "stopped", "failed"
# A bake on another machine: only that it was heard of at some time is known.
UNKNOWN = "unknown"
_STATES = {RUNNING, FINISHED, STOPPED, FAILED}
_KEYS = "format version state reason began updated process stage done total left figures about"
# Seconds since 1970 that a record may state: up to the year 5138.
_LATEST = 1e11
_VANISHED = "its process ended without a word: killed, or the machine was turned off"


@dataclass(frozen=True, slots=True)
class BakeFacts:
    """What is baked, and how to go on with it.

    Attributes:
        capture: name, frames and views of the capture, for people.
        command: what was called, and would resume the bake.
        folder: where it was called, for the relative paths in it.
        device: where it runs, and why there.
        key: equal for equal captures and settings; see `bake.artifacts.make_key`.
    """

    capture: str
    command: str = ""
    folder: str = ""
    device: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class BakeStatus:
    """Where a bake is.

    Attributes:
        about: what is baked.
        process: by whom.
        began: when this run began, in seconds since 1970.
        updated: when this was true, likewise.
        state: running, finished, stopped or failed.
        reason: why it stopped or failed, as one sentence.
        stage: the stage it is in.
        done: items of the stage that are done.
        total: items of the stage.
        left: seconds until the stage ends, as far as the latest items tell; None: not known yet.
        figures: what was measured on the latest item, such as psnr in dB.
    """

    about: BakeFacts
    process: ProcessMark
    began: float
    updated: float
    state: str = RUNNING
    reason: str = ""
    stage: str = ""
    done: int = 0
    total: int = 0
    left: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The item that is under way, as in ``frame 17 of 300 (atlas)``."""
        if not self.total:
            return "the start"
        return f"frame {min(self.done + 1, self.total)} of {self.total} ({self.stage})"

    def judged(self) -> "BakeStatus":
        """The same as of now: a bake that never said it ended may have, and time has passed."""
        if self.state != RUNNING:
            return self
        is_running = self.process.is_running
        if is_running is None:
            return replace(self, state=UNKNOWN)
        if not is_running:
            return replace(self, state=STOPPED, reason=_VANISHED, left=None)
        passed = max(time.time() - self.updated, 0.0)
        return replace(self, left=None if self.left is None else max(self.left - passed, 0.0))

    def to_json(self) -> dict[str, object]:
        """The record as `status.json` holds it."""
        record = asdict(self) | {"process": self.process.to_json(), "figures": dict(self.figures)}
        return {"format": STATUS_FORMAT, "version": STATUS_VERSION, **record}

    @classmethod
    def from_json(cls, value: object) -> "BakeStatus":
        """Read a record that `to_json` has made.

        Raises:
            ValueError: if it is something else, or of a later version.
        """
        record = named_values("the file", value, _KEYS)
        if record["format"] != STATUS_FORMAT:
            raise ValueError(f"format is {shown(record['format'])}, expected {STATUS_FORMAT!r}")
        whole_number("version", record["version"], 1, STATUS_VERSION)
        if record["state"] not in _STATES:
            raise ValueError(f"state is {shown(record['state'])}, expected one of {_STATES}")
        left = record["left"]
        return cls(
            about=_read_facts(record["about"]),
            process=ProcessMark.from_json(record["process"]),
            began=finite_number("began", record["began"], 0, _LATEST),
            updated=finite_number("updated", record["updated"], 0, _LATEST),
            state=str(record["state"]),
            reason=any_text("reason", record["reason"]),
            stage=any_text("stage", record["stage"]),
            done=whole_number("done", record["done"]),
            total=whole_number("total", record["total"]),
            left=None if left is None else finite_number("left", left, 0),
            figures=read_figures(record["figures"]),
        )


def read_figures(value: object) -> dict[str, float]:
    """Measured numbers by name.

    Raises:
        ValueError: if they are something else.
    """
    named = named_values("figures", value, "")
    return {name: finite_number(f"figures {name}", number) for name, number in named.items()}


def _read_facts(value: object) -> BakeFacts:
    record = named_values("about", value, "capture command folder device key")
    names = ("capture", "command", "folder", "device", "key")
    return BakeFacts(*(any_text(name, record[name]) for name in names))


def read_status(root: Path) -> BakeStatus | None:
    """The record in a scene folder, or None without one.

    Raises:
        ArtifactError: if it cannot be read or is damaged.
    """
    path = root / STATUS_FILE
    try:
        return BakeStatus.from_json(parse_json(path.read_bytes()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArtifactError(
            f"cannot read {path}: {error.strerror}; correct its permissions"
        ) from error
    except ValueError as error:
        raise ArtifactError(
            f"{path} is no status of a bake: {error}; the next bake-sequence writes it anew, or "
            "this software is older than the one that bakes"
        ) from error


def write_status(root: Path, status: BakeStatus) -> None:
    """Put a record in the place of the one before, whole or not at all.

    Raises:
        OSError: if the disk refuses.
    """
    replace_file(root / STATUS_FILE, json.dumps(status.to_json(), indent=1).encode())
