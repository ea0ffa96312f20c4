"""Rows of a benchmark as a picture: our rate beside the yardsticks', one group of bars per row."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from render.console import UsageError

# Field of a row, and how the legend calls it; those that no row has are left out.
DECODE_BARS: Mapping[str, str] = {
    "decode_fps": "this project",
    "bare_fps": "bare PyNvVideoCodec",
    "ffmpeg_fps": "ffmpeg",
    "ffmpeg_software_fps": "ffmpeg, software",
    "torchcodec_fps": "torchcodec (colors)",
    "limit_fps": "limit (recalled)",
}
ENCODE_BARS: Mapping[str, str] = {"encode_fps": "this project", "ffmpeg_fps": "ffmpeg"}
_ROW_INCHES, _WIDTH_INCHES, _DPI = 0.8, 9.0, 120


def require_plotting() -> None:
    """Refuse early where matplotlib is missing.

    Raises:
        UsageError: saying how to get it.
    """
    try:
        import_module("matplotlib")
    except ImportError as error:
        raise UsageError(
            "--plot needs matplotlib, which is not installed; install the extra: "
            "pip install 'videorf[plot]', or leave --plot out"
        ) from error


def plot_rows(rows: Sequence[Mapping[str, Any]], bars: Mapping[str, str], path: Path) -> None:
    """Write the rows as horizontal bars, one color per field of ``bars``.

    Raises:
        UsageError: if matplotlib is missing.
    """
    require_plotting()
    figures: Any = import_module("matplotlib.figure")
    shown = {name: label for name, label in bars.items() if any(row.get(name) for row in rows)}
    height = 1.5 + _ROW_INCHES * len(rows)
    figure = figures.Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
    axes = figure.add_subplot()
    thickness = 0.8 / max(len(shown), 1)
    for number, (name, label) in enumerate(shown.items()):
        places = [index + number * thickness for index in range(len(rows))]
        axes.barh(places, [row.get(name) or 0.0 for row in rows], thickness, label=label)
    middle = (len(shown) - 1) * thickness / 2
    axes.set_yticks([index + middle for index in range(len(rows))], [_label(row) for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("frames per second")
    axes.legend()
    figure.savefig(path, dpi=_DPI, format="png")


def _label(row: Mapping[str, Any]) -> str:
    who = row.get("encoder") or f"{row['codec']}, {row['sessions']} x"
    return f"{who} {row['bit_depth']} bits\n{row['width']}x{row['height']}"
