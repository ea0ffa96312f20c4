"""A mask is only held against a camera if it cannot be true, however loose the others' hull is."""

from dataclasses import replace

import numpy as np
import pytest

from bake.captures.source import Source, Split
from bake.inspection.consensus import collect_votes
from bake.inspection.contradiction import contradicts, emptied, outside
from bake.inspection.findings import Verdict
from bake.inspection.outlines import Scene, expect
from bake.inspection.small_pictures import read_instant
from benchmarks import fault_planting as planting
from render.geometry import Aabb

REGION = Aabb((-1.2, -1.2, -1.2), (1.2, 1.2, 1.2))
# Parts of a ring of 14: bunched, a half, and so few that hulls are mostly air.
UNEVEN = [(0, 1, 2, 3, 4, 5, 9), (0, 1, 2, 3, 4, 5, 6), (0, 1, 2, 7), (0, 1, 7, 8), (0, 4, 9)]


def part(source: Source, chosen: tuple[int, ...]) -> Source:
    """The same capture with some of its cameras."""
    views = tuple(range(len(chosen)))
    return replace(
        source,
        cameras=tuple(source.cameras[view] for view in chosen),
        labels=tuple(source.labels[view] for view in chosen),
        views=dict.fromkeys(source.views, views),
        split=Split(views[:-1], views[-1:]),
        reader=planting.Planted(
            source.reader, lambda reader, frame, view: reader.read(frame, chosen[view])
        ),
    )


def scene_of(source: Source, jury: frozenset[int]) -> Scene:
    instant = read_instant(source, 2)
    votes = collect_votes(instant, REGION, jury, 0.8)
    assert votes is not None
    return expect(instant, votes, jury, 1.0)


def everyone(source: Source) -> frozenset[int]:
    return frozenset(range(len(source.cameras)))


def test_no_mask_of_a_clean_capture_contradicts_another(balls) -> None:
    scene = scene_of(balls, everyone(balls))
    assert not [v for v in everyone(balls) if contradicts([scene], v, everyone(balls))]


@pytest.mark.parametrize("chosen", UNEVEN[:-1])
def test_a_hull_outside_of_a_mask_contradicts_nothing(balls, chosen) -> None:
    few = part(balls, chosen)
    scene = scene_of(few, everyone(few))
    assert not [v for v in everyone(few) if contradicts([scene], v, everyone(few))]


def test_a_mask_that_reaches_out_of_what_others_allow_contradicts_them(balls) -> None:
    source = planting.shift_mask(balls, 3, 10)
    jury = everyone(source) - {3}
    scene = scene_of(source, jury)
    assert outside([scene], 3) > 0.05
    assert contradicts([scene], 3, jury)


def test_a_mask_that_lacks_a_part_contradicts_those_who_see_it(balls) -> None:
    def cut(pixels: planting.Pixels) -> planting.Pixels:
        alpha = pixels[..., 3].copy()
        rows = np.flatnonzero(alpha.any(1))
        alpha[: rows[0] + len(rows) // 4] = 0
        return np.dstack([pixels[..., :3], alpha])

    source = planting.edit(balls, 3, cut)
    jury = everyone(source) - {3}
    scene = scene_of(source, jury)
    assert outside([scene], 3) < 0.001
    assert emptied([scene], 3, jury) > 0.02
    assert contradicts([scene], 3, jury)


def test_a_voxel_that_is_half_on_a_mask_is_not_forbidden(balls, monkeypatch) -> None:
    monkeypatch.setattr("bake.inspection.consensus._MOST_RESOLUTION", 24)
    scene = scene_of(balls, everyone(balls))
    assert scene.votes.voxel_size > 0.07  # About three pixels.
    assert not [v for v in everyone(balls) if contradicts([scene], v, everyone(balls))]


def test_a_focal_length_that_is_stated_too_long_contradicts_the_others(balls) -> None:
    source = planting.zoom(balls, 5)
    jury = everyone(source) - {5}
    assert contradicts([scene_of(source, jury)], 5, jury)


@pytest.mark.parametrize("chosen", UNEVEN)
def test_few_or_uneven_cameras_without_a_fault_raise_no_alarm(balls, inspected, chosen) -> None:
    found = inspected(part(balls, chosen))
    assert not [f for f in found.findings if f.verdict in {Verdict.FAULT, Verdict.WARNING}]


@pytest.mark.parametrize("plant", [planting.mirror, planting.misread])
def test_nobody_else_is_blamed_in_an_uneven_rig(balls, inspected, plant) -> None:
    uneven = part(balls, (0, 1, 2, 3, 4, 5, 6, 9, 12))
    found = inspected(plant(uneven, 2))
    assert {f.view for f in found.findings if f.verdict is Verdict.FAULT} == {2}
