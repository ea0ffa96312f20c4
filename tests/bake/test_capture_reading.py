"""Reading a capture: only what is asked for, from many threads at once, within a bound."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from threading import Barrier, Lock
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bake.capture import Capture, CaptureOptions, to_view
from bake.captures.source import Source, Split
from bake.errors import CaptureError
from render.cameras import Lens, orbit
from render.geometry import Aabb

ROWS, COLUMNS, FRAMES, VIEWS = 6, 8, 5, 6
VIEW_BYTES = ROWS * COLUMNS * 4


class Reader:
    """Pictures that say who they are; counts reads and how many ran at the same time."""

    def __init__(self) -> None:
        self.inspected: list[tuple[int, ...]] = []
        self.reads: list[tuple[int, int]] = []
        self.running = self.most_running = 0
        self._lock = Lock()

    def inspect(self, frames: Sequence[int]) -> bool:
        self.inspected.append(tuple(frames))
        return True

    def read(self, frame: int, view: int) -> np.ndarray:
        with self._lock:
            self.reads.append((frame, view))
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        picture = np.full((ROWS, COLUMNS, 4), 255, np.uint8)
        picture[..., 0], picture[..., 1] = frame, view
        with self._lock:
            self.running -= 1
        return picture


def source(reader: Any, **changes: object) -> Source:  # noqa: ANN401 - anything that reads
    everything = tuple(range(VIEWS))
    made = Source(
        name="fake",
        cameras=orbit((0, 0, 0), 3.0, 0.0, VIEWS, Lens(COLUMNS, ROWS, 10.0)),
        labels=tuple(f"cam-{view}" for view in everything),
        views=dict.fromkeys(range(0, 10 * FRAMES, 10), everything),
        frame_rate=Fraction(30000, 1001),
        aabb=Aabb((-1, -1, -1), (1, 1, 1)),
        split=Split(everything[:4], everything[4:]),
        reader=reader,
    )
    return replace(made, **changes)


def capture(reader: Reader, **options: object) -> Capture:
    return Capture(source(reader), CaptureOptions(**options))


def test_opening_reads_no_picture_and_inspects_the_chosen_frames_once() -> None:
    reader = Reader()
    opened = capture(reader, frames="1:5:2")
    assert opened.frame_rate == Fraction(15000, 1001)
    assert (reader.reads, reader.inspected) == ([], [(10, 30)])


def test_asking_for_views_reads_those_views_alone() -> None:
    reader = Reader()
    capture(reader).views(2, (5, 1))
    assert sorted(reader.reads) == [(20, 1), (20, 5)]


@settings(max_examples=15)
@given(limit=st.integers(0, 5), seed=st.integers(0, 99))
def test_many_threads_get_the_right_pictures_within_the_bound(limit, seed) -> None:
    opened = capture(Reader(), cache_bytes=limit * VIEW_BYTES)
    generator = np.random.default_rng(seed)
    wanted = [tuple(map(int, generator.integers((FRAMES, VIEWS)))) for _ in range(60)]
    together = Barrier(4)

    def look(keys: list[tuple[int, ...]]) -> None:
        together.wait()
        for frame, view in keys:
            found = opened.view(frame, view)
            assert found.rgb[0, 0].tolist() == [10 * frame, view, 255]
            found.rgb[:] = 0  # Their own copy, so nobody else sees this.
            assert opened._pictures.size_bytes <= limit * VIEW_BYTES

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(look, [wanted[i::4] for i in range(4)]))
    kept = opened._pictures._views
    assert opened._pictures.size_bytes == VIEW_BYTES * len(kept)


def test_a_picture_that_is_kept_is_not_read_again_and_one_that_is_not_is() -> None:
    for limit, expected in ((VIEW_BYTES, 1), (VIEW_BYTES - 1, 3)):
        reader = Reader()
        opened = capture(reader, cache_bytes=limit)
        for _ in range(3):
            opened.view(0, 0)
        assert len(reader.reads) == expected


def test_the_bound_counts_the_scaled_picture() -> None:
    reader = Reader()
    opened = capture(reader, cache_bytes=VIEW_BYTES // 4, scale=0.5)
    opened.view(0, 0)
    opened.view(0, 0)
    assert len(reader.reads) == 1


def test_an_error_of_one_picture_reaches_whoever_asked_for_many() -> None:
    class Broken(Reader):
        def read(self, frame: int, view: int) -> np.ndarray:
            if view == 3:
                raise CaptureError("cam-3 is broken")
            return super().read(frame, view)

    opened = capture(Broken())
    assert len(opened.views(0, (0, 1, 2))) == 3
    with pytest.raises(CaptureError, match="cam-3 is broken"):
        opened.validate_frame(0)
    assert opened.view(0, 2).rgb[0, 0, 1] == 2  # The others are still there.


def test_views_that_exist_at_some_frames_only_are_offered_there_only() -> None:
    present = {0: (0, 4), 10: (1, 2, 5), 20: (3,)}
    opened = Capture(source(Reader(), views=present), CaptureOptions())
    assert [opened.train_views(frame) for frame in range(3)] == [(0,), (1, 2), (3,)]
    assert [opened.test_views(frame) for frame in range(3)] == [(4,), (5,), ()]
    with pytest.raises(CaptureError, match=r"no view 4 at frame 20, expected one of \[3\]"):
        opened.view(2, 4)


def test_an_empty_mask_is_named_by_the_label_and_the_original_frame() -> None:
    class Empty(Reader):
        def read(self, frame: int, view: int) -> np.ndarray:
            return super().read(frame, view) * np.uint8(view != 1)

    opened = capture(Empty(), frames="3:")
    with pytest.raises(CaptureError, match=r"mask of camera cam-1 is empty at frame 30"):
        opened.views(0, (0, 1))


@given(
    scale=st.sampled_from([0.3, 0.5, 0.77, 1.0]),
    points=st.lists(st.tuples(*[st.floats(-0.9, 0.9)] * 3), min_size=1, max_size=5),
)
def test_scaled_cameras_see_every_point_at_the_same_share_of_the_picture(scale, points) -> None:
    full, small = capture(Reader()).cameras, capture(Reader(), scale=scale).cameras
    for before, after in zip(full, small, strict=True):
        expected = before.project(points)[0] / (before.width, before.height)
        found = after.project(points)[0] / (after.width, after.height)
        np.testing.assert_allclose(found, expected, atol=1e-9)


@given(seed=st.integers(0, 99), scale=st.sampled_from([0.4, 0.7, 0.9]))
def test_shrinking_by_any_factor_keeps_the_mean_brightness(seed, scale) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 30, 3), np.uint8)
    size = round(30 * scale), round(40 * scale)
    view = to_view(pixels, (1.0, 1.0, 1.0), size)
    assert view.rgb.shape == (size[1], size[0], 3)
    assert np.abs(view.rgb.mean((0, 1)) - pixels.mean((0, 1))).max() < 1.0
