"""Planted faults are what their names say, in one view alone, and many undo themselves."""

from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import pytest

from bake.captures.exposure import to_linear
from bake.captures.source import Source, every_eighth
from benchmarks import fault_planting as planting
from render.cameras import Lens, look_at

FRAMES = (3, 4, 5)
EVERYTHING = [(frame, view) for frame in FRAMES for view in range(9)]


@dataclass(frozen=True)
class Noise:
    """Pictures that all differ, with masks."""

    kind: type = np.uint8
    channel_count: int = 4
    asked: list[tuple[int, int]] = field(default_factory=list)

    def inspect(self, frames) -> bool:
        return self.channel_count == 4 and bool(frames)

    def read(self, frame: int, view: int) -> planting.Pixels:
        self.asked.append((frame, view))
        generator = np.random.default_rng((frame, view))
        most = np.iinfo(self.kind).max
        return generator.integers(0, most + 1, (24, 32, self.channel_count)).astype(self.kind)

    def stamp(self, frame: int, view: int) -> str:
        return f"{frame} {view}"


@pytest.fixture
def source() -> Source:
    return noise(Noise())


def noise(reader: Noise) -> Source:
    lens = Lens(32, 24, 40)
    cameras = tuple(
        look_at((3 * np.cos(view), 3 * np.sin(view), 1), (0, 0, 0), (0, 0, 1), lens=lens)
        for view in range(9)
    )
    return Source(
        name="noise",
        cameras=cameras,
        labels=tuple(f"n{view}" for view in range(9)),
        views=dict.fromkeys(FRAMES, tuple(range(9))),
        frame_rate=Fraction(25),
        aabb=None,
        split=every_eighth(9),
        reader=reader,
    )


def differing(one: Source, other: Source) -> set[tuple[int, int]]:
    """(frame, view) of pictures that are not the same in both."""
    return {
        at for at in EVERYTHING if not np.array_equal(one.reader.read(*at), other.reader.read(*at))
    }


def turned(one: Source, other: Source) -> set[int]:
    """Views whose cameras are not the same in both."""
    pairs = enumerate(zip(one.cameras, other.cameras, strict=True))
    return {view for view, (a, b) in pairs if repr(a) != repr(b)}


def all_of(*views: int) -> set[tuple[int, int]]:
    return {(frame, view) for frame in FRAMES for view in views}


@pytest.mark.parametrize(
    ("plant", "changed"),
    [
        (lambda source: planting.swap(source, 2, 6), all_of(2, 6)),
        (lambda source: planting.mirror(source, 4), all_of(4)),
        (lambda source: planting.shift_mask(source, 4), all_of(4)),
        (lambda source: planting.shift_picture(source, 4), all_of(4)),
        (lambda source: planting.expose(source, 4), all_of(4)),
        (lambda source: planting.delay(source, 4), {(3, 4), (4, 4)}),
        (lambda source: planting.delay(source, 4, -1), {(4, 4), (5, 4)}),
        (lambda source: planting.zoom(source, 4), set()),
        (lambda source: planting.misread(source, 4), set()),
    ],
)
def test_pictures_of_other_cameras_stay(source, plant, changed) -> None:
    assert differing(source, plant(source)) == changed


@pytest.mark.parametrize(
    ("plant", "changed"),
    [
        (lambda source: planting.zoom(source, 4), {4}),
        (lambda source: planting.misread(source, 4), {4}),
        (lambda source: planting.misread(source, 4, 5), {4, 5}),
        (planting.misread, set(range(9))),
        (lambda source: planting.swap(source, 2, 6), set()),
    ],
)
def test_calibration_of_other_cameras_stays(source, plant, changed) -> None:
    assert turned(source, plant(source)) == changed


@pytest.mark.parametrize(
    "plant",
    [
        lambda source: planting.swap(source, 2, 6),
        lambda source: planting.mirror(source, 4),
        lambda source: planting.misread(source, 4, convention=0),
        lambda source: planting.misread(source, convention=2),
    ],
)
def test_planted_twice_is_as_before(source, plant) -> None:
    again = plant(plant(source))
    assert not differing(source, again)
    for before, after in zip(source.cameras, again.cameras, strict=True):
        np.testing.assert_allclose(before.world_to_camera, after.world_to_camera, atol=1e-12)


