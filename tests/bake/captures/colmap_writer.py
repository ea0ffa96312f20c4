"""Writes what COLMAP would, in both of its forms, with camera mathematics of its own."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

MODELS = (
    "SIMPLE_PINHOLE",
    "PINHOLE",
    "SIMPLE_RADIAL",
    "RADIAL",
    "OPENCV",
    "OPENCV_FISHEYE",
    "FULL_OPENCV",
    "FOV",
)


@dataclass
class WrittenModel:
    """Lenses as (model, width, height, parameters), pictures as (name, lens, pose), points."""

    lenses: dict[int, tuple[str, int, int, Sequence[float]]]
    pictures: list[tuple[str, int, np.ndarray]]
    points: np.ndarray
    keypoints: dict[str, list[tuple[float, float, int]]] = field(default_factory=dict)

    def write(self, folder: Path, form: str) -> None:
        """Write the three files as ``bin`` or ``txt``."""
        folder.mkdir(parents=True, exist_ok=True)
        (self._write_binary if form == "bin" else self._write_text)(folder)

    def _write_binary(self, folder: Path) -> None:
        data = struct.pack("<Q", len(self.lenses))
        for number, (model, width, height, parameters) in self.lenses.items():
            data += struct.pack("<iiQQ", number, MODELS.index(model), width, height)
            data += struct.pack(f"<{len(parameters)}d", *parameters)
        (folder / "cameras.bin").write_bytes(data)
        data = struct.pack("<Q", len(self.pictures))
        for index, (name, lens, pose) in enumerate(self.pictures):
            data += struct.pack("<i7di", index + 1, *quaternion(pose), *pose[:3, 3], lens)
            seen = self.keypoints.get(name, [])
            data += name.encode() + b"\0" + struct.pack("<Q", len(seen))
            data += b"".join(struct.pack("<ddq", *each) for each in seen)
        (folder / "images.bin").write_bytes(data)
        data = struct.pack("<Q", len(self.points))
        for index, point in enumerate(self.points):
            data += struct.pack("<Q3d3Bd", index, *point, 9, 9, 9, 0.5)
            data += struct.pack("<Qii", 1, 1, 0)
        (folder / "points3D.bin").write_bytes(data)

    def _write_text(self, folder: Path) -> None:
        lines = ["# Camera list"]
        for number, (model, width, height, parameters) in self.lenses.items():
            lines.append(f"{number} {model} {width} {height} " + " ".join(map(repr, parameters)))
        (folder / "cameras.txt").write_text("\n".join(lines) + "\n")
        lines = ["# Image list with two lines of data per image"]
        for index, (name, lens, pose) in enumerate(self.pictures):
            numbers = " ".join(repr(float(n)) for n in (*quaternion(pose), *pose[:3, 3]))
            lines.append(f"{index + 1} {numbers} {lens} {name}")
            lines.append(" ".join(f"{x} {y} {p}" for x, y, p in self.keypoints.get(name, [])))
        (folder / "images.txt").write_text("\n".join(lines) + "\n")
        lines = [
            f"{index} {p[0]} {p[1]} {p[2]} 9 9 9 0.5 1 0" for index, p in enumerate(self.points)
        ]
        (folder / "points3D.txt").write_text("\n".join(lines) + "\n")


def quaternion(pose: np.ndarray) -> tuple[float, float, float, float]:
    """(w, x, y, z) of a rotation, by its eigenvector of eigenvalue 1 (Bar-Itzhack, 2000)."""
    r = pose[:3, :3]
    k = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], 0, 0, 0],
            [r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], 0, 0],
            [r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1], 0],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], np.trace(r)],
        ]
    )
    _, vectors = np.linalg.eigh(k)
    x, y, z, w = vectors[:, -1]
    return float(w), float(x), float(y), float(z)
