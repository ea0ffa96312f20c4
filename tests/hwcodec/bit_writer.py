"""Writes the fields of headers by hand, so that tests can say what no encoder of ours writes."""

from hwcodec.headers import _escape


def u(value: int, width: int) -> str:
    """An unsigned number of a fixed width."""
    return f"{value:0{width}b}" if width else ""


def ue(*values: int) -> str:
    """Unsigned Exp-Golomb numbers."""
    return "".join(f"{value + 1:0{2 * (value + 1).bit_length() - 1}b}" for value in values)


def se(*values: int) -> str:
    """Signed Exp-Golomb numbers."""
    return "".join(ue(2 * value - 1 if value > 0 else -2 * value) for value in values)


def packed(*fields: str) -> bytes:
    """The fields as bytes, filled up with zeros."""
    text = "".join(fields)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def unit(header: bytes, *fields: str) -> bytes:
    """A NAL unit: its header and its escaped content behind a stop bit."""
    return header + _escape(packed(*fields, "1"))
