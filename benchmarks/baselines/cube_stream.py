"""The coded frames of one group as blobs, and back.

Blobs by kind, one chunk per frame: ``cubes`` says which are kept, ``texels`` has their depths
and levels, ``motion`` and ``components`` what frames need that are predicted; ``tables`` holds the
group's frequency tables. Frames that stand alone have tables of their own kind.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines.coarse_tables import coarse_table, pack_tables, unpack_tables
from benchmarks.baselines.cube_codec import CodedFrame
from benchmarks.baselines.cube_symbols import (
    BAND_COUNT,
    CLASS_COUNT,
    TABLE_COUNT,
    LevelSymbols,
    LevelTables,
    ordered_levels,
)
from benchmarks.baselines.cubes import VOLUME
from benchmarks.baselines.run_length import RunLengthCount
from benchmarks.rd.symbols import (
    FrequencyTable,
    decode_symbols,
    encode_symbols,
    join_chunks,
    split_chunks,
)
from render.errors import SceneError

_KINDS = ("tables", "cubes", "texels")
_PREDICTED_KINDS = ("motion", "components")
_MOST_LEVELS = 1 << 27
_LOW_BITS = CLASS_COUNT * BAND_COUNT  # One number for each band of each class.

Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Pending:
    """A frame whose symbols wait for the group's tables."""

    kept: NDArray[np.int32]
    symbols: LevelSymbols
    motion: NDArray[np.int32]
    basis: NDArray[np.float16]

    @property
    def is_alone(self) -> bool:
        return not self.basis.size


@dataclass(frozen=True, slots=True, eq=False)
class _Tables:
    """Tables of one kind of frame: kept cubes, motion, levels."""

    kept: FrequencyTable
    motion: FrequencyTable
    levels: LevelTables

    @classmethod
    def of(cls, frames: Sequence[_Pending]) -> Self:
        return cls(
            coarse_table(*(frame.kept for frame in frames)),
            coarse_table(*(frame.motion.ravel() for frame in frames)),
            LevelTables.of([frame.symbols for frame in frames]),
        )

    def to_chunks(self) -> tuple[bytes, bytes]:
        packed = pack_tables([self.kept, self.motion, *self.levels.tables])
        return self.levels.low_bits.tobytes(), packed

    @classmethod
    def from_chunks(cls, low_bits: bytes, packed: bytes) -> Self:
        if len(low_bits) != _LOW_BITS:
            raise _damaged(f"there are {len(low_bits)} numbers of low bits", str(_LOW_BITS))
        kept, motion, *rest = unpack_tables(packed, 2 + TABLE_COUNT)
        return cls(kept, motion, LevelTables.from_tables(low_bits, rest))


class GroupWriter:
    """Takes a group's frames in order; keeps their symbols, not their levels, until the end."""

    def __init__(self) -> None:
        self._frames: list[_Pending] = []
        self._counts = {True: RunLengthCount(), False: RunLengthCount()}
        self._kept: Bits | None = None

    def add(self, frame: CodedFrame) -> None:
        """Take the next frame."""
        bits = frame.kept if self._kept is None or frame.is_alone else frame.kept ^ self._kept
        self._kept = frame.kept
        ordered = ordered_levels(frame.levels, is_alone=frame.is_alone)
        self._counts[frame.is_alone].add(ordered)
        symbols = LevelSymbols.of(ordered)
        self._frames.append(_Pending(bits.astype(np.int32), symbols, frame.motion, frame.basis))

    @property
    def run_length_bytes(self) -> int:
        """What levels and their tables would take in JPEG's manner."""
        return sum(count.size_bytes for count in self._counts.values())

    def blobs(self) -> dict[str, bytes]:
        """The group's blobs by kind."""
        tables = {
            is_alone: _Tables.of([one for one in self._frames if one.is_alone == is_alone])
            for is_alone in sorted({one.is_alone for one in self._frames}, reverse=True)
        }
        pairs = [(one, tables[one.is_alone]) for one in self._frames]
        predicted = [(one, own) for one, own in pairs if not one.is_alone]
        found = {
            "tables": [chunk for own in tables.values() for chunk in own.to_chunks()],
            "cubes": [encode_symbols([(one.kept, own.kept)]) for one, own in pairs],
            "texels": [chunk for one, own in pairs for chunk in own.levels.encode(one.symbols)],
            "motion": [encode_symbols([(one.motion, own.motion)]) for one, own in predicted],
            "components": [one.basis.astype("<f2").tobytes() for one, _ in predicted],
        }
        return {name: join_chunks(chunks) for name, chunks in found.items() if chunks}


