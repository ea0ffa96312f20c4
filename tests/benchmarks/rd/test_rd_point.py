"""Points as files: what is written is read back, and what is damaged is refused with its place."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.provenance import Commit, Environment, Machine
from benchmarks.rd.point import (
    SCHEMA,
    FrameScore,
    PointTiming,
    RdPoint,
    StreamNote,
    point_file,
    read_point,
    read_points,
    write_point,
)
from benchmarks.results import Origin, Quality, ResultError
from tests.benchmarks.rd.made_up_points import curve, made_up

text = st.text(max_size=12)
number = st.floats(allow_nan=False, allow_infinity=False)
seconds = st.floats(0, 1e9)
maybe = st.none() | number
quality = st.builds(
    Quality, st.integers(1, 9999), number, st.floats(-1, 1), maybe, maybe
)  # fmt: skip
environments = st.builds(
    Environment,
    st.builds(Commit, text, st.none() | st.booleans()),
    st.builds(Machine, text, st.integers(1, 512), st.none() | st.integers(1, 1 << 50),
              st.none() | text, text),
    st.dictionaries(text, text, max_size=3),
    text,
    text,
)  # fmt: skip


@st.composite
def points(draw: st.DrawFn) -> RdPoint:
    """Any point that the schema allows."""
    kinds = draw(st.dictionaries(text, st.integers(1, 1 << 40), min_size=1, max_size=4))
    return RdPoint(
        scene=draw(text),
        method=draw(text),
        label=draw(text),
        value=draw(number),
        origin=draw(st.sampled_from(Origin)),
        key=draw(text),
        settings=draw(st.dictionaries(text, text, max_size=3)),
        size_bytes=sum(kinds.values()),
        bytes_by_kind=kinds,
        frame_count=draw(st.integers(1, 1 << 20)),
        frame_rate=draw(st.sampled_from(["30/1", "30000/1001", "10/1"])),
        view_indices=tuple(draw(st.lists(st.integers(0, 99), max_size=4))),
        view_size=(draw(st.integers(1, 4096)), draw(st.integers(1, 4096))),
        quality=draw(quality),
        uncoded=draw(quality),
        per_frame=tuple(
            draw(st.lists(st.builds(FrameScore, st.integers(0, 999), number, number, maybe),
                          max_size=3))
        ),
        timing=PointTiming(*(draw(seconds) for _ in range(4)), 6, draw(st.integers(0, 1 << 40))),
        stream=draw(st.builds(StreamNote, text, st.none() | st.booleans(), text)),
        environment=draw(environments),
        crop=draw(text),
    )  # fmt: skip


@given(points())
def test_any_point_is_read_back_as_it_was_written(tmp_path_factory, point) -> None:
    path = tmp_path_factory.mktemp("point") / "point.json"
    write_point(path, point)
    assert read_point(path) == point


@pytest.fixture
def stored(tmp_path) -> Path:
    path = point_file(tmp_path, "performer", "rerf", "q50")
    write_point(path, made_up("rerf", 12345, 33.3, "q50"))
    return path


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    record = json.loads(path.read_bytes())
    change(record)
    path.write_text(json.dumps(record))
    return path


def test_a_point_lies_below_its_scene_and_method(tmp_path) -> None:
    assert point_file(tmp_path, "a", "b", "c") == tmp_path / "a" / "b" / "c.json"


def test_a_record_names_its_schema_and_every_field(stored) -> None:
    record = json.loads(stored.read_bytes())
    assert (record.pop("schema"), record.pop("version")) == (SCHEMA, 1)
    assert record.keys() == asdict(made_up("rerf", 1, 1)).keys()


FIELDS = sorted(asdict(made_up("rerf", 1, 1)))


@pytest.mark.parametrize("name", FIELDS)
def test_a_missing_field_is_named(stored, name) -> None:
    with pytest.raises(ResultError, match=f"lacks .*{name}.*measure again"):
        read_point(changed(stored, lambda record: record.pop(name)))


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [None, [[]], {"a": {}}, True])
def test_a_field_of_another_type_is_refused_with_its_place(stored, name, value) -> None:
    with pytest.raises(ResultError, match=name):
        read_point(changed(stored, lambda record: record.update({name: value})))


@pytest.mark.parametrize(
    ("inside", "name"),
    [("quality", "psnr_db"), ("timing", "fit_s"), ("stream", "reason"), ("environment", "utc")],
)
def test_a_missing_field_further_inside_is_named_with_its_place(stored, inside, name) -> None:
    with pytest.raises(ResultError, match=rf"point\.{inside} lacks .*{name}"):
        read_point(changed(stored, lambda record: record[inside].pop(name)))


def test_an_unknown_field_is_refused(stored) -> None:
    with pytest.raises(ResultError, match="bitrate"):
        read_point(changed(stored, lambda record: record.update(bitrate=3)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "videorf-result"}, "schema is 'videorf-result', expected 'videorf-rd-point'"),
        ({"version": 2}, "version is 2, expected 1"),
        ({"size_bytes": 0}, "size_bytes is 0, expected 1 or more"),
        ({"frame_count": 0}, "frame_count is 0, expected 1 or more"),
        ({"bytes_by_kind": {"pictures": 3}}, "add up to 3, expected size_bytes, 12345"),
        ({"frame_rate": "30"}, "frame_rate is '30', expected a positive fraction like '30/1'"),
        ({"frame_rate": "30/0"}, "expected a positive fraction"),
        ({"origin": "guessed"}, "origin is 'guessed', expected one of"),
        ({"value": float("nan")}, "finite"),
        ({"value": 10**400}, "finite"),
    ],
)
def test_impossible_values_are_refused_with_what_was_expected(stored, change, message) -> None:
    with pytest.raises(ResultError, match=message):
        read_point(changed(stored, lambda record: record.update(change)))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_record_is_refused_with_its_file(stored, data) -> None:
    stored.write_bytes(data)
    with pytest.raises(ResultError, match=r"q50\.json.*measure again"):
        read_point(stored)


@given(st.data())
def test_a_file_cut_anywhere_is_refused(tmp_path_factory, data) -> None:
    path = tmp_path_factory.mktemp("cut") / "point.json"
    write_point(path, made_up("rerf", 12345, 33.3))
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 3))])
    with pytest.raises(ResultError):
        read_point(path)


def test_a_value_that_is_not_finite_is_not_written(tmp_path) -> None:
    with pytest.raises(ResultError, match="cannot be written"):
        write_point(tmp_path / "point.json", replace(made_up("rerf", 1000, 30), value=float("inf")))
    assert not list(tmp_path.iterdir())


def test_a_point_that_does_not_add_up_cannot_be_made() -> None:
    with pytest.raises(ResultError, match="add up to"):
        replace(made_up("rerf", 1000, 30), size_bytes=1001)


def test_sizes_are_per_frame_and_at_the_frame_rate() -> None:
    point = replace(made_up("rerf", 125_000, 30), frame_rate="30000/1001")
    assert point.bytes_per_frame == 12_500
    assert point.megabits_per_second == pytest.approx(12_500 * 8 * 30000 / 1001 / 1e6)


def test_all_points_below_a_folder_are_read_by_scene_method_and_size(tmp_path) -> None:
    written = [*curve("videorf", 1), *curve("rerf", 1, scene="host"), *curve("hpc", 1)[::-1]]
    for point in written:
        write_point(point_file(tmp_path, point.scene, point.method, point.label), point)
    (tmp_path / "host" / "truth.webp").write_bytes(b"RIFF")
    found = read_points(tmp_path)
    assert found == sorted(written, key=lambda p: (p.scene, p.method, p.size_bytes))
    assert read_points(tmp_path / "nowhere") == []


def test_one_damaged_point_among_many_is_named(tmp_path) -> None:
    for point in curve("rerf", 1):
        write_point(point_file(tmp_path, point.scene, point.method, point.label), point)
    (tmp_path / "performer" / "rerf" / "q3.json").write_text("{}")
    with pytest.raises(ResultError, match=r"q3\.json"):
        read_points(tmp_path)
