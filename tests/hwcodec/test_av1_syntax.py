"""AV1 units and headers written by hand, with the profiles and tools that we never use."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import BitstreamError
from hwcodec.syntax import av1
from hwcodec.syntax.parameters import SequenceParameters, Size
from tests.hwcodec.bit_writer import packed, u, ue

DEFAULT_INTER_TOOLS = "0000" + "0" + "1" + "1"


@dataclass(frozen=True)
class Header:
    """Fields of a sequence header of 100x50."""

    profile: int = 0
    kind: str = "00"
    points: str = "0" + "0" + u(0, 5) + u(0, 12) + u(5, 5)
    numbers: str = "0"
    inter_tools: str = DEFAULT_INTER_TOOLS
    color: str = "0" + "0" + "0" + "1" + "00" + "0"
    grain: str = "0"

    def read(self) -> SequenceParameters:
        size = u(6, 4) + u(5, 4) + u(99, 7) + u(49, 6)
        tools = self.numbers + "000" + self.inter_tools + "000"
        fields = u(self.profile, 3) + self.kind + self.points + size + tools
        return av1.sequence_parameters(packed(fields, self.color, self.grain, "1"))


def leb128(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes((low | 128,)) + leb128(rest) if rest else bytes((low,))


@given(st.lists(st.tuples(st.integers(0, 15), st.binary(max_size=300), st.booleans())))
def test_units_come_apart_with_and_without_an_extension(written) -> None:
    data = b"".join(
        bytes((kind << 3 | has_extension << 2 | 2,))
        + (b"\x28" if has_extension else b"")
        + leb128(len(payload))
        + payload
        for kind, payload, has_extension in written
    )
    assert list(av1.units(data)) == [(kind, payload) for kind, payload, _ in written]


def test_the_last_unit_may_leave_its_size_out() -> None:
    assert list(av1.units(b"\x12\0" + b"\x30rest")) == [(2, b""), (6, b"rest")]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x32\x05abcd", "claims 5 bytes, expected at most 4"),
        (b"\x34", "claims -1 bytes"),
        (b"\xb2\1a", "claims 1 bytes"),
        (b"\x32\xff\xff", "no readable size"),
        (b"\x32" + b"\x80" * 9, "no readable size"),
    ],
)
def test_units_that_do_not_add_up_are_refused(data, said) -> None:
    with pytest.raises(BitstreamError, match=said):
        list(av1.units(data))


@pytest.mark.parametrize(
    ("profile", "color", "expected"),
    [
        (0, "0" + "0" + "0" + "1" + "00" + "0", ("4:2:0", 8, True)),
        (0, "1" + "0" + "0" + "0" + "10" + "0", ("4:2:0", 10, False)),
        (0, "1" + "1" + "0" + "1", ("4:0:0", 10, True)),
        (1, "0" + "0" + "0" + "0", ("4:4:4", 8, False)),
        (1, "0" + "1" + u(1, 8) + u(13, 8) + u(0, 8) + "0", ("4:4:4", 8, True)),
        (2, "10" + "0" + "0" + "1" + "0", ("4:2:2", 10, True)),
        (2, "11" + "0" + "0" + "1" + "0" + "0", ("4:4:4", 12, True)),
        (2, "11" + "0" + "0" + "1" + "10" + "0", ("4:2:2", 12, True)),
        (2, "11" + "0" + "0" + "1" + "11" + "00" + "0", ("4:2:0", 12, True)),
    ],
)
def test_every_profile_tells_chroma_depth_and_range(profile, color, expected) -> None:
    # The grain flag comes right behind the color, so a wrong length would be seen there.
    for grain, oddities in (("0", ()), ("1", ("film grain",))):
        found = Header(profile, color=color, grain=grain).read()
        chroma, depth, is_full = expected
        assert (found.chroma, found.bit_depths, found.is_full_range) == (
            chroma,
            (depth,) * 2,
            is_full,
        )
        assert found.codec_string == f"av01.{profile}.05M.{depth:02d}"
        assert (found.size, found.oddities) == (Size(100, 50), oddities)


MODEL = "1" + u(4, 5) + u(1, 32) + u(0, 10)
POINTS = {
    "one": ("0" + "0" + u(0, 5) + u(0, 12) + u(5, 5), "05M"),
    "high tier": ("0" + "0" + u(0, 5) + u(0, 12) + u(9, 5) + "1", "09H"),
    "first of two": (
        "0" + "1" + u(1, 5) + u(1, 12) + u(8, 5) + "0" + "1" + u(3, 4) + u(2, 12) + u(4, 5) + "0",
        "08M",
    ),
    "timing": ("1" + u(1, 32) + u(30, 32) + "0" + "0" + "0" + u(0, 5) + u(0, 12) + u(5, 5), "05M"),
    "delays": (
        "1" + u(1, 64) + "1" + ue(0) + MODEL + "0" + u(0, 5) + u(0, 12) + u(6, 5) + "1" + u(9, 11),
        "06M",
    ),
}


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("numbers", ["0", "1" + u(9, 7)])
@pytest.mark.parametrize(
    "inter_tools", [DEFAULT_INTER_TOOLS, "1111" + "100" + "01" + "01" + "110", "0000" + "0" + "00"]
)
def test_the_level_of_the_first_operating_point_counts(name, numbers, inter_tools) -> None:
    points, grade = POINTS[name]
    found = Header(points=points, numbers=numbers, inter_tools=inter_tools).read()
    assert (found.codec_string, found.size) == (f"av01.0.{grade}.08", Size(100, 50))


def test_a_reduced_header_is_that_of_a_still_picture() -> None:
    found = Header(kind="11", points=u(13, 5), numbers="", inter_tools="").read()
    assert (found.level, found.oddities) == (13, ("still picture",))


def test_profiles_beyond_the_third_are_refused() -> None:
    with pytest.raises(BitstreamError, match="profile 5 before bit 3, expected 0 to 2"):
        Header(5).read()


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        ("0001", (True, True)),
        ("0000", (False, False)),
        ("0011", (True, False)),
        ("1", (True, False)),
    ],
)
def test_only_a_shown_key_frame_is_a_beginning(bits, expected) -> None:
    assert av1.frame_start(packed(bits)) == expected
