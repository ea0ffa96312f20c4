"""Marks in the page: the same frame numbers as in Python, and colors led back to codes."""

import numpy as np
import pytest
import torch

from hwcodec import PROFILES, PlaneLayout
from hwcodec.marks import PictureMarks
from tests.render.web.page_calls import EngineError

LAYOUT = PlaneLayout.plan(7, 96, 96)
MARKS = PictureMarks.plan(LAYOUT, PROFILES["web8"])
COUNT = """
  const { readMarks } = await engine("marks");
  return readMarks(given.marks).frameOf(given.luma, given.width)"""
COLORS = """
  const { readMarks, calibrate } = await engine("marks");
  const marks = readMarks(given.marks);
  return [marks.frameOfColors(given.pixels), ...calibrate(marks, given.pixels)]"""


def plane(frame: int) -> torch.Tensor:
    codes = torch.randint(16, 236, (LAYOUT.height, LAYOUT.width), dtype=torch.uint8)
    return MARKS.apply(codes, frame)


def strip(luma: np.ndarray) -> np.ndarray:
    """The marks' part of a plane as red, green, blue and alpha."""
    part = luma[MARKS.row : MARKS.row + 8, MARKS.column : MARKS.column + 160]
    rounded = np.clip(np.round(part), 0, 255).astype(np.uint8)
    return np.stack([rounded, rounded // 2, rounded // 3, rounded * 0 + 255], axis=-1)


@pytest.mark.parametrize("frame", [0, 1, 2, 3, 4, 255, 256, 12345, 65535, 65536, 70001])
def test_the_counter_is_that_of_python(run, frame) -> None:
    luma = plane(frame)
    found = run(COUNT, marks=MARKS.to_json(), luma=luma.numpy(), width=LAYOUT.width)
    assert found == MARKS.read(luma) == frame % 65536


def test_noise_of_a_codec_changes_no_number(run) -> None:
    noise = np.random.default_rng(1).normal(0, 4, (LAYOUT.height, LAYOUT.width))
    luma = np.clip(plane(777).numpy() + noise, 0, 255).astype(np.uint8)
    assert run(COUNT, marks=MARKS.to_json(), luma=luma, width=LAYOUT.width) == 777


def test_a_plane_without_marks_has_no_number(run) -> None:
    for luma in (
        np.full((LAYOUT.height, LAYOUT.width), 128, np.uint8),
        np.random.default_rng(2).integers(16, 236, (LAYOUT.height, LAYOUT.width), np.uint8),
    ):
        assert run(COUNT, marks=MARKS.to_json(), luma=luma, width=LAYOUT.width) is None


CONVERSIONS = {
    "none": (lambda y: y, 1.0, 0.0),
    "taken for limited": (lambda y: (y - 16) * 255 / 219, 219 / 255, 16.0),
    "made limited": (lambda y: 16 + y * 219 / 255, 255 / 219, -16 * 255 / 219),
}


@pytest.mark.parametrize("name", CONVERSIONS)
@pytest.mark.parametrize("blur", [0, 3])
def test_conversions_that_happen_are_recognized_exactly(run, name, blur) -> None:
    convert, gain, offset = CONVERSIONS[name]
    noise = np.random.default_rng(3).normal(0, blur, (LAYOUT.height, LAYOUT.width))
    pixels = strip(convert(plane(9).numpy().astype(np.float64) + noise))
    found = run(COLORS, marks=MARKS.to_json(), pixels=pixels)
    assert found == pytest.approx([9, gain, offset])


@pytest.mark.parametrize("name", CONVERSIONS)
def test_every_code_comes_back_from_rounded_colors(name) -> None:
    convert, gain, offset = CONVERSIONS[name]
    codes = np.arange(16, 236)
    red = np.round(convert(codes.astype(np.float64)))
    back = np.floor(red * gain + offset + 0.5)
    # Fewer colors than codes cannot give all of them back.
    assert np.abs(back - codes).max() <= (1 if name == "made limited" else 0)


def test_another_straight_line_is_taken_as_it_is_found(run) -> None:
    pixels = strip(plane(5).numpy() * 0.8 + 30.0)
    frame, gain, offset = run(COLORS, marks=MARKS.to_json(), pixels=pixels)
    assert frame == 5
    assert gain == pytest.approx(1 / 0.8, rel=0.01)
    assert offset == pytest.approx(-30 / 0.8, abs=1)


def test_a_curve_is_refused_in_words(run) -> None:
    luma = plane(5).numpy().astype(np.float64)
    pixels = strip(255 * (luma / 255) ** 3)
    with pytest.raises(EngineError, match="cannot be undone") as caught:
        run(COLORS, marks=MARKS.to_json(), pixels=pixels)
    assert caught.value.kind == "unsupported"


@pytest.mark.parametrize(
    "change",
    [
        {"row": 3},
        {"column": -8},
        {"block_size": 16},
        {"codes": [1, 2, 3]},
        {"codes": [4, 3, 2, 1]},
        {"codes": "none"},
        {"row": None},
    ],
)
def test_marks_out_of_their_limits_are_refused(run, change) -> None:
    body = "return (await engine('marks')).readMarks(given.marks)"
    with pytest.raises(EngineError) as caught:
        run(body, marks={**MARKS.to_json(), **change})
    assert caught.value.name == "RangeError"


@pytest.mark.parametrize(
    ("counter", "near", "frame"),
    [(5, 5, 5), (5, 4, 5), (0, 65535, 65536), (65535, 65536, 65535), (7, 131080, 131079)],
)
def test_a_counter_that_wrapped_is_unwrapped(run, counter, near, frame) -> None:
    body = "return (await engine('marks')).unwrapped(given.counter, given.near)"
    assert run(body, counter=counter, near=near) == frame
