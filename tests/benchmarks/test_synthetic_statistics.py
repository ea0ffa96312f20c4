"""Statistics of the synthetic sequence: its length, its noise, its drift and its independence."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.synthetic import (
    CHANNELS,
    TILE_COLUMNS,
    TILE_ROWS,
    atlas_layout,
    atlas_of,
    atlas_quantizer,
    synthetic_pictures,
)
from hwcodec import PROFILES, YUV420P8, YUV420P10, PictureGeometry, UnsupportedConfig

FORMATS = {8: YUV420P8, 10: YUV420P10}
SMALL = (192, 128)


def atlases(count: int, bit_depth: int = 10, size: tuple[int, int] = SMALL) -> torch.Tensor:
    pictures = synthetic_pictures(PictureGeometry(FORMATS[bit_depth], *size), count)
    return torch.stack([atlas_of(picture) for picture in pictures])


@settings(max_examples=12)
@given(width=st.integers(64, 400), height=st.integers(48, 400), bit_depth=st.sampled_from((8, 10)))
def test_every_size_with_room_for_the_grid_is_filled(width, height, bit_depth) -> None:
    geometry = PictureGeometry(FORMATS[bit_depth], width // 2 * 2, height // 2 * 2)
    try:
        layout = atlas_layout(geometry.width, geometry.height)
    except UnsupportedConfig:
        return
    (picture,) = synthetic_pictures(geometry, 1)
    assert layout.height <= geometry.height
    assert layout.width <= geometry.width
    assert tuple(picture.luma.shape) == (geometry.height, geometry.width)
    assert tuple(atlas_of(picture).shape) == (CHANNELS, layout.rows, layout.columns)


def test_the_grid_has_a_place_for_every_channel() -> None:
    assert TILE_COLUMNS * TILE_ROWS == CHANNELS
    assert atlas_layout(*SMALL) is atlas_layout(*SMALL)


@pytest.mark.parametrize("bit_depth", FORMATS)
def test_codes_stay_within_the_codes_of_their_profile(bit_depth) -> None:
    profile = PROFILES[{8: "web8", 10: "hq10"}[bit_depth]]
    for picture in synthetic_pictures(PictureGeometry(FORMATS[bit_depth], *SMALL), 3):
        codes = picture.luma.int()
        assert codes.min() >= profile.lowest_code
        assert codes.max() <= profile.highest_code
        assert len(codes.unique()) > 0.5 * (profile.highest_code - profile.lowest_code)


def test_both_depths_show_the_same_content() -> None:
    difference = (atlases(2, 8) - atlases(2, 10)).abs()
    assert difference.max() <= 1.01 * (0.5 / 219 + 0.5 / 1023)


def test_a_channel_fills_its_range_without_being_clipped_much() -> None:
    values = atlases(6)
    clipped = ((values <= 0) | (values >= 1)).float().mean()
    assert clipped < 0.002
    assert values.mean() == pytest.approx(0.5, abs=0.15)


def test_drift_takes_frames_further_apart_the_more_time_lies_between() -> None:
    values = atlases(9)
    apart = [float((values[0] - values[k]).abs().mean()) for k in (1, 2, 4, 8)]
    assert apart == sorted(apart)
    assert apart[-1] > 3 * apart[0]


def test_the_noise_is_the_same_in_every_frame() -> None:
    """Steps from block to block are mostly noise, and the smooth part hardly changes them."""
    values = atlases(2, size=(512, 384))
    steps = (values[..., 4::4] - values[..., 3:-1:4])[..., : values.shape[-1] // 4 - 1]
    first, second = (frame.flatten() - frame.mean() for frame in steps)
    correlation = (first @ second) / (first.norm() * second.norm())
    assert correlation > 0.98


def test_no_two_channels_are_the_same_and_some_depend_on_each_other() -> None:
    matrix = torch.corrcoef(atlases(1)[0].reshape(CHANNELS, -1)).abs() - torch.eye(CHANNELS)
    assert matrix.max() < 0.999
    assert matrix.max() > 0.5


def test_the_content_does_not_depend_on_the_random_state_of_the_process() -> None:
    torch.manual_seed(1)
    first = atlases(1)
    torch.manual_seed(2)
    state = torch.random.get_rng_state()
    assert torch.equal(atlases(1), first)
    assert torch.equal(torch.random.get_rng_state(), state)


@given(value=st.floats(0, 1), bit_depth=st.sampled_from((8, 10)))
def test_a_value_comes_back_within_half_a_code(value, bit_depth) -> None:
    quantizer = atlas_quantizer(bit_depth)
    profile = PROFILES[{8: "web8", 10: "hq10"}[bit_depth]]
    values = torch.full((CHANNELS, 1, 1), value)
    found = quantizer.dequantize(quantizer.quantize(values))
    half = 0.5 / (profile.highest_code - profile.lowest_code)
    assert (found - values).abs().max() <= half * 1.001


@pytest.mark.parametrize("size", [(30, 200), (200, 20), (2, 2)])
def test_planes_without_room_for_a_tile_are_refused(size) -> None:
    with pytest.raises(UnsupportedConfig):
        atlas_layout(*size)
