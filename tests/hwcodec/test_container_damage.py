"""What happens to packages on the way, and what is refused before one is written."""

import json
import math
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import (
    GRAY8,
    Bitstream,
    BitstreamError,
    Codec,
    ContainerError,
    EncoderChoice,
    EncoderSettings,
    Lossless,
    PackageContent,
    Picture,
    PictureGeometry,
    StreamContent,
    encode,
    open_package,
    write_package,
)
from hwcodec.container import Package, _files_of
from hwcodec.files import open_files

RAW = EncoderChoice("raw", "raw", "raw", Codec.RAW, "requested")


def raw_stream(seed: int = 0, count: int = 3) -> Bitstream:
    torch.manual_seed(seed)
    pictures = [
        Picture((torch.randint(0, 256, (8, 8), dtype=torch.uint8),), GRAY8, index)
        for index in range(count)
    ]
    return encode(pictures, EncoderSettings("raw", PictureGeometry(GRAY8, 8, 8), Lossless()))


def content(scene: dict[str, object] | None = None) -> PackageContent:
    streams = [
        StreamContent(name, raw_stream(seed), RAW) for seed, name in enumerate(("one", "two"))
    ]
    return PackageContent(scene or {"frames": 3}, {"table": b"1234567890", "empty": b""}, streams)


