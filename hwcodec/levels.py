"""Levels: how large, how fast and how far back a decoder must be able to go.

Sources: ITU-T H.264, table A-1; ITU-T H.265, tables A.8 and A.9 and A.4.2 (buffers); AV1
specification, A.3. Bit rates, which the tables limit too, are left out: a decoder's speed depends
on them, and whether it can decode does not.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from hwcodec.types import Codec

_BLOCK = 16
_MOST_BUFFERS = 16


@dataclass(frozen=True, slots=True)
class Demand:
    """What a stream asks of a decoder; ``picture_count`` is how many pictures it must keep."""

    width: int
    height: int
    frame_rate: Fraction
    picture_count: int = 1


@dataclass(frozen=True, slots=True)
class Level:
    """One row of a table: ``number`` as coded, ``area`` and ``rate`` in luma samples.

    ``memory`` counts samples too, and is 0 where the standard derives it from the area.
    """

    codec: Codec
    number: int
    name: str
    area: int
    rate: int
    sides: tuple[int, int]
    memory: int = 0

    def allows(self, demand: Demand) -> bool:
        """Whether a decoder of this level must be able to decode such a stream."""
        width, height = demand.width, demand.height
        if self.codec is Codec.H264:
            width, height = (_BLOCK * -(-side // _BLOCK) for side in (width, height))
        area = width * height
        return (
            area <= self.area
            and width <= self.sides[0]
            and height <= self.sides[1]
            and area * demand.frame_rate <= self.rate
            and demand.picture_count <= self._buffer_count(area)
        )

    def _buffer_count(self, area: int) -> int:
        match self.codec:
            case Codec.H264:
                return min(self.memory // area, _MOST_BUFFERS)
            case Codec.HEVC:
                steps = ((self.area // 4, 16), (self.area // 2, 12), (3 * self.area // 4, 8))
                return next((count for most, count in steps if area <= most), 6)
        return _MOST_BUFFERS


def _h264_level(number: int, name: str, blocks: int, rate: int, memory: int) -> Level:
    samples = _BLOCK * _BLOCK
    side = _BLOCK * math.isqrt(8 * blocks)
    return Level(
        Codec.H264, number, name, samples * blocks, samples * rate, (side, side), samples * memory
    )


def _hevc_level(number: int, area: int, rate: int) -> Level:
    side = math.isqrt(8 * area)
    return Level(Codec.HEVC, number, f"{number / 30:.1f}", area, rate, (side, side))


def _av1_level(number: int, area: int, sides: tuple[int, int], rate: int) -> Level:
    return Level(Codec.AV1, number, f"{2 + number // 4}.{number % 4}", area, rate, sides)


_LEVELS: dict[Codec, tuple[Level, ...]] = {
    Codec.H264: (
        _h264_level(10, "1", 99, 1485, 396),
        _h264_level(9, "1b", 99, 1485, 396),
        _h264_level(11, "1.1", 396, 3000, 900),
        _h264_level(12, "1.2", 396, 6000, 2376),
        _h264_level(13, "1.3", 396, 11880, 2376),
        _h264_level(20, "2", 396, 11880, 2376),
        _h264_level(21, "2.1", 792, 19800, 4752),
        _h264_level(22, "2.2", 1620, 20250, 8100),
        _h264_level(30, "3", 1620, 40500, 8100),
        _h264_level(31, "3.1", 3600, 108000, 18000),
        _h264_level(32, "3.2", 5120, 216000, 20480),
        _h264_level(40, "4", 8192, 245760, 32768),
        _h264_level(41, "4.1", 8192, 245760, 32768),
        _h264_level(42, "4.2", 8704, 522240, 34816),
        _h264_level(50, "5", 22080, 589824, 110400),
        _h264_level(51, "5.1", 36864, 983040, 184320),
        _h264_level(52, "5.2", 36864, 2073600, 184320),
        _h264_level(60, "6", 139264, 4177920, 696320),
        _h264_level(61, "6.1", 139264, 8355840, 696320),
        _h264_level(62, "6.2", 139264, 16711680, 696320),
    ),
    Codec.HEVC: (
        _hevc_level(30, 36864, 552960),
        _hevc_level(60, 122880, 3686400),
        _hevc_level(63, 245760, 7372800),
        _hevc_level(90, 552960, 16588800),
        _hevc_level(93, 983040, 33177600),
        _hevc_level(120, 2228224, 66846720),
        _hevc_level(123, 2228224, 133693440),
        _hevc_level(150, 8912896, 267386880),
        _hevc_level(153, 8912896, 534773760),
        _hevc_level(156, 8912896, 1069547520),
        _hevc_level(180, 35651584, 1069547520),
        _hevc_level(183, 35651584, 2139095040),
        _hevc_level(186, 35651584, 4278190080),
    ),
    Codec.AV1: (
        _av1_level(0, 147456, (2048, 1152), 4423680),
        _av1_level(1, 278784, (2816, 1584), 8363520),
        _av1_level(4, 665856, (4352, 2448), 19975680),
        _av1_level(5, 1065024, (5504, 3096), 31950720),
        _av1_level(8, 2359296, (6144, 3456), 70778880),
        _av1_level(9, 2359296, (6144, 3456), 141557760),
        _av1_level(12, 8912896, (8192, 4352), 267386880),
        _av1_level(13, 8912896, (8192, 4352), 534773760),
        _av1_level(14, 8912896, (8192, 4352), 1069547520),
        _av1_level(15, 8912896, (8192, 4352), 1069547520),
        _av1_level(16, 35651584, (16384, 8704), 1069547520),
        _av1_level(17, 35651584, (16384, 8704), 2139095040),
        _av1_level(18, 35651584, (16384, 8704), 4278190080),
        _av1_level(19, 35651584, (16384, 8704), 4278190080),
    ),
}
# The highest level that phones and most graphics cards have: 5.2 in all three standards.
COMMON_LEVELS = {Codec.H264: 52, Codec.HEVC: 156, Codec.AV1: 14}


def level_of(codec: Codec, number: int) -> Level | None:
    """The level with this coded number, or None: 255 and 31 say "no limit" and are no levels."""
    return next((level for level in _LEVELS.get(codec, ()) if level.number == number), None)


def lowest_level(codec: Codec, demand: Demand) -> Level | None:
    """The first level of the standard that such a stream fits, or None if none does."""
    return next((level for level in _LEVELS.get(codec, ()) if level.allows(demand)), None)
