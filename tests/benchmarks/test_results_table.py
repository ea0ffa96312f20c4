"""README's table comes from result files alone."""

import json
from pathlib import Path

import pytest

from benchmarks.results_table import (
    insert_table,
    main,
    read_evaluations,
    results_table,
    whole_table,
)

RECORD = {
    "scene": "performer",
    "encoder": "libx264",
    "bit_depth": 8,
    "rate": "qp 22",
    "psnr": 41.234,
    "psnr_foreground": None,
    "ssim": 0.98765,
    "bytes_per_frame": 12345.6,
    "codec_loss_db": 0.256,
    "machine": {"cpu": "a processor", "core_count": 2},
    "commit": {"revision": "0123456789abcdef", "is_dirty": False},
}


def test_a_row_shows_the_record_rounded() -> None:
    table = results_table([RECORD])
    assert "| performer | libx264 8-bit | qp 22 | 41.23 | - | 0.9877 | 12.3 | 0.26 |" in table
    assert "0123456789" in table


def test_only_evaluations_are_read_and_the_largest_comes_first(tmp_path) -> None:
    for name, size in (("small", 10.0), ("large", 99.0)):
        record = {**RECORD, "bytes_per_frame": size}
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    (tmp_path / "decode.json").write_text(json.dumps({"fps": 3}))
    assert [r["bytes_per_frame"] for r in read_evaluations(tmp_path)] == [99.0, 10.0]


def test_the_table_replaces_what_stood_between_the_markers() -> None:
    document = "a <!-- results -->\nold\n<!-- end of results --> b"
    assert insert_table(document, "new") == "a <!-- results -->\nnew\n<!-- end of results --> b"


def test_a_document_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="markers"):
        insert_table("text", "table")


def test_the_readme_shows_the_committed_results() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert insert_table(readme, whole_table()) == readme


def test_the_command_prints_or_updates(tmp_path, capsys) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out.strip()
    document = tmp_path / "README.md"
    document.write_text("<!-- results -->\n<!-- end of results -->")
    assert main([str(document)]) == 0
    assert printed in document.read_text()
