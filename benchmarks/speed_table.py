"""README's table of rates, from committed result files; `benchmarks.results_table` places it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_HEAD = ("| measured | rate | beside |", "|---|--:|---|")

Record = dict[str, Any]
Row = tuple[str, str, str]


def speed_rows(folder: Path) -> list[Row]:
    """What was measured, its rate and what it stands beside, from every known file of a folder."""
    rows: list[Row] = []
    for path in sorted(folder.rglob("*.json")):
        record = json.loads(path.read_bytes())
        known = _READERS.get(record.get("format", ""))
        rows += known(record) if known else ()
    return rows


def speed_table(folder: Path) -> str:
    """The rows as Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in speed_rows(folder)]
    return "\n".join([*_HEAD, *lines])


def _decode(record: Record) -> Iterator[Row]:
    for row in record["rows"]:
        name = f"decode {row['codec']} {row['bit_depth']}-bit {row['width']}x{row['height']}"
        yield name, f"{row['decode_fps']:.0f} fps", f"{row['ratio_to_ffmpeg']:.2f} x `ffmpeg`"


def _encode(record: Record) -> Iterator[Row]:
    for row in record["rows"]:
        name = f"encode {row['encoder']} {row['bit_depth']}-bit {row['width']}x{row['height']}"
        yield name, f"{row['encode_fps']:.1f} fps", f"{row['ratio_to_ffmpeg']:.2f} x `ffmpeg`"


def _march(record: Record) -> Iterator[Row]:
    rate = f"{record['compiled_rays_per_s'] / 1e3:.0f} k rays/s"
    yield "march, forward and backward", rate, f"{record['ratio']:.1f} x torch"


def _drawing(record: Record) -> Iterator[Row]:
    beside = f"{record['ratio']:.2f} x march; {_agreement(record)}"
    yield f"OpenGL on {_device(record)}, {_size(record)}", _view_rate(record), beside


def _browser(record: Record) -> Iterator[Row]:
    beside = f"{record['luma_differing']} luma bytes differ; {_agreement(record)}"
    yield f"Chromium on {_device(record)}, {_size(record)}", _view_rate(record), beside


def _playback(record: Record) -> Iterator[Row]:
    beside = f"drawing alone {record['render_fps']:.1f} fps"
    name = f"`Player`, {record['renderer']}, {_size(record)}"
    yield name, f"{record['shown_fps']:.1f} fps", beside


def _agreement(record: Record) -> str:
    return f"mean difference {record['mean_difference']:.0e}"


def _device(record: Record) -> str:
    return "llvmpipe" if "llvmpipe" in record["device"] else str(record["device"])


def _size(record: Record) -> str:
    width, height = record["view_size"]
    return f"{width}x{height}"


def _view_rate(record: Record) -> str:
    return f"{1e3 / record['ms_per_view']:.0f} views/s"


_READERS: dict[str, Callable[[Record], Iterator[Row]]] = {
    "videorf-decode-matrix": _decode,
    "videorf-encode-benchmark": _encode,
    "videorf-march-benchmark": _march,
    "videorf-drawing-benchmark": _drawing,
    "videorf-browser-benchmark": _browser,
    "videorf-playback-benchmark": _playback,
}
