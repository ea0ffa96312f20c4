"""Picture files on disk: what is there, how large it is, and its pixels."""

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.captures.files import file_stamp, read_bounded
from bake.errors import CaptureError
from render.cameras import Camera

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_JPEG_MAGIC = b"\xff\xd8"
# Start-of-frame markers C0..CF; C4, C8 and CC in that range mean something else.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# How whole files end, and how far before their end that is looked for.
_PNG_END, _JPEG_END, _TAIL = b"IEND", b"\xff\xd9", 64
_NAMED_AT_MOST = 3
# Systems refuse paths of a few thousand bytes, and parts of more than 255.
_LONGEST_NAME = 1024
# Pixels; twice those of the largest cameras. `bake` tells OpenCV the same.
LARGEST_PICTURE = 1 << 27
# Far above files of such pictures.
_MOST_BYTES = 512 << 20


class PictureFiles(NamedTuple):
    """A picture, and its separate mask where the capture has one."""

    picture: Path
    mask: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FileReader:
    """Reads pictures by (frame number, view index); what opens here has the camera's size."""

    files: Mapping[tuple[int, int], PictureFiles]
    cameras: Sequence[Camera]

    def inspect(self, frames: Sequence[int]) -> bool:
        """Check that pictures exist, are whole and fit their camera; True if they carry masks."""
        wanted = frozenset(frames)
        chosen = {key: files for key, files in self.files.items() if key[0] in wanted}
        check_present([path for files in chosen.values() for path in files if path is not None])
        for (_, view), files in chosen.items():
            for path in files:
                if path is not None:
                    self._check_header(path, view)
                    _check_whole(path)
        return bool(chosen) and self._masked(next(iter(chosen.values())))

    def read(self, frame: int, view: int) -> NDArray[Any]:
        """Decode one picture and join it with its mask."""
        files = self.files[frame, view]
        # Before decoding: a damaged header may promise a picture of any size.
        self._check_header(files.picture, view)
        pixels = decode_picture(files.picture)
        self._check_size(files.picture, view, (pixels.shape[1], pixels.shape[0]))
        if files.mask is None:
            return pixels
        self._check_header(files.mask, view)
        mask = _decode(files.mask)
        _check_depth(files.mask, mask)
        self._check_size(files.mask, view, (mask.shape[1], mask.shape[0]))
        return _join(pixels, mask)

    def stamp(self, frame: int, view: int) -> str:
        """The picture's file, and its mask's."""
        return " + ".join(file_stamp(path) for path in self.files[frame, view] if path is not None)

    def _masked(self, files: PictureFiles) -> bool:
        """Whether a picture has an opacity of its own or beside it."""
        return files.mask is not None or decode_picture(files.picture).shape[2] == 4

    def _check_header(self, path: Path, view: int) -> None:
        check_present([path])
        size = _header_size(path)
        if size is not None:
            self._check_size(path, view, size)

    def _check_size(self, path: Path, view: int, size: tuple[int, int]) -> None:
        """A picture of another size than its camera would be trained at the wrong scale."""
        camera = self.cameras[view]
        if size != (camera.width, camera.height):
            raise CaptureError(
                f"{path} is {size[0]}x{size[1]}, expected {camera.width}x{camera.height} as its "
                "camera says; resize the pictures or correct w, h and the intrinsics"
            )


def stays_inside(name: str) -> bool:
    """Whether a file name that a capture states can be one, and stays inside its folder."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:  # Half of a pair of surrogates.
        return False
    path = PurePosixPath(name.replace("\\", "/"))
    is_short = size <= _LONGEST_NAME and all(len(part.encode()) <= 255 for part in path.parts)
    is_relative = bool(path.parts) and not path.is_absolute() and ":" not in name
    return is_short and is_relative and "\0" not in name and ".." not in path.parts


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header where the format allows it.

    Raises:
        CaptureError: if the file is missing or no picture.
    """
    check_present([path])
    size = _header_size(path)
    if size is not None:
        _check_pixels(path, size)
    else:
        pixels = _decode(path)
        size = pixels.shape[1], pixels.shape[0]
    return size


def decode_picture(path: Path) -> NDArray[Any]:
    """Pixels as RGB or straight RGBA, 8 or 16 bits; a gray picture becomes RGB.

    Raises:
        CaptureError: if the file is missing, damaged, or has another depth or channel count.
    """
    pixels = _decode(path)
    _check_depth(path, pixels)
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    if pixels.shape[2] not in (3, 4):
        raise CaptureError(
            f"{path} has {pixels.shape[2]} channels, expected RGB or RGBA; convert it to PNG"
        )
    order = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return np.asarray(cv2.cvtColor(pixels, order))


