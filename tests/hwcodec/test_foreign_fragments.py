"""Fragments as other writers spell them, boxes as only an attacker writes them, and PyAV's view."""

import io
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import GRAY8, Bitstream, BitstreamError, Codec, demux, encode, mux
from hwcodec.boxes import box, children, find, full_box
from hwcodec.headers import raw_config

KEY, OTHER = 0x02000000, 0x01010000
DATA = (b"ab", b"cd", b"ef")
Values = tuple[int, ...]


def words(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


def movie(extends: Values = (0, 0, 0), *, long_times: bool = False) -> bytes:
    """The least header that a reader needs: 30 ticks a second, gray pictures of 4x2."""
    layout, version = (">QQIQ", 1) if long_times else (">4I", 0)
    clock = full_box("mdhd", version, 0, struct.pack(layout, 7, 7, 30, 7), bytes(4))
    fixed = bytes(24) + struct.pack(">2H", 4, 2) + bytes(50)
    entry = box("vrfr", fixed, box("free", b"x"), box("vrfC", raw_config(GRAY8, 1)))
    table = box("stbl", full_box("stsd", 0, 0, words(1), entry))
    track = box("trak", box("edts", b""), box("mdia", clock, box("minf", table)))
    return box("moov", track, box("mvex", full_box("trex", 0, 0, words(1, 1, *extends))))


def fragment(
    head: tuple[int, Values],
    run: tuple[int, Values],
    *,
    data: tuple[bytes, ...] = DATA,
    start: int = 0,
    count: int | None = None,
    shift: int = 0,
) -> bytes:
    """One fragment with what its two headers say: their flags and the fields behind them."""

    def header(offset: int) -> bytes:
        fixed = full_box("tfhd", 0, head[0], words(1, *head[1]))
        time = full_box("tfdt", 0, 0, words(start))
        samples = len(data) if count is None else count
        run_fields = struct.pack(">Ii", samples, offset + shift) + words(*run[1])
        return box("moof", box("traf", fixed, time, full_box("trun", 0, run[0] | 1, run_fields)))

    return header(len(header(0)) + 8) + box("mdat", *data)


# Where a writer may put duration, size and flags: what trex, tfhd and trun say.
SPELLINGS: dict[str, tuple[Values, tuple[int, Values], tuple[int, Values]]] = {
    "the movie": ((1, 2, OTHER), (0, ()), (4, (KEY,))),
    "the fragment": ((9, 9, KEY), (0x38, (1, 2, OTHER)), (4, (KEY,))),
    "every sample": ((9, 9, 9), (0, ()), (0x700, (1, 2, KEY, 1, 2, OTHER, 1, 2, OTHER))),
    "a mixture": ((1, 9, KEY), (0x20, (OTHER,)), (0x204, (KEY, 2, 2, 2))),
    "after unused fields": ((9, 9, KEY), (0x3B, (0, 0, 1, 1, 2, OTHER)), (4, (KEY,))),
}


def times(stream: Bitstream) -> list[tuple[int, int, bool]]:
    return [(packet.pts, packet.dts, packet.is_key) for packet in stream.packets]


@pytest.mark.parametrize("long_times", [False, True], ids=["short", "long"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_defaults_are_found_wherever_a_writer_puts_them(spelling, long_times) -> None:
    extends, head, run = SPELLINGS[spelling]
    stream = demux(movie(extends, long_times=long_times) + fragment(head, run))
    assert tuple(packet.data for packet in stream.packets) == DATA
    assert times(stream) == [(0, 0, True), (1, 1, False), (2, 2, False)]
    assert (stream.frame_rate, stream.codec, stream.geometry.width) == (30, Codec.RAW, 4)


def test_foreign_boxes_between_and_inside_fragments_are_passed_over() -> None:
    extends, head, run = SPELLINGS["the movie"]
    extra = [box("styp", b"msdh"), box("sidx", bytes(20)), box("uuid", bytes(16)), box("free")]
    first, second = fragment(head, run), fragment(head, run, start=3)
    whole = b"".join([*extra, movie(extends), *extra, first, *extra, second, *extra])
    assert demux(whole).packets == demux(movie(extends) + first + second).packets
    assert len(demux(whole).packets) == 6


def test_a_late_start_of_the_clock_moves_no_frame_number() -> None:
    extends, head, run = SPELLINGS["the movie"]
    late = demux(movie(extends) + fragment(head, run, start=77_000))
    assert times(late) == [(0, 0, True), (1, 1, False), (2, 2, False)]


def test_a_hole_between_two_fragments_is_noticed() -> None:
    extends, head, run = SPELLINGS["the movie"]
    with pytest.raises(BitstreamError, match="without gaps"):
        demux(movie(extends) + fragment(head, run) + fragment(head, run, start=4))


SIZED = (0x304, (KEY, 1, 2, 1, 2, 1, 2))


@pytest.mark.parametrize("count", [4, 1000, 2**32 - 1])
def test_more_samples_than_a_run_has_fields_for_are_an_error_at_once(count) -> None:
    with pytest.raises(BitstreamError, match="inside one of its fields"):
        demux(movie() + fragment((0, ()), SIZED, count=count))


@pytest.mark.parametrize("count", [1, 3, 2**32 - 1])
def test_samples_without_fields_and_without_a_size_are_an_error_at_once(count) -> None:
    with pytest.raises(BitstreamError, match=f"a run of {count} packets has no sizes"):
        demux(movie((1, 0, KEY)) + fragment((0, ()), (0, ()), count=count))


@pytest.mark.parametrize("count", [7, 2**32 - 1])
def test_samples_without_fields_end_with_the_file(count) -> None:
    with pytest.raises(BitstreamError, match="lies outside the stream file"):
        demux(movie((1, 1, KEY)) + fragment((0, ()), (0, ()), count=count))


def test_an_empty_run_needs_no_size() -> None:
    extends, head, run = SPELLINGS["every sample"]
    empty = fragment((0, ()), (0, ()), data=(), count=0)
    assert len(demux(movie(extends) + empty + fragment(head, run)).packets) == 3


def test_the_same_bytes_cannot_be_named_over_and_over() -> None:
    run = full_box("trun", 0, 0x301, struct.pack(">Ii", 3, 300), words(*(1, 1000) * 3))
    head = full_box("tfhd", 0, 0, words(1)), full_box("tfdt", 0, 0, words(0))
    for run_count, expected in ((1, "without gaps|no key"), (2, "packets take more than the")):
        track = box("traf", *head, *[run] * run_count)
        whole = movie((1, 0, OTHER)) + box("moof", track) + box("mdat", bytes(4000))
        with pytest.raises(BitstreamError, match=expected):
            demux(whole)


@pytest.mark.parametrize("kept", [12, 16])
def test_a_header_without_a_sample_entry_is_an_error(kept) -> None:
    extends, head, run = SPELLINGS["the movie"]
    whole = movie(extends) + fragment(head, run)
    place = whole.index(b"stsd") - 4
    (size,) = struct.unpack_from(">I", whole, place)
    # What is cut off becomes a box of its own, so that all sizes around it stay right.
    rest = words(size - kept) + b"free" + bytes(size - kept - 8)
    with pytest.raises(BitstreamError, match="no sample entry"):
        demux(whole[:place] + words(kept) + whole[place + 4 : place + kept] + rest
              + whole[place + size :])  # fmt: skip


@pytest.mark.parametrize("shift", [1, 7, 10**9, -(10**6), -(2**31) + 1000])
def test_data_outside_the_file_is_refused(shift) -> None:
    with pytest.raises(BitstreamError, match="lies outside the stream file"):
        demux(movie() + fragment((0, ()), SIZED, shift=shift))


def test_a_packet_of_four_gigabytes_is_refused_unread() -> None:
    with pytest.raises(BitstreamError, match=f"packet of {2**32 - 1} bytes"):
        demux(movie() + fragment((0, ()), (0x304, (KEY, 1, 2**32 - 1)), data=(b"ab",)))


@pytest.mark.parametrize(
    "run", [(0x304, (KEY, 0, 2, 0, 2, 0, 2)), (0x304, (KEY, 1, 2, 2, 2, 1, 2))], ids=["0", "uneven"]
)
def test_durations_that_are_no_constant_frame_rate_are_refused(run) -> None:
    with pytest.raises(BitstreamError):
        demux(movie() + fragment((0, ()), run))


@pytest.mark.parametrize(
    "damage",
    [
        struct.pack(">I4s", 0, b"free"),
        struct.pack(">I4sQ", 1, b"mdat", 15),
        struct.pack(">I4sQ", 1, b"mdat", 2**64 - 1),
        struct.pack(">I4sQ", 1, b"mdat", 17),
        struct.pack(">I4sI", 1, b"mdat", 0),
        struct.pack(">I4s", 2**32 - 1, b"free"),
    ],
    ids=["zero", "below the header", "huge", "one too long", "half a size", "past the end"],
)
def test_impossible_box_sizes_end_a_whole_file_with_a_typed_error(damage) -> None:
    extends, head, run = SPELLINGS["the movie"]
    whole = movie(extends) + fragment(head, run)
    assert len(demux(whole).packets) == 3
    for broken in (damage + whole, whole + damage):
        with pytest.raises(BitstreamError, match="expected whole ISO media boxes"):
            demux(broken)


@given(st.integers(9, 2**31))
def test_a_box_never_reaches_beyond_the_one_around_it(size) -> None:
    inner = struct.pack(">I4s", size, b"trak")
    data = box("moov", inner) + box("free", bytes(64))
    (parent, _) = children(data)
    with pytest.raises(BitstreamError, match="b'trak'"):
        find(data, parent, "trak")


@pytest.mark.parametrize(
    ("kind", "needed"), [(b"mdhd", 24), (b"trex", 32), (b"tfhd", 12), (b"tfdt", 16), (b"trun", 56)]
)
def test_a_header_that_is_cut_anywhere_is_an_error(kind, needed) -> None:
    extends, head, run = SPELLINGS["every sample"]
    whole = movie(extends) + fragment(head, run)
    place = whole.index(kind) - 4
    (size,) = struct.unpack_from(">I", whole, place)
    for shorter in range(8, min(needed, size - 7)):
        # What is cut off becomes a box of its own, so that all sizes around it stay right.
        rest = words(size - shorter) + b"free" + bytes(size - shorter - 8)
        cut = whole[:place] + words(shorter) + whole[place + 4 : place + shorter] + rest
        with pytest.raises(BitstreamError, match="inside one of its fields"):
            demux(cut + whole[place + size :])


@pytest.mark.parametrize("b_frame_count", [0, 3])
def test_pyav_takes_out_the_packets_that_were_put_in(
    software, b_frame_count, make_pictures, make_settings
) -> None:
    av = pytest.importorskip("av")
    settings = make_settings(software, gop_length=4, b_frame_count=b_frame_count)
    stream = encode(make_pictures(9), settings)
    with av.open(io.BytesIO(mux(stream))) as container:
        video = container.streams.video[0]
        assert bytes(video.codec_context.extradata) == stream.extradata
        taken = [packet for packet in container.demux(video) if packet.size]
        assert [bytes(packet) for packet in taken] == [one.data for one in stream.packets]
        assert [packet.is_keyframe for packet in taken] == [one.is_key for one in stream.packets]
        order = sorted(range(9), key=lambda index: taken[index].pts)
    assert [stream.packets[index].pts for index in order] == list(range(9))


def test_decoding_times_rise_by_one_and_never_pass_presentation(
    software, make_pictures, make_settings
) -> None:
    stream = encode(make_pictures(11), make_settings(software, gop_length=6, b_frame_count=4))
    for one in (stream, demux(mux(stream))):
        decoding = [packet.dts for packet in one.packets]
        assert all(later - earlier == 1 for earlier, later in pairwise(decoding))
        assert all(packet.dts <= packet.pts for packet in one.packets)
