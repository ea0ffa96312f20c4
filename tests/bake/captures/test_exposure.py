"""Gains of cameras: what they do to pictures, and which texts state none."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bake.capture import CaptureOptions, open_capture
from bake.captures.exposure import apply_gains, parse_gains, to_linear, to_srgb
from bake.errors import CaptureError

LABELS = ("cam0", "cam1", "left, upper")


def noise(kind: type = np.uint8, channels: int = 3) -> np.ndarray:
    most = np.iinfo(kind).max
    return np.random.default_rng(5).integers(0, most + 1, (7, 9, channels)).astype(kind)


def light(values: np.ndarray) -> np.ndarray:
    """Linear light of sRGB in [0, 1], written as the standard says it."""
    return np.array([v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("gain", [0.5, 1.25])
def test_a_gain_multiplies_light_and_clips_it(kind, gain) -> None:
    most = np.iinfo(kind).max
    values = np.linspace(0, most, 60).round().astype(kind)
    picture = np.repeat(values[None, :, None], 3, axis=2)
    changed = apply_gains(picture, (gain, 1.0, gain))
    assert changed.dtype == kind
    assert np.array_equal(changed[..., 1], picture[..., 1])
    expected = np.minimum(light(values / most) * gain, 1)
    half_a_code = np.gradient(light(np.arange(most + 1) / most)).max() / 2
    assert np.abs(light(changed[0, :, 0] / most) - expected).max() <= half_a_code * 1.01
    assert np.array_equal(changed[..., 0], changed[..., 2])


@given(arrays(np.float64, 20, elements=st.floats(0, 1)))
def test_light_and_its_srgb_are_inverse(values) -> None:
    assert to_srgb(to_linear(values)) == pytest.approx(values, abs=1e-6)
    assert to_linear(values) == pytest.approx(light(values))


def test_the_mask_keeps_its_values_and_the_picture_read_is_not_written_to() -> None:
    picture = noise(channels=4)
    before = picture.copy()
    changed = apply_gains(picture, (2.0, 2.0, 2.0))
    assert np.array_equal(changed[..., 3], picture[..., 3])
    assert np.array_equal(picture, before)


def test_gains_of_one_and_of_three_numbers_are_read() -> None:
    assert parse_gains(" cam1 = 0.83 ,cam0=1/1.1/1.25", LABELS) == {
        1: (0.83, 0.83, 0.83),
        0: (1.0, 1.1, 1.25),
    }


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_no_entry_is_no_gain(text) -> None:
    assert parse_gains(text, LABELS) == {}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("cam2=1", "cam2"),
        ("cam0", "cam0"),
        ("cam0=", "cam0="),
        ("cam0=x", "cam0=x"),
        ("cam0=-1", "cam0=-1"),
        ("cam0=nan", "nan"),
        ("cam0=inf", "inf"),
        ("cam0=1e3", "1e3"),
        ("cam0=1/1", "cam0=1/1"),
        ("cam0=1/1/1/1", "1/1/1/1"),
        ("=1", "=1"),
        ("cam0=0.1", r"expected gains in \[0.2, 5\]"),
        ("cam0=1/1/5.1", r"expected gains in \[0.2, 5\]"),
        ("cam0=9999999", "9999999"),
        ("cam0=1,cam0=1", "names cam0 twice"),
        ("cam0=\0", "cam0="),
    ],
)
def test_other_texts_are_refused_by_the_part_that_is_wrong(text, word) -> None:
    with pytest.raises(CaptureError, match=word):
        parse_gains(text, LABELS)


def test_a_capture_has_the_named_camera_darker_and_the_others_as_they_were(nerfstudio) -> None:
    folder = str(nerfstudio())
    usual = open_capture(CaptureOptions(folder))
    darker = open_capture(CaptureOptions(folder, exposure=f"{usual.labels[1]}=0.5"))
    same, changed = (
        (usual.view(0, view), darker.view(0, view)) for view in range(len(usual.cameras))
    )
    assert np.array_equal(same[0].rgb, same[1].rgb)
    subject = changed[0].alpha > 0
    before, after = (light(view.rgb[subject].ravel() / 255) for view in changed)
    assert after.mean() / before.mean() == pytest.approx(0.5, abs=0.01)
    assert (changed[1].rgb[~subject] == 255).all(), "the background is not the camera's"


def test_gains_for_a_camera_that_is_not_there_are_refused_as_the_capture_is_opened(
    nerfstudio,
) -> None:
    with pytest.raises(CaptureError, match="one of the cameras"):
        open_capture(CaptureOptions(str(nerfstudio()), exposure="cam77=0.5"))


def test_what_is_missing_is_still_found_missing(nerfstudio) -> None:
    folder: Path = nerfstudio()
    (folder / "cam1" / "0001.png").unlink()
    with pytest.raises(CaptureError, match="0001"):
        open_capture(CaptureOptions(str(folder), exposure="cam0=1.1,cam1=0.9"))
