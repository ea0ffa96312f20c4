"""Plain MP4 files made box by box: what their tables say, and which ones disagree."""

import struct
from dataclasses import dataclass, replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import YUV420P8, BitstreamError, Codec, PictureGeometry
from hwcodec.boxes import box, full_box
from hwcodec.fragments import Extent, Sample
from hwcodec.tracks import Track, read_track

FULL, LIMITED = (struct.pack(">4s3HB", b"nclx", 1, 1, 1, flags) for flags in (0x80, 0))


def table(kind: str, *rows: tuple[int, ...], layout: str = "I") -> bytes:
    body = (struct.pack(f">{len(row)}{layout}", *row) for row in rows)
    return full_box(kind, 0, 0, struct.pack(">I", len(rows)), *body)


@dataclass(frozen=True)
class Movie:
    """A file of five samples in two chunks; fields replace single boxes."""

    packets: tuple[bytes, ...] = (b"first", b"2nd", b"3", b"four", b"last")
    durations: bytes = table("stts", (5, 512))
    extra: bytes = b""
    chunks: bytes = table("stsc", (1, 3, 1), (2, 2, 1))
    sizes: bytes | None = None
    is_long: bool = False
    entries: tuple[str, ...] = ("hvc1",)
    color: bytes = b""
    handlers: tuple[bytes, ...] = (b"vide",)
    scale: bytes = full_box("mdhd", 0, 0, struct.pack(">4I4x", 0, 0, 15360, 0))

    def data(self) -> bytes:
        start = box("ftyp", b"isom")
        content = b"".join(self.packets[:3]) + b"junk" + b"".join(self.packets[3:])
        first = len(start) + 8
        places = (first,), (first + len(b"".join(self.packets[:3])) + 4,)
        where = table("co64", *places, layout="Q") if self.is_long else table("stco", *places)
        tracks = (self._track(kind, where) for kind in self.handlers)
        return start + box("mdat", content) + box("moov", *tracks)

    def _track(self, handler: bytes, where: bytes) -> bytes:
        sizes = b"".join(struct.pack(">I", len(packet)) for packet in self.packets)
        own = full_box("stsz", 0, 0, struct.pack(">2I", 0, len(self.packets)), sizes)
        fixed = bytes(24) + struct.pack(">2H", 64, 48) + bytes(50)
        inner = box("hvcC", b"record") + (box("colr", self.color) if self.color else b"")
        entries = (box(kind, fixed, inner) for kind in self.entries)
        description = full_box("stsd", 0, 0, struct.pack(">I", len(self.entries)), *entries)
        tables = (description, self.durations, self.extra, self.chunks, self.sizes or own, where)
        media = box("minf", box("stbl", *tables))
        kind = full_box("hdlr", 0, 0, bytes(4), handler)
        return box("trak", box("mdia", self.scale, kind, media))


@pytest.mark.parametrize("is_long", [False, True])
def test_samples_are_found_in_their_chunks(is_long) -> None:
    track = read_track(Movie(is_long=is_long).data())
    assert tuple(sample.data for sample in track.samples) == Movie().packets
    assert [sample.decode_time for sample in track.samples] == [0, 512, 1024, 1536, 2048]
    assert (track.entry, track.codec, track.record) == ("hvc1", Codec.HEVC, b"record")
    assert (track.size, track.frame_rate, track.fragment_starts) == ((64, 48), 30, ())


def test_without_a_table_of_keys_every_sample_is_one() -> None:
    assert all(sample.is_key for sample in read_track(Movie().data()).samples)
    track = read_track(Movie(extra=table("stss", (1,), (4,))).data())
    assert [sample.is_key for sample in track.samples] == [True, False, False, True, False]


def test_offsets_order_pictures_and_delay_decoding_times() -> None:
    offsets = table("ctts", (1, 512), (1, 1536), (2, 0), (1, 512), layout="i")
    track = read_track(Movie(extra=offsets).data())
    assert track.frame_numbers() == (0, 3, 1, 2, 4)
    packets = track.bitstream(PictureGeometry(YUV420P8, 64, 48)).packets
    assert [(packet.pts, packet.dts) for packet in packets] == [
        (0, -1), (3, 0), (1, 1), (2, 2), (4, 3)
    ]  # fmt: skip


