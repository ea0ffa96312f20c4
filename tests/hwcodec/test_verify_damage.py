"""Damaged packages and files that are no video at all: a report or a message, never a traceback."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwcodec import PackageContent, StreamContent, choose_encoder, encode, mux, write_package
from hwcodec.commands import main
from hwcodec.headers import nal_units
from hwcodec.tracks import read_track
from hwcodec.types import YUV420P8, Bitstream
from hwcodec.verify import Report, VerifyOptions, verify_path
from hwcodec.verify.runner import verify_stream

QUICK = VerifyOptions(is_quick=True)


@pytest.fixture(scope="module")
def stream(make_pictures, make_settings) -> Bitstream:
    """Three groups of H.264, the last one short."""
    return encode(make_pictures(7), make_settings("libx264", gop_length=3, b_frame_count=1))


@pytest.fixture(scope="module")
def package(stream, tmp_path_factory) -> Path:
    """A package folder with that stream and a blob."""
    path = tmp_path_factory.mktemp("damage") / "package"
    content = StreamContent("luma", stream, choose_encoder("libx264", YUV420P8))
    write_package(path, PackageContent({}, {"table": bytes(range(64))}, [content]))
    return path


@pytest.fixture(scope="module")
def plain_file(stream) -> bytes:
    """The same packets in an MP4 file with tables instead of fragments, as FFmpeg writes it."""
    av = pytest.importorskip("av")
    sink = io.BytesIO()
    with (
        av.open(io.BytesIO(mux(stream))) as source,
        av.open(sink, "w", format="mp4") as target,
    ):
        copy = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    return sink.getvalue()


def failed(report: Report) -> list[tuple[str, str]]:
    checks = [*report.checks, *(check for one in report.streams for check in one.checks)]
    return [(check.name, check.said) for check in checks if check.passed is False]


def damaged(package: Path, folder: Path, name: str, place: int, change: int = 1) -> Path:
    copy = folder / "copy"
    shutil.copytree(package, copy)
    data = bytearray((copy / name).read_bytes())
    data[place] ^= change
    (copy / name).write_bytes(data)
    return copy


def test_a_flipped_byte_in_a_packet_is_found_and_placed(package, stream, tmp_path) -> None:
    data = (package / "streams/luma.mp4").read_bytes()
    place = data.index(stream.packets[4].data) + len(stream.packets[4].data) - 3
    ((name, said),) = failed(verify_path(damaged(package, tmp_path, "streams/luma.mp4", place)))
    assert name == "record"
    assert "packets [4] differ: copy the package again" in said


def test_a_flipped_byte_in_a_blob_is_found(package, tmp_path) -> None:
    ((name, said),) = failed(verify_path(damaged(package, tmp_path, "blobs/table", 5)))
    assert (name, "blobs/table" in said) == ("blobs", True)


def test_a_damaged_manifest_is_the_only_finding(package, tmp_path) -> None:
    ((name, said),) = failed(verify_path(damaged(package, tmp_path, "manifest.json", 60)))
    assert (name, "manifest.json" in said) == ("manifest", True)


def test_a_missing_stream_is_a_failed_check(package, tmp_path) -> None:
    shutil.copytree(package, tmp_path / "copy")
    (tmp_path / "copy/streams/luma.mp4").unlink()
    ((name, said),) = failed(verify_path(tmp_path / "copy"))
    assert (name, "cannot be read" in said) == ("container", True)


def test_a_manifest_that_belongs_to_another_stream_is_noticed(stream) -> None:
    data = mux(stream)
    record = {"bytes": len(data), "crc32": 1, "packet_crc32": [2, 3]}
    report = Report("", (verify_stream("x", data, record, QUICK),))
    assert failed(report)[0][0] == "record"


def test_tables_and_fragments_give_the_same_track(stream, plain_file) -> None:
    fragments, tables = read_track(mux(stream)), read_track(plain_file)
    assert [one.data for one in tables.samples] == [one.data for one in stream.packets]
    assert [one.is_key for one in tables.samples] == [one.is_key for one in stream.packets]
    assert tables.frame_numbers() == fragments.frame_numbers()
    assert tables.frame_numbers() == tuple(packet.pts for packet in stream.packets)
    assert tables.frame_rate == fragments.frame_rate == 30
    assert (fragments.fragment_starts, tables.fragment_starts) == ((0, 3, 6), ())


def test_a_plain_file_passes(plain_file, tmp_path) -> None:
    (tmp_path / "plain.mp4").write_bytes(plain_file)
    report = verify_path(tmp_path / "plain.mp4")
    assert report.passed, report.table()


def elementary(stream: Bitstream) -> bytes:
    return b"".join(
        b"\0\0\0\1" + unit for packet in stream.packets for unit in nal_units(packet.data)
    )


def test_elementary_streams_are_told_to_become_mp4(stream, tmp_path, capsys) -> None:
    (tmp_path / "clip.h264").write_bytes(elementary(stream))
    assert main(["verify", str(tmp_path / "clip.h264")]) == 1
    out = capsys.readouterr().out
    assert "file is an elementary stream (H.264 or HEVC with start codes), expected MP4" in out


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "file is 0 bytes"),
        (b"Dear decoder, this is a letter.\n", "begin with b'Dear dec', expected MP4"),
        (b"\x1aE\xdf\xa3" + bytes(60), "expected MP4"),
        (b"PK\3\4 and nothing else", "manifest.json"),
        (b"\0\0\0\x10ftypisom\0\0\2\0", "file has no moov box"),
        (b"\0\0\0\x08moov", "file has 0 video tracks"),
    ],
    ids=["empty", "text", "matroska", "zip", "header alone", "empty movie"],
)
def test_files_that_are_no_video_get_one_clear_line(data, said, tmp_path, capsys) -> None:
    (tmp_path / "file.bin").write_bytes(data)
    assert main(["verify", str(tmp_path / "file.bin")]) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("failed")]
    assert said in line


def test_a_folder_that_is_no_package_fails(tmp_path, capsys) -> None:
    assert main(["verify", str(tmp_path)]) == 1
    assert "failed: manifest: manifest.json" in capsys.readouterr().out


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_truncated_files_fail(stream, plain_file, share, tmp_path) -> None:
    for data in (mux(stream), plain_file):
        (tmp_path / "cut.mp4").write_bytes(data[: int(share * len(data))])
        ((name, said),) = failed(verify_path(tmp_path / "cut.mp4"))
        assert name == "container"
        assert "truncated" in said or "expected MP4" in said


@given(st.data(), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_flipped_bytes_anywhere_give_a_report(stream, plain_file, data, in_tables) -> None:
    whole = bytearray(plain_file if in_tables else mux(stream))
    # Half of the flips hit the header, where they do most.
    start = len(whole) - 1200 if in_tables else 0
    for place in data.draw(st.lists(st.integers(0, 1199), min_size=1, max_size=3)):
        whole[start + place] = data.draw(st.integers(0, 255))
    report = Report("", (verify_stream("x", bytes(whole), None, QUICK),))
    assert report.table().startswith("stream")
    assert report.document()["passed"] is report.passed


@given(st.binary(max_size=400))
def test_any_bytes_give_a_report(data) -> None:
    for beginning in (b"", b"\0\0\0\x08free", b"\0\0\x01\x98moov"):
        assert not verify_stream("x", beginning + data, None, QUICK).passed


def test_missing_paths_and_bad_arguments_are_usage_errors(package, tmp_path, capsys) -> None:
    assert main(["verify", str(tmp_path / "absent")]) == 2
    assert "there is nothing at" in capsys.readouterr().err
    assert main(["verify", str(package), "--json", str(tmp_path / "no/where.json")]) == 2
    assert "expected a file in a folder that exists" in capsys.readouterr().err
    for arguments in (["verify"], ["verify", str(package), "--loud"], ["unknown"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2


def test_the_module_is_the_command(package) -> None:
    command = [sys.executable, "-m", "hwcodec", "verify", "--quick", str(package)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (child.returncode, child.stderr) == (0, "")
    assert child.stdout.splitlines()[1].split()[-1] == "ok"
