"""Result files: what was written comes back, and what is damaged is refused with its place."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.provenance import Commit, Environment, Machine
from benchmarks.results import (
    Origin,
    Quality,
    RatePoint,
    Result,
    ResultError,
    Timing,
    parse,
    read_result,
    settings_text,
    write_result,
)

ENVIRONMENT = Environment(
    commit=Commit("0123abcd", is_dirty=False),
    machine=Machine("Example 9000", 8, 2**34, None, "Linux x86_64"),
    versions={"python": "3.11.7"},
    command="benchmark scene=host",
    utc="2026-01-02T03:04:05+00:00",
)
POINT = RatePoint(
    label="qp 22",
    settings={"encoder": "libx264", "qp": "22"},
    size_bytes=120_000,
    frame_count=12,
    frame_rate="30/1",
    quality=Quality(48, 31.5, 0.97, 27.25, None),
    timing=Timing(bake_s=60.0, render_s=1.5),
)
RESULT = Result("videorf", Origin.MEASURED, "host", (POINT,), ENVIRONMENT, "reduced to half size")

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
seconds = st.none() | st.floats(0, 1e9)
decibels = st.floats(-100, 100)
qualities = st.builds(
    Quality,
    image_count=st.integers(1, 10**6),
    psnr_db=decibels,
    ssim=st.floats(-1, 1),
    psnr_foreground_db=st.none() | decibels,
    temporal_psnr_db=st.none() | decibels,
)
points = st.builds(
    RatePoint,
    label=names,
    settings=st.dictionaries(names, names, max_size=3),
    size_bytes=st.integers(1, 2**50),
    frame_count=st.integers(1, 10**6),
    frame_rate=st.builds("{}/{}".format, st.integers(1, 10**6), st.integers(1, 10**6)),
    quality=qualities,
    timing=st.builds(Timing, seconds, seconds, seconds, seconds),
)
results = st.builds(
    Result,
    method=names,
    origin=st.sampled_from(Origin),
    scene=names,
    points=st.lists(points, min_size=1, max_size=3).map(tuple),
    environment=st.just(ENVIRONMENT),
    notes=names,
)


def record(tmp_path: Path) -> dict[str, Any]:
    """The decoded JSON of a good file."""
    write_result(tmp_path / "good.json", RESULT)
    return json.loads((tmp_path / "good.json").read_text(encoding="utf-8"))


def test_a_result_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_result(tmp_path / "host" / "videorf.json", RESULT)
    assert read_result(tmp_path / "host" / "videorf.json") == RESULT


@given(result=results)
def test_any_result_comes_back_as_it_was_written(tmp_path_factory, result) -> None:
    path = tmp_path_factory.mktemp("results") / "a.json"
    write_result(path, result)
    assert read_result(path) == result


def test_the_file_is_readable_and_names_its_schema(tmp_path: Path) -> None:
    write_result(tmp_path / "a.json", RESULT)
    lines = (tmp_path / "a.json").read_text(encoding="utf-8").splitlines()
    assert lines[:3] == ["{", '  "schema": "videorf-result",', '  "version": 1,']
    assert '  "origin": "measured",' in lines


def test_an_older_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    for scene in ("one", "two"):
        write_result(tmp_path / "a.json", replace(RESULT, scene=scene))
    assert read_result(tmp_path / "a.json").scene == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_failed_write_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_result(path, RESULT)

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_result(path, replace(RESULT, scene="other"))
    assert read_result(path) == RESULT
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float32(31.5), "31.5"])
def test_what_a_file_may_not_hold_is_not_written(tmp_path: Path, value) -> None:
    bad = replace(RESULT, points=(replace(POINT, quality=replace(POINT.quality, psnr_db=value)),))
    with pytest.raises(ResultError):
        write_result(tmp_path / "a.json", bad)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_stays_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_result(tmp_path / "none.json")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"9" * 10_000])
def test_what_is_not_json_is_refused_by_name(tmp_path: Path, data) -> None:
    (tmp_path / "bad.json").write_bytes(data)
    with pytest.raises(ResultError, match=r"bad\.json is not JSON"):
        read_result(tmp_path / "bad.json")


@pytest.mark.parametrize("data", [b"null", b"[]", b"3", b'"text"', b"{}", b'{"schema": "other"}'])
def test_other_json_is_refused_by_name(tmp_path: Path, data) -> None:
    (tmp_path / "bad.json").write_bytes(data)
    with pytest.raises(ResultError, match=r"bad\.json: (result|schema) is"):
        read_result(tmp_path / "bad.json")


@given(cut=st.integers(0, 10_000))
def test_a_truncated_file_is_refused(tmp_path_factory, cut) -> None:
    path = tmp_path_factory.mktemp("results") / "a.json"
    write_result(path, RESULT)
    data = path.read_bytes()
    # The last two bytes are the closing brace and a line feed that nothing depends on.
    path.write_bytes(data[: cut % (len(data) - 1)])
    with pytest.raises(ResultError):
        read_result(path)


def test_a_newer_version_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="version is 2, expected 1; update videorf"):
        parse({**record(tmp_path), "version": 2})


# Path into the record, new value, what the message names.
DAMAGE = [
    (("method",), "", "method is empty"),
    (("method",), 3, "result.method is 3, expected str"),
    (("scene",), "", "scene is empty"),
    (("origin",), "invented", "result.origin is 'invented', expected one of"),
    (("origin",), ["measured"], "result.origin is"),
    (("points",), [], "points is empty"),
    (("points",), {}, "result.points is {}, expected a JSON array"),
    (("points", 0), None, r"result.points\[0\] is None"),
    (("points", 0, "size_bytes"), 1.5, r"points\[0\].size_bytes is 1.5, expected int"),
    (("points", 0, "size_bytes"), True, "size_bytes is True, expected int"),
    (("points", 0, "size_bytes"), 0, "size_bytes is 0, expected 1 or more"),
    (("points", 0, "frame_count"), -1, "frame_count is -1"),
    (("points", 0, "settings"), {"qp": 22}, "settings.qp is 22, expected str"),
    (("points", 0, "settings"), [], "expected a JSON object"),
    (("points", 0, "quality", "psnr_db"), True, "psnr_db is True, expected float"),
    (("points", 0, "quality", "psnr_db"), None, "psnr_db is None, expected float"),
    (("points", 0, "quality", "psnr_db"), math.nan, "finite"),
    (("points", 0, "quality", "psnr_db"), 10**400, "finite"),
    (("points", 0, "quality", "ssim"), 1.5, "ssim is 1.5"),
    (("points", 0, "quality", "image_count"), 0, "image_count is 0"),
    (("points", 0, "timing", "decode_s"), -0.5, "decode_s is -0.5"),
    (("environment",), None, "result.environment is None"),
    (("environment", "commit", "is_dirty"), 1, "is_dirty is 1, expected bool"),
    (("environment", "machine", "memory_bytes"), "many", "memory_bytes is 'many'"),
    (("environment", "user"), "me", r"result.environment has \['user'\]"),
]


@pytest.mark.parametrize(("place", "value", "message"), DAMAGE)
def test_a_wrong_value_is_refused_with_its_place(tmp_path: Path, place, value, message) -> None:
    damaged = record(tmp_path)
    inner = damaged
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(ResultError, match=message):
        parse(damaged)


def test_a_missing_field_is_refused_with_its_place(tmp_path: Path) -> None:
    damaged = record(tmp_path)
    del damaged["points"][0]["quality"]["ssim"]
    with pytest.raises(ResultError, match=r"points\[0\]\.quality lacks \['ssim'\]"):
        parse(damaged)


def test_an_integer_passes_for_a_float(tmp_path: Path) -> None:
    changed = record(tmp_path)
    changed["points"][0]["quality"]["psnr_db"] = 31
    value = parse(changed).points[0].quality.psnr_db
    assert value == 31
    assert isinstance(value, float)


@pytest.mark.parametrize("rate", ["30", "0/1", "30/0", "-30/1", "1e9/1", " 30/1", "", "30/1\n"])
def test_a_frame_rate_that_is_no_positive_fraction_is_refused(rate) -> None:
    with pytest.raises(ResultError, match="frame_rate"):
        replace(POINT, frame_rate=rate)


def test_size_is_stated_per_frame_and_per_second() -> None:
    assert POINT.bytes_per_frame == 10_000
    assert POINT.megabits_per_second == pytest.approx(10_000 * 8 * 30 / 1e6)
    slower = replace(POINT, frame_rate="30000/1001")
    assert slower.megabits_per_second == pytest.approx(2.4 / 1.001)


def test_settings_are_text_in_order_of_name() -> None:
    text = settings_text({"qp": 22, "encoder": "libx265", "is_10_bit": True})
    assert list(text.items()) == [("encoder", "libx265"), ("is_10_bit", "True"), ("qp", "22")]
