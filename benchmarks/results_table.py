"""README's table of measurements, from committed result files; nothing in it is typed by hand.

python -m benchmarks.results_table            prints it
python -m benchmarks.results_table README.md  puts it between the markers of that file
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bake.artifacts import write_atomic
from benchmarks.speed_table import speed_table

RESULTS = Path(__file__).parent / "results"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"

_HEAD = (
    "| capture | encoder | rate | PSNR dB | foreground | SSIM | KB/frame | codec loss dB |",
    "|---|---|---|--:|--:|--:|--:|--:|",
)


def read_evaluations(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """Every evaluation below a folder, by capture, encoder and size."""
    records = [json.loads(path.read_bytes()) for path in sorted(folder.rglob("*.json"))]
    found = [record for record in records if "psnr" in record and "bytes_per_frame" in record]
    return sorted(found, key=lambda r: (r["scene"], r["encoder"], -r["bytes_per_frame"]))


def results_table(records: Sequence[dict[str, Any]]) -> str:
    """A Markdown table and the conditions it was measured under."""
    rows = [_row(record) for record in records]
    return "\n".join([*_HEAD, *rows, "", _conditions(records)])


def whole_table(folder: Path = RESULTS) -> str:
    """Quality with its conditions, then the rates."""
    return f"{results_table(read_evaluations(folder))}\n\n{speed_table(folder)}"


def insert_table(document: str, table: str) -> str:
    """The document with everything between the markers replaced.

    Raises:
        ValueError: if the markers are missing.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document lacks the markers {BEGIN} and {END}; add both")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table, or update the files named."""
    words = sys.argv[1:] if argv is None else argv
    table = whole_table()
    for name in words:
        path = Path(name)
        write_atomic(path, insert_table(path.read_text(), table).encode())
    if not words:
        sys.stdout.write(f"{table}\n")
    return 0


def _row(record: dict[str, Any]) -> str:
    loss = record.get("codec_loss_db")
    values = (
        record["scene"],
        f"{record['encoder']} {record['bit_depth']}-bit",
        record["rate"],
        f"{record['psnr']:.2f}",
        f"{record['psnr_foreground']:.2f}" if record["psnr_foreground"] is not None else "-",
        f"{record['ssim']:.4f}",
        f"{record['bytes_per_frame'] / 1000:.1f}",
        "-" if loss is None else f"{loss:.2f}",
    )
    return "| " + " | ".join(values) + " |"


def _conditions(records: Sequence[dict[str, Any]]) -> str:
    """Where and when, from the records themselves."""
    machines = sorted({str(record["machine"]["cpu"]) for record in records})
    commits = sorted({str(record["commit"]["revision"])[:10] for record in records})
    cores = sorted({str(record["machine"]["core_count"]) for record in records})
    return (
        f"Preset `fast`, {' and '.join(cores)} cores ({', '.join(machines)}), commit "
        f"{', '.join(commits)}; files in `benchmarks/results/`."
    )


if __name__ == "__main__":
    raise SystemExit(main())
