"""Ordinary color video of any maker, read picture by picture as sRGB; data streams never come here.

file -> index of all packets, by presentation time -> the wanted picture, decoded from the nearest
picture before it that can be decoded alone -> RGB, 8 bits
"""

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodec.errors import BackendUnavailable, BitstreamError, HwcodecError, UnsupportedConfig

# Decoding through so many pictures takes no longer than starting anew at a later key picture.
_READ_THROUGH = 24


@dataclass(frozen=True, slots=True)
class MovieFacts:
    """What a video file says of itself.

    Attributes:
        width, height: of its pictures as they are shown, in pixels.
        times: when each picture is shown, in seconds from the file's own zero, in order.
        keys: pictures that decoding can begin at, in order.
        codec: FFmpeg's name for it.
        stream: which of the file's videos it is.
        transfer: number of its transfer function, as ISO/IEC 23091-2 counts them; 2 if not stated.
        turn: quarter turns, counterclockwise, from coded to shown pictures. Phones film lying
            pictures and ask for a turn; all tools that extract pictures for calibration obey.
    """

    width: int
    height: int
    times: tuple[Fraction, ...]
    keys: tuple[int, ...]
    codec: str
    stream: int = 0
    transfer: int = 2
    turn: int = 0

    @property
    def frame_count(self) -> int:
        """How many pictures there are."""
        return len(self.times)

    @property
    def frame_rate(self) -> Fraction:
        """Pictures per second over the whole file; 0 of a single picture."""
        if len(self.times) < 2 or self.times[0] == self.times[-1]:
            return Fraction(0)
        return (len(self.times) - 1) / (self.times[-1] - self.times[0])


