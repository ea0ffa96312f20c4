"""Pictures kept in a folder: read once, the same ever after, and never those of another capture."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from bake.capture import Capture, CaptureOptions, View, open_capture
from bake.captures import pictures
from bake.captures.kept_views import ViewFolder
from bake.commands import bake_sequence
from bake.errors import CaptureError
from tests.bake.captures import layout_writers
from tests.bake.captures.conftest import footage

Write = Callable[..., Path]
LENS = {"camera_model": "OPENCV", "k1": -0.2, "k2": 0.05, "p1": 0.003, "p2": -0.002}


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Files of captures that were decoded."""
    found: list[Path] = []
    decode = pictures.decode_picture

    def counted(path: Path) -> np.ndarray:
        found.append(path)
        return decode(path)

    monkeypatch.setattr(pictures, "decode_picture", counted)
    return found


def opened(folder: Path, **options: object) -> Capture:
    return open_capture(CaptureOptions(path=str(folder), cache_bytes=0, **options))


def everything(capture: Capture) -> list[View]:
    return [
        capture.view(frame, view)
        for frame in range(capture.frame_count)
        for view in range(len(capture.cameras))
    ]


def are_equal(some: list[View], others: list[View]) -> bool:
    return all(
        np.array_equal(one.rgb, other.rgb)
        and (one.alpha is None) == (other.alpha is None)
        and (one.alpha is None or np.array_equal(one.alpha, other.alpha))
        for one, other in zip(some, others, strict=True)
    )


def kept(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("change", [{}, LENS])
def test_pictures_are_decoded_once_for_all_runs(
    nerfstudio: Write, tmp_path, decoded, channels, change
) -> None:
    folder = nerfstudio(lambda document: document.update(change), channels)
    expected = everything(opened(folder, scale=0.5))
    words = {"scale": 0.5, "cache_folder": str(tmp_path / "views")}
    assert are_equal(everything(opened(folder, **words)), expected)
    assert len(kept(tmp_path / "views")) == len(expected)
    capture = opened(folder, **words)
    decoded.clear()
    assert are_equal(everything(capture), expected)
    assert decoded == []


def test_whatever_changes_a_picture_makes_it_another_one(nerfstudio: Write, tmp_path) -> None:
    views = tmp_path / "views"

    def count(**options: object) -> int:
        found = everything(opened(folder, cache_folder=str(views), **options))
        assert are_equal(found, everything(opened(folder, **options)))
        return len(kept(views))

    folder = nerfstudio()
    assert [count(), count(frames="1"), count(box=(0, 0, 0, 1, 1, 1))] == [4, 4, 4]
    assert count(scale=0.5) == 8
    assert count(background=(0.0, 0.5, 0.0)) == 12
    assert count(exposure="cam0=1.5") == 14
    nerfstudio(lambda document: document.update(LENS))
    assert count() == 18  # All pictures were written anew, and are straightened.
    nerfstudio(lambda document: document.update(LENS | {"k1": -0.1}), 3)
    assert count() == 22


def test_the_date_alone_tells_a_picture_from_its_earlier_version(
    nerfstudio: Write, tmp_path
) -> None:
    folder = nerfstudio()
    everything(opened(folder, cache_folder=str(tmp_path / "views")))
    os.utime(folder / "cam0/0000.png", (1, 1))
    everything(opened(folder, cache_folder=str(tmp_path / "views")))
    assert len(kept(tmp_path / "views")) == 5


def test_videos_and_their_masks_are_kept(tmp_path) -> None:
    folder, views = layout_writers.write_rerf(tmp_path / "rerf", footage()), tmp_path / "views"
    expected = everything(opened(folder))
    for _ in range(2):
        assert are_equal(everything(opened(folder, cache_folder=str(views))), expected)
    assert len(kept(views)) == len(expected)


def test_a_capture_without_files_keeps_nothing(tmp_path) -> None:
    capture = open_capture(CaptureOptions("procedural:1:16", cache_folder=str(tmp_path / "views")))
    capture.view(0, 0)
    assert kept(tmp_path / "views") == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\xff" * 64),
        lambda path: path.write_bytes(other_size()),
    ],
)
def test_a_kept_picture_that_was_damaged_is_made_anew(nerfstudio: Write, tmp_path, damage) -> None:
    folder, views = nerfstudio(), tmp_path / "views"
    expected = everything(opened(folder, cache_folder=str(views)))
    whole = [path.read_bytes() for path in kept(views)]
    for path in kept(views):
        damage(path)
    assert are_equal(everything(opened(folder, cache_folder=str(views))), expected)
    assert [path.read_bytes() for path in kept(views)] == whole


