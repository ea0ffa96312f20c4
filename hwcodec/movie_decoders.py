"""Which decoder reads an ordinary color video: hardware where it shows the same picture, or none.

A kind of device is believed when it has decoded the file's first picture as the processor does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodec.errors import UnsupportedConfig
from hwcodec.movies import open_movie

SOFTWARE = "software"
# Kinds of devices in the order they are tried, by FFmpeg's names. A choice: NVIDIA's, Apple's, and
# what Intel and AMD have on Linux and on Windows.
DEVICES = ("cuda", "videotoolbox", "vaapi", "qsv", "d3d11va")
# Devices hand out chroma in another arrangement, which is converted with other roundings.
_MOST_DIFFERENCE = 3.0

Reader = Callable[[Path, str | None], NDArray[np.uint8]]
"""The first picture of a file, decoded on a device or (None) on the processor."""


@dataclass(frozen=True, slots=True)
class MovieDecoder:
    """What decodes a video: a kind of device or (None) the processor; ``reason`` says why so."""

    device: str | None
    reason: str

    @property
    def name(self) -> str:
        """The device's kind, or ``software``."""
        return self.device or SOFTWARE


def choose_movie_decoder(
    path: Path,
    wanted: str = "auto",
    *,
    known: Sequence[str] | None = None,
    read: Reader | None = None,
) -> MovieDecoder:
    """Try the devices that this build knows on the file's first picture, and take the first.

    ``wanted`` is ``auto``, ``software``, or one kind of device that has to work. ``known`` and
    ``read`` stand in for the library's.

    Raises:
        UnsupportedConfig: if the wanted device is none or does not decode the file.
        BitstreamError: if the file cannot be decoded by the processor either.
    """
    if wanted == SOFTWARE:
        return MovieDecoder(None, "asked for")
    if wanted not in {"auto", *DEVICES}:
        raise UnsupportedConfig(
            f"decoder is {wanted!r}, expected auto, {SOFTWARE}, {', '.join(DEVICES)}"
        )
    built_in = _built_in() if known is None else known
    read = read or _first_picture
    tried = DEVICES if wanted == "auto" else (wanted,)
    present = [device for device in tried if device in built_in]
    expected = read(path, None) if present else None
    said = [] if present else [f"this build of FFmpeg has none of {', '.join(tried)}"]
    for device in present:
        refusal = _refusal(read, path, device, expected)
        if not refusal:
            return MovieDecoder(device, "its first picture is that of the processor")
        said.append(f"{device}: {refusal}")
    if wanted != "auto":
        raise UnsupportedConfig(
            f"{path} is not decoded by {wanted} here ({'; '.join(said)}); choose auto or {SOFTWARE}"
        )
    return MovieDecoder(None, "; ".join(said))


def _refusal(read: Reader, path: Path, device: str, expected: Any) -> str:  # noqa: ANN401
    """Why a device is not taken; empty if it is."""
    try:
        got = read(path, device)
    except Exception as error:  # noqa: BLE001 -- whatever a driver causes is the answer
        # What the driver said, not what to do about a damaged file.
        said = str(error.__cause__ or error) or type(error).__name__
        return " ".join(said.split())[:200]
    if got.shape != expected.shape:
        return f"it shows {got.shape}, the processor {expected.shape}"
    difference = float(np.abs(got.astype(np.float32) - expected).mean())
    return "" if difference <= _MOST_DIFFERENCE else f"its picture differs by {difference:.1f}"


def _first_picture(path: Path, device: str | None) -> NDArray[np.uint8]:
    with open_movie(path, device) as movie:
        return movie.read(0)


def _built_in() -> frozenset[str]:
    try:
        from hwcodec.backends import libav
    except ImportError:
        return frozenset()
    return libav.hardware_devices()
