"""Each check on a subject made by hand, which is right but for one value."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch

from hwcodec import GRAY8, BitstreamError, Codec, Picture
from hwcodec.fragments import Sample
from hwcodec.syntax.parameters import (
    Buffering,
    PictureParameters,
    Profile,
    SequenceParameters,
    Size,
)
from hwcodec.syntax.pictures import CodedPicture, coded_picture
from hwcodec.syntax.records import DecoderConfig
from hwcodec.tracks import Track
from hwcodec.verify import Report, decoding_checks, file_checks, header_checks, packet_checks
from hwcodec.verify.report import Check, StreamReport
from hwcodec.verify.subject import Subject
from tests.hwcodec.bit_writer import packed, u, ue, unit

PARAMETERS = SequenceParameters(
    Codec.HEVC,
    "hvc1.1.6.L93.90",
    Profile(1, "Main", (8,), is_interchange=True),
    93,
    "4:2:0",
    (8, 8),
    Size(640, 480),
    Size(640, 480),
    is_full_range=True,
    buffering=Buffering(4, 2),
)
CONFIG = DecoderConfig(PARAMETERS, {0: PictureParameters(0, 0)}, ("hvc1.1.6.L93.90",), 4)
KEY = CodedPicture(("IDR_W_RADL",), is_instant=True, picture_sets=frozenset({0}))
LATER = CodedPicture(("trailing",), is_instant=False, picture_sets=frozenset({0}))


def track_of(keys: str = "k..k.", order: Iterable[int] = range(5), **changes: Any) -> Track:  # noqa: ANN401
    samples = tuple(
        Sample(b"x", index, number - index, 1, mark == "k")
        for index, (mark, number) in enumerate(zip(keys, order, strict=True))
    )
    plain = Track("hvc1", Codec.HEVC, b"", (640, 480), None, 30, samples, (0, 3))
    return replace(plain, **changes)


def subject(
    track: Track | None = None, pictures: dict[int, CodedPicture] | None = None, **changes: object
) -> Subject:
    """A subject whose record and packets need not be read; what they say is put in their place."""
    made = Subject(b"", track or track_of())
    own = {
        key: changes.pop(key) for key in ("claims", "length_bytes", "pictures_") & changes.keys()
    }
    if "pictures_" in own:
        own["pictures"] = own.pop("pictures_")
    parameters = replace(PARAMETERS, **changes)  # type: ignore[arg-type]
    config = replace(CONFIG, parameters=parameters, **own)  # type: ignore[arg-type]
    found = {0: KEY, 1: LATER, 2: LATER, 3: KEY, 4: LATER} | (pictures or {})
    vars(made).update(config=config, pictures=tuple(found.values()))
    return made


def test_a_sound_subject_passes_every_check() -> None:
    sound = subject()
    assert file_checks.container(sound) == "MP4 with hvc1 at 30 Hz, packets: 5, fragments: 2"
    assert header_checks.parameter_sets(sound).endswith("say hvc1.1.6.L93.90")
    assert header_checks.profile(sound) == "HEVC Main, 4:2:0 8-bit"
    assert header_checks.level(sound).startswith("level 3.1 declared, 3.0 needed for 640x480 at 30")
    assert header_checks.size(sound) == "640x480, 1200 blocks of 16x16"
    assert header_checks.full_range(sound) == "full-range flag set"
    assert packet_checks.packets(sound) == "5 packets of one picture each"
    assert packet_checks.closed_groups(sound) == "2 closed groups of 2 to 3 pictures"


HIGH = Profile(100, "High", (8,), is_interchange=True)
HEADERS = [
    ("parameter_sets", {"claims": ("hvc1.1.6.L93.90", "hvc1.2.4.L93.90")}, "claims hvc1.2.4"),
    ("parameter_sets", {"length_bytes": 2}, "lengths of 2 bytes, expected 4"),
    ("profile", {"chroma": "4:2:2"}, "is HEVC Main, 4:2:2 8-bit, expected HEVC Main or Main 10"),
    ("profile", {"bit_depths": (8, 10)}, "4:2:0 8/10-bit"),
    ("profile", {"bit_depths": (10, 10)}, "HEVC Main, 4:2:0 10-bit"),
    ("profile", {"profile": Profile(4, "RExt")}, "HEVC RExt"),
    ("profile", {"oddities": ("field coding", "field coding")}, "8-bit with field coding, "),
    ("profile", {"pictures_": {0: PictureParameters(0, 0, ("slice groups",))}}, "slice groups"),
    ("level", {"level": 255}, "has number 255, which is no level, expected 90 .level 3.0. for 640"),
    ("level", {"level": 63}, "level 2.1 is too low for 640x480 at 30 Hz with 4 pictures kept"),
    ("level", {"level": 186}, "level 6.2 is above what decoders commonly have, expected 3.0"),
    ("level", {"coded_size": Size(65534, 65534)}, "no level allows 65534x65534"),
    ("level", {"buffering": Buffering(17)}, "no level allows .* 17 pictures kept"),
    ("size", {"size": Size(639, 480)}, "pictures are 639x480 .1200 blocks"),
    ("size", {"size": Size(4098, 16)}, "at most 4096"),
    ("size", {"coded_size": Size(4096, 4096)}, "65536 blocks"),
    ("size", {"coded_size": Size(32, 16)}, "at least 48x16"),
    ("size", {"size": Size(638, 480)}, "sample entry says 640x480, expected 638x480"),
    ("full_range", {"is_full_range": False}, "stream says limited range"),
    ("full_range", {"is_full_range": None}, "stream says nothing, which means limited range"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "changes", "said"), HEADERS)
def test_one_wrong_value_in_the_headers_is_named(check, changes, said) -> None:
    with pytest.raises(BitstreamError, match=said):
        getattr(header_checks, check)(subject(**changes))


def test_a_level_above_the_common_ones_is_allowed_where_it_is_needed() -> None:
    large = subject(level=186, coded_size=Size(8192, 4320), track=track_of(time_scale=120))
    assert header_checks.level(large).startswith("level 6.2 declared, 6.2 needed")


def test_a_color_box_may_not_contradict_the_stream() -> None:
    with pytest.raises(BitstreamError, match="colr box says limited range"):
        header_checks.full_range(subject(track_of(is_full_range=False)))


@pytest.mark.parametrize(("entry", "expected"), [("hev1", "hvc1"), ("avc3", "avc1")])
def test_sample_entries_with_sets_in_packets_are_told_the_other_name(entry, expected) -> None:
    with pytest.raises(BitstreamError, match=f"{entry}, expected {expected}.*-tag:v {expected}"):
        file_checks.container(subject(track_of(entry=entry)))


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (replace(LATER, strays=("PPS",)), "packet 2 holds PPS, expected slices"),
        (replace(LATER, kinds=()), "packet 2 holds 0 pictures"),
        (replace(LATER, kinds=("trailing",) * 2), "packet 2 holds 2 pictures"),
        (replace(LATER, picture_sets=frozenset({0, 3})), r"sets \[0, 3\], expected \[0\]"),
        (
            replace(LATER, sequences=(replace(PARAMETERS, level=1),)),
            "packet 2 changes the sequence",
        ),
    ],
)
def test_a_wrong_packet_is_named_by_its_number(picture, said) -> None:
    with pytest.raises(BitstreamError, match=said):
        packet_checks.packets(subject(pictures={2: picture}))


@pytest.mark.parametrize(
    ("track", "pictures", "said"),
    [
        (track_of("...k."), {}, "first packet is not marked"),
        (track_of(), {4: replace(LATER, kinds=("RASL",))}, "packet 4 holds a RASL picture"),
        (track_of(), {3: replace(LATER, kinds=("CRA",))}, "packet 3 holds a CRA picture"),
        (track_of("k.kk."), {}, "packet 2 is marked as key and holds .* type trailing"),
        (track_of("k...."), {}, "packet 3 holds an IDR picture .* is not marked as key"),
        (track_of(order=(0, 1, 3, 2, 4)), {}, "packets 0 to 2 shows frame 3"),
        (track_of(order=(1, 0, 2, 3, 4)), {}, "packets 0 to 2 shows frame 0"),
        (track_of(fragment_starts=(0, 2)), {}, "fragment starts at packet 2, which is not key"),
    ],
)  # fmt: skip
def test_open_groups_are_found_by_marks_kinds_and_order(track, pictures, said) -> None:
    with pytest.raises(BitstreamError, match=said):
        packet_checks.closed_groups(subject(track, pictures))


def frames(*codes: int, side: int = 2) -> list[Picture]:
    planes = (torch.full((side, side), code, dtype=torch.uint8) for code in codes)
    return [Picture((luma,), GRAY8, index) for index, luma in enumerate(planes)]


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (frames(1, 2), "end after frame 2 when decoded in hardware"),
        (frames(1, 2, 3, 4), "end after frame 3"),
        (frames(1, 9, 3), "frame 1 differs in 4 codes when decoded in hardware"),
        (frames(1, 2, 3, side=4), "frame 0 differs in 16 codes"),
    ],
)
def test_hardware_must_give_the_same_codes_and_as_many_pictures(got, said, monkeypatch) -> None:
    monkeypatch.setattr(decoding_checks, "decode", lambda _: iter(frames(1, 2, 3)))
    asked = subject()
    vars(asked).update(bitstream=None)
    assert decoding_checks.hardware(asked, lambda _: iter(frames(1, 2, 3))).startswith("3 pictures")
    with pytest.raises(BitstreamError, match=said):
        decoding_checks.hardware(asked, lambda _: iter(got))


def test_a_table_names_failures_and_says_each_gap_once() -> None:
    gap = Check("hardware", None, "not run: none here")
    bad = StreamReport("b", (Check("size", passed=False, said="too large"), gap), "hvc1", "2x2", 7)
    report = Report("p", (StreamReport("a", (gap,)), bad))
    assert not report.passed
    assert report.table().splitlines() == [
        "stream  codec string  size  frames  verdict",
        "a       -             -     0       ok",
        "b       hvc1          2x2   7       FAILED",
        "failed: b: size: too large",
        "not run: none here: hardware (2 streams)",
    ]
    whole = Report("p", (), (Check("blobs", passed=False, said="gone"),))
    assert whole.document()["passed"] is False
    assert "failed: blobs: gone" in whole.table()


def behind_lengths(*units: bytes) -> bytes:
    return b"".join(len(one).to_bytes(4, "big") + one for one in units)


def hevc_slice(kind: int, *, is_first: bool = True, layer: int = 0) -> bytes:
    extra = "0" if 16 <= kind <= 23 else ""
    header = bytes((kind << 1, layer << 3 | 1))
    return unit(header, u(is_first, 1), extra, ue(2), u(0, 16))


@pytest.mark.parametrize(
    ("units", "kinds", "is_instant", "strays"),
    [
        ([hevc_slice(19), hevc_slice(19, is_first=False)], ("IDR_W_RADL",), True, ()),
        ([hevc_slice(20), hevc_slice(1)], ("IDR_N_LP", "trailing"), False, ()),
        ([hevc_slice(21)], ("CRA",), False, ()),
        ([b"\x4e\1sei", hevc_slice(8)], ("RASL",), False, ()),
        ([hevc_slice(1, layer=1)], (), False, ("unit of type 1",)),
        ([b"\x44\1\xc0", hevc_slice(0)], ("trailing",), False, ("PPS",)),
        ([b"\x26\1"], (), False, ("unit of type 19",)),
    ],
)  # fmt: skip
def test_hevc_packets_tell_their_pictures(units, kinds, is_instant, strays) -> None:
    found = coded_picture(Codec.HEVC, behind_lengths(*units))
    assert (found.kinds, found.is_instant, found.strays) == (kinds, is_instant, strays)
    assert found.picture_sets == ({2} if kinds else set())


@pytest.mark.parametrize(
    ("header", "kinds", "is_instant", "strays"),
    [
        (0x65, ("IDR",), True, ()),
        (0x41, ("non-IDR",), False, ()),
        (0x42, ("data partition",), False, ()),
        (0xE5, (), False, ("unit of type 5",)),
        (0x67, (), False, ("SPS",)),
        (0x09, (), False, ()),
    ],
)
def test_h264_packets_tell_their_pictures(header, kinds, is_instant, strays) -> None:
    found = coded_picture(Codec.H264, behind_lengths(unit(bytes((header,)), ue(0, 7, 1))))
    assert (found.kinds, found.is_instant, found.strays) == (kinds, is_instant, strays)


def test_an_av1_key_frame_begins_nothing_without_a_sequence_header() -> None:
    still = u(0, 3) + "11" + u(0, 5) + u(6, 4) + u(5, 4) + u(99, 7) + u(49, 6) + "0" * 6
    sequence, key = packed(still + "0001000" + "0", "1"), packed("0001")
    units = [bytes((kind << 3 | 2, len(one))) + one for kind, one in ((1, sequence), (6, key))]
    whole = coded_picture(Codec.AV1, b"\x12\0" + b"".join(units))
    assert (whole.kinds, whole.is_instant, len(whole.sequences)) == (("key",), True, 1)
    alone = coded_picture(Codec.AV1, units[1] + b"\x42\0")
    assert (alone.kinds, alone.is_instant) == (("key",), False)
    assert alone.strays == ("unit of type 8",)
