"""Every published layout, written from the same footage, opens as that footage.

Once with two cameras and a painted pixel, once with a real performer seen by nine.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from bake.capture import Capture, CaptureOptions, open_capture
from bake.captures.registry import detect_loader
from tests.bake.captures import layout_writers as write
from tests.bake.captures.conftest import COLUMNS, PAINT, POINT, ROW, footage
from tests.bake.captures.layout_writers import Footage, on_white

# Of pictures that went through a lossy codec.
LEAST_PSNR = 35
CAMERAS, FRAMES, SHRINK = tuple(range(0, 27, 3)), (0, 14, 39), 4


@dataclass(frozen=True)
class Layout:
    """How a layout is written, and what it can say.

    ``order`` are the footage's cameras as the capture has them, ``shown`` a picture on white.
    """

    loader: str
    write: Callable[[Path, Footage], Path]
    order: Callable[[int], list[int]] = lambda count: list(range(count))
    held_out: Callable[[int], list[int]] = lambda count: list(range(0, count, 8))
    rate: int = 30
    has_masks: bool = True
    has_box: bool = True
    is_exact: bool = True
    shown: Callable[[np.ndarray], np.ndarray] = on_white


def opaque(footage: Footage) -> Footage:
    return replace(footage, pictures=on_white(footage.pictures))


def colmap_instant(folder: Path, footage: Footage) -> Path:
    first = replace(footage, pictures=footage.pictures[:, :1], frames=footage.frames[:1])
    return write.write_colmap(folder, opaque(first), "txt", f"images_{write.REDUCED}")


def colmap_moving(folder: Path, footage: Footage) -> Path:
    return write.write_colmap(folder, opaque(replace(footage, ending="jpg")))


def blender(folder: Path, footage: Footage) -> Path:
    """The last camera is held out; what one camera at a time sees is all there is."""
    count, last = len(footage.labels), len(footage.frames) - 1
    shots = [(place / max(last, 1), place % count, place) for place in range(last + 1)]
    train = [shot for shot in shots if shot[1] != count - 1] or shots
    return write.write_blender(folder, footage, {"train": train, "test": [(0.0, count - 1, 0)]})


def neural3d(folder: Path, footage: Footage) -> Path:
    numbers = [number for number in range(len(footage.labels) + 1) if number != 1]
    labels = tuple(f"cam{number:02d}" for number in numbers)
    return write.write_neural3d(folder, replace(footage, labels=labels))


def rerf(folder: Path, footage: Footage) -> Path:
    return write.write_rerf(folder, footage, absent=[1] if len(footage.labels) > 2 else [])


def twice_on_white(picture: np.ndarray) -> np.ndarray:
    """ReRF's pictures are on white already, and its masks are applied to them as in its reader."""
    return on_white(np.dstack([on_white(picture), picture[..., 3]]))


def with_photographs(writer: Callable[..., Path], folder: Path, footage: Footage) -> Path:
    return writer(folder, replace(footage, ending="jpg"))


LAYOUTS = {
    "nerfstudio": Layout("nerfstudio", write.write_nerfstudio, held_out=lambda count: [1], rate=25),
    "blender": Layout("blender", blender),
    "frame folders": Layout("frame-folders", write.write_frame_folders, has_box=False),
    "colmap, one instant": Layout("colmap", colmap_instant, has_masks=False, has_box=False),
    "colmap, moving": Layout(
        "colmap", colmap_moving, has_masks=False, has_box=False, is_exact=False
    ),
    "easyvolcap": Layout("easyvolcap", write.write_easyvolcap),
    "easyvolcap, photographs": Layout(
        "easyvolcap", partial(with_photographs, write.write_easyvolcap), is_exact=False
    ),
    "actorshq": Layout(
        "actorshq", partial(with_photographs, write.write_actorshq), rate=25, is_exact=False
    ),
    "neural3d": Layout(
        "neural3d",
        neural3d,
        held_out=lambda count: [0],
        rate=25,
        has_masks=False,
        has_box=False,
        is_exact=False,
    ),
    "rerf": Layout(
        "rerf",
        rerf,
        order=lambda count: [camera for camera in range(count) if camera != 1 or count < 3],
        rate=25,
        is_exact=False,
        shown=twice_on_white,
    ),
}
layouts = pytest.mark.parametrize("name", LAYOUTS)


@pytest.fixture(scope="module")
def performer(captures: Path) -> Footage:
    """A real performer, seen by nine cameras at three instants, at a quarter of the size."""
    folder = captures / "performer"
    described = json.loads((folder / "cameras.json").read_text())["cameras"]
    chosen = [described[camera] for camera in CAMERAS]
    matrix = np.array(chosen[0]["K"]) / SHRINK
    document = json.loads((folder / "transforms.json").read_text())
    pictures = [
        [shrunk(folder / f"cam{camera:02d}/{frame:04d}.png") for frame in FRAMES]
        for camera in CAMERAS
    ]
    return Footage(
        to_world=np.stack([np.linalg.inv(each["w2c"])[:3] for each in chosen]),
        lens=(matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]),
        pictures=np.array(pictures),
        labels=tuple(f"{camera:02d}" for camera in CAMERAS),
        frames=tuple(range(len(FRAMES))),
        box=tuple(np.ravel(document["aabb"])),
        held_out=(1,),
    )


