"""Records as JSON for programs, and rows as aligned text for people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.provenance import Environment
from hwcodec import replace_file

UNKNOWN = "-"


def describe_environment(environment: Environment) -> dict[str, Any]:
    """Commit, machine, versions, command and time as plain values."""
    return asdict(environment)


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record as JSON, whole or not at all."""
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    replace_file(path, (text + "\n").encode())


def number_text(value: float | None, digits: int) -> str:
    """A number of fixed digits, or a dash."""
    return UNKNOWN if value is None else f"{value:.{digits}f}"


def decibel_text(value: float | None) -> str:
    """A level with its unit, or a dash."""
    return UNKNOWN if value is None else f"{value:.2f} dB"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns two spaces apart; the last column sets no width."""
    count = max(len(row) for row in rows)
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(count)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    )