def check_present(paths: Sequence[Path]) -> None:
    """Name the missing files, once, before anything is read.

    Raises:
        CaptureError: if there are any.
    """
    missing = [path for path in paths if not path.is_file()]
    if missing:
        named = ", ".join(str(path) for path in missing[:_NAMED_AT_MOST])
        more = f" and {len(missing) - _NAMED_AT_MOST} more" if len(missing) > _NAMED_AT_MOST else ""
        count = f"{len(missing)} of {len(paths)} pictures are" if len(paths) > 1 else "a picture is"
        raise CaptureError(
            f"{count} missing: {named}{more}, expected every "
            "listed file; complete the download or narrow the frames"
        )


def _check_whole(path: Path) -> None:
    """Decode what does not end as its format does: a copy that broke off, or one with a tail."""
    with path.open("rb") as file:
        magic = file.read(8)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _TAIL, 0))
        tail = file.read()
    is_png, is_jpeg = magic == _PNG_MAGIC, magic[:2] == _JPEG_MAGIC
    ends_well = (is_png and _PNG_END in tail) or (is_jpeg and _JPEG_END in tail)
    # Of other formats only decoding tells, which is for later; nothing at all is no picture.
    if not ends_well and (is_png or is_jpeg or not size):
        _decode(path)


def _decode(path: Path) -> NDArray[Any]:
    """Whatever the file holds, in OpenCV's channel order."""
    try:
        data = np.frombuffer(read_bounded(path, _MOST_BYTES), np.uint8)
        size = _header_size(path)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise CaptureError(
            f"{path} cannot be read ({reason}), expected a picture; restore it or leave its frame "
            "out, then run again"
        ) from error
    if size is not None:
        _check_pixels(path, size)
    try:
        is_whole = data.size > 0 and _has_whole_chunks(data.data)
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if is_whole else None
    except cv2.error:
        pixels = None
    if pixels is None:
        raise CaptureError(
            f"{path} cannot be decoded ({data.size} bytes), expected a whole picture; "
            "copy it again or leave its frame out"
        )
    return np.asarray(pixels)


def _has_whole_chunks(data: memoryview) -> bool:
    """False of a PNG with a chunk that ends after the file; decoders make room for all of it."""
    if data[:8] != _PNG_MAGIC:
        return True
    place = 8
    while place + 8 <= len(data):
        is_last = data[place + 4 : place + 8] == _PNG_END
        place += 12 + struct.unpack(">I", data[place : place + 4])[0]
        if is_last:
            break
    return place <= len(data)


def _check_pixels(path: Path, size: tuple[int, int]) -> None:
    """What a few bytes of header promise may be larger than any memory."""
    if not 0 < size[0] * size[1] <= LARGEST_PICTURE:
        raise CaptureError(
            f"{path} is {size[0]}x{size[1]}, expected at most {LARGEST_PICTURE} pixels; shrink it"
        )


def _check_depth(path: Path, pixels: NDArray[Any]) -> None:
    """Only unsigned integers say what white is."""
    if pixels.dtype not in (np.uint8, np.uint16):
        raise CaptureError(
            f"{path} holds {pixels.dtype}, expected 8 or 16 bits; convert it to PNG in sRGB"
        )


def _join(pixels: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
    """A picture whose opacity is its own times the mask's, at the picture's depth."""
    top = np.iinfo(pixels.dtype).max
    gray = mask if mask.ndim == 2 else mask[..., 0]
    alpha = gray.astype(np.float32) * (top / np.iinfo(mask.dtype).max)
    if pixels.shape[2] == 4:
        alpha *= pixels[..., 3].astype(np.float32) / top
    return np.dstack([pixels[..., :3], np.rint(alpha).astype(pixels.dtype)])


def _header_size(path: Path) -> tuple[int, int] | None:
    """Size from a PNG or JPEG header; None where only decoding can tell."""
    with path.open("rb") as file:
        magic = file.read(8)
        if magic == _PNG_MAGIC:
            header = file.read(16)
            return struct.unpack(">II", header[8:]) if len(header) == 16 else None
        if magic[:2] == _JPEG_MAGIC:
            file.seek(2)
            return _jpeg_size(file)
    return None


def _jpeg_size(file: BinaryIO) -> tuple[int, int] | None:
    """Walk JPEG segments up to the first start of frame."""
    while len(head := file.read(4)) == 4 and head[0] == 0xFF:
        if head[1] in _JPEG_FRAMES:
            body = file.read(5)
            if len(body) < 5:
                return None
            height, width = struct.unpack(">HH", body[1:])
            return width, height
        file.seek(struct.unpack(">H", head[2:])[0] - 2, 1)
    return None
