"""The scene record: what it says survives JSON, and what is damaged is refused by one error."""

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from functools import reduce
from operator import getitem
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import PROFILES, PictureMarks, PlaneLayout, Quantizer
from render.errors import SceneError
from render.geometry import Aabb
from render.occupancy import VoxelGrid
from render.scene_record import CaptureRecord, FieldConstants, Group, SceneRecord
from render.shading import ShadingShape

FINITE = st.floats(-1e6, 1e6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def group(first_frame: int, frame_count: int, stream: int = 0) -> Group:
    quantizer = Quantizer.of(torch.full((5,), -1.5), torch.linspace(0, 1, 5), PROFILES["web8"])
    layout = PlaneLayout.plan(5, 32, 16)
    return Group(first_frame, frame_count, f"occupancy{stream}", stream, layout, quantizer)


def record_of(*counts: int, **changes: Any) -> SceneRecord:  # noqa: ANN401 -- of any field
    starts = [sum(counts[:index]) for index in range(len(counts))]
    fields: dict[str, Any] = {
        "grid": VoxelGrid(Aabb((-1.25, 0, 0.1), (1, 2, 3)), 0.1 + 0.2, (9, 8, 11)),
        "constants": FieldConstants(8, 0.5, -8.25, (1.0, 0.5, 0.0)),
        "shading": ShadingShape(4, 16, 2, 3),
        "groups": tuple(map(group, starts, counts, range(len(counts)))),
        "frame_rate": Fraction(30000, 1001),
        "profile": "web8",
        "capture": CaptureRecord("dance", 0.5, "10:20:2", (3, 7)),
        "rate": "qp 24",
    }
    return SceneRecord(**(fields | changes))


def sound(*counts: int) -> dict[str, Any]:
    text = json.dumps(record_of(*(counts or (2, 1))).to_json())
    record: dict[str, Any] = json.loads(text)
    return record


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_groups_come_back_and_hold_every_frame_once(counts) -> None:
    scene = SceneRecord.from_json(sound(*counts))
    assert scene.frame_count == sum(counts)
    frames = [frame for one in scene.groups for frame in one.frames]
    assert frames == list(range(sum(counts)))
    assert [one.stream for one in scene.groups] == list(range(len(counts)))


@given(
    low=st.tuples(FINITE, FINITE, FINITE),
    numbers=st.tuples(st.floats(1e-6, 1e6), st.floats(0.01, 4), FINITE),
    rate=st.fractions(Fraction(1, 100), 240, max_denominator=1001),
)
def test_every_number_survives_json_to_the_last_bit(low, numbers, rate) -> None:
    voxel_size, step, empty_density = numbers
    grid = VoxelGrid(Aabb(low, tuple(value + 1.1 for value in low)), voxel_size, (2, 3, 4))
    constants = FieldConstants(4, step, empty_density, (0.1, 1 / 3, 1.0))
    scene = record_of(1, grid=grid, constants=constants, frame_rate=rate)
    again = SceneRecord.from_json(json.loads(json.dumps(scene.to_json())))
    assert (again.grid, again.constants, again.frame_rate) == (grid, constants, rate)
    assert again.to_json() == scene.to_json()


def test_the_record_of_a_release_without_a_rate_is_read() -> None:
    record = sound()
    del record["rate"]
    assert SceneRecord.from_json(record).rate == ""


def test_keys_that_a_later_release_adds_are_ignored() -> None:
    record = sound()
    group = record["groups"][0]
    inner = record["capture"], record["shading"], group, group["layout"], group["quantizer"]
    for part in (record, *inner):
        part["later"] = {"x": 1}
    assert SceneRecord.from_json(record).to_json() == sound()


def test_a_newer_record_asks_for_an_update_whatever_else_it_holds() -> None:
    for record in ({"version": 2}, sound() | {"version": 2, "groups": "elsewhere"}):
        with pytest.raises(SceneError, match=r"version 2, expected at most 1; update"):
            SceneRecord.from_json(record)


def paths(value: object, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place inside a record, the outermost left out."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)  # type: ignore[call-overload]
    for key, inner in pairs:
        yield (*here, key)
        if isinstance(inner, dict | list):
            yield from paths(inner, (*here, key))


def place_name(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))


def changed(path: tuple[Any, ...], value: object) -> dict[str, Any]:
    record = sound()
    *way, last = path
    place: Any = record
    for key in way:
        place = place[key]
    place[last] = copy.deepcopy(value)
    return record


# Of every list the first member stands for the others.
EVERY_PLACE = [
    path for path in paths(sound()) if path != ("rate",) and set(path).isdisjoint(range(1, 11))
]
TEXTS = [("profile",), ("capture", "name"), ("capture", "frames"), ("groups", 0, "occupancy")]
NUMBERS = [
    path
    for path in EVERY_PLACE
    if path not in TEXTS and not isinstance(reduce(getitem, path, sound()), dict | list)
]
every_place = pytest.mark.parametrize("path", EVERY_PLACE, ids=place_name)


@every_place
@pytest.mark.parametrize("value", [None, True, {"x": "y"}, [[]]], ids=str)
def test_a_value_of_another_kind_is_one_typed_error(path, value) -> None:
    with pytest.raises(SceneError, match="damaged"):
        SceneRecord.from_json(changed(path, value))


@pytest.mark.parametrize("path", NUMBERS, ids=place_name)
@pytest.mark.parametrize("text", ['"8"', "1e999", "-1e999", "NaN", "1" + "0" * 400], ids=len)
def test_a_number_that_no_field_can_hold_is_one_typed_error(path, text) -> None:
    with pytest.raises(SceneError, match=r"damaged|update this software") as caught:
        SceneRecord.from_json(changed(path, json.loads(text)))
    assert path == ("version",) or len(str(caught.value)) < 500


@pytest.mark.parametrize("path", TEXTS, ids=place_name)
def test_a_number_in_place_of_a_text_is_one_typed_error(path) -> None:
    with pytest.raises(SceneError, match=rf"damaged.*{path[-1]} is 3, expected a text"):
        SceneRecord.from_json(changed(path, 3))


@given(st.data())
def test_any_value_anywhere_is_read_or_one_typed_error(data) -> None:
    path, value = data.draw(st.sampled_from(EVERY_PLACE)), data.draw(JSON)
    with suppress(SceneError):
        assert SceneRecord.from_json(changed(path, value)).frame_count == 3


@pytest.mark.parametrize(
    "path", [path for path in EVERY_PLACE if isinstance(path[-1], str)], ids=place_name
)
def test_a_missing_key_is_one_typed_error_that_names_it(path) -> None:
    record = sound()
    place: Any = record
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    with pytest.raises(SceneError, match=rf"damaged.*{path[-1]}"):
        SceneRecord.from_json(record)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("aabb",), [[0, 0, 0], [1, 0, 1]]),
        (("aabb",), [[0, 0, 0]]),
        (("aabb", 1), [1, 1, 1, 1]),
        (("aabb", 0, 2), float("nan")),
        (("version",), "1"),
        (("version",), 0),
        (("voxel_size",), 0),
        (("voxel_size",), -0.5),
        (("voxel_size",), float("inf")),
        (("grid",), [3.7, 3, 3]),
        (("grid",), [1000, 1000, 1000]),
        (("step",), -1),
        (("step",), 0),
        (("step",), 1e-30),
        (("step",), 1e30),
        (("empty_density",), float("nan")),
        (("empty_density",), 1e39),
        (("background",), [1.0, 1.0]),
        (("background",), [1.0, 1.0, 1.0, 1.0]),
        (("background",), ["1", "1", "1"]),
        (("background", 1), 1.001),
        (("background", 1), -0.001),
        (("grid",), [9, 8]),
        (("grid",), [9, 8, 1]),
        (("grid", 0), 2**21 + 1),
        (("frame_rate",), [30, 0]),
        (("frame_rate",), [30, 1, 1]),
        (("frame_rate",), [0, 1]),
        (("frame_rate",), [-30, 1]),
        (("frame_rate",), [30, None]),
        (("frame_rate",), [29.97, 1]),
        (("frame_rate",), [1, 2**32]),
        (("shading", "width"), 8.5),
        (("shading", "depth"), 0),
        (("shading", "feature_count"), 65),
        (("groups", 0, "layout", "tile_columns"), 0),
        (("groups", 0, "layout", "rows"), 10**9),
        (("groups", 1, "quantizer", "bit_depth"), 40),
        (("groups", 1, "quantizer", "maximum"), [0.0] * 4),
        (("groups", 1, "quantizer", "minimum"), [9.0] * 5),
        (("groups", 0), []),
        (("capture", "scale"), 0),
        (("capture", "scale"), 1.5),
        (("capture", "test_views", 0), -1),
        (("groups", 0, "stream"), -1),
        (("groups", 0, "frame_count"), 0),
        (("groups", 0, "first_frame"), 1),
        (("groups", 1, "first_frame"), 1),
        (("groups", 1, "first_frame"), 3),
        (("groups", 1, "frame_count"), -1),
    ],
    ids=str,
)
def test_values_that_no_writer_would_store_are_refused(path, value) -> None:
    with pytest.raises(SceneError, match="export"):
        SceneRecord.from_json(changed(path, value))


