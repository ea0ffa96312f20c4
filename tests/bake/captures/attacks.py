"""What can be wrong with a file of a capture: torn, turned into something else, or made to hurt."""

import io
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

Attack = Callable[[Path, Random], object]
SPLICED = (b"nan", b"inf", b"-", b"1e400", b"9" * 400, b"\xff" * 8, b"\0" * 4, b"[[", b"../")


def _torn(path: Path, random: Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: random.randrange(len(data))])


def _flipped(path: Path, random: Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(random.randint(1, 8)):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(data)


def _spliced(path: Path, random: Random) -> None:
    data, part = path.read_bytes(), random.choice(SPLICED)
    place = random.randrange(len(data))
    kept = place + len(part) * random.randrange(2)
    path.write_bytes(data[:place] + part + data[kept:])


def _doubled(path: Path, random: Random) -> None:
    data = path.read_bytes()
    first, last = sorted(random.randrange(len(data)) for _ in range(2))
    path.write_bytes(data[:first] + data[first:last] * random.choice((2, 30)) + data[last:])


def _counted(path: Path, random: Random) -> None:
    """Counts stand first in binary files."""
    path.write_bytes((1 << random.randrange(64)).to_bytes(8, "little") + path.read_bytes()[8:])


def _noise(path: Path, random: Random) -> None:
    path.write_bytes(random.randbytes(random.randrange(1, 3000)))


def _replaced(by: Callable[[Path], object]) -> Attack:
    def attack(path: Path, random: Random) -> None:
        path.unlink()
        by(path)

    return attack


ATTACKS: dict[str, Attack] = {
    "torn": _torn,
    "flipped": _flipped,
    "spliced": _spliced,
    "doubled": _doubled,
    "counted": _counted,
    "noise": _noise,
    "empty": lambda path, random: path.write_bytes(b""),
    "missing": lambda path, random: path.unlink(),
    "a folder": _replaced(Path.mkdir),
    "a pipe": _replaced(os.mkfifo),
    "endless": _replaced(lambda path: path.symlink_to("/dev/zero")),
    "a loop": _replaced(lambda path: path.symlink_to(path.name)),
}

# Values that are none of what any key of a document means.
WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e308,
    float("nan"),
    float("inf"),
    10**400,
    "x",
    "\ud800",
    [],
    {},
    [[1, "x"]],
    [[float("nan")] * 4] * 4,
)
ESCAPES = ("../../etc/passwd", "/etc/passwd", "C:/x.png", "a\0.png", "..", ".", "x" * 5000)


def wrong_documents(document: dict[str, Any]) -> Iterator[str]:
    """The document with each key, its own or that of an entry, set to what it cannot be."""
    entry = document["frames"][0]
    for key in dict.fromkeys((*document, "fps", "aabb", "camera_model", "w")):
        for value in WRONG:
            yield json.dumps(document | {key: value})
    for key in dict.fromkeys((*entry, "mask_path", "fl_x", "K", "w", "time", "frame_index")):
        values = WRONG if "path" not in key else (*WRONG, *ESCAPES)
        for value in values:
            entries = [entry | {key: value}, *document["frames"][1:]]
            yield json.dumps(document | {"frames": entries})


DEEP = ("[" * 1_000_000, '{"a":' * 100_000, '{"frames": ' + "[" * 100_000)


def npy(header: str) -> bytes:
    """A NumPy file that says of itself what ``header`` says, and holds a few bytes."""
    text = header.encode() + b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"\0" * 64


def _archive() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, poses=np.zeros((1_000_000, 17)))
    return file.getvalue()


ARRAYS = (
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 17)}"),
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (100000000, 17)}"),
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 17)}"),
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 400 + ", 17)}"),
    npy("{'descr': '|O', 'fortran_order': False, 'shape': (2, 17)}"),
    npy("{'descr': '<c16', 'fortran_order': False, 'shape': (0, 17)}"),
    npy("{'descr': " + "[" * 9000),
    _archive(),
)

_LEVELS = [
    f"a{level}: &a{level} [" + ", ".join([f"*a{level - 1}"] * 9) + "]" for level in range(1, 12)
]
_MERGED = [
    f"a{level}: &a{level} {{<<: [" + ", ".join([f"*a{level - 1}"] * 9) + "]}"
    for level in range(1, 12)
]
TABLES_OF_YAML = (
    "\n".join(["a0: &a0 [x, x, x]", *_LEVELS, "names: *a11"]),
    "\n".join(["a0: &a0 [x, x, x]", *_LEVELS, "names: [Cam000, Cam001]", "K_Cam000: *a11"]),
    "\n".join(["a0: &a0 {x: y}", *_MERGED, "names: [Cam000, Cam001]"]),
    "names: [Cam000, Cam001]\nK_Cam000: " + ":".join(["59"] * 20_000),
    "names: " + "[" * 20_000,
    "names: &n [*n]",
    "? [a, b]\n: c",
    "names: !!python/object/apply:os.system [exit]",
    *(f"names: [{json.dumps(name)}, Cam001]" for name in ESCAPES),
)

_HEAD = "name,w,h,rx,ry,rz,tx,ty,tz,fx,fy,px,py\n"
TABLES_OF_COMMAS = (
    _HEAD,
    _HEAD + "Cam000" + ",1" * 200,
    _HEAD + "Cam000,1\n",
    _HEAD + "x" * 200_000 + ",1" * 12,
    _HEAD + '"Cam000' + ",1" * 12,
    _HEAD + "\n".join(["Cam000" + ",1e308" * 12, "Cam001" + ",0" * 12]),
    *(_HEAD + name + ",1" * 12 for name in ESCAPES),
)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int) -> bytes:
    """A few kilobytes that promise a picture of this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000), 9)
    parts = _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def tiff_of(width: int, height: int) -> bytes:
    """An uncompressed TIFF's header, with its one strip beyond the end of the file."""
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1)]
    tags += [(278, height), (279, width * height % (1 << 32))]
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + rows + bytes(4)


def png_with_chunk(size: int) -> bytes:
    """A PNG of 32x32 gray pixels whose data states to be that long."""
    whole = _chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + whole + struct.pack(">I", size) + b"IDAT" + bytes(99)


PICTURES = (
    png_with_chunk(1_532_690_533),
    png_of(100_000, 100_000),
    png_of(32_000, 32_000),
    png_of(0, 5),
    png_of(2**31 - 1, 1),
    b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03",
    tiff_of(32_000, 32_000),
    b"BM" + struct.pack("<IIIIiiHHI", 99, 0, 54, 40, 32_000, 32_000, 1, 24, 0) + bytes(99),
    b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xff\xff\xff\x0f" + bytes(9),
    b"P6\n32000 32000\n255\n",
)

VIDEOS = (
    b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    b"ffconcat version 1.0\nfile 'http://127.0.0.1:9/a.mp4'\n",
    b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    b"\0\0\0\x18ftypisom\0\0\0\0isom\xff\xff\xff\xffmoov" + bytes(64),
    b"RIFF\xff\xff\xff\xffAVI LIST\xff\xff\xff\xffhdrl" + bytes(64),
)
LINES_OF_NUMBERS = (
    "",
    "nan " * 12,
    "1 " * 11,
    "1e39 " * 12,
    "1 " * 50_000,
    "0 " * 12,
    "\u0661 " * 12,
)
BOXES = (*DEEP[:2], "[]", '{"xyz_min": [1e308, 0, 0], "xyz_max": [1, 1, 1]}', '{"xyz_min": 1}')
