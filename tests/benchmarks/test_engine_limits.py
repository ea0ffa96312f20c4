"""The limit of decoding engines, against the table that it was recalled with."""

import pytest

from benchmarks.engine_limits import LIMIT_SOURCE, limit_fps
from hwcodec import YUV420P8, Codec, PictureGeometry

FULL_HD = PictureGeometry(YUV420P8, 1920, 1080)
SQUARE = PictureGeometry(YUV420P8, 2048, 2048)


@pytest.mark.parametrize(
    ("codec", "geometry", "engines", "fps"),
    [
        (Codec.H264, FULL_HD, 1, 750),
        (Codec.HEVC, FULL_HD, 1, 1450),
        (Codec.H264, SQUARE, 1, 370.8),
        (Codec.HEVC, SQUARE, 7, 7 * 716.9),
    ],
)
def test_the_limit_follows_area_and_engines(codec, geometry, engines, fps) -> None:
    assert limit_fps(codec, geometry, engines) == pytest.approx(fps, rel=1e-3)


def test_a_codec_without_a_recalled_rate_has_no_limit() -> None:
    assert limit_fps(Codec.AV1, FULL_HD, 1) is None


def test_the_source_says_that_it_is_not_measured() -> None:
    assert "recalled, not measured" in LIMIT_SOURCE
