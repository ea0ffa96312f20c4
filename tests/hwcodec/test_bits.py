import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import BitstreamError
from hwcodec.headers import _escape
from hwcodec.syntax.bits import BitReader, without_emulation_prevention


def packed(*fields: tuple[int, int]) -> bytes:
    """Numbers with their widths in bits, filled up with zeros."""
    text = "".join(f"{value:0{width}b}" for value, width in fields if width)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def exp_golomb(value: int) -> tuple[int, int]:
    return value + 1, 2 * (value + 1).bit_length() - 1


@given(
    st.lists(st.integers(0, 64).flatmap(lambda n: st.tuples(st.integers(0, 2**n - 1), st.just(n))))
)
def test_numbers_come_back_as_they_were_written(fields) -> None:
    bits = BitReader(packed(*fields))
    assert [bits.u(width) for _, width in fields] == [value for value, _ in fields]
    assert bits.position == sum(width for _, width in fields)


@given(st.lists(st.integers(0, 2**32 - 2), max_size=8))
def test_unsigned_exp_golomb_numbers_come_back(values) -> None:
    bits = BitReader(packed(*(exp_golomb(value) for value in values)))
    assert [bits.ue() for _ in values] == values


def test_signed_exp_golomb_numbers_alternate() -> None:
    bits = BitReader(packed(*(exp_golomb(code) for code in range(7))))
    assert [bits.se() for _ in range(7)] == [0, 1, -1, 2, -2, 3, -3]


def test_the_codes_of_the_standards_own_table_are_read() -> None:
    # ITU-T H.264, table 9-2: 1, 010, 011, 00100, 0001000.
    bits = BitReader(bytes((0b10100110, 0b01000001, 0)))
    assert [bits.ue() for _ in range(4)] == [0, 1, 2, 3]


@given(st.binary(max_size=12), st.integers(0, 200))
def test_nothing_is_read_past_the_end(data, count) -> None:
    bits = BitReader(data, "test unit")
    if count <= 8 * len(data):
        assert bits.u(count) == int.from_bytes(data, "big") >> (8 * len(data) - count)
        return
    with pytest.raises(BitstreamError, match=f"test unit of {len(data)} bytes ends inside"):
        bits.u(count)


@pytest.mark.parametrize("data", [b"", b"\0", bytes(4), bytes(100)])
def test_zeros_without_an_end_are_no_number(data) -> None:
    with pytest.raises(BitstreamError):
        BitReader(data).ue()


def test_a_number_above_its_limit_is_refused_with_both() -> None:
    bits = BitReader(packed(exp_golomb(17)), "set")
    with pytest.raises(BitstreamError, match="set holds 17 before bit 9, expected 0 to 16"):
        bits.ue(16)


@given(st.binary(max_size=200).map(lambda data: data.replace(b"\1", b"\0")))
def test_emulation_prevention_is_removed(plain) -> None:
    assert without_emulation_prevention(_escape(plain)) == plain
