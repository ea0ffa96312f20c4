"""Event files as TensorBoard reads them, written without it.

A file is a sequence of records, each: length (8 bytes, little-endian), masked CRC-32C of those 8
bytes, the message, masked CRC-32C of the message. A message is a protocol buffer ``Event``. Five of
its fields are enough for curves and pictures, which is why no library of 100 MB is needed for it.

Source: the formats TFRecord and ``event.proto``/``summary.proto`` of TensorFlow; field numbers were
recalled, and confirmed by reading such files with TensorBoard 2.21.
"""

import os
import socket
import struct
import time
from functools import cache
from pathlib import Path

# Types of protocol buffer fields.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Fields of Event, of its Summary, of a Summary's Value, and of a Value's Image.
_WALL_TIME, _STEP, _FILE_VERSION, _SUMMARY = 1, 2, 3, 5
_VALUE = 1
_TAG, _SIMPLE_VALUE, _IMAGE = 1, 2, 4
_HEIGHT, _WIDTH, _COLORSPACE, _ENCODED = 1, 2, 3, 4
_RGB = 3
# Castagnoli's polynomial, bits reversed, and what TFRecord adds to the turned checksum.
_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8
_WORD = 0xFFFFFFFF


class EventFile:
    """One run's events, appended record by record; what a killed run leaves can be read.

    Raises, from every method:
        OSError: if the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard finds files by this beginning and orders runs by the time behind it.
        name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        self._path = folder / name
        self._write(_text(_FILE_VERSION, "brain.Event:2"))

    def scalar(self, tag: str, step: int, value: float) -> None:
        """A point of the curve ``tag``."""
        content = _text(_TAG, tag) + _key(_SIMPLE_VALUE, _FIXED32) + struct.pack("<f", value)
        self._add(step, content)

    def picture(self, tag: str, step: int, png: bytes, size: tuple[int, int]) -> None:
        """A picture of (width, height) pixels in RGB, coded as PNG."""
        width, height = size
        image = b"".join(
            _key(field, _VARINT) + _varint(number)
            for field, number in ((_HEIGHT, height), (_WIDTH, width), (_COLORSPACE, _RGB))
        )
        image += _bytes(_ENCODED, png)
        self._add(step, _text(_TAG, tag) + _bytes(_IMAGE, image))

    def _add(self, step: int, value: bytes) -> None:
        summary = _bytes(_SUMMARY, _bytes(_VALUE, value))
        self._write(_key(_STEP, _VARINT) + _varint(step) + summary)

    def _write(self, message: bytes) -> None:
        message = _key(_WALL_TIME, _FIXED64) + struct.pack("<d", time.time()) + message
        with self._path.open("ab", buffering=0) as file:
            file.write(_record(message))


def _record(message: bytes) -> bytes:
    length = struct.pack("<Q", len(message))
    sums = (struct.pack("<I", _masked(crc32c(part))) for part in (length, message))
    return b"".join((length, next(sums), message, next(sums)))


def crc32c(data: bytes) -> int:
    """The checksum CRC-32C."""
    table, value = _table(), _WORD
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ _WORD


def _masked(value: int) -> int:
    """A checksum turned by 15 bits, so that checksums of data with checksums stay useful."""
    return (((value >> 15) | (value << 17)) + _MASK_DELTA) & _WORD


@cache
def _table() -> tuple[int, ...]:
    entries = []
    for entry in range(256):
        for _ in range(8):
            entry = (entry >> 1) ^ (_POLYNOMIAL if entry & 1 else 0)
        entries.append(entry)
    return tuple(entries)


def _key(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _varint(number: int) -> bytes:
    """A whole number from 0 on in groups of seven bits, lowest first."""
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def _bytes(field: int, data: bytes) -> bytes:
    return _key(field, _BYTES) + _varint(len(data)) + data


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())