def shrunk(path: Path) -> np.ndarray:
    """A picture averaged over squares of pixels, with straight alpha."""
    pixels = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    values = pixels.astype(float)
    values[..., :3] *= values[..., 3:] / 255
    rows, columns = (side // SHRINK for side in values.shape[:2])
    means = values.reshape(rows, SHRINK, columns, SHRINK, 4).mean((1, 3))
    means[..., :3] /= np.maximum(means[..., 3:] / 255, 1e-6)
    # What lies under transparent pixels is no color; white is kindest to codecs.
    means[means[..., 3] == 0, :3] = 255
    return np.rint(means.clip(0, 255)).astype(np.uint8)


def opened(folder: Path, **options: object) -> Capture:
    return open_capture(CaptureOptions(str(folder), **options))


def psnr(found: np.ndarray, wanted: np.ndarray) -> float:
    error = np.mean((found.astype(float) - wanted) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@layouts
def test_a_known_point_lands_on_its_painted_pixel_in_every_view(tmp_path, name) -> None:
    layout, shown = LAYOUTS[name], footage((4, 5, 6))
    folder = layout.write(tmp_path / "scene", shown)
    assert detect_loader(str(folder)) == layout.loader
    capture = opened(folder)
    seen = set()
    for frame in range(capture.frame_count):
        for view in (*capture.train_views(frame), *capture.test_views(frame)):
            pixels, depth = capture.cameras[view].project([POINT])
            column = COLUMNS[int(capture.cameras[view].position[2] < 2)]
            assert pixels[0] == pytest.approx([column + 0.5, ROW + 0.5], abs=1e-4)
            assert depth[0] == pytest.approx(4.0)
            if layout.is_exact:
                assert capture.view(frame, view).rgb[ROW, column].tolist() == list(PAINT)
            seen.add(column)
    assert seen == {*COLUMNS}


@layouts
def test_a_real_performer_opens_as_what_was_written(tmp_path, performer, name) -> None:
    layout = LAYOUTS[name]
    capture = opened(layout.write(tmp_path / "scene", performer))
    assert capture.frame_rate == layout.rate
    assert capture.has_masks == layout.has_masks
    if layout.loader == "blender":
        check_moving(capture, performer)
        return
    order = layout.order(len(performer.labels))
    assert capture.frame_count == (1 if "instant" in name else len(FRAMES))
    assert list(capture.split.test) == layout.held_out(len(order))
    assert len(capture.cameras) == len(capture.split.train) + len(capture.split.test) == len(order)
    check_projections(capture, performer.of(order))
    for frame in range(capture.frame_count):
        for view, camera in enumerate(order):
            check_picture(capture, (frame, view), performer.pictures[camera, frame], layout)
    if layout.has_box:
        assert (*capture.aabb.minimum, *capture.aabb.maximum)[:5] == pytest.approx(
            performer.box[:5], abs=1e-6
        )


def check_moving(capture: Capture, performer: Footage) -> None:
    """One camera at a time: the first three while it moves, then the last."""
    order = [0, 1, 2, len(CAMERAS) - 1]
    assert (capture.split.train, capture.split.test) == ((0, 1, 2), (3,))
    assert [capture.train_views(frame) for frame in range(3)] == [(0,), (1,), (2,)]
    assert [capture.test_views(frame) for frame in range(3)] == [(3,), (), ()]
    check_projections(capture, performer.of(order))
    for frame, view in ((0, 0), (1, 1), (2, 2), (0, 3)):
        picture = performer.pictures[order[view], frame]
        check_picture(capture, (frame, view), picture, LAYOUTS["blender"])


def check_projections(capture: Capture, performer: Footage) -> None:
    """Corners of the box and points within it lie where the performer's cameras have them."""
    low, high = np.array(performer.box[:3]), np.array(performer.box[3:])
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T
    points = np.concatenate([corners, np.random.default_rng(1).uniform(low, high, (200, 3))])
    for camera, pose in zip(capture.cameras, performer.to_camera, strict=True):
        local = (points @ pose[:3, :3].T + pose[:3, 3]) @ performer.matrix.T
        assert (camera.width, camera.height) == performer.size
        found, _ = camera.project(points)
        assert np.abs(found - local[:, :2] / local[:, 2:]).max() < 0.01


def check_picture(
    capture: Capture, place: tuple[int, int], written: np.ndarray, layout: Layout
) -> None:
    """Pictures without loss are the same; others are close, and so is what they cover."""
    view = capture.view(*place)
    found, wanted = view.rgb, layout.shown(written)
    if layout.is_exact:
        assert np.abs(found.astype(int) - wanted).max() <= (1 if layout.has_masks else 0)
    else:
        assert psnr(found, wanted) > LEAST_PSNR
    if view.alpha is not None and layout.loader != "rerf":
        assert np.array_equal(view.alpha, written[..., 3])
    elif view.alpha is not None:
        assert psnr(view.alpha, written[..., 3]) > LEAST_PSNR


def test_the_written_performer_is_the_one_that_was_captured(captures, performer) -> None:
    capture = opened(captures / "performer", scale=1 / SHRINK)
    points = np.random.default_rng(0).uniform(performer.box[:3], performer.box[3:], (50, 3))
    for view, camera in enumerate(CAMERAS):
        pose = performer.to_camera[view]
        local = (points @ pose[:3, :3].T + pose[:3, 3]) @ performer.matrix.T
        found, _ = capture.cameras[camera].project(points)
        assert np.allclose(found, local[:, :2] / local[:, 2:], atol=1e-6)
        for place, frame in enumerate(FRAMES):
            wanted = capture.view(frame, camera)
            shown = on_white(performer.pictures[view, place]).astype(int)
            assert np.abs(wanted.rgb - shown).max() <= 2
