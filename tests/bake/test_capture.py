"""Options, selection, cache and conversion, on a source that lives in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.capture import Capture, CaptureOptions, View, open_capture, register_loader, to_view
from bake.captures.source import Source, Split
from bake.errors import BakeError, CaptureError
from render.cameras import Lens, orbit
from render.geometry import Aabb

SIZE = 8
VIEW_BYTES = SIZE * SIZE * 4


@dataclass
class FakeReader:
    """Pictures whose color tells frame and view; counts what is read."""

    reads: list[tuple[int, int]] = field(default_factory=list)

    def inspect(self, frames: Sequence[int]) -> bool:
        return bool(frames)

    def read(self, frame: int, view: int) -> np.ndarray:
        self.reads.append((frame, view))
        picture = np.full((SIZE, SIZE, 4), 255, np.uint8)
        picture[..., 0], picture[..., 1] = frame, view
        return picture


def fake_source(frames: Sequence[int] = range(10), view_count: int = 4) -> Source:
    everything = tuple(range(view_count))
    return Source(
        name="fake",
        cameras=orbit((0, 0, 0), 3.0, 0.0, view_count, Lens(SIZE, SIZE, 10.0)),
        labels=tuple(f"c{view}" for view in everything),
        views=dict.fromkeys(frames, everything),
        frame_rate=Fraction(30),
        aabb=Aabb((-1, -1, -1), (1, 1, 1)),
        split=Split(everything[:-1], everything[-1:]),
        reader=FakeReader(),
    )


def fake_capture(**options: object) -> Capture:
    return Capture(fake_source(), CaptureOptions(**options))


@given(start=st.integers(0, 9), stop=st.integers(0, 10), step=st.integers(1, 12))
def test_frames_are_selected_like_a_half_open_range(start: int, stop: int, step: int) -> None:
    chosen = tuple(range(start, stop, step))
    if not chosen:
        with pytest.raises(CaptureError, match=r"some of 0:10"):
            fake_capture(frames=f"{start}:{stop}:{step}")
        return
    capture = fake_capture(frames=f"{start}:{stop}:{step}")
    assert capture.frame_indices == chosen
    assert capture.frame_count == len(chosen)
    assert capture.frame_rate == Fraction(30, step)
    assert capture.view(len(chosen) - 1, 2).rgb[0, 0].tolist() == [chosen[-1], 2, 255]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [(":", range(10)), ("3", [3]), ("7:", range(7, 10)), (":2", range(2)), ("::5", [0, 5])],
)
def test_parts_of_a_selection_may_be_left_out(frames: str, expected: Sequence[int]) -> None:
    assert fake_capture(frames=frames).frame_indices == tuple(expected)


def test_a_selection_counts_positions_and_keeps_original_numbers() -> None:
    capture = Capture(fake_source(frames=[104, 100, 108]), CaptureOptions(frames="1:3"))
    assert capture.frame_indices == (104, 108)
    assert capture.view(0, 0).rgb[0, 0, 0] == 104


@pytest.mark.parametrize("frames", ["0:11", "10", "5:5", "7:3", "0:5:0"])
def test_a_selection_beyond_the_capture_is_refused(frames: str) -> None:
    with pytest.raises(CaptureError, match=r"has 10 frames.*correct the selection"):
        fake_capture(frames=frames)


@pytest.mark.parametrize("frames", ["", "a", "-1", "1:2:3:4", "0-5", "1.5", ":-1", " 3"])
def test_a_selection_that_is_no_range_is_refused(frames: str) -> None:
    with pytest.raises(CaptureError, match=r"capture frames are.*count positions from 0"):
        CaptureOptions(frames=frames)


@pytest.mark.parametrize("scale", [0.0, -0.5, 1.5, float("nan"), float("inf")])
def test_a_scale_outside_zero_to_one_is_refused(scale: float) -> None:
    with pytest.raises(CaptureError, match=r"scale is .* expected a number in \(0, 1\]"):
        CaptureOptions(scale=scale)


def test_a_scale_that_leaves_no_pixel_is_refused() -> None:
    with pytest.raises(CaptureError, match=r"cannot be scaled.*larger scale"):
        fake_capture(scale=0.01)


@pytest.mark.parametrize("background", [(1.0, 1.0), (2.0, 0.0, 0.0), (255, 255, 255)])
def test_a_background_that_is_no_color_is_refused(background: object) -> None:
    with pytest.raises(CaptureError, match="divide 8-bit values by 255"):
        CaptureOptions(background=background)


def test_a_background_list_is_stored_as_a_tuple() -> None:
    background: Any = [0, 0, 1]
    assert CaptureOptions(background=background).background == (0.0, 0.0, 1.0)


def test_a_negative_cache_is_refused() -> None:
    with pytest.raises(CaptureError, match="cache_bytes"):
        CaptureOptions(cache_bytes=-1)


@given(
    limit=st.integers(0, 6 * VIEW_BYTES),
    wanted=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=40),
)
def test_the_cache_keeps_its_bound_and_the_latest_pictures(
    limit: int, wanted: list[tuple[int, int]]
) -> None:
    source = fake_source()
    capture = Capture(source, CaptureOptions(cache_bytes=limit))
    reads: list[tuple[int, int]] = []
    latest: list[tuple[int, int]] = []
    for key in wanted:
        if key not in latest:
            reads.append(key)
        latest = [kept for kept in latest if kept != key] + [key]
        latest = latest[-(limit // VIEW_BYTES) :] if limit >= VIEW_BYTES else []
        assert capture.view(*key).rgb[0, 0].tolist() == [*key, 255]
        assert capture._pictures.size_bytes == VIEW_BYTES * len(latest) <= limit
    assert isinstance(source.reader, FakeReader)
    assert source.reader.reads == reads


def test_what_a_caller_does_to_a_picture_stays_with_the_caller() -> None:
    capture = fake_capture()
    first = capture.view(0, 0)
    first.rgb[:] = 77
    assert capture.view(0, 0).rgb[0, 0].tolist() == [0, 0, 255]


def test_several_views_come_in_the_order_asked_for() -> None:
    views = fake_capture().views(3, [2, 0, 3, 0])
    assert [view.rgb[0, 0].tolist()[1] for view in views] == [2, 0, 3, 0]
    assert fake_capture().views(3, []) == []


@pytest.mark.parametrize("frame_index", [-1, 10])
def test_a_frame_outside_the_selection_is_refused(frame_index: int) -> None:
    for call in (Capture.train_views, Capture.test_views, Capture.validate_frame):
        with pytest.raises(CaptureError, match=r"no frame .*expected 0\.\.9"):
            call(fake_capture(), frame_index)


@pytest.mark.parametrize("view_index", [-1, 4])
def test_a_view_that_does_not_exist_is_refused(view_index: int) -> None:
    with pytest.raises(CaptureError, match=r"no view .* expected one of \[0, 1, 2, 3\]"):
        fake_capture().view(0, view_index)


def test_cameras_follow_the_scaled_pictures() -> None:
    capture = fake_capture(scale=0.5)
    assert {(camera.width, camera.height) for camera in capture.cameras} == {(4, 4)}
    assert capture.view(0, 0).rgb.shape == (4, 4, 3)


@given(
    factor=st.sampled_from([2, 3, 4]),
    seed=st.integers(0, 99),
    background=st.tuples(*[st.floats(0, 1)] * 3),
)
def test_shrinking_averages_what_was_composited(
    factor: int, seed: int, background: tuple[float, float, float]
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 24, 4), np.uint8)
    view = to_view(pixels, background, (24 // factor, 12 // factor))
    values = pixels / 255.0
    color = values[..., :3] * values[..., 3:] + np.array(background) * (1 - values[..., 3:])
    whole = np.concatenate([color, values[..., 3:]], axis=2)
    tiles = whole.reshape(12 // factor, factor, 24 // factor, factor, 4).mean(axis=(1, 3))
    assert view.alpha is not None
    found = np.dstack([view.rgb, view.alpha])
    assert np.abs(found - tiles * 255).max() <= 0.501


def test_sixteen_bit_pictures_lose_nothing_but_the_last_rounding() -> None:
    pixels = np.full((4, 4, 3), 25700, np.uint16)
    view = to_view(pixels, (1.0, 1.0, 1.0), (4, 4))
    assert view.alpha is None
    assert (view.rgb == 100).all()


def test_full_size_opaque_pictures_pass_unchanged() -> None:
    pixels = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    assert np.array_equal(to_view(pixels, (0.0, 0.0, 0.0), (8, 8)).rgb, pixels)


def test_a_path_that_does_not_exist_is_refused_with_the_built_in_captures(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"is no folder.*procedural.*check the path"):
        open_capture(CaptureOptions(path=str(tmp_path / "none")))


def test_a_folder_of_an_unknown_format_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(CaptureError, match=r"no known format.*transforms\.json"):
        open_capture(CaptureOptions(path=str(tmp_path)))


def test_a_folder_of_videos_is_sent_to_prepare_capture(tmp_path: Path) -> None:
    (tmp_path / "cam00.MP4").write_bytes(b"")
    with pytest.raises(CaptureError, match="become a capture with prepare-capture"):
        open_capture(CaptureOptions(path=str(tmp_path)))


def test_an_unknown_loader_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CaptureError, match=r"expected auto or one of .*nerfstudio"):
        open_capture(CaptureOptions(loader="fbx"))


def test_a_stated_loader_is_used_without_detection(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"transforms_train\.json is missing"):
        open_capture(CaptureOptions(path=str(tmp_path), loader="blender"))


def test_a_registered_loader_is_found_by_its_marker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "own_capture_format.py"
    module.write_text(
        "from bake.captures.procedural import open_source as inner\n"
        "def open_source(path):\n    return inner('procedural:2:16')\n"
    )
    (tmp_path / "own.marker").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("bake.captures.registry._LOADERS", {})
    register_loader("own", "own_capture_format:open_source", "own.marker")
    assert open_capture(CaptureOptions(path=str(tmp_path))).frame_count == 2
    with pytest.raises(CaptureError, match="already own_capture_format"):
        register_loader("own", "other:open_source", None)


def test_a_source_without_training_views_is_refused() -> None:
    with pytest.raises(CaptureError, match="no train views"):
        fake_source(view_count=1)


def test_capture_errors_can_be_caught_as_value_errors() -> None:
    assert issubclass(CaptureError, BakeError)
    assert issubclass(CaptureError, ValueError)


def test_a_view_without_a_mask_says_so() -> None:
    assert View(np.zeros((2, 2, 3), np.uint8), None).alpha is None
