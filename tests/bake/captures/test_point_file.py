"""Points of PLY files: every form that there is, and files that are none."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.captures.point_file import read_points
from bake.errors import CaptureError

POINTS = np.array([(0.5, -1.25, 3.0), (1e3, 0.0, -0.125), (7.0, 8.0, 9.0)])
MORE = "property uchar red\nproperty list uchar int ignored\n"


def header(form: str, count: object, kind: str = "float", faces: str = "") -> bytes:
    axes = "".join(f"property {kind} {axis}\n" for axis in "xyz")
    text = f"ply\nformat {form} 1.0\ncomment made by hand\nelement vertex {count}\n{axes}"
    return f"{text}property uchar red\n{faces}end_header\n".encode()


def body(form: str, kind: str) -> bytes:
    if form == "ascii":
        return "".join(f"{x} {y} {z} 255\n" for x, y, z in POINTS).encode()
    order = "<" if "little" in form else ">"
    layout = [(axis, order + kind) for axis in "xyz"] + [("red", "u1")]
    vertices = np.zeros(len(POINTS), layout)
    for axis, column in zip("xyz", POINTS.T, strict=True):
        vertices[axis] = column
    return vertices.tobytes()


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize(("kind", "code"), [("float", "f4"), ("double", "f8"), ("float32", "f4")])
def test_every_form_gives_the_same_points(tmp_path, form, kind, code) -> None:
    path = tmp_path / "points.ply"
    faces = "element face 1\nproperty list uchar int vertex_index\n"
    path.write_bytes(header(form, 3, kind, faces) + body(form, code) + b"3 0 1 2\n")
    assert np.array_equal(read_points(path), POINTS)


def test_lines_may_end_as_on_windows(tmp_path) -> None:
    path = tmp_path / "points.ply"
    path.write_bytes((header("ascii", 3) + body("ascii", "f4")).replace(b"\n", b"\r\n"))
    assert np.array_equal(read_points(path), POINTS)


def test_points_that_are_nowhere_are_left_out(tmp_path) -> None:
    path = tmp_path / "points.ply"
    path.write_bytes(header("ascii", 3) + b"0 0 nan 1\n1 2 3 1\ninf 0 0 1\n")
    assert read_points(path).tolist() == [[1.0, 2.0, 3.0]]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"ply\n",
        b"PNG" + header("ascii", 3),
        header("ascii", 4) + body("ascii", "f4"),
        header("ascii", 3) + b"a b c 1\n" * 3,
        header("ascii", 3) + b"1 2\n" * 3,
        header("binary_little_endian", 3) + body("binary_little_endian", "f4")[:-1],
        header("binary_little_endian", 999_999_999),
        header("binary_little_endian", "1e3"),
        header("binary_little_endian", -1),
        header("binary_middle_endian", 3),
        header("ascii", 3).replace(b"property float z\n", b""),
        header("ascii", 3).replace(b"float z", b"quaternion z"),
        header("ascii", 3).replace(b"element vertex", b"element face"),
        header("ascii", 3).replace(b"property float y", b"property float x"),
        header("ascii", 3).replace(b"property uchar red", b"property list uchar int red"),
    ],
)
def test_what_is_no_such_file_is_one_sentence(tmp_path, data) -> None:
    path = tmp_path / "points.ply"
    path.write_bytes(data)
    with pytest.raises(CaptureError, match=r"points\.ply cannot be read as points: .*capture\.box"):
        read_points(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="No such file"):
        read_points(tmp_path / "points.ply")


@given(st.binary(max_size=200), st.integers(0, 150))
def test_damage_is_refused_or_read(tmp_path_factory, noise, place) -> None:
    path = tmp_path_factory.mktemp("ply") / "points.ply"
    data = bytearray(header("binary_little_endian", 3) + body("binary_little_endian", "f4"))
    data[place : place + len(noise)] = noise
    path.write_bytes(data)
    with suppress(CaptureError):
        assert read_points(path).shape[1] == 3
