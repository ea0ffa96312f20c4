"""The synthetic sequence: always the same, smooth, slow, correlated and within its codes."""

from itertools import pairwise

import pytest
import torch

from benchmarks.synthetic import CHANNELS, atlas_layout, atlas_of, synthetic_pictures
from hwcodec import YUV420P8, YUV420P10, PictureGeometry, UnsupportedConfig

SIZE = (384, 256)


@pytest.fixture(scope="module", params=[YUV420P8, YUV420P10], ids=lambda f: f.name)
def geometry(request) -> PictureGeometry:
    return PictureGeometry(request.param, *SIZE)


@pytest.fixture(scope="module")
def pictures(geometry):  # noqa: ANN201
    return synthetic_pictures(geometry, 6)


def test_pictures_fit_what_encoders_are_told(pictures, geometry) -> None:
    assert [picture.pts for picture in pictures] == list(range(6))
    for picture in pictures:
        assert picture.format == geometry.format
        assert tuple(picture.luma.shape) == (SIZE[1], SIZE[0])
        assert picture.luma.dtype == geometry.format.dtype


def test_the_same_request_gives_the_same_codes(pictures, geometry) -> None:
    again = synthetic_pictures(geometry, 6)
    assert all(
        torch.equal(one.luma, other.luma) for one, other in zip(pictures, again, strict=True)
    )


def test_values_use_most_of_their_range(pictures) -> None:
    values = atlas_of(pictures[0])
    assert values.shape[0] == CHANNELS
    assert values.min() >= 0
    assert values.max() <= 1
    assert (values.amax((1, 2)) - values.amin((1, 2))).min() > 0.5


def test_neighboring_frames_differ_a_little(pictures) -> None:
    atlases = [atlas_of(picture) for picture in pictures]
    steps = [float((a - b).abs().mean()) for a, b in pairwise(atlases)]
    assert all(0 < step < 0.05 for step in steps)


def test_the_channels_have_little_more_than_rank_five() -> None:
    geometry = PictureGeometry(YUV420P10, *SIZE)
    flat = atlas_of(synthetic_pictures(geometry, 1)[0]).reshape(CHANNELS, -1)
    centered = flat - flat.mean(1, keepdim=True)
    strengths = torch.linalg.svdvals(centered)
    assert strengths[5] < 0.2 * strengths[4] or strengths[5] < 0.05 * strengths[0]


def test_what_the_grid_leaves_over_repeats_its_edge() -> None:
    geometry = PictureGeometry(YUV420P8, 200, 140)
    layout = atlas_layout(200, 140)
    luma = synthetic_pictures(geometry, 1)[0].luma
    assert (layout.height, layout.width) == (96, 192)
    assert torch.equal(luma[96:, :192], luma[95, :192].expand(44, -1))
    assert torch.equal(luma[:, 192:], luma[:, 191:192].expand(-1, 8))


def test_pictures_too_small_for_the_grid_are_refused() -> None:
    with pytest.raises(UnsupportedConfig, match="rows"):
        synthetic_pictures(PictureGeometry(YUV420P8, 64, 32), 1)
