"""Pictures that look like baked atlases, for benchmarks that have no package; always the same ones.

Twelve channels that depend on each other, smooth and slowly changing, with some noise that stays:
what a codec meets in an atlas. Nobody's scene, so rates measured with it compare codecs and
programs, and say nothing about quality.
"""

import math
from functools import cache

import torch
from torch import Tensor

from hwcodec import PROFILES, Picture, PictureGeometry, PlaneLayout, Quantizer

CHANNELS = 12
TILE_COLUMNS, TILE_ROWS = 4, 3
CONTENT = (
    "synthetic: 24 random plane waves of amplitude 1/(1+|frequency|) with slow phase drift, mixed "
    "by a random matrix of rank 5 into 12 channels, plus static noise of 3 % in blocks of 4x4, "
    "each channel normalized; tiled 4 by 3 into the luma, the rest filled from its edge"
)

_WAVES, _RANK, _SEED = 24, 5, 20240229
_HIGHEST_FREQUENCY = 12.0  # Periods per channel.
_DRIFT = 0.08  # Radians per frame, standard deviation.
_NOISE, _NOISE_BLOCK = 0.03, 4
_GUARD, _ALIGNMENT = 8, 16
_PROFILES = {8: "web8", 10: "hq10"}


@cache
def atlas_layout(width: int, height: int) -> PlaneLayout:
    """How the twelve channels lie in a luma plane; what the grid leaves over carries no data.

    Raises:
        UnsupportedConfig: if the plane is too small for the grid.
    """
    rows = height // TILE_ROWS // _ALIGNMENT * _ALIGNMENT - _GUARD
    columns = width // TILE_COLUMNS // _ALIGNMENT * _ALIGNMENT - _GUARD
    return PlaneLayout(CHANNELS, rows, columns, _GUARD, TILE_COLUMNS)


@cache
def atlas_quantizer(bit_depth: int) -> Quantizer:
    """Values from 0 to 1 in the codes of the profile for that bit depth."""
    ends = torch.zeros(CHANNELS), torch.ones(CHANNELS)
    return Quantizer.of(*ends, PROFILES[_PROFILES[bit_depth]])


def atlas_of(picture: Picture) -> Tensor:
    """Values (channels, rows, columns) of a decoded picture, as a player takes them."""
    rows, columns = picture.luma.shape
    layout = atlas_layout(columns, rows)
    luma = picture.luma[: layout.height, : layout.width]
    return atlas_quantizer(picture.format.bit_depth).dequantize(layout.unpack(luma))


def synthetic_pictures(geometry: PictureGeometry, count: int) -> tuple[Picture, ...]:
    """The first pictures of the one synthetic sequence of that size, luma alone.

    Raises:
        UnsupportedConfig: if the size is too small for the grid of channels.
    """
    layout = atlas_layout(geometry.width, geometry.height)
    waves = _Waves(layout.rows, layout.columns)
    noise = waves.noise()
    samples = torch.stack([waves.channels(frame) for frame in (0, count // 2, count - 1)])
    low, high = samples.amin((0, 2, 3)), samples.amax((0, 2, 3))
    span = (high - low)[:, None, None] * (1 + 6 * _NOISE)
    pictures = []
    for frame in range(count):
        values = (waves.channels(frame) + noise - low[:, None, None]) / span + 3 * _NOISE
        pictures.append(_picture(values.clamp(0, 1).float(), geometry, frame))
    return tuple(pictures)


def _picture(values: Tensor, geometry: PictureGeometry, pts: int) -> Picture:
    layout = atlas_layout(geometry.width, geometry.height)
    codes = atlas_quantizer(geometry.format.bit_depth).quantize(values).to(torch.int32)
    plane = layout.pack(codes)
    rows = torch.arange(geometry.height).clamp(max=layout.height - 1)
    columns = torch.arange(geometry.width).clamp(max=layout.width - 1)
    whole = plane[rows][:, columns].to(geometry.format.dtype)
    return Picture((whole,), geometry.format, pts)


class _Waves:
    """The sum of waves; a wave is a product of rows and columns, so that a frame is a matmul."""

    def __init__(self, rows: int, columns: int) -> None:
        self._generator = torch.Generator().manual_seed(_SEED)
        frequencies = (self._uniform(2, _WAVES) * 2 - 1) * _HIGHEST_FREQUENCY
        amplitudes = 1 / (1 + frequencies.square().sum(0).sqrt())
        self._phases = self._uniform(_WAVES) * 2 * math.pi
        self._drifts = self._normal(_WAVES) * _DRIFT
        mix = self._normal(CHANNELS, _RANK) @ self._normal(_RANK, _WAVES)
        self._mix = (mix * amplitudes).repeat(1, 2)
        self._rows = _angles(frequencies[0], rows)
        across = _angles(frequencies[1], columns).T
        self._columns = torch.cat((across.cos(), across.sin()))
        self._shape = rows, columns

    def channels(self, frame: int) -> Tensor:
        """Values (channels, rows, columns) of one frame, not normalized."""
        down = self._rows + self._phases + self._drifts * frame
        # cos(a + b) = cos a cos b - sin a sin b
        parts = torch.cat((down.cos(), -down.sin()), dim=1)
        return (parts * self._mix[:, None]) @ self._columns

    def noise(self) -> Tensor:
        """What every frame has on top, in proportion to each channel's spread."""
        rows, columns = self._shape
        small = self._normal(CHANNELS, -(-rows // _NOISE_BLOCK), -(-columns // _NOISE_BLOCK))
        blocks = small.repeat_interleave(_NOISE_BLOCK, 1).repeat_interleave(_NOISE_BLOCK, 2)
        spread = self.channels(0).std((1, 2), keepdim=True)
        return _NOISE * spread * blocks[:, :rows, :columns]

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self._generator, dtype=torch.float64)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._generator, dtype=torch.float64)


def _angles(frequencies: Tensor, count: int) -> Tensor:
    places = torch.arange(count, dtype=torch.float64) / count
    return 2 * math.pi * places[:, None] * frequencies