def marked(marks: object) -> dict[str, Any]:
    record = sound(2)
    record["groups"][0]["layout"] = PlaneLayout.plan(5, 32, 160).to_json()
    record["groups"][0]["marks"] = marks
    return record


def test_marks_survive_json_and_their_absence_leaves_no_key() -> None:
    layout = PlaneLayout.plan(5, 32, 160)
    planned = PictureMarks.plan(layout, PROFILES["web8"])
    assert planned is not None
    scene = SceneRecord.from_json(marked(planned.to_json()))
    assert scene.groups[0].marks == planned
    assert scene.to_json()["groups"][0]["marks"] == planned.to_json()
    for plain in (marked(None), sound(2)):
        again = SceneRecord.from_json(plain)
        assert again.groups[0].marks is None
        assert "marks" not in again.to_json()["groups"][0]


@pytest.mark.parametrize(
    "change", [{"row": 0}, {"row": 16}, {"row": 1 << 20}, {"column": 4096}, {"codes": []}]
)
def test_marks_on_texels_outside_the_picture_or_damaged_are_refused(change) -> None:
    planned = PictureMarks.plan(PlaneLayout.plan(5, 32, 160), PROFILES["web8"])
    assert planned is not None
    with pytest.raises(SceneError, match="marks"):
        SceneRecord.from_json(marked(planned.to_json() | change))


@pytest.mark.parametrize("record", [3, [], "marks", True, {}])
def test_what_is_no_record_of_marks_is_refused(record) -> None:
    with pytest.raises(SceneError, match="marks"):
        SceneRecord.from_json(marked(record))
