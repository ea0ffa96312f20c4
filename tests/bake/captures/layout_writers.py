"""Writes captures in the layouts they are published in, with camera mathematics of its own.

What is known of each layout is said by its loader. ``change`` edits what is about to be written.
"""

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hwcodec import write_rgb_video
from tests.bake.captures.colmap_writer import WrittenModel

Change = Callable[..., object]
_OPENGL = np.diag([1.0, -1, -1])
# By which models of full-size pictures are larger than the pictures beside them.
REDUCED = 4


@dataclass(frozen=True)
class Footage:
    """What cameras saw.

    Attributes:
        to_world: OpenCV poses (cameras, 3, 4), camera to world.
        lens: focal length and center of all cameras: x, y, x, y.
        pictures: RGB or straight RGBA (cameras, frames, rows, columns, 3 or 4).
        labels, frames: names of the cameras, and numbers of the frames.
        box: the minimum and the maximum corner around the subject.
        held_out: cameras to test with, where a layout can say so.
        rate: frames per second, where a layout can say so.
        ending: of picture files, where the layout leaves it open.
    """

    to_world: np.ndarray
    lens: tuple[float, float, float, float]
    pictures: np.ndarray
    labels: tuple[str, ...]
    frames: tuple[int, ...]
    box: tuple[float, ...] = (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0)
    held_out: tuple[int, ...] = (0,)
    rate: Fraction = Fraction(25)
    ending: str = "png"

    @property
    def size(self) -> tuple[int, int]:
        return self.pictures.shape[3], self.pictures.shape[2]

    @property
    def matrix(self) -> np.ndarray:
        focal_x, focal_y, center_x, center_y = self.lens
        return np.array([[focal_x, 0, center_x], [0, focal_y, center_y], [0, 0, 1]])

    @property
    def to_camera(self) -> np.ndarray:
        """OpenCV poses (cameras, 4, 4), world to camera."""
        last = np.broadcast_to([0.0, 0, 0, 1], (len(self.to_world), 1, 4))
        return np.linalg.inv(np.concatenate([self.to_world, last], 1))

    def opengl(self, camera: int) -> list[list[float]]:
        """The camera's pose as transforms.json has it."""
        pose = np.eye(4)
        pose[:3] = self.to_world[camera]
        pose[:3, :3] = pose[:3, :3] @ _OPENGL
        return pose.tolist()

    def of(self, cameras: Sequence[int]) -> "Footage":
        """Some of the cameras."""
        chosen = list(cameras)
        labels = tuple(self.labels[camera] for camera in chosen)
        world, pictures = self.to_world[chosen], self.pictures[chosen]
        return replace(self, to_world=world, pictures=pictures, labels=labels)

    def each(self) -> Iterable[tuple[int, str, int, np.ndarray]]:
        """Camera, label, frame number and picture of everything."""
        for camera, label in enumerate(self.labels):
            for place, frame in enumerate(self.frames):
                yield camera, label, frame, self.pictures[camera, place]


def on_white(picture: np.ndarray) -> np.ndarray:
    """The picture (rows, columns, 3) as it looks on white."""
    if picture.shape[-1] == 3:
        return picture
    share = picture[..., 3:] / 255.0
    return np.rint(picture[..., :3] * share + 255 * (1 - share)).astype(np.uint8)


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Gray, RGB or RGBA; JPEG at a camera's quality."""
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    written = cv2.cvtColor(picture, order[picture.shape[2]]) if picture.ndim == 3 else picture
    path.parent.mkdir(parents=True, exist_ok=True)
    options = [cv2.IMWRITE_JPEG_QUALITY, 98] if path.suffix == ".jpg" else []
    assert cv2.imwrite(str(path), written, options)


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def _unchanged(*_: object) -> None:
    """Write it as it is."""


def write_nerfstudio(folder: Path, footage: Footage, change: Change = _unchanged) -> Path:
    entries: list[dict[str, Any]] = []
    for camera, _, frame, picture in footage.each():
        path = f"cam{camera}/{frame:04d}.png"
        write_picture(folder / path, picture)
        time = frame / max(*footage.frames, 1)
        numbers = {"time": time, "frame_index": frame, "camera_index": camera}
        entries.append({"file_path": path, "transform_matrix": footage.opengl(camera)} | numbers)
    names = {camera: [] for camera in range(len(footage.labels))}
    for entry in entries:
        names[entry["camera_index"]].append(entry["file_path"])
    parts = {True: "test_filenames", False: "train_filenames"}
    document: dict[str, Any] = {"camera_model": "PINHOLE", "fps": float(footage.rate)}
    document |= dict(zip(("fl_x", "fl_y", "cx", "cy"), footage.lens, strict=True))
    document |= {"w": footage.size[0], "h": footage.size[1]}
    document |= {"aabb": [list(footage.box[:3]), list(footage.box[3:])]}
    for is_test, part in parts.items():
        chosen = [camera for camera in names if (camera in footage.held_out) == is_test]
        document[part] = [name for camera in chosen for name in names[camera]]
    document["frames"] = entries
    change(document)
    (folder / "transforms.json").write_text(json.dumps(document))
    return folder


