"""Writes ordinary color video that keeps its pictures, one at a time, for later reading by `Movie`.

sRGB 8 bits -> full-range BT.709 without chroma subsampling, or RGB or gray as it is -> H.264 -> MP4
"""

import os
from contextlib import suppress
from enum import Enum
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodec.errors import BackendUnavailable, ContainerError, UnsupportedConfig
from hwcodec.files import partial_path

# Luma weights of red, green and blue. Source: ITU-R BT.709, item 3.2.
_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722
_LUMA = np.array([_RED, _GREEN, _BLUE])
_TO_YUV = np.stack(
    [
        _LUMA,
        (np.array([0, 0, 1]) - _LUMA) / (2 * (1 - _BLUE)),
        (np.array([1, 0, 0]) - _LUMA) / (2 * (1 - _RED)),
    ]
).astype(np.float32)
_FULL_RANGE, _BT709, _RGB, _SRGB = 2, 1, 0, 13
# Pictures from one that can be decoded alone to the next: a bake reads in order, and now and then
# from the middle. A choice.
_KEY_INTERVAL = 24


class MovieForm(Enum):
    """How a video keeps its pictures."""

    CLOSE = "close"
    """Color, to the eye the same; above 43 dB on skin and cloth."""

    EXACT = "exact"
    """Color, to the bit."""

    GRAY = "gray"
    """One channel, to the bit."""


# Encoder, its pixel format, matrix, and options. The rate factor was chosen by measurement: at 8 a
# subject of 512 x 512 pictures keeps 44 dB, and two less would cost 40 % more.
_FORMS: dict[MovieForm, tuple[str, str, int, dict[str, str]]] = {
    MovieForm.CLOSE: ("libx264", "yuv444p", _BT709, {"crf": "8", "preset": "medium"}),
    MovieForm.EXACT: ("libx264rgb", "rgb24", _RGB, {"qp": "0", "preset": "fast"}),
    MovieForm.GRAY: ("libx264", "gray", _BT709, {"qp": "0", "preset": "fast"}),
}


class MovieWriter:
    """A video file in the making, to be used in a ``with`` block.

    The file takes its place when the block ends well; an older one of that name is replaced then.
    What the disk or the encoder refuses is a ContainerError, and leaves nothing behind.

    Raises:
        UnsupportedConfig: if the frame rate is not positive, or a picture has another form or size
            than the first.
        BackendUnavailable: if no encoder is installed.
        ContainerError: if the file cannot be written.
    """

    def __init__(self, path: Path, frame_rate: Fraction, form: MovieForm) -> None:
        if not 0 < frame_rate <= 1000:
            raise UnsupportedConfig(
                f"frame rate is {frame_rate}, expected more than 0 and at most 1000 Hz"
            )
        self.path, self.frame_rate, self.form = path, frame_rate, form
        self.count = 0
        self._libav = _libav()
        self._partial = partial_path(path)
        self._file: Any = None
        self._stream: Any = None
        self._shape: tuple[int, ...] = ()

    def __enter__(self) -> "MovieWriter":
        """The writer itself; the file is made by the first picture."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the file, or remove what there is of it."""
        try:
            if kind is None:
                self._finish()
        finally:
            self._abandon()

    def write(self, pixels: NDArray[np.uint8]) -> None:
        """Add a picture: uint8 (rows, columns, 3), of a gray video (rows, columns)."""
        dimensions = 2 if self.form is MovieForm.GRAY else 3
        shape = self._shape or pixels.shape
        is_right = pixels.ndim == dimensions and pixels.shape[2:] in {(), (3,)} and pixels.size
        if not is_right or pixels.dtype != np.uint8 or pixels.shape != shape:
            raise UnsupportedConfig(
                f"picture {self.count} is {pixels.dtype} {pixels.shape}, expected uint8 in "
                f"{dimensions} dimensions like the first, {shape}; convert or resize it"
            )
        self._shape = shape
        _, layout, matrix, _ = _FORMS[self.form]
        planes = _to_planes(pixels) if self.form is MovieForm.CLOSE else pixels
        try:
            frame = self._libav.packed_frame(np.ascontiguousarray(planes), layout)
            frame.pts, frame.time_base = self.count, 1 / self.frame_rate
            frame.color_range, frame.colorspace = _FULL_RANGE, matrix
            self._file = self._file or self._libav.open_movie_sink(self._partial)
            self._stream = self._stream or self._open_stream(frame)
            self._file.mux(self._stream.encode(frame))
        except (self._libav.FFmpegError, OSError) as error:
            raise self._refused(error) from error
        self.count += 1

    def _open_stream(self, frame: Any) -> Any:  # noqa: ANN401 -- PyAV's own
        encoder, layout, matrix, options = _FORMS[self.form]
        words = {**options, "g": str(_KEY_INTERVAL)}
        stream = self._file.add_stream(encoder, rate=self.frame_rate, options=words)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, layout
        context = stream.codec_context
        context.time_base = 1 / self.frame_rate
        context.color_range, context.colorspace = _FULL_RANGE, matrix
        context.color_primaries, context.color_trc = _BT709, _SRGB
        return stream

    def _finish(self) -> None:
        if self._stream is None:
            raise UnsupportedConfig("got no pictures, expected at least one to make a video of")
        try:
            self._file.mux(self._stream.encode(None))
            self._file.close()
            self._file = None
            with self._partial.open("rb") as file:
                os.fsync(file.fileno())
            self._partial.replace(self.path)
        except (self._libav.FFmpegError, OSError) as error:
            raise self._refused(error) from error

    def _abandon(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            # The error that led here is the one to be told.
            with suppress(self._libav.FFmpegError, OSError):
                file.close()
        with suppress(OSError):
            self._partial.unlink()

    def _refused(self, error: Exception) -> ContainerError:
        reason = getattr(error, "strerror", None) or error
        return ContainerError(
            f"video {self.path} cannot be written: {reason}; free some space or choose another "
            "folder, then run the command again"
        )


def _to_planes(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Full-range BT.709 planes (3, rows, columns) of a picture (rows, columns, 3).

    Rounded once: FFmpeg's own conversion to full range is off by up to one code on average.
    """
    values = rgb.reshape(-1, 3).astype(np.float32) @ _TO_YUV.T
    values[:, 1:] += 128
    codes: NDArray[np.uint8] = np.rint(values.clip(0, 255)).astype(np.uint8)
    return np.moveaxis(codes.reshape(rgb.shape), 2, 0)


def _libav() -> Any:  # noqa: ANN401 -- a module
    """PyAV's door, loaded on first use."""
    try:
        from hwcodec.backends import libav
    except ImportError as error:
        raise BackendUnavailable(
            f"cannot write a video: {error}; install PyAV, which writes them"
        ) from error
    return libav