def other_size() -> bytes:
    """A good picture that is none of this capture's."""
    return bytes(pictures.cv2.imencode(".png", np.zeros((4, 4, 4), np.uint8))[1])


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_disk_that_refuses_ends_with_what_to_do(
    nerfstudio: Write, tmp_path, monkeypatch, error
) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("bake.captures.kept_views.replace_file", refuse)
    capture = opened(nerfstudio(), cache_folder=str(tmp_path / "views"))
    with pytest.raises(CaptureError, match=f"{os.strerror(error)}; make space, or leave capture"):
        capture.view(0, 0)


def test_a_folder_that_cannot_be_made_is_refused_when_the_capture_is_opened(
    nerfstudio: Write, tmp_path
) -> None:
    (tmp_path / "file").write_text("")
    for name in (tmp_path / "file", tmp_path / "file/views"):
        with pytest.raises(CaptureError, match=r"cache_folder .* cannot be made"):
            opened(nerfstudio(), cache_folder=str(name))
    with pytest.raises(CaptureError, match="NUL"):
        CaptureOptions(cache_folder="a\0b")


def test_a_picture_that_vanished_is_missed_although_it_is_kept(nerfstudio: Write, tmp_path) -> None:
    folder = nerfstudio()
    capture = opened(folder, cache_folder=str(tmp_path / "views"))
    everything(capture)
    (folder / "cam0/0000.png").unlink()
    with pytest.raises(CaptureError, match=r"cam0/0000\.png cannot be read \(No such file"):
        capture.view(0, 0)


@settings(max_examples=30)
@given(data=st.data(), has_alpha=st.booleans())
def test_any_view_comes_back_as_it_was(tmp_path_factory, data, has_alpha) -> None:
    rows, columns = data.draw(array_shapes(min_dims=2, max_dims=2, max_side=9))
    rgb = data.draw(arrays(np.uint8, (rows, columns, 3)))
    alpha = data.draw(arrays(np.uint8, (rows, columns))) if has_alpha else None
    folder = ViewFolder(tmp_path_factory.mktemp("views"))
    path = folder.path("any", (columns, rows))
    assert folder.load(path, (columns, rows), has_alpha=has_alpha) is None
    folder.store(path, View(rgb, alpha))
    found = folder.load(path, (columns, rows), has_alpha=has_alpha)
    assert found is not None
    assert are_equal([found], [View(rgb, alpha)])
    assert folder.load(path, (columns, rows), has_alpha=not has_alpha) is None


def test_a_bake_is_the_same_with_kept_pictures(sphere_folder, tmp_path) -> None:
    words = [f"capture.path={sphere_folder}", "capture.frames=:2", "capture.cache_bytes=0"]
    words += ["resolution=10", "coarse.resolution=8", "coarse.iterations=4", "coarse.rays=64"]
    words += ["optimize.first_iterations=4", "optimize.iterations=3", "optimize.rays=64"]
    words += ["shading.feature_count=3", "shading.width=4", "loop.codec=rounding"]
    results = []
    views = f"capture.cache_folder={tmp_path / 'views, kept'}"
    for name, more in (("plain", []), ("first", [views]), ("second", [views])):
        assert bake_sequence([*words, *more, f"out={tmp_path / name}"]) == 0
        files = (tmp_path / name / "atlas").iterdir()
        results.append({path.name: path.read_bytes() for path in files})
    assert results[0]
    assert results[0] == results[1] == results[2]
    assert kept(tmp_path / "views, kept")
