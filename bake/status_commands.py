"""`bake-status`: how far a bake is, and how well it goes, asked from outside."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bake.errors import BakeError
from bake.progress import duration_text
from bake.scene_folder import SCENE_FILE, STAGE_FOLDERS
from bake.watching.run_log import LogItem, read_log
from bake.watching.status import FINISHED, RUNNING, STOPPED, UNKNOWN, BakeStatus, read_status
from render.console import UsageError, run, say

# Seconds between two looks with --watch. A choice.
_PAUSE = 2.0
_GOES_ON = {RUNNING, UNKNOWN}
_NO_RECORD = (
    "no status was recorded here: it was baked by a program of its own, or by an older version"
)


def bake_status(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``bake-status``; returns the exit code."""
    arguments = _parser().parse_args(argv)
    return run(lambda: _report(arguments), failures=(BakeError,))


@dataclass(frozen=True, slots=True)
class Quality:
    """Training quality of the frames so far, in dB.

    Attributes:
        count: frames whose quality is on record.
        mean: their mean.
        least: the worst.
        least_frame: the position of that frame, from 0 on.
        latest: the last frame's.
    """

    count: int
    mean: float
    least: float
    least_frame: int
    latest: float


@dataclass(frozen=True, slots=True)
class Report:
    """All that can be said of a scene folder: what it records, as of now, and what lies in it."""

    root: Path
    status: BakeStatus | None
    state: str
    reason: str
    quality: Quality | None
    stored_files: int
    stored_bytes: int

    def to_json(self) -> dict[str, object]:
        """The report for scripts; ``status`` is null where nothing was recorded."""
        quality = self.quality
        return {
            "scene": str(self.root),
            "state": self.state,
            "reason": self.reason,
            "status": None if self.status is None else self.status.to_json(),
            "psnr": None
            if quality is None
            else {name: getattr(quality, name) for name in Quality.__slots__},
            "stored_files": self.stored_files,
            "stored_bytes": self.stored_bytes,
        }

    def to_text(self) -> str:
        """The report for people: what matters first, then a line per fact."""
        lines = [f"{self.root}: {self._headline()}"]
        if self.status is not None:
            lines += self._facts(self.status)
        if (quality := self.quality) is not None:
            lines.append(
                f"  quality  {quality.mean:.2f} dB on training rays, mean of {quality.count} "
                f"frames; least {quality.least:.2f} (frame {quality.least_frame}), latest "
                f"{quality.latest:.2f}"
            )
        lines.append(f"  stored   {self.stored_bytes / 1e6:.1f} MB in {self.stored_files} files")
        return "\n".join(lines)

    def _headline(self) -> str:
        if self.status is None:
            return f"{self.state}; {self.reason}"
        place, resume = self.status.place, "run the same command to resume"
        match self.state:
            case "finished":
                return f"finished, {self.status.total} frames"
            case "running":
                return f"running, {place}{_left_text(self.status.left)}"
            case "unknown":
                heard = duration_text(max(time.time() - self.status.updated, 0))
                host = self.status.process.host
                return f"at {place} on {host}, last heard {heard} ago{_left_text(self.status.left)}"
            case "failed":
                return f"failed at {place}, {resume} once this is repaired: {self.reason}"
        return f"stopped at {place}, {resume} ({self.reason})"

    def _facts(self, status: BakeStatus) -> list[str]:
        process, about = status.process, status.about
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(status.began))
        until = time.time() if self.state == RUNNING else status.updated
        spent = duration_text(max(until - status.began, 0))
        return [
            f"  began    {began}, {spent} of work, process {process.pid} on {process.host}",
            f"  capture  {about.capture}",
            f"  command  {about.command}",
            f"  in       {about.folder}",
            f"  device   {about.device}",
        ]


def report_on(root: Path) -> Report:
    """Look at a scene folder.

    Raises:
        UsageError: if there is no such folder, or it holds no bake.
        ArtifactError: if its record is damaged.
    """
    if "\0" in str(root) or not root.is_dir():
        raise UsageError(f"there is no folder {root}, expected the out folder of bake-sequence")
    status = read_status(root)
    is_whole = (root / SCENE_FILE).is_file()
    folders = [root / name for name in STAGE_FOLDERS]
    if status is None and not is_whole and not any(folder.is_dir() for folder in folders):
        raise UsageError(f"{root} holds no bake, expected the out folder of bake-sequence")
    sizes = [size for folder in (root, *folders) for size in _sizes(folder)]
    psnrs = [(item, item.figures["psnr"]) for item in read_log(root) if "psnr" in item.figures]
    current, state, reason = _judge(status, is_whole=is_whole)
    return Report(root, current, state, reason, _quality(psnrs), len(sizes), sum(sizes))


def _judge(status: BakeStatus | None, *, is_whole: bool) -> tuple[BakeStatus | None, str, str]:
    """The status as of now, the state, and its reason."""
    if status is None:
        return None, FINISHED if is_whole else STOPPED, _NO_RECORD
    now = status.judged()
    if now.state == FINISHED and not is_whole:
        return now, STOPPED, f"{SCENE_FILE} is missing since"
    return now, now.state, now.reason


def _quality(psnrs: list[tuple[LogItem, float]]) -> Quality | None:
    if not psnrs:
        return None
    least, value = min(psnrs, key=lambda each: each[1])
    mean = sum(psnr for _, psnr in psnrs) / len(psnrs)
    return Quality(len(psnrs), mean, value, least.item, psnrs[-1][1])


def _sizes(folder: Path) -> list[int]:
    """Bytes of the files of a folder; some vanish while they are counted."""
    sizes = []
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            if path.is_file():
                sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue
    return sizes


def _left_text(left: float | None) -> str:
    return "" if left is None or left < 1 else f", about {duration_text(left)} left in this stage"


def _report(arguments: argparse.Namespace) -> None:
    """One report, or with --watch one whenever something has changed, until the bake ends."""
    before = ""
    while True:
        report = report_on(Path(arguments.scene))
        # With --watch every report of --json is one line.
        indent = None if arguments.watch else 1
        text = json.dumps(report.to_json(), indent=indent) if arguments.json else report.to_text()
        mark = f"{report.state} {report.status and report.status.updated}"
        if mark != before:
            say(text)
            sys.stdout.flush()
        before = mark
        if not arguments.watch or report.state not in _GOES_ON:
            return
        try:
            time.sleep(_PAUSE)
        except KeyboardInterrupt:
            return  # Who watches ends it like that.


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bake-status",
        description="Tells how far a bake is, how well it goes, and whether it is still running.",
        epilog="SCENE/log.jsonl holds the figures of every frame, one line of JSON each.",
    )
    parser.add_argument("scene", help="out folder of bake-sequence")
    parser.add_argument("--json", action="store_true", help="for scripts")
    parser.add_argument("--watch", action="store_true", help="go on until the bake ends")
    return parser