def test_negative_offsets_are_understood_in_either_version() -> None:
    track = read_track(Movie(extra=table("ctts", (5, -512), layout="i")).data())
    assert [sample.presentation_time for sample in track.samples] == [-512, 0, 512, 1024, 1536]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"durations": table("stts", (4, 512))}, "5 sizes, 4 durations, 5 offsets and 5 places"),
        ({"durations": table("stts", (1 << 31, 512))}, "5 sizes, 6 durations"),
        ({"extra": table("ctts", (2, 0))}, "2 offsets"),
        ({"chunks": table("stsc", (1, 2, 1))}, "4 places"),
        ({"chunks": table("stsc")}, "0 places"),
        ({"sizes": full_box("stsz", 0, 0, struct.pack(">2I", 1, 1 << 30))}, "at most one a byte"),
        ({"sizes": full_box("stsz", 0, 0, struct.pack(">2I", 9000, 5))}, "does not fit"),
        ({"sizes": full_box("stsz", 0, 0, struct.pack(">2I", 0, 5))}, "inside one of its fields"),
        ({"sizes": full_box("stsz", 0, 0, bytes(8))}, "of 0 sizes"),
        ({"packets": (b"a", b"", b"c", b"d", b"e")}, "sample of 0 bytes"),
        ({"entries": ("mp4v",)}, "sample entries are"),
        ({"entries": ()}, "sample entries are"),
        ({"entries": ("hvc1", "hvc1")}, "one configuration per file"),
        ({"handlers": (b"soun",)}, "0 video tracks"),
        ({"handlers": (b"vide", b"vide")}, "2 video tracks"),
    ],
)
def test_tables_that_disagree_are_refused_with_what_they_say(change, said) -> None:
    with pytest.raises(BitstreamError, match=said):
        read_track(replace(Movie(), **change).data())


def test_a_file_without_samples_is_refused() -> None:
    empty = {"durations": table("stts"), "chunks": table("stsc"), "packets": ()}
    with pytest.raises(BitstreamError, match="no samples, expected at least one"):
        read_track(replace(Movie(), **empty).data())


def test_sound_beside_the_picture_is_passed_over() -> None:
    track = read_track(Movie(handlers=(b"soun", b"vide", b"text")).data())
    assert len(track.samples) == 5


@pytest.mark.parametrize(
    ("color", "said"), [(b"", None), (FULL, True), (LIMITED, False), (b"nclc" + FULL[4:], None)]
)
def test_the_color_box_may_tell_the_range(color, said) -> None:
    assert read_track(Movie(color=color).data()).is_full_range is said


def test_long_time_fields_are_skipped_as_a_whole() -> None:
    scale = full_box("mdhd", 1, 0, struct.pack(">2QIQ4x", 7, 7, 30000, 0))
    track = read_track(Movie(scale=scale, durations=table("stts", (5, 1001))).data())
    assert track.frame_rate == Fraction(30000, 1001)


def track_of(scale: int, *times: int) -> Track:
    samples = tuple(Sample(b"x", time, 0, 40, is_key=True) for time in times)
    return Track("avc1", Codec.H264, b"", (64, 48), None, scale, samples)


@pytest.mark.parametrize(("scale", "times"), [(1000, (0, 40, 90)), (1000, (5, 5)), (0, (0, 1))])
def test_uneven_times_have_no_frame_rate(scale, times) -> None:
    with pytest.raises(BitstreamError, match="expected one distance for all"):
        _ = track_of(scale, *times).frame_rate


def test_one_picture_alone_has_the_rate_of_its_duration() -> None:
    assert track_of(1000, 0).frame_rate == 25


@given(st.permutations(range(6)))
def test_frame_numbers_are_ranks(order) -> None:
    assert track_of(1, *(9 + 3 * rank for rank in order)).frame_numbers() == tuple(order)


@given(st.binary(max_size=40), st.lists(st.tuples(st.integers(-9, 50), st.integers(-9, 50))))
def test_an_extent_gives_no_more_bytes_than_the_file_has(data, wishes) -> None:
    extent, taken = Extent(data), b""
    try:
        for position, size in wishes:
            part = extent.take(position, size)
            assert part == data[position : position + size]
            assert len(part) == size
            taken += part
    except BitstreamError:
        pass
    assert len(taken) <= len(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"\0\0\1\x67", "an elementary stream"), (b"", "0 bytes"), (box("free"), "no moov box")],
)
def test_what_is_no_movie_is_named(data, said) -> None:
    with pytest.raises(BitstreamError, match=said):
        read_track(data)
