"""Small moving pictures, and every encoder that runs on this machine."""

from collections.abc import Callable

import pytest
import torch

from hwcodec import (
    YUV420P8,
    ConstantQp,
    EncoderSettings,
    GopStructure,
    Lossless,
    Picture,
    PictureGeometry,
    PixelFormat,
    RateControl,
)
from hwcodec.registry import encoder_names, encoder_spec, refusal

PictureMaker = Callable[..., tuple[Picture, ...]]
SettingsMaker = Callable[..., EncoderSettings]

# The smallest pictures that every encoder takes, hardware included.
WIDTH, HEIGHT = 192, 128
SOFTWARE = ("libx264", "libx265", "libsvtav1")


@pytest.fixture(scope="session")
def make_pictures() -> PictureMaker:
    """Smooth features that drift, over static noise, as baked atlases look."""

    def make(
        count: int,
        pixel_format: PixelFormat = YUV420P8,
        *,
        width: int = WIDTH,
        height: int = HEIGHT,
    ) -> tuple[Picture, ...]:
        noise = torch.rand(height, width, generator=torch.Generator().manual_seed(7))
        rows = torch.linspace(0, 5, height)[:, None]
        columns = torch.linspace(0, 7, width)[None]
        pictures = []
        for index in range(count):
            wave = 0.5 + 0.35 * torch.sin(rows + 0.2 * index) * torch.cos(columns - 0.1 * index)
            value = (wave + 0.1 * noise).clamp(0, 1) * pixel_format.max_code
            codes = value.round().to(torch.int32).to(pixel_format.dtype)
            pictures.append(Picture((codes,), pixel_format, index))
        return tuple(pictures)

    return make


@pytest.fixture(scope="session")
def make_settings() -> SettingsMaker:
    """Settings for what ``make_pictures`` makes."""

    def make(
        encoder: str,
        pixel_format: PixelFormat = YUV420P8,
        rate: RateControl | None = None,
        gop_length: int | None = None,
        **gop: int | float,
    ) -> EncoderSettings:
        geometry = PictureGeometry(pixel_format, WIDTH, HEIGHT)
        chosen = rate or (Lossless() if encoder == "raw" else ConstantQp(20))
        return EncoderSettings(
            encoder,
            geometry,
            chosen,
            GopStructure(length=gop_length, **gop),  # type: ignore[arg-type]
        )

    return make


@pytest.fixture(params=encoder_names())
def encoder(request: pytest.FixtureRequest, absent: Callable[[str, str], None]) -> str:
    """Each encoder in turn; those this machine cannot run are skipped by name."""
    name: str = request.param
    if refusal(name) is not None:
        needed = "nvenc" if encoder_spec(name).is_hardware else name
        absent(needed, f"{name} does not run on this machine")
    return name


@pytest.fixture
def formats(encoder: str) -> tuple[PixelFormat, ...]:
    """Pixel formats the encoder takes."""
    return encoder_spec(encoder).formats


@pytest.fixture(params=SOFTWARE)
def software(request: pytest.FixtureRequest) -> str:
    """Each software encoder in turn."""
    name: str = request.param
    reason = refusal(name)
    if reason is not None:
        pytest.skip(f"{name} does not run on this machine")
    return name
