"""Samples of one track in an MP4 file without fragments, from the tables of its header.

Source: ISO/IEC 14496-12, 8.6 and 8.7.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, islice, repeat

from hwcodec.boxes import Box, Reader, children, find
from hwcodec.errors import BitstreamError
from hwcodec.fragments import Extent, Sample


@dataclass(frozen=True, slots=True)
class _ChunkRun:
    """From this chunk on, counted from 1, every chunk holds so many samples."""

    first_chunk: int
    sample_count: int


def table_samples(data: bytes, track: Box) -> list[Sample]:
    """The samples of ``track``, in decoding order.

    Raises:
        BitstreamError: if a table is missing, damaged, or disagrees with another one.
    """
    table = find(data, track, "mdia", "minf", "stbl")
    parts = {part.kind: part for part in children(data, table.body, table.end)}
    sizes = _sizes(data, find(data, table, "stsz"))
    count = len(sizes)
    durations = _run_lengths(data, find(data, table, "stts"), count)
    offsets = _run_lengths(data, parts["ctts"], count) if "ctts" in parts else [0] * count
    keys = set(_numbers(data, parts["stss"])) if "stss" in parts else set(range(1, count + 1))
    positions = list(islice(_positions(data, table, parts, sizes), count))
    if not len(durations) == len(offsets) == len(positions) == count:
        raise BitstreamError(
            f"tables of the file speak of {count} sizes, {len(durations)} durations, "
            f"{len(offsets)} offsets and {len(positions)} places, expected the same count; "
            "the file is damaged, copy or mux it again"
        )
    extent, times = Extent(data), accumulate(durations, initial=0)
    rows = zip(positions, sizes, times, offsets, durations, strict=False)
    return [
        Sample(extent.take(position, size), time, offset, duration, index in keys)
        for index, (position, size, time, offset, duration) in enumerate(rows, start=1)
    ]


def _sizes(data: bytes, where: Box) -> Sequence[int]:
    fields = Reader(data, where)
    fields.version_and_flags()
    size, count = fields.take("I"), fields.take("I")
    if count > len(data):
        raise BitstreamError(
            f"file of {len(data)} bytes claims {count} samples, expected at most one a byte; "
            "it is damaged, copy or mux it again"
        )
    return [size] * count if size else [fields.take("I") for _ in range(count)]


def _run_lengths(data: bytes, where: Box, most: int) -> list[int]:
    """Values that are stored as runs of equal ones; offsets may be negative."""
    fields = Reader(data, where)
    fields.version_and_flags()
    # Writers put negative offsets into both versions of the box.
    layout = "i" if where.kind == "ctts" else "I"
    values: list[int] = []
    for _ in range(fields.take("I")):
        count, value = fields.take("I"), fields.take(layout)
        values += [value] * min(count, most + 1 - len(values))
    return values


def _numbers(data: bytes, where: Box) -> Iterator[int]:
    fields = Reader(data, where)
    fields.version_and_flags()
    for _ in range(fields.take("I")):
        yield fields.take("I")


def _positions(
    data: bytes, table: Box, parts: dict[str, Box], sizes: Sequence[int]
) -> Iterator[int]:
    """Where every sample starts: in chunks one after another, in a chunk back to back."""
    layout = "Q" if "co64" in parts else "I"
    fields = Reader(data, find(data, table, "co64" if "co64" in parts else "stco"))
    fields.version_and_flags()
    counts = _chunk_counts(data, find(data, table, "stsc"))
    remaining = iter(sizes)
    for _ in range(fields.take("I")):
        position = fields.take(layout)
        for size in islice(remaining, next(counts, 0)):
            yield position
            position += size


def _chunk_counts(data: bytes, where: Box) -> Iterator[int]:
    """Samples in the first chunk, the second, and so on without end."""
    fields = Reader(data, where)
    fields.version_and_flags()
    runs = []
    for _ in range(fields.take("I")):
        runs.append(_ChunkRun(fields.take("I"), fields.take("I")))
        fields.skip(4)
    ends = chain((run.first_chunk for run in runs[1:]), [1 << 32])
    for run, end in zip(runs, ends, strict=False):
        yield from repeat(run.sample_count, max(0, end - run.first_chunk))
