"""Streams with one thing wrong in their header or packets, and the check that notices."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hwcodec import Bitstream, Picture, decode, encode, mux
from hwcodec.boxes import Box, box, children
from hwcodec.headers import with_hevc_level
from hwcodec.verify import Check, Report, decoding_checks, verify_path


def verified(data: bytes, folder: Path) -> Report:
    (folder / "one.mp4").write_bytes(data)
    return verify_path(folder / "one.mp4")


def failures(report: Report) -> list[Check]:
    return [check for check in report.streams[0].checks if check.passed is False]


def replaced(data: bytes, where: tuple[str, ...], new: bytes) -> bytes:
    """The file with another body in one box; the boxes around it grow or shrink."""

    def rebuilt(start: int, end: int, path: tuple[str, ...]) -> bytes:
        parts = []
        for child in children(data, start, end):
            if not path or child.kind != path[0]:
                parts.append(data[child.start : child.end])
            elif len(path) == 1:
                parts.append(box(child.kind, new))
            else:
                parts.append(box(child.kind, inside(child, path[1:])))
        return b"".join(parts)

    def inside(parent: Box, path: tuple[str, ...]) -> bytes:
        skipped = {"stsd": 8, "avc1": 78, "hvc1": 78, "av01": 78}.get(parent.kind, 0)
        start = parent.body + skipped
        return data[parent.body : start] + rebuilt(start, parent.end, path)

    return rebuilt(0, len(data), where)


RECORD = ("moov", "trak", "mdia", "minf", "stbl", "stsd", "avc1", "avcC")


@pytest.fixture(scope="module")
def ours(make_pictures, make_settings) -> Bitstream:
    """Two groups of four H.264 pictures with B pictures."""
    return encode(make_pictures(8), make_settings("libx264", gop_length=4, b_frame_count=2))


def record_failure(stream: Bitstream, record: bytes, folder: Path) -> tuple[str, str]:
    report = verified(replaced(mux(stream), RECORD, record), folder)
    first = failures(report)[0]
    return first.name, first.said


def test_the_box_replacer_keeps_what_it_does_not_replace(ours) -> None:
    data = mux(ours)
    assert replaced(data, RECORD, ours.extradata) == data


def test_stripped_parameter_sets_are_missed(ours, tmp_path) -> None:
    bare = ours.extradata[:5] + b"\xe0\0"
    name, said = record_failure(ours, bare, tmp_path)
    assert (name, "holds no sequence parameter set, expected one" in said) == (
        "parameter sets",
        True,
    )


def test_a_missing_picture_set_is_missed(ours, tmp_path) -> None:
    size = int.from_bytes(ours.extradata[6:8], "big")
    name, said = record_failure(ours, ours.extradata[: 8 + size] + b"\0", tmp_path)
    assert name == "parameter sets"
    assert "holds no picture parameter set" in said


def test_an_empty_record_is_missed(ours, tmp_path) -> None:
    name, said = record_failure(ours, b"", tmp_path)
    assert (name, "avcC record has 0 bytes" in said) == ("parameter sets", True)


def test_a_record_that_contradicts_its_own_sets_is_refused(ours, tmp_path) -> None:
    wrong = ours.extradata[:3] + b"\x33" + ours.extradata[4:]
    name, said = record_failure(ours, wrong, tmp_path)
    assert name == "parameter sets"
    assert "claims avc1.640033, expected avc1.64000B" in said


def test_short_nal_lengths_are_refused(ours, tmp_path) -> None:
    wrong = ours.extradata[:4] + b"\xfd" + ours.extradata[5:]
    name, said = record_failure(ours, wrong, tmp_path)
    assert (name, "lengths of 2 bytes, expected 4" in said) == ("parameter sets", True)


def changed(stream: Bitstream, index: int, **fields: object) -> Bitstream:
    packets = list(stream.packets)
    packets[index] = replace(packets[index], **fields)  # type: ignore[arg-type]
    return replace(stream, packets=tuple(packets))


def first_failure(stream: Bitstream, folder: Path) -> tuple[str, str]:
    report = verified(mux(stream), folder)
    found = failures(report)
    assert len(found) == 1, report.table()
    return found[0].name, found[0].said


def test_b_pictures_across_the_edge_of_a_group_are_refused(ours, tmp_path) -> None:
    # The second key picture and the B picture after it change places in time.
    early = next(index for index, packet in enumerate(ours.packets) if packet.pts == 3)
    moved = changed(changed(ours, early, pts=4), 4, pts=3)
    name, said = first_failure(moved, tmp_path)
    assert name == "closed groups"
    assert "B pictures reach across its edge" in said


def test_a_key_picture_without_its_mark_is_noticed(ours, tmp_path) -> None:
    name, said = first_failure(changed(ours, 4, is_key=False), tmp_path)
    assert name == "closed groups"
    assert "packet 4 holds an IDR picture and is not marked as key" in said


def test_a_mark_on_another_picture_is_noticed(ours, tmp_path) -> None:
    found = failures(verified(mux(changed(ours, 2, is_key=True)), tmp_path))
    assert found[0].name == "closed groups"
    assert "packet 2 is marked as key and holds a picture of type non-IDR" in found[0].said


def unit(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\x67\x64\0\x0b", "packet 2 holds SPS, expected slices and messages alone"),
        (b"\x68\xeb\xe3", "packet 2 holds PPS, expected slices and messages alone"),
        (b"\x7f\0\0", "packet 2 holds unit of type 31"),
        (b"\x41\xe0\x40", "packet 2 holds 2 pictures, expected exactly one"),
        (b"\x41\x24\x40\x88", "packet 2 refers to picture parameter sets"),
    ],
    ids=["SPS", "PPS", "unknown", "second picture", "stranger"],
)
def test_what_does_not_belong_into_a_packet_is_named(ours, body, said, tmp_path) -> None:
    data = ours.packets[2].data + unit(body)
    name, found = first_failure(changed(ours, 2, data=data), tmp_path)
    assert (name, said in found) == ("packets", True), found


@pytest.mark.parametrize("cut", [1, 3, 20])
def test_units_that_do_not_add_up_are_refused(ours, cut, tmp_path) -> None:
    name, said = first_failure(changed(ours, 5, data=ours.packets[5].data[:-cut]), tmp_path)
    assert name == "packets"
    assert said.startswith("packet 5: ")


def test_a_level_below_the_need_is_refused(make_pictures, make_settings, tmp_path) -> None:
    stream = encode(make_pictures(3), make_settings("libx265"))
    low = replace(stream, extradata=with_hevc_level(stream.extradata, 30))
    name, said = first_failure(low, tmp_path)
    assert name == "level"
    assert "declared level 1.0 is too low for 192x128 at 30 Hz" in said


def test_another_size_in_the_sample_entry_is_refused(ours, tmp_path) -> None:
    geometry = replace(ours.geometry, width=ours.width + 2)
    name, said = first_failure(replace(ours, geometry=geometry), tmp_path)
    assert (name, "sample entry says 194x128, expected 192x128" in said) == ("size", True)


def test_tiny_pictures_are_refused(make_pictures, make_settings, tmp_path) -> None:
    settings = make_settings("libx264")
    settings = replace(settings, geometry=replace(settings.geometry, width=32, height=32))
    stream = encode(make_pictures(2, width=32, height=32), settings)
    name, said = first_failure(stream, tmp_path)
    assert (name, "at least 48x16 (NVDEC's minimum, as recalled)" in said) == ("size", True)


def test_a_group_that_decodes_differently_alone_is_found(ours, tmp_path, monkeypatch) -> None:
    def confused(stream: Bitstream, **options: int) -> Iterator[Picture]:
        for picture in decode(stream, **options):
            if len(stream.packets) == 4 and picture.pts == 2:
                picture.luma[0, :3] ^= 128
            yield picture

    monkeypatch.setattr(decoding_checks, "decode", confused)
    name, said = first_failure(ours, tmp_path)
    assert name == "independence"
    assert said.startswith("frame 2 differs in 3 codes when decoded without the groups before")