def test_a_longer_focal_length_is_stated_and_the_middle_stays(source) -> None:
    before, after = source.cameras[4], planting.zoom(source, 4).cameras[4]
    assert after.focal_x == pytest.approx(42)
    assert after.focal_y == pytest.approx(1.05 * before.focal_y)
    assert (after.center_x, after.center_y) == (before.center_x, before.center_y)


@pytest.mark.parametrize(("dx", "empty"), [(10, slice(0, 10)), (-10, slice(-10, None))])
def test_a_moved_mask_leaves_its_colors(source, dx, empty) -> None:
    before = source.reader.read(3, 4)
    after = planting.shift_mask(source, 4, dx).reader.read(3, 4)
    assert np.array_equal(before[..., :3], after[..., :3])
    assert not after[:, empty, 3].any()
    kept = before[:, :-10, 3] if dx > 0 else before[:, 10:, 3]
    assert np.array_equal(after[:, 10:, 3] if dx > 0 else after[:, :-10, 3], kept)


def test_a_camera_that_is_late_shows_what_comes_next(source) -> None:
    late = planting.delay(source, 4).reader
    assert np.array_equal(late.read(3, 4), source.reader.read(4, 4))
    assert np.array_equal(late.read(5, 4), source.reader.read(5, 4))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_longer_exposure_is_more_light(kind) -> None:
    source, most = noise(Noise(kind)), np.iinfo(kind).max
    before = source.reader.read(3, 4)
    after = planting.expose(source, 4).reader.read(3, 4)
    assert np.array_equal(before[..., 3], after[..., 3])
    light = to_linear(before[..., :3] / most)
    dark = light * 1.2 < 1
    # A step of eight bits is up to 0.0088 of light at white.
    found = to_linear(after[..., :3] / most)
    np.testing.assert_allclose(found[dark], 1.2 * light[dark], atol=0.0045)
    assert (after[..., :3][~dark] == most).all()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_masks_become_a_wall(kind) -> None:
    source = noise(Noise(kind))
    bare = planting.without_masks(source)
    assert source.reader.inspect(FRAMES)
    assert not bare.reader.inspect(FRAMES)
    before, after = source.reader.read(3, 4), bare.reader.read(3, 4)
    assert after.shape == (24, 32, 3)
    assert after.dtype == kind
    most = np.iinfo(kind).max
    wall = 200 / 255 * most
    alpha = before[..., 3:] / most
    expected = before[..., :3] * alpha + wall * (1 - alpha)
    assert np.abs(after - expected).max() <= 0.5 + 1e-9


def test_pictures_without_masks_stay(source) -> None:
    plain = noise(Noise(channel_count=3))
    assert not differing(plain, planting.without_masks(plain))


def test_a_part_of_a_rig_keeps_its_cameras_and_pictures(source) -> None:
    part = planting.part_of(source, (7, 2, 4, 5))
    assert part.labels == ("n7", "n2", "n4", "n5")
    assert part.cameras[1] is source.cameras[2]
    assert np.array_equal(part.reader.read(4, 0), source.reader.read(4, 7))
    assert part.views == dict.fromkeys(FRAMES, (0, 1, 2, 3))
    assert part.split == every_eighth(4)


def test_a_part_has_frames_where_all_its_cameras_are(source) -> None:
    gaps = {3: tuple(range(9)), 4: (0, 1, 2, 3), 5: (1, 2, 3, 4, 5)}
    part = planting.part_of(replace(source, views=gaps), (1, 2, 3, 4))
    assert list(part.views) == [3, 5]


def test_nothing_is_read_before_it_is_asked_for() -> None:
    reader = Noise()
    source = planting.mirror(planting.expose(noise(reader), 1), 1)
    assert not reader.asked
    source.reader.read(5, 1)
    assert reader.asked == [(5, 1)]


def test_changed_pictures_are_not_to_be_kept(source) -> None:
    assert source.reader.stamp(3, 4)
    assert planting.mirror(source, 4).reader.stamp(3, 4) == ""
