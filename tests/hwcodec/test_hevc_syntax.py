"""HEVC parameter sets written by hand, field by field, with the lists that we never use."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import BitstreamError
from hwcodec.syntax import hevc
from hwcodec.syntax.bits import BitReader
from hwcodec.syntax.hevc_lists import skip_reference_sets
from hwcodec.syntax.parameters import Buffering, SequenceParameters, Size
from tests.hwcodec.bit_writer import packed, se, u, ue, unit

PROGRESSIVE = u(0b1001, 4) + u(0, 44)


@dataclass(frozen=True)
class Sps:
    """Fields of a sequence parameter set; the defaults are 64x48 without anything special."""

    claim: str = u(1, 8) + u(0x60000000, 32) + PROGRESSIVE + u(93, 8)
    layers: int = 1
    layer_claims: str = ""
    chroma: str = ue(1)
    crop: str = "0"
    buffers: str = "1" + ue(3, 1, 0)
    scaling: str = "0"
    pcm: str = "0"
    references: str = ue(0)
    long_terms: str = "0"
    usability: str = "0"
    extensions: str = "0"

    def read(self) -> tuple[int, SequenceParameters]:
        start = u(0, 4) + u(self.layers - 1, 3) + "1" + self.claim + self.layer_claims + ue(5)
        picture = self.chroma + ue(64, 48) + self.crop + ue(0, 2) + ue(4) + self.buffers
        tools = ue(0, 3, 0, 3, 1, 1) + self.scaling + "10" + self.pcm
        lists = self.references + self.long_terms + "11"
        fields = start + picture + tools + lists + self.usability + self.extensions
        return hevc.sequence_parameters(unit(b"\x42\1", fields))


@pytest.mark.parametrize(
    ("claim", "string", "name"),
    [
        (u(0x01, 8) + u(0x60000000, 32) + u(0x90, 8) + u(0, 40), "hvc1.1.6.L93.90", "Main"),
        (u(0x22, 8) + u(0x20000000, 32) + u(0x90, 8) + u(0, 40), "hvc1.2.4.H93.90", "Main 10"),
        (u(0x4D, 8) + u(1, 32) + u(0xB000_0000_0001, 48), "hvc1.A13.80000000.L93.B0.0.0.0.0.1",
         "profile 13"),
        (u(0xE9, 8) + u(0, 32) + u(0, 48), "hvc1.C9.0.H93", "SCC (screen content coding)"),
    ],
)  # fmt: skip
def test_codec_strings_tell_space_tier_flags_and_constraints(claim, string, name) -> None:
    number, found = Sps(claim=claim + u(93, 8)).read()
    assert (number, found.codec_string, found.profile.name) == (5, string, name)
    assert (found.size, found.bit_depths, found.level) == (Size(64, 48), (8, 10), 93)


@pytest.mark.parametrize(
    ("flags", "oddities"),
    [("00", ()), ("01", ("interlaced source",)), ("10", ()), ("11", ())],
)
def test_only_an_interlaced_source_that_is_not_progressive_is_odd(flags, oddities) -> None:
    _, found = Sps(claim=u(1, 40) + flags + u(0, 46) + u(30, 8)).read()
    assert found.oddities == oddities


@pytest.mark.parametrize(
    ("chroma", "size"),
    [(0, Size(61, 41)), (1, Size(58, 34)), (2, Size(58, 41)), (3, Size(61, 41))],
)
def test_cropping_counts_in_chroma_samples(chroma, size) -> None:
    planes = "1" if chroma == 3 else ""
    _, found = Sps(chroma=ue(chroma) + planes, crop="1" + ue(1, 2, 3, 4)).read()
    assert (found.size, found.coded_size) == (size, Size(64, 48))
    assert found.oddities == (("separate color planes",) if planes else ())


def test_the_highest_temporal_layer_tells_the_buffers() -> None:
    claims = "11" + "01" + "00" * 6 + u(0, 88) + u(60, 8) + u(30, 8)
    each = Sps(layers=3, layer_claims=claims, buffers="1" + ue(0, 0, 0, 2, 1, 0, 5, 3, 0))
    assert each.read()[1].buffering == Buffering(6, 3)
    last = Sps(layers=3, layer_claims=claims, buffers="0" + ue(7, 2, 0))
    assert last.read()[1].buffering == Buffering(8, 2)


LISTS = "".join(
    ("1" + (se(-4) if size > 1 else "") + se(*([1] * (16, 64, 64, 64)[size])))
    if matrix % 2
    else "0" + ue(0)
    for size in range(4)
    for matrix in range(2 if size == 3 else 6)
)
OPTIONAL = {
    "scaling": ("10", "11" + LISTS),
    "pcm": ("1" + u(0x77, 8) + ue(0, 1) + "1",),
    "references": (ue(1) + ue(2, 1) + (ue(0) + "1") * 3,
                   ue(2) + ue(1, 0) + ue(0) + "1" + "0" + ue(1, 0) + ue(3) + "0"),
    "long_terms": ("1" + ue(0), "1" + ue(2) + 2 * (u(77, 8) + "1")),
}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "text"), [(field, text) for field, texts in OPTIONAL.items() for text in texts]
)
def test_every_optional_part_ends_where_the_standard_says(field, text) -> None:
    ending = {"usability": "0", "extensions": "1" + "1001" + "0000"}
    _, found = Sps(**{field: text}, **ending).read()
    assert found.oddities == ("range extension", "screen content extension")


DELAYS = "11" + "1" + u(0, 19) + u(0, 8) + u(0, 4) + u(0, 15)
TIMING = "1" + u(1, 32) + u(30, 32) + "1" + ue(0)
SCHEDULES = {
    "none": "0",
    "no parts": "1" + "10" + "0" + u(0, 8 + 15) + "1" + ue(0) + ue(1) + 2 * (ue(9, 9) + "1"),
    "parts": "1" + DELAYS + "01" + ue(4) + ue(0) + 2 * (ue(1, 2, 3, 4) + "0"),
    "low delay": "1" + DELAYS + "00" + "1" + 2 * (ue(1, 2, 3, 4) + "1"),
    "no kinds": "1" + "00" + "00" + "0" + ue(31),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("restriction", ["0", "1" + "101" + ue(0, 1, 2, 3, 4)])
def test_extensions_are_found_behind_every_schedule(name, restriction) -> None:
    signal = "1" + u(5, 3) + "10"
    text = "1" + "00" + signal + "1" + ue(2, 2) + "010" + "1" + ue(0, 0, 1, 1)
    text += TIMING + SCHEDULES[name] + restriction
    _, found = Sps(usability=text, extensions="1" + "0100" + "0000").read()
    assert found.is_full_range is True
    assert found.oddities == ("field coding", "multilayer extension")


def test_predicted_reference_sets_follow_the_distances_of_the_set_before() -> None:
    plain = ue(1, 1) + ue(0) + "1" + ue(1) + "1"  # -1 and +2
    # Shifted by -1: -2, +1, and -1 from the picture itself; all three are kept.
    three = "1" + "1" + ue(0) + "1" + "01" + "1"
    # Shifted by +1: one flag for each of the three distances and one for the picture itself.
    four = "1" + "0" + ue(0) + "00" + "1" + "1" + "00"
    bits = BitReader(packed(ue(3), plain, three, four, u(0x5A, 8)))
    skip_reference_sets(bits)
    assert bits.u(8) == 0x5A


@given(st.integers(17, 40))
def test_a_reference_set_holds_at_most_sixteen_pictures(count) -> None:
    with pytest.raises(BitstreamError, match=rf"holds {count} before bit .* expected 0 to 16"):
        skip_reference_sets(BitReader(packed(ue(1) + ue(count, 0)) + bytes(8)))


def test_prediction_cannot_grow_a_set_beyond_sixteen_pictures() -> None:
    whole = ue(8, 8) + (ue(0) + "1") * 16
    more = "1" + "0" + ue(99) + "1" * 17
    with pytest.raises(BitstreamError, match=r"17 references before bit .* expected at most 16"):
        skip_reference_sets(BitReader(packed(ue(2), whole, more)))


def test_video_sets_claim_what_sequence_sets_claim() -> None:
    start = u(9, 4) + "11" + u(0, 6) + u(1, 3) + "1" + u(0xFFFF, 16)
    number, claim = hevc.video_parameters(unit(b"\x40\1", start + Sps().claim + u(0, 16)))
    assert (number, claim.codec_string) == (9, Sps().read()[1].codec_string)
    assert (claim.level, claim.is_progressive) == (93, True)


@given(st.booleans(), st.integers(0, 63), st.integers(0, 23))
def test_slices_of_key_pictures_have_one_flag_more(is_first, picture_set, kind) -> None:
    extra = "1" if 16 <= kind <= 23 else ""
    data = unit(bytes((kind << 1, 1)), u(is_first, 1) + extra + ue(picture_set))
    assert hevc.slice_start(data, kind) == (is_first, picture_set)


def test_a_unit_of_another_type_is_refused_by_its_number() -> None:
    for read, kind in ((hevc.video_parameters, 32), (hevc.picture_parameters, 34)):
        with pytest.raises(BitstreamError, match=rf"unit of type 33 before .* type {kind}"):
            read(b"\x42\1" + bytes(40))
