"""What was checked and how it ended, as values, as a table, and as JSON."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One named check; ``passed`` is None where it was not run, and ``said`` tells why or what."""

    name: str
    passed: bool | None
    said: str


@dataclass(frozen=True, slots=True)
class StreamReport:
    """Every check of one stream; ``facts`` is what its parameter sets say."""

    name: str
    checks: tuple[Check, ...]
    codec_string: str = "-"
    size: str = "-"
    frame_count: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """True when no check failed."""
        return all(check.passed is not False for check in self.checks)


@dataclass(frozen=True, slots=True)
class Report:
    """Every stream of a file or package; ``checks`` concern the package as a whole."""

    path: str
    streams: tuple[StreamReport, ...]
    checks: tuple[Check, ...] = ()

    @property
    def passed(self) -> bool:
        """True when no check failed."""
        whole = all(check.passed is not False for check in self.checks)
        return whole and all(stream.passed for stream in self.streams)

    def document(self) -> dict[str, Any]:
        """Everything, ready to be written as JSON."""
        return {
            "path": self.path,
            "passed": self.passed,
            "checks": [_record(check) for check in self.checks],
            "streams": [
                {
                    "name": stream.name,
                    "passed": stream.passed,
                    "codec_string": stream.codec_string,
                    "size": stream.size,
                    "frame_count": stream.frame_count,
                    **stream.facts,
                    "checks": [_record(check) for check in stream.checks],
                }
                for stream in self.streams
            ],
        }

    def table(self) -> str:
        """One line per stream, then what failed and what was not run, as text."""
        rows = [("stream", "codec string", "size", "frames", "verdict")]
        rows += [
            (stream.name, stream.codec_string, stream.size, str(stream.frame_count), _word(stream))
            for stream in self.streams
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, *self._failures(), *self._gaps()]) + "\n"

    def _failures(self) -> Iterator[str]:
        for check in self.checks:
            if check.passed is False:
                yield f"failed: {check.name}: {check.said}"
        for stream in self.streams:
            for check in stream.checks:
                if check.passed is False:
                    yield f"failed: {stream.name}: {check.name}: {check.said}"

    def _gaps(self) -> Iterator[str]:
        """What was not run, said once for all streams that share the reason."""
        checks = [check for stream in self.streams for check in stream.checks]
        gaps = Counter((check.name, check.said) for check in checks if check.passed is None)
        for (name, said), count in gaps.items():
            streams = "1 stream" if count == 1 else f"{count} streams"
            yield f"{said}: {name} ({streams})"


def _record(check: Check) -> dict[str, Any]:
    return {"name": check.name, "passed": check.passed, "said": check.said}


def _word(stream: StreamReport) -> str:
    return "ok" if stream.passed else "FAILED"