@dataclass(frozen=True, slots=True)
class GroupShape:
    """What a reader knows of a group before its blobs: frames, cubes listed, channels of a texel.

    ``is_predicted``: whether all frames but the first need the one before.
    """

    frame_count: int
    cube_count: int
    channels: int
    is_predicted: bool

    def __post_init__(self) -> None:
        """Refuse a group whose frames no player could hold, before memory is asked for."""
        count = self.cube_count * self.channels * VOLUME
        if count > _MOST_LEVELS:
            raise _damaged(f"a frame has {count} levels", f"at most {_MOST_LEVELS}")

    @property
    def later_count(self) -> int:
        """How many frames need the one before."""
        return self.frame_count - 1 if self.is_predicted else 0

    @property
    def blob_kinds(self) -> tuple[str, ...]:
        """The kinds of blobs that the group has."""
        return _KINDS + (_PREDICTED_KINDS if self.later_count else ())


def read_group(shape: GroupShape, blobs: Mapping[str, bytes]) -> Iterator[CodedFrame]:
    """The frames of a group, from its blobs by kind.

    Raises:
        SceneError: if the blobs do not hold them.
    """
    count = shape.frame_count
    later = shape.later_count
    kinds = split_chunks(blobs["tables"], 4 if later else 2)
    tables = [_Tables.from_chunks(*kinds[i : i + 2]) for i in range(0, len(kinds), 2)]
    cubes = split_chunks(blobs["cubes"], count)
    texels = split_chunks(blobs["texels"], 2 * count)
    motion = split_chunks(blobs["motion"], later) if later else []
    components = split_chunks(blobs["components"], later) if later else []
    kept: Bits | None = None
    for number in range(count):
        is_alone = number == 0 or not later
        reader = _FrameReader(shape, tables[0 if is_alone else 1], is_alone=is_alone)
        kept = reader.kept(cubes[number], kept)
        levels = reader.levels(texels[2 * number : 2 * number + 2], kept)
        if is_alone:
            yield CodedFrame(kept, levels, np.zeros((0, 3), np.int32), np.zeros((0, 0), "<f2"))
        else:
            vectors = reader.motion(motion[number - 1], kept)
            yield CodedFrame(kept, levels, vectors, reader.basis(components[number - 1]))


@dataclass(frozen=True, slots=True, eq=False)
class _FrameReader:
    """Reads the parts of one frame."""

    shape: GroupShape
    tables: _Tables
    is_alone: bool

    def kept(self, data: bytes, before: Bits | None) -> Bits:
        (found,) = decode_symbols(data, [(self.shape.cube_count, self.tables.kept)])
        if ((found < 0) | (found > 1)).any():
            raise _damaged("what says which cubes are kept holds other numbers", "0 and 1 alone")
        bits = found.astype(np.bool_)
        return bits if before is None or self.is_alone else bits ^ before

    def levels(self, chunks: Sequence[bytes], kept: Bits) -> NDArray[np.int32]:
        cubes, channels = int(np.count_nonzero(kept)), self.shape.channels
        symbols = self.tables.levels.decode((chunks[0], chunks[1]), cubes, channels)
        return symbols.levels(cubes, channels, is_alone=self.is_alone)

    def motion(self, data: bytes, kept: Bits) -> NDArray[np.int32]:
        count = 3 * int(np.count_nonzero(kept))
        (found,) = decode_symbols(data, [(count, self.tables.motion)])
        return found.reshape(-1, 3)

    def basis(self, data: bytes) -> NDArray[np.float16]:
        side = self.shape.channels - 1
        if len(data) != 2 * side * side:
            raise _damaged(f"components take {len(data)} bytes", str(2 * side * side))
        found = np.frombuffer(data, "<f2").reshape(side, side)
        if not np.isfinite(found).all():
            raise _damaged("components are not finite", "numbers")
        return found.astype(np.float16)


def _damaged(what: str, expected: str) -> SceneError:
    return SceneError(
        f"coded cubes: {what}, expected {expected}; the package is damaged, encode it again"
    )