class Movie:
    """An open video file; reading in order decodes every picture once.

    Its decoder runs in the thread that reads, or on ``device``, and is opened by the first `read`.
    Not for several threads at a time.
    """

    def __init__(self, path: Path, facts: MovieFacts, device: str | None = None) -> None:
        self.path, self.facts, self.device = path, facts, device
        self._file: Any = None
        self._pictures: Any = None
        # The picture that decoding will bring next.
        self._next = 0

    def __enter__(self) -> "Movie":
        """The movie itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the decoder."""
        self.close()

    def read(self, index: int) -> NDArray[np.uint8]:
        """One picture (rows, columns, 3), by its place in order of time.

        Raises:
            UnsupportedConfig: if there is no such picture.
            BitstreamError: if it cannot be decoded.
        """
        facts = self.facts
        if not 0 <= index < facts.frame_count:
            raise UnsupportedConfig(
                f"{self.path} has no picture {index}, expected 0..{facts.frame_count - 1}"
            )
        libav = _libav()
        try:
            self._approach(index)
            for frame in self._pictures:
                shown = frame.pts * frame.time_base
                self._next = bisect_right(facts.times, shown)
                if shown == facts.times[index]:
                    return self._checked(np.rot90(libav.rgb_of(frame), facts.turn))
                if shown > facts.times[index]:
                    break
        except HwcodecError:
            raise
        except (libav.FFmpegError, ValueError, MemoryError) as error:
            self.close()
            raise self._damaged(index, str(error)) from error
        self.close()
        raise self._damaged(index, "the decoder does not show it")

    def close(self) -> None:
        """Let go of the file and the decoder; a later `read` opens them again."""
        file, self._file, self._pictures = self._file, None, None
        if file is not None:
            file.close()

    def _approach(self, index: int) -> None:
        """Make the decoder go on from where the picture will come soon."""
        libav, facts = _libav(), self.facts
        key = facts.keys[max(bisect_right(facts.keys, index) - 1, 0)]
        is_ahead = self._next <= index <= self._next + _READ_THROUGH or key <= self._next <= index
        if self._file is not None and is_ahead:
            return
        if self._file is None:
            self._file = libav.open_movie(self.path, self.device)
        stream = self._file.streams.video[self.facts.stream]
        self._file.seek(round(facts.times[key] / stream.time_base), stream=stream, backward=True)
        self._pictures, self._next = self._file.decode(stream), key

    def _checked(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture, if it has the size that the file promised."""
        if rgb.shape != (self.facts.height, self.facts.width, 3):
            raise BitstreamError(
                f"{self.path} changes its size to {rgb.shape[1]}x{rgb.shape[0]}, expected "
                f"{self.facts.width}x{self.facts.height} throughout; convert it to one size"
            )
        return np.ascontiguousarray(rgb)

    def _damaged(self, index: int, reason: str) -> BitstreamError:
        return BitstreamError(
            f"picture {index} of {self.path} cannot be decoded: {reason}; copy the file again, or "
            "leave the frame out"
        )


def open_movie(path: str | Path, device: str | None = None) -> Movie:
    """Index a video file, whose packets are looked at and not decoded.

    ``device`` is where its pictures will be decoded, as `choose_movie_decoder` found it.

    Raises:
        BitstreamError: if it holds no video, or packets without times.
        UnsupportedConfig: if it asks to be turned by something else than quarter turns.
        BackendUnavailable: if no library that reads video is installed.
    """
    libav, place = _libav(), Path(path)
    try:
        with libav.open_movie(place) as file:
            # A stream of a codec that nothing here decodes has no context.
            known = [stream for stream in file.streams.video if stream.codec_context is not None]
            if not known:
                raise BitstreamError(
                    f"{place} holds no video that can be decoded here, expected one; convert it"
                )
            stream = known[0]
            packets = sorted(
                (packet.pts, packet.is_keyframe)
                for packet in file.demux(stream)
                if packet.size and packet.pts is not None
            )
            size = stream.codec_context.width, stream.codec_context.height
            unit, codec = Fraction(stream.time_base), stream.codec_context.name
            transfer = int(stream.codec_context.color_trc)
            place_in_file = list(file.streams.video).index(stream)
            rotation = _rotation(file, stream)
    # The wrappers take names in a file for UTF-8, and read what any header promises.
    except (libav.FFmpegError, OSError, ValueError, MemoryError) as error:
        raise BitstreamError(
            f"{place} cannot be read as a video: {error}; copy it again or convert it to MP4"
        ) from error
    times = tuple(pts * unit for pts, _ in packets)
    keys = tuple(index for index, (_, is_key) in enumerate(packets) if is_key)
    if not keys or len(set(times)) < len(times) or 0 in size:
        raise BitstreamError(
            f"{place} has {len(times)} pictures at {len(set(times))} times, {len(keys)} of them "
            "key pictures, expected pictures of different times; convert it to MP4 again"
        )
    turn = _quarter_turns(place, rotation)
    size = size[::-1] if turn % 2 else size
    facts = MovieFacts(*size, times, keys, codec, place_in_file, transfer, turn)
    return Movie(place, facts, device)


def _rotation(file: Any, stream: Any) -> int:  # noqa: ANN401 -- PyAV's own
    """Degrees, counterclockwise, by which the first picture asks to be turned.

    Only decoded pictures tell. Where there is none, reading says so later.
    """
    libav = _libav()
    try:
        file.seek(0, stream=stream, backward=True)
        return next((frame.rotation for frame in file.decode(stream)), 0)
    except (libav.FFmpegError, ValueError, MemoryError):
        return 0


def _quarter_turns(place: Path, degrees: int) -> int:
    """The turn in steps of 90 degrees, 0..3.

    Raises:
        UnsupportedConfig: if it is another one.
    """
    quarters = round(degrees / 90)
    # Degrees were cut to whole numbers.
    if abs(degrees - 90 * quarters) > 1:
        raise UnsupportedConfig(
            f"{place} is to be shown turned by {degrees} degrees, expected a multiple of 90; "
            "convert it once with a program that turns pictures"
        )
    return quarters % 4


def _libav() -> Any:  # noqa: ANN401 -- a module
    """PyAV's door, loaded on first use."""
    try:
        from hwcodec.backends import libav
    except ImportError as error:
        raise BackendUnavailable(
            f"cannot read a video: {error}; install PyAV, or convert videos to pictures"
        ) from error
    return libav
