from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import Codec
from hwcodec.levels import COMMON_LEVELS, Demand, Level, level_of, lowest_level

VIDEO = (Codec.H264, Codec.HEVC, Codec.AV1)


def needed(codec: Codec, width: int, height: int, rate: int, pictures: int = 1) -> str | None:
    level = lowest_level(codec, Demand(width, height, Fraction(rate), pictures))
    return level and level.name


@pytest.mark.parametrize(
    ("width", "height", "at_30", "at_60"),
    [
        (1024, 1024, ("3.2", "4.0", "3.1"), ("4", "4.0", "4.0")),
        (1920, 1088, ("4", "4.0", "4.0"), ("4.2", "4.1", "4.1")),
        (2048, 1024, ("4", "4.0", "4.0"), ("4.2", "4.1", "4.1")),
        (2048, 1152, ("5", "5.0", "4.0"), ("5", "5.0", "4.1")),
        (2048, 1536, ("5", "5.0", "5.0"), ("5.1", "5.0", "5.0")),
        (3072, 2048, ("5.1", "5.0", "5.0"), ("5.2", "5.1", "5.1")),
        (4096, 2304, ("5.2", "6.0", "6.0"), ("6", "6.0", "6.0")),
        (512, 6144, ("5", "5.0", "6.0"), ("5.1", "5.0", "6.0")),
        (1024, 12288, ("6", "6.0", None), ("6", "6.0", None)),
    ],
)
def test_common_sizes_need_the_levels_of_the_standards(width, height, at_30, at_60) -> None:
    assert tuple(needed(codec, width, height, 30) for codec in VIDEO) == at_30
    assert tuple(needed(codec, width, height, 60) for codec in VIDEO) == at_60


def test_the_largest_common_size_fits_h264_level_5_1_up_to_26_frames_a_second() -> None:
    assert needed(Codec.H264, 4096, 2304, 26) == "5.1"
    assert needed(Codec.H264, 4096, 2304, 27) == "5.2"


def test_pictures_that_must_be_kept_count() -> None:
    assert needed(Codec.H264, 2048, 1152, 30, 4) == "5"
    assert needed(Codec.H264, 2048, 1152, 30, 16) == "5.1"
    assert [needed(Codec.HEVC, 2048, 1536, 30, count) for count in (8, 12, 13)] == [
        "5.0",
        "5.0",
        "6.0",
    ]
    assert needed(Codec.HEVC, 4096, 2176, 30, 6) == "5.0"
    assert needed(Codec.HEVC, 4096, 2176, 30, 7) == "6.0"


def test_no_level_allows_everything() -> None:
    for codec in VIDEO:
        assert lowest_level(codec, Demand(1 << 20, 1 << 20, Fraction(1000))) is None
        assert lowest_level(codec, Demand(64, 64, Fraction(1), 17)) is None


def test_numbers_without_a_level_are_none() -> None:
    assert level_of(Codec.HEVC, 255) is None
    assert level_of(Codec.AV1, 31) is None
    assert level_of(Codec.H264, 53) is None
    assert level_of(Codec.RAW, 1) is None


@pytest.mark.parametrize("codec", VIDEO)
def test_coded_numbers_name_their_level(codec) -> None:
    names = {level_of(codec, number).name for number in range(256) if level_of(codec, number)}
    assert {"2.1", "3.1", "4.1", "5.1", "5.2", "6.2"} <= names
    common = level_of(codec, COMMON_LEVELS[codec])
    assert isinstance(common, Level)
    assert common.name == "5.2"


@given(
    st.sampled_from(VIDEO),
    st.integers(2, 9000),
    st.integers(2, 9000),
    st.fractions(Fraction(1), Fraction(1000), max_denominator=1001),
    st.integers(1, 16),
)
def test_a_smaller_demand_never_needs_more(codec, width, height, rate, pictures) -> None:
    large = Demand(width, height, rate, pictures)
    level = lowest_level(codec, large)
    if level is None:
        return
    assert level.allows(large)
    smaller = (
        Demand(width, height, rate / 2, pictures),
        Demand(width, height, rate, max(1, pictures - 1)),
        Demand(max(2, width // 2), max(2, height // 2), rate, pictures),
    )
    assert all(level.allows(demand) for demand in smaller)
