"""Frames of planes and density as whole numbers, and closed-loop prediction from the frame before.

    key frame   symbols = round(values * steps)                  decoded = symbols / steps
    others      symbols = round((values - before) * steps)       decoded = before + symbols / steps

``before`` is the decoded frame before, at the same rate, so that rounding errors never add up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.baselines.plane_frames import PlaneFrame, PlaneSettings, stated_settings
from benchmarks.baselines.planes import TriPlanes
from benchmarks.baselines.rate_model import StoredRates, stored_size
from benchmarks.rd.symbols import (
    FrequencyTable,
    Symbols,
    decode_symbols,
    encode_symbols,
    join_chunks,
    split_chunks,
    table_from_bytes,
)
from hwcodec.records import finite_number, named_values, whole_number
from render.errors import SceneError
from render.mapping import MappingTable
from render.shading import ShadingShape

# Far beyond what training reaches; keeps damaged packages from infinite values.
_LARGEST_VALUE = 1e4
_LARGEST_SYMBOL = 1 << 20
_MOST_CHANNELS = 21  # The shading network takes at most 64 features.


@dataclass(frozen=True, slots=True, eq=False)
class CodedFrame:
    """A frame's symbols, one array per channel, the parameters they go by, and what they decode to.

    ``decoded`` is what the next frame is predicted from.
    """

    rates: StoredRates
    symbols: tuple[Symbols, ...]
    decoded: PlaneFrame


class FrameCoder:
    """Values of one group's frames to symbols and back.

    Texels without a vertex are zero in every decoded frame; no ray reads them.
    """

    def __init__(self, mapping: MappingTable, planes: TriPlanes, channels: int) -> None:
        self.planes, self.channels = planes, channels
        self._rows = torch.from_numpy(mapping.texels).long()
        self._texel_count = mapping.texel_count
        counts = planes.counts
        self.lengths = (len(self._rows), *(n for n in counts for _ in range(channels)))
        """Values of each channel: density at vertices, then plane by plane."""

    def code(self, frame: PlaneFrame, rates: StoredRates, before: PlaneFrame | None) -> CodedFrame:
        """Round a frame at the steps of ``rates``; a key frame has nothing before it."""
        wanted = self._parts(frame)
        known = self._parts(before) if before is not None else [torch.zeros(1)] * len(wanted)
        symbols = [
            ((part - old) * step).round().clamp(-_LARGEST_SYMBOL, _LARGEST_SYMBOL)
            for part, old, step in zip(wanted, known, rates.steps.tolist(), strict=True)
        ]
        columns = tuple(
            np.ascontiguousarray(column) for part in symbols for column in part.int().numpy().T
        )
        return CodedFrame(rates, columns, self._decoded(symbols, rates, before))

    def decoded(
        self, columns: Sequence[Symbols], rates: StoredRates, before: PlaneFrame | None
    ) -> PlaneFrame:
        """The frame of symbols, one array per channel.

        Raises:
            SceneError: if a symbol is out of range.
        """
        largest = max(int(np.abs(column.astype(np.int64)).max(initial=0)) for column in columns)
        if largest > _LARGEST_SYMBOL:
            raise SceneError(
                f"a symbol is {largest}, expected at most {_LARGEST_SYMBOL}; the package is "
                "damaged, encode it again"
            )
        c, parts = self.channels, [columns[:1]]
        parts += [columns[1 + c * k : 1 + c * (k + 1)] for k in range((len(columns) - 1) // c)]
        stacked = [torch.from_numpy(np.stack(part, 1)).float() for part in parts]
        return self._decoded(stacked, rates, before)

    def _decoded(
        self, symbols: Sequence[Tensor], rates: StoredRates, before: PlaneFrame | None
    ) -> PlaneFrame:
        changes = [part / step for part, step in zip(symbols, rates.steps.tolist(), strict=True)]
        density, planes = changes[0][:, 0], torch.cat(list(changes[1:]))
        if before is not None:
            density, planes = before.density[self._rows] + density, before.planes + planes
        texels = torch.zeros(self._texel_count)
        texels[self._rows] = density.clamp(-_LARGEST_VALUE, _LARGEST_VALUE)
        return PlaneFrame(texels, planes.clamp(-_LARGEST_VALUE, _LARGEST_VALUE))

    def _parts(self, frame: PlaneFrame) -> list[Tensor]:
        return [frame.density[self._rows, None], *frame.planes.split(self.planes.counts)]


def frame_bytes(coded: CodedFrame, stage: int) -> bytes:
    """A frame as bytes: its parameters, which channels have measured tables, those, the symbols.

    A channel's table follows from the parameters unless a measured one saves more than it takes.
    """
    tables = coded.rates.tables()
    measured: list[bytes] = []
    flags = np.zeros(len(tables), np.bool_)
    for channel, symbols in enumerate(coded.symbols):
        table = FrequencyTable.of(symbols)
        size = len(data := table.to_bytes())
        if table.bits(symbols) + 8 * size < tables[channel].bits(symbols):
            tables[channel], flags[channel] = table, True
            measured.append(data)
    body = encode_symbols(list(zip(coded.symbols, tables, strict=True)))
    return b"".join((coded.rates.to_bytes(stage), np.packbits(flags).tobytes(), *measured, body))


def encode_group(frames: Sequence[CodedFrame]) -> bytes:
    """The frames of a group as bytes; the first one is the key frame."""
    return join_chunks([frame_bytes(coded, min(n, 1)) for n, coded in enumerate(frames)])


def decode_group(data: bytes, frame_count: int, coder: FrameCoder) -> Iterator[PlaneFrame]:
    """The frames of a group, in order.

    Raises:
        SceneError: if the data does not hold them.
    """
    before: PlaneFrame | None = None
    for number, chunk in enumerate(split_chunks(data, frame_count)):
        before = _decode_frame(chunk, min(number, 1), coder, before)
        yield before


def _decode_frame(
    data: bytes, stage: int, coder: FrameCoder, before: PlaneFrame | None
) -> PlaneFrame:
    channels = len(coder.lengths)
    size = stored_size(stage, coder.channels)
    start = size + -(-channels // 8)
    if len(data) < start:
        raise SceneError(
            f"a frame takes {len(data)} bytes, expected {start} or more; the package is damaged, "
            "encode it again"
        )
    rates = StoredRates.from_bytes(data[:size], stage, coder.channels)
    tables, rest = rates.tables(), data[start:]
    flags = np.unpackbits(np.frombuffer(data[size:start], np.uint8), count=channels)
    for channel in np.flatnonzero(flags):
        tables[channel], rest = table_from_bytes(rest)
    symbols = decode_symbols(rest, list(zip(coder.lengths, tables, strict=True)))
    return coder.decoded(symbols, rates, before)


def settings_to_json(settings: PlaneSettings) -> dict[str, Any]:
    """What a decoder must know, as plain values."""
    return {"channels": settings.channels, "scale": settings.scale}


def settings_from_json(record: Mapping[str, Any], shading: ShadingShape) -> PlaneSettings:
    """The settings that `settings_to_json` wrote.

    Raises:
        SceneError: if they are damaged.
    """
    try:
        values = named_values("own", record, "channels scale")
        return stated_settings(
            whole_number("channels", values["channels"], 1, _MOST_CHANNELS),
            finite_number("scale", values["scale"]),
            shading,
        )
    except ValueError as error:
        raise SceneError(
            f"the stream's own record is damaged: {error}; encode the package again"
        ) from error