@pytest.fixture(params=["scene", "scene.vrf"])
def package_path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where a package goes: a folder, and a single file."""
    place: Path = tmp_path / request.param
    return place


def damage(place: Path, name: str, change) -> None:
    """Change one file of a package, whichever of the two kinds it is."""
    if place.is_dir():
        path = place / name
        path.write_bytes(change(path.read_bytes()))
        return
    with zipfile.ZipFile(place) as archive:
        files = {entry: archive.read(entry) for entry in archive.namelist()}
    files[name] = change(files[name])
    with zipfile.ZipFile(place, "w") as archive:
        for entry, data in files.items():
            archive.writestr(entry, data)


def flip(place: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[place] ^= 16
        return bytes(changed)

    return change


CHANGES = {
    "flipped": flip(3),
    "truncated": lambda data: data[:-1],
    "longer": lambda data: data + b"x",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("name", ["blobs/table", "streams/one.mp4"])
def test_a_damaged_file_is_named(package_path: Path, name: str, change) -> None:
    write_package(package_path, content())
    damage(package_path, name, change)
    package = open_package(package_path)
    with pytest.raises(ContainerError, match=rf"{name} in .*truncated or damaged"):
        package.blob("table") if "table" in name else package.bitstream(0)
    assert package.bitstream(1) == raw_stream(1)


@pytest.mark.parametrize("place", range(0, 1200, 7))
def test_no_flipped_bit_of_the_manifest_goes_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, place: int
) -> None:
    data = _files_of(content())["manifest.json"]
    folder = tmp_path_factory.mktemp("flip")
    (folder / "manifest.json").write_bytes(flip(place % len(data))(data))
    with pytest.raises(ContainerError, match=r"manifest\.json in|has version"):
        open_package(folder)


def test_a_damaged_archive_is_a_typed_error(tmp_path: Path) -> None:
    write_package(tmp_path / "p.vrf", content())
    whole = (tmp_path / "p.vrf").read_bytes()
    for keep in (0, 10, len(whole) // 2, len(whole) - 5):
        (tmp_path / "p.vrf").write_bytes(whole[:keep])
        with pytest.raises(ContainerError, match="truncated or damaged"):
            open_package(tmp_path / "p.vrf")


@given(st.integers(0, 10**6), st.integers(0, 7))
def test_a_flipped_bit_of_an_archive_is_caught_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("flip") / "p.vrf"
    write_package(path, content())
    whole = bytearray(path.read_bytes())
    whole[place % len(whole)] ^= 1 << bit
    path.write_bytes(whole)
    try:
        package = open_package(path)
        blob, stream = package.blob("table"), package.bitstream(0)
    except (ContainerError, BitstreamError):
        return
    assert (package.scene, blob, stream) == ({"frames": 3}, b"1234567890", raw_stream(0))


def test_a_compressed_archive_is_refused_with_a_remedy(tmp_path: Path) -> None:
    write_package(tmp_path / "p.vrf", content())
    with zipfile.ZipFile(tmp_path / "p.vrf") as archive:
        files = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "p.vrf", "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, data in files.items():
            archive.writestr(entry, data)
    with pytest.raises(ContainerError, match=r"expected it stored.*write_package"):
        open_package(tmp_path / "p.vrf")


def test_missing_parts_are_named(tmp_path: Path) -> None:
    write_package(tmp_path / "p", content())
    (tmp_path / "p/blobs/table").unlink()
    with pytest.raises(ContainerError, match=r"blobs/table in .*incomplete"):
        open_package(tmp_path / "p").blob("table")
    with pytest.raises(ContainerError, match="there is no package"):
        open_package(tmp_path / "nothing")
    (tmp_path / "p/manifest.json").unlink()
    with pytest.raises(ContainerError, match=r"manifest\.json in .*incomplete"):
        open_package(tmp_path / "p")


def test_unknown_blobs_and_streams_are_refused_with_the_known_ones(tmp_path: Path) -> None:
    write_package(tmp_path / "p", content())
    package = open_package(tmp_path / "p")
    with pytest.raises(ContainerError, match=r"no blob 'x', expected one of \['empty', 'table'\]"):
        package.blob("x")
    for index in (-1, 2):
        with pytest.raises(ContainerError, match=f"no stream {index}, expected 0 to 1"):
            package.bitstream(index)


def rewrite(folder: Path, change) -> None:
    """Change the manifest and make its checksum right again."""
    document = json.loads((folder / "manifest.json").read_bytes())
    document.pop("crc32")
    change(document)
    rest = json.dumps(document, separators=(",", ":")).encode()[1:]
    (folder / "manifest.json").write_bytes(f'{{"crc32":"{zlib.crc32(rest):08x}",'.encode() + rest)


@pytest.mark.parametrize(
    ("key", "value"),
    [("width", 10), ("codec", "h264"), ("frame_rate", [25, 1]), ("bit_depth", 10), ("chroma", "x")],
)
def test_a_stream_that_differs_from_its_record_is_refused(
    tmp_path: Path, key: str, value: object
) -> None:
    write_package(tmp_path / "p", content())
    rewrite(tmp_path / "p", lambda document: document["streams"][0].update({key: value}))
    with pytest.raises(BitstreamError, match=f"one.mp4 says .*{key}.*different packages"):
        open_package(tmp_path / "p").bitstream(0)


def test_a_wrong_packet_checksum_is_found_by_its_packet(tmp_path: Path) -> None:
    write_package(tmp_path / "p", content())

    def change(document) -> None:
        document["streams"][0]["packet_crc32"][1] ^= 1

    rewrite(tmp_path / "p", change)
    with pytest.raises(BitstreamError, match=r"3 packets of which \[1\] differ"):
        open_package(tmp_path / "p").bitstream(0)


def test_a_choice_of_another_codec_is_refused(tmp_path: Path) -> None:
    choice = EncoderChoice("libx264", "libx264", "ffmpeg", Codec.H264, "requested")
    wrong = PackageContent({}, {}, [StreamContent("x", raw_stream(), choice)])
    with pytest.raises(ContainerError, match="store the choice"):
        write_package(tmp_path / "p", wrong)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "scene", [{"x": math.nan}, {"x": {1, 2}}, {"x": b"bytes"}, {"x": torch.zeros(1)}]
)
def test_scenes_that_are_no_json_are_refused_before_anything_is_written(
    tmp_path: Path, scene: dict[str, object]
) -> None:
    with pytest.raises(ContainerError, match="cannot be written as JSON"):
        write_package(tmp_path / "p", PackageContent(scene))
    assert not list(tmp_path.iterdir())


def test_two_streams_of_one_name_are_refused(tmp_path: Path) -> None:
    stream = StreamContent("x", raw_stream(), RAW)
    with pytest.raises(ContainerError, match="distinct names"):
        write_package(tmp_path / "p", PackageContent({}, {}, [stream, stream]))


def test_a_package_can_be_read_through_any_reader(tmp_path: Path) -> None:
    write_package(tmp_path / "p", content())
    package = Package(tmp_path / "p", open_files(tmp_path / "p"))
    assert package.path == tmp_path / "p"
