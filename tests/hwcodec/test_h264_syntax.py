"""H.264 parameter sets written by hand, field by field, with the tools that we never use."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import BitstreamError
from hwcodec.syntax import h264
from hwcodec.syntax.parameters import Buffering, SequenceParameters, Size
from tests.hwcodec.bit_writer import se, u, ue, unit

NO_CHROMA_INFO = ""


@dataclass(frozen=True)
class Sps:
    """Fields of a sequence parameter set; the defaults are 64x48 without anything special."""

    profile: int = 77
    constraints: int = 0
    identity: int = 0
    chroma: str = NO_CHROMA_INFO
    order: str = ue(2)
    references: int = 1
    frames: str = "1"
    crop: str = "0"
    usability: str = "0"

    def read(self) -> tuple[int, SequenceParameters]:
        return h264.sequence_parameters(
            unit(
                b"\x67",
                u(self.profile, 8) + u(self.constraints, 8) + u(30, 8) + ue(self.identity),
                self.chroma + ue(0) + self.order + ue(self.references) + "0",
                ue(3, 2) + self.frames + "1" + self.crop + self.usability,
            )
        )


@pytest.mark.parametrize(
    ("profile", "constraints", "name", "is_interchange"),
    [
        (66, 0x00, "Baseline", False),
        (66, 0x40, "Constrained Baseline", True),
        (77, 0x40, "Main", True),
        (88, 0x00, "Extended", False),
        (99, 0x00, "profile 99", False),
    ],
)
def test_a_profile_is_named_by_number_and_constraint(
    profile, constraints, name, is_interchange
) -> None:
    _, found = Sps(profile, constraints).read()
    assert (found.profile.name, found.profile.is_interchange) == (name, is_interchange)
    assert found.codec_string == f"avc1.{profile:02X}{constraints:02X}1E"
    assert found.format_name == f"H.264 {name}, 4:2:0 8-bit"


@pytest.mark.parametrize(
    ("chroma", "frames", "size"),
    [
        (0, "1", Size(64 - 3, 48 - 7)),
        (1, "1", Size(64 - 6, 48 - 14)),
        (2, "1", Size(64 - 6, 48 - 7)),
        (3, "1", Size(64 - 3, 48 - 7)),
        (1, "00", Size(64 - 6, 96 - 28)),
    ],
)
def test_cropping_counts_in_chroma_samples_and_in_rows_of_both_fields(chroma, frames, size) -> None:
    info = ue(chroma) + ("0" if chroma == 3 else "") + ue(0, 0) + "00"
    _, found = Sps(100, chroma=info, frames=frames, crop="1" + ue(1, 2, 3, 4)).read()
    assert found.size == size
    assert ("interlaced coding" in found.oddities) is (frames != "1")


def test_cropping_everything_away_is_refused() -> None:
    with pytest.raises(BitstreamError, match="crops 64x48 to 0x48, expected at least one sample"):
        Sps(crop="1" + ue(16, 16, 0, 0)).read()


def test_color_planes_bypass_and_depths_are_told() -> None:
    _, found = Sps(244, chroma=ue(3) + "1" + ue(2, 4) + "10").read()
    assert found.oddities == ("separate color planes", "lossless transform bypass")
    assert found.format_name == "H.264 High 4:4:4 Predictive, 4:4:4 10/12-bit"


@given(st.lists(st.integers(-3, 3), min_size=64, max_size=64), st.integers(0, 7))
def test_scaling_lists_are_passed_over_up_to_their_end(steps, place) -> None:
    # From 8 on, steps of at most 3; a list ends early where the next scale would be 0.
    size, scale, written = (16 if place < 6 else 64), 8, ""
    for step in steps[:size]:
        written += se(step)
        scale = (scale + step) % 256
        if not scale:
            break
    flags = ["0"] * 8
    flags[place] = "1" + written
    _, found = Sps(
        100, chroma=ue(1, 0, 0) + "01" + "".join(flags), crop="1" + ue(1, 1, 1, 1)
    ).read()
    assert found.size == Size(60, 44)


@pytest.mark.parametrize(
    "order",
    [ue(0, 12), ue(1) + "1" + se(-5, 7) + ue(3) + se(1, -1, 2), ue(1) + "0" + se(0, 0) + ue(0)],
)
def test_every_picture_order_leads_to_the_same_size(order) -> None:
    assert Sps(order=order).read() == Sps().read()


TIMING = "1" + u(1001, 32) + u(60000, 32) + "1"
SCHEDULE = "1" + ue(1) + u(0x12, 8) + 2 * (ue(500, 900) + "1") + u(0, 20)


@pytest.mark.parametrize("aspect", ["0", "1" + u(1, 8), "1" + u(255, 8) + u(4, 16) + u(3, 16)])
@pytest.mark.parametrize("timing", ["0", TIMING])
@pytest.mark.parametrize("schedules", ["00", "0" + SCHEDULE + "0", SCHEDULE + SCHEDULE + "1"])
def test_range_and_buffers_are_found_behind_every_optional_part(aspect, timing, schedules) -> None:
    signal = "1" + u(5, 3) + "1" + "1" + u(1, 8) * 3
    restriction = "1" + "1" + ue(0, 0, 9, 9) + ue(2, 5)
    text = "1" + aspect + "11" + signal + "1" + ue(0, 0) + timing + schedules + "0" + restriction
    _, found = Sps(references=3, usability=text).read()
    assert found.is_full_range is True
    assert found.buffering == Buffering(5, 2)


@pytest.mark.parametrize(("signal", "said"), [("0", None), ("1" + u(5, 3) + "00", False)])
def test_silence_about_the_range_differs_from_limited(signal, said) -> None:
    _, found = Sps(references=4, usability="1" + "00" + signal + "0" + "0" + "00" + "00").read()
    assert found.is_full_range is said
    assert found.buffering == Buffering(4)


def test_more_reordered_than_buffered_pictures_are_damage() -> None:
    restriction = "1" + "1" + ue(0, 0, 9, 9) + ue(3, 2)
    with pytest.raises(BitstreamError, match="reorders 3 pictures, expected at most the 2"):
        Sps(usability="1" + "00" + "0" + "0" + "0" + "00" + "0" + restriction).read()


def test_picture_sets_tell_their_numbers_and_their_oddities() -> None:
    ending = ue(0, 0) + "000" + se(-6, 3, 0) + "10"
    for odd, said in (("0", ()), ("1", ("redundant pictures",))):
        found = h264.picture_parameters(unit(b"\x68", ue(200, 31), "10", ue(0), ending, odd))
        assert (found.number, found.sequence_number, found.oddities) == (200, 31, said)
    groups = h264.picture_parameters(unit(b"\x68", ue(1, 0), "00", ue(7)))
    assert groups.oddities == ("slice groups",)


@pytest.mark.parametrize(
    ("read", "kind"), [(h264.sequence_parameters, 7), (h264.picture_parameters, 8)]
)
def test_a_unit_of_another_type_is_refused_by_its_number(read, kind) -> None:
    with pytest.raises(
        BitstreamError, match=f"a unit of type 6 before bit 8, expected type {kind}"
    ):
        read(b"\x06" + bytes(40))


@given(st.integers(0, 9000), st.integers(0, 9), st.integers(0, 255))
def test_the_first_slice_of_a_picture_begins_with_its_first_block(block, kind, picture_set) -> None:
    found = h264.slice_start(unit(b"\x65", ue(block, kind, picture_set)))
    assert found == (block == 0, picture_set)