def write_blender(
    folder: Path,
    footage: Footage,
    shots: Mapping[str, Sequence[tuple[float, int, int]]],
    change: Change = _unchanged,
) -> Path:
    """``shots`` are the times, cameras and frames (by place) of each part, one picture a time."""
    for part, listed in shots.items():
        entries = []
        for index, (time, camera, place) in enumerate(listed):
            name = f"{part}/r_{index:03d}"
            write_picture(folder / f"{name}.png", footage.pictures[camera, place])
            matrix = footage.opengl(camera)
            entries.append({"file_path": f"./{name}", "time": time, "transform_matrix": matrix})
        angle = 2 * np.arctan(footage.size[0] / 2 / footage.lens[0])
        document = {"camera_angle_x": angle, "frames": entries}
        change(document)
        (folder / f"transforms_{part}.json").write_text(json.dumps(document))
    return folder


def write_frame_folders(folder: Path, footage: Footage, change: Change = _unchanged) -> Path:
    documents: dict[int, dict[str, Any]] = {
        frame: {"white_transparent": True, "aabb_scale": 1, "frames": []}
        for frame in footage.frames
    }
    for camera, _, frame, picture in footage.each():
        path = f"images/{camera}.png"
        write_picture(folder / str(frame) / path, picture)
        lens = {"K": footage.matrix.tolist()}
        lens |= dict(zip(("fl_x", "fl_y", "cx", "cy"), footage.lens, strict=True))
        lens |= {"w": float(footage.size[0]), "h": float(footage.size[1])}
        pose = {"file_path": path, "transform_matrix": footage.opengl(camera)}
        documents[frame]["frames"].append(pose | lens)
    for frame, document in documents.items():
        change(frame, document)
        (folder / str(frame) / "transforms.json").write_text(json.dumps(document))
    return folder


def write_colmap(
    folder: Path, footage: Footage, form: str = "bin", pictures: str = "images"
) -> Path:
    """A model of pictures that may be larger than those beside it, and points in the box.

    One frame is a picture for every camera, several are a folder for every camera.
    """
    factor = REDUCED if pictures.endswith(str(REDUCED)) else 1
    width, height = (side * factor for side in footage.size)
    lens = ("PINHOLE", width, height, tuple(float(number * factor) for number in footage.lens))
    named = [
        (f"{label}.png", 7, pose)
        for label, pose in zip(footage.labels, footage.to_camera, strict=True)
    ]
    generator = np.random.default_rng(2)
    points = generator.uniform(footage.box[:3], footage.box[3:], (200, 3))
    WrittenModel({7: lens}, named, points).write(folder / "sparse/0", form)
    for _, label, frame, picture in footage.each():
        name = label if len(footage.frames) == 1 else f"{label}/{frame:04d}"
        write_picture(folder / pictures / f"{name}.{footage.ending}", picture)
    return folder


def write_easyvolcap(folder: Path, footage: Footage, change: Change = _unchanged) -> Path:
    lenses: dict[str, Any] = {"names": list(footage.labels)}
    poses: dict[str, Any] = {"names": list(footage.labels)}
    for label, pose in zip(footage.labels, footage.to_camera, strict=True):
        lenses[f"K_{label}"] = footage.matrix
        lenses[f"H_{label}"], lenses[f"W_{label}"] = map(float, footage.size[::-1])
        lenses[f"D_{label}"] = np.zeros((5, 1))
        poses[f"R_{label}"] = cv2.Rodrigues(pose[:3, :3])[0]
        poses[f"Rot_{label}"], poses[f"T_{label}"] = pose[:3, :3], pose[:3, 3:]
        poses[f"t_{label}"], poses[f"n_{label}"], poses[f"f_{label}"] = 0.0, 0.0001, 1e6
        poses[f"bounds_{label}"] = np.reshape(footage.box, (2, 3))
    change({"lenses": lenses, "poses": poses})
    folder.mkdir(exist_ok=True)
    for name, values in (("intri.yml", lenses), ("extri.yml", poses)):
        lines = [line for key, value in values.items() for line in _opencv_lines(key, value)]
        text = "\r\n".join(["%YAML:1.0", "---", *lines, ""])
        (folder / name).write_bytes(text.encode())
    for _, label, frame, picture in footage.each():
        write_picture(folder / f"images/{label}/{frame:06d}.{footage.ending}", picture[..., :3])
        write_picture(folder / f"masks/{label}/{frame:06d}.png", picture[..., 3])
    return folder


