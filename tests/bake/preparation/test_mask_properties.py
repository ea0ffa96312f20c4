"""What every way to a mask keeps to, whatever the picture: range, order, and size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.errors import CaptureError
from bake.preparation.chroma_key import NAMED_KEYS, ChromaKey, parse_key
from bake.preparation.clean_plate import CleanPlate
from bake.preparation.masks import Masker, sharpened, to_rgba, without_specks

ROWS, COLUMNS = 40, 56
colors = st.tuples(*[st.integers(0, 255)] * 3)
seeds = st.integers(0, 2**16)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (ROWS, COLUMNS, 3), np.uint8)


def maskers(seed: int) -> list[Masker]:
    plate = np.random.default_rng(seed + 1).uniform(0, 255, (ROWS, COLUMNS, 3))
    return [parse_key("green"), parse_key("blue"), CleanPlate(plate.astype(np.float32), 2.0)]


@given(seeds)
def test_masks_of_noise_are_shares_and_pictures_are_whole(seed) -> None:
    seen = noise(seed)
    for masker in maskers(seed):
        alpha = masker.alpha(seen.astype(np.float32), 0)
        assert alpha.shape == (ROWS, COLUMNS)
        assert alpha.dtype == np.float32
        assert 0 <= alpha.min() <= alpha.max() <= 1
        shown = to_rgba(seen, masker, 0)
        assert shown.shape == (ROWS, COLUMNS, 4)
        assert shown.dtype == np.uint8


@given(colors)
def test_one_color_is_masked_alike_everywhere(color) -> None:
    seen = np.full((ROWS, COLUMNS, 3), color, np.float32)
    alpha = parse_key("green").alpha(seen, 0)
    assert np.ptp(alpha) < 1e-4


@given(colors, st.floats(0, 1), st.floats(0, 1))
def test_more_of_the_backdrop_is_never_more_of_the_subject(color, one, other) -> None:
    key = ChromaKey((40.0, 170.0, 70.0))
    grays = np.full(3, float(np.mean(color)))
    less, more = sorted((one, other))
    alphas = []
    for share in (less, more):
        mixed = grays * (1 - share) + np.array(key.color) * share
        alphas.append(key.alpha(np.full((ROWS, COLUMNS, 3), mixed, np.float32), 0).mean())
    assert alphas[1] <= alphas[0] + 1e-4


@pytest.mark.parametrize("name", NAMED_KEYS)
def test_the_key_itself_is_backdrop_and_grays_are_not(name) -> None:
    key = parse_key(name)
    assert key.alpha(np.full((ROWS, COLUMNS, 3), key.color, np.float32), 0).max() == 0
    for level in (0, 60, 128, 255):
        assert key.alpha(np.full((ROWS, COLUMNS, 3), level, np.float32), 0).min() == 1


@given(colors)
def test_taking_off_a_cast_leaves_no_reach_and_keeps_other_colors(color) -> None:
    key = ChromaKey((40.0, 170.0, 70.0))
    seen = np.full((4, 4, 3), color, np.float32)
    cleaned = key.cleaned(seen)
    again = key.cleaned(cleaned)
    assert np.abs(again - cleaned).max() < 45
    red, green, blue = color
    if green <= min(red, blue):
        assert np.array_equal(cleaned, seen)


@given(seeds, st.floats(0.75, 1.05))
def test_an_evenly_darker_stage_is_empty(seed, light) -> None:
    generator = np.random.default_rng(seed)
    plate = generator.uniform(30, 220, (ROWS, COLUMNS, 3)).astype(np.float32)
    masker = CleanPlate(plate, 2.0)
    seen = plate * np.float32(light)
    assert masker.alpha(seen, 0).max() == 0


@given(seeds)
def test_cleaning_twice_is_cleaning_once(seed) -> None:
    alpha = (np.random.default_rng(seed).random((ROWS, COLUMNS)) > 0.6).astype(np.float32)
    once = without_specks(alpha)
    assert 0 <= once.min() <= once.max() <= 1
    assert np.array_equal(without_specks(once) > 0.5, once > 0.5)


@given(seeds, st.floats(0, 1))
def test_an_even_mask_stays_even_whatever_luma_does(seed, level) -> None:
    luma = noise(seed)[..., 0].astype(np.float32)
    sharp = sharpened(np.full((ROWS, COLUMNS), level, np.float32), luma)
    assert np.abs(sharp - level).max() < 2e-3


@given(st.text(max_size=20))
def test_any_text_is_a_key_or_refused_in_words(text) -> None:
    try:
        parse_key(text)
    except CaptureError as error:
        assert "--chroma-key" in str(error)  # noqa: PT017 -- either is right
