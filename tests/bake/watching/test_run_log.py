"""The log of a bake: a line per item, kept over runs of the same bake, readable when cut off."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.scene_folder import LOG_FILE
from bake.watching.run_log import LOG_FORMAT, LogProgress, read_log
from bake.watching.status import BakeFacts

FACTS = BakeFacts("fox", "bake-sequence", key="one")


def run(root: Path, frames: list[float | None], about: BakeFacts = FACTS) -> None:
    """A run over frames of these qualities; None is a frame that was resumed."""
    log = LogProgress(root, about)
    log.start("atlas", 9)
    for quality in frames:
        if quality is None:
            log.advance(is_resumed=True)
        else:
            log.advance("told to people", psnr=quality)


def lines(root: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (root / LOG_FILE).read_text().splitlines()]


def curve(root: Path) -> list[tuple[int, float]]:
    return [(item.item, item.figures["psnr"]) for item in read_log(root)]


def test_a_run_is_a_line_about_it_and_a_line_per_item(tmp_path) -> None:
    run(tmp_path, [30.0, 31.5])
    head, first, second = lines(tmp_path)
    assert (head["format"], head["key"], head["command"]) == (LOG_FORMAT, "one", "bake-sequence")
    assert (first["stage"], first["item"], first["total"]) == ("atlas", 0, 9)
    assert first["figures"] == {"psnr": 30.0}
    assert second["item"] == 1
    assert second["resumed"] is False


def test_a_resumed_bake_goes_on_with_the_log_and_its_figures_stay(tmp_path) -> None:
    run(tmp_path, [30.0, 31.0])
    run(tmp_path, [None, None, 32.0])
    assert len(lines(tmp_path)) == 3 + 4
    assert curve(tmp_path) == [(0, 30.0), (1, 31.0), (2, 32.0)]


def test_what_counts_of_a_frame_is_its_latest_training(tmp_path) -> None:
    run(tmp_path, [30.0, 31.0])
    run(tmp_path, [None, 33.0])
    assert curve(tmp_path) == [(0, 30.0), (1, 33.0)]


def test_a_bake_with_other_settings_begins_the_log_anew(tmp_path) -> None:
    run(tmp_path, [30.0, 31.0])
    run(tmp_path, [29.0], replace(FACTS, key="two"))
    assert curve(tmp_path) == [(0, 29.0)]
    assert len(lines(tmp_path)) == 2


def test_stages_are_told_apart(tmp_path) -> None:
    log = LogProgress(tmp_path, FACTS)
    log.start("occupancy", 1)
    log.advance(vertices=900)
    log.start("atlas", 1)
    log.advance(psnr=30)
    assert [(item.stage, item.figures) for item in read_log(tmp_path)] == [
        ("atlas", {"psnr": 30}),
        ("occupancy", {"vertices": 900}),
    ]
    assert [line.get("stage") for line in lines(tmp_path)] == [None, "occupancy", "atlas"]


@given(st.integers(0, 1 << 12))
def test_a_log_that_was_cut_off_anywhere_is_read_up_to_there_and_gone_on_with(
    tmp_path_factory, length
) -> None:
    root = tmp_path_factory.mktemp("log")
    run(root, [30.0, 31.0, 32.0])
    path = root / LOG_FILE
    path.write_bytes(path.read_bytes()[:length])
    before = curve(root)
    assert before == [(0, 30.0), (1, 31.0), (2, 32.0)][: len(before)]
    run(root, [None] * len(before) + [40.0])
    assert curve(root) == [*before, (len(before), 40.0)]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "7",
        '{"stage": "atlas"}',
        '{"stage": "atlas", "item": -1, "seconds": 1, "figures": {"psnr": 1}}',
        '{"stage": "atlas", "item": 0, "seconds": 1, "figures": {"psnr": NaN}}',
    ],
)
def test_a_damaged_line_is_left_out(tmp_path, line) -> None:
    run(tmp_path, [30.0])
    with (tmp_path / LOG_FILE).open("a") as file:
        file.write(f"{line}\n")
    assert curve(tmp_path) == [(0, 30.0)]


def test_a_folder_without_a_log_has_no_items(tmp_path) -> None:
    assert read_log(tmp_path) == ()
