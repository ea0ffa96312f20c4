"""A cursor over bits, and the codes that H.264, HEVC and AV1 write their numbers in.

Sources: ITU-T H.264 and H.265, 7.2 and 9.1/9.2 (Exp-Golomb codes) and 7.3.1 (emulation
prevention); AV1 specification, 4.10 (uvlc, leb128).
"""

from hwcodec.errors import BitstreamError

_LONGEST_PREFIX = 32


def without_emulation_prevention(unit: bytes) -> bytes:
    """The payload of a NAL unit: the 3 of every 0, 0, 3 is there only to avoid start codes."""
    return unit.replace(b"\0\0\3", b"\0\0")


class BitReader:
    """Reads numbers from the highest bit of the first byte on; it refuses to read past the end."""

    __slots__ = ("_data", "_position", "_what")

    def __init__(self, data: bytes, what: str = "unit") -> None:
        self._data, self._position, self._what = data, 0, what

    @property
    def position(self) -> int:
        """Bits read so far."""
        return self._position

    def u(self, count: int) -> int:
        """The next ``count`` bits as an unsigned number.

        Raises:
            BitstreamError: at the end of the data.
        """
        end = self._position + count
        if end > 8 * len(self._data):
            raise BitstreamError(
                f"{self._what} of {len(self._data)} bytes ends inside one of its fields, expected "
                "at least one byte more; it is truncated or damaged, encode the stream again"
            )
        last = -(-end // 8)
        window = int.from_bytes(self._data[self._position // 8 : last], "big")
        self._position = end
        return window >> (8 * last - end) & ((1 << count) - 1)

    def flag(self) -> bool:
        """The next bit as a truth value."""
        return self.u(1) == 1

    def skip(self, count: int) -> None:
        """Pass over bits."""
        self.u(count)

    def ue(self, most: int = (1 << 32) - 2) -> int:
        """The next unsigned Exp-Golomb number, at most ``most``.

        Raises:
            BitstreamError: if it is larger, no such number, or at the end of the data.
        """
        zeros = 0
        while not self.flag():
            zeros += 1
            if zeros > _LONGEST_PREFIX:
                raise self.refused(f"more than {_LONGEST_PREFIX} leading zeros", "a number")
        value = (1 << zeros) - 1 + self.u(zeros)
        if value > most:
            raise self.refused(str(value), f"0 to {most}")
        return value

    def se(self) -> int:
        """The next signed Exp-Golomb number."""
        value = self.ue()
        return (value + 1) // 2 if value % 2 else -(value // 2)

    def refused(self, got: str, expected: str) -> BitstreamError:
        """The error for a field whose value no standard allows."""
        return BitstreamError(
            f"{self._what} holds {got} before bit {self._position}, expected {expected}; it is "
            "damaged, encode the stream again"
        )