def _opencv_lines(key: str, value: object) -> list[str]:
    """A value as EasyVolcap writes it."""
    if isinstance(value, np.ndarray):
        rows, columns = value.shape if value.ndim == 2 else (len(value), 1)
        data = ", ".join(f"{number:.10f}" for number in value.ravel())
        head = [f"{key}: !!opencv-matrix", f"  rows: {rows}", f"  cols: {columns}", "  dt: d"]
        return [*head, f"  data: [{data}]"]
    if isinstance(value, list):
        return [f"{key}:", *(f'  - "{item}"' for item in value)]
    return [f"{key}: {value:.10f}"]


def write_actorshq(folder: Path, footage: Footage, change: Change = _unchanged) -> Path:
    """The folder of one size; the table of boxes lies beside it."""
    width, height = footage.size
    shares = np.array(footage.lens) / (width, height, width, height)
    keys = ("w", "h", "rx", "ry", "rz", "tx", "ty", "tz", "fx", "fy", "px", "py")
    rows = []
    for label, pose in zip(footage.labels, footage.to_world, strict=True):
        turn = cv2.Rodrigues(pose[:, :3])[0].ravel()
        numbers = (width, height, *turn, *pose[:, 3], *shares)
        rows.append({"name": label, **dict(zip(keys, numbers, strict=True))})
    rows.append(rows[0] | {"name": "Cam160"})  # Not downloaded.
    change({"rows": rows})
    folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / "calibration.csv", rows)
    keys = ("frame_number", *(f"aabb_{end}_{axis}" for end in ("min", "max") for axis in "xyz"))
    box, more = footage.box, np.array([0, 0, 0, 0, 0, 0.5])
    boxes = [(frame, *(box + more * place)) for place, frame in enumerate(footage.frames)]
    boxes.append((max(footage.frames) + 1, *(box + more * 99)))
    write_table(folder.parent / "aabbs.csv", [dict(zip(keys, b, strict=True)) for b in boxes])
    for _, label, frame, picture in footage.each():
        rgb = folder / f"rgbs/{label}/{label}_rgb{frame:06d}.{footage.ending}"
        write_picture(rgb, picture[..., :3])
        mask = picture[..., 3] if picture.shape[2] == 4 else np.full_like(picture[..., 0], 255)
        write_picture(folder / f"masks/{label}/{label}_mask{frame:06d}.png", mask)
    return folder


def write_neural3d(folder: Path, footage: Footage, change: Change = _unchanged) -> Path:
    """Poses of pictures twice as large; from 2 to 6 units away."""
    rows = []
    for pose in footage.to_world:
        right, down, forward, position = pose.T
        last = 2.0 * np.array([footage.size[1], footage.size[0], footage.lens[0]])
        matrix = np.stack([down, right, -forward, position, last], axis=1)
        rows.append([*matrix.ravel(), 2.0, 6.0])
    change(rows)
    folder.mkdir()
    np.save(folder / "poses_bounds.npy", np.array(rows))
    for label, pictures in zip(footage.labels, footage.pictures, strict=True):
        write_rgb_video(folder / f"{label}.mp4", map(on_white, pictures), footage.rate)
    return folder


def write_rerf(
    folder: Path, footage: Footage, change: Change = _unchanged, absent: Sequence[int] = ()
) -> Path:
    """Cameras without videos are ``absent``; the box is in units that ReRF's reader makes."""
    poses = [pose[:, [2, 0, 1, 3]].T.ravel() for pose in footage.to_world]
    lines = [" ".join(repr(float(number)) for number in row) for row in footage.matrix]
    positions = footage.to_world[:, :, 3]
    middle = positions.mean(0)
    scale = 2 / np.abs(positions - middle).max()
    ends = [(np.array(end) - middle) * scale for end in (footage.box[:3], footage.box[3:])]
    box = dict(zip(("xyz_min", "xyz_max"), (end.tolist() for end in ends), strict=True))
    change({"box": box, "poses": poses})
    folder.mkdir()
    text = "\n".join(" ".join(repr(float(number)) for number in pose) for pose in poses)
    (folder / "CamPose.inf").write_text(text + "\n")
    blocks = ["\n".join([str(number), *lines, "", ""]) for number in range(len(poses))]
    (folder / "Intrinsic.inf").write_text("".join(blocks))
    (folder / "bbox.json").write_text(json.dumps(box))
    for number in set(range(len(poses))) - {*absent}:
        pictures = footage.pictures[number]
        for kind, shown in (("image", map(on_white, pictures)), ("mask", map(_mask, pictures))):
            path = folder / kind / f"{number:03d}.mp4"
            path.parent.mkdir(exist_ok=True)
            write_rgb_video(path, shown, footage.rate)
    return folder


def _mask(picture: np.ndarray) -> np.ndarray:
    """The opacity of a picture as one."""
    return np.repeat(picture[..., 3:], 3, axis=2)
