import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import hwcodec
from hwcodec import (
    GRAY8,
    Bitstream,
    Codec,
    EncoderChoice,
    EncoderSettings,
    Lossless,
    PackageContent,
    Picture,
    PictureGeometry,
    StreamContent,
    choose_encoder,
    decode,
    encode,
    open_package,
    write_package,
)

RAW = EncoderChoice("raw", "raw", "raw", Codec.RAW, "requested")
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}[a-z0-9]", fullmatch=True)


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


def test_everything_comes_back(package_path: Path) -> None:
    write_package(package_path, content())
    package = open_package(package_path)
    assert package.scene == {"frames": 3}
    assert package.blob("table") == b"1234567890"
    assert package.blob("empty") == b""
    assert package.stream_count == 2
    assert [package.bitstream(index) for index in range(2)] == [raw_stream(0), raw_stream(1)]
    assert package.manifest["format"] == "videorf-package"


def test_streams_of_every_encoder_come_back(
    encoder, package_path: Path, make_pictures, make_settings
) -> None:
    settings = make_settings(encoder, gop_length=4)
    stream = encode(make_pictures(6), settings)
    choice = choose_encoder(encoder, settings.geometry.format)
    write_package(package_path, PackageContent({}, {}, [StreamContent("luma", stream, choice)]))
    back = open_package(package_path).bitstream(0)
    assert back == stream
    assert [picture.pts for picture in decode(back)] == list(range(6))


def test_the_record_names_the_encoder_and_why_it_was_taken(tmp_path: Path) -> None:
    choice = EncoderChoice("h264_nvenc", "raw", "raw", Codec.RAW, "no driver")
    write_package(
        tmp_path / "a", PackageContent({}, {}, [StreamContent("x", raw_stream(), choice)])
    )
    (record,) = open_package(tmp_path / "a").streams
    assert (record["requested"], record["encoder"], record["reason"]) == (
        "h264_nvenc",
        "raw",
        "no driver",
    )
    assert (record["width"], record["height"], record["bit_depth"]) == (8, 8, 8)
    assert (record["frame_count"], record["frame_rate"]) == (3, [30, 1])
    assert record["codec_string"] == "vrfr.1"


@given(st.dictionaries(NAMES, st.binary(max_size=30), max_size=4), st.lists(NAMES, max_size=3))
def test_all_plain_names_and_bytes_survive(
    tmp_path_factory: pytest.TempPathFactory, blobs: dict[str, bytes], names: list[str]
) -> None:
    place = tmp_path_factory.mktemp("names") / "package.vrf"
    streams = [StreamContent(name, raw_stream(count=1), RAW) for name in dict.fromkeys(names)]
    write_package(place, PackageContent({}, blobs, streams))
    package = open_package(place)
    assert {name: package.blob(name) for name in blobs} == blobs
    assert [record["name"] for record in package.streams] == list(dict.fromkeys(names))


SCENES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False,
    allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(max_size=5), SCENES, max_size=4))
def test_any_json_scene_survives(
    tmp_path_factory: pytest.TempPathFactory, scene: dict[str, object]
) -> None:
    place = tmp_path_factory.mktemp("scene") / "p"
    write_package(place, PackageContent(scene))
    assert open_package(place).scene == scene


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.vrf", "b.vrf"):
        write_package(tmp_path / name, content())
    assert (tmp_path / "a.vrf").read_bytes() == (tmp_path / "b.vrf").read_bytes()
    assert open_package(tmp_path / "a.vrf").digest() == open_package(tmp_path / "b.vrf").digest()


def test_the_digest_covers_every_file(tmp_path: Path) -> None:
    write_package(tmp_path / "a", content())
    changed = replace(content(), blobs={"table": b"123456789!", "empty": b""})
    write_package(tmp_path / "b", changed)
    assert open_package(tmp_path / "a").digest() != open_package(tmp_path / "b").digest()


def test_sizes_are_those_on_disk(tmp_path: Path) -> None:
    write_package(tmp_path / "p", content())
    package = open_package(tmp_path / "p")
    on_disk = {
        path.relative_to(tmp_path / "p").as_posix(): path.stat().st_size
        for path in (tmp_path / "p").rglob("*")
        if path.is_file()
    }
    assert package.sizes() == on_disk
    assert package.size_bytes == sum(on_disk.values())
    assert set(on_disk) == {
        "manifest.json", "blobs/table", "blobs/empty", "streams/one.mp4", "streams/two.mp4",
    }  # fmt: skip


def test_every_file_can_be_taken_as_it_is_stored(package_path: Path) -> None:
    write_package(package_path, content())
    package = open_package(package_path)
    assert {name: len(package.file(name)) for name in package.sizes()} == package.sizes()
    assert package.file("blobs/table") == b"1234567890"
    for name in ("blobs/../manifest.json", "blobs/none", "table"):
        with pytest.raises(hwcodec.ContainerError, match="has no file"):
            package.file(name)


def test_a_single_file_is_stored_so_that_ranges_of_it_can_be_fetched(tmp_path: Path) -> None:
    write_package(tmp_path / "p.vrf", content())
    whole = (tmp_path / "p.vrf").read_bytes()
    with zipfile.ZipFile(tmp_path / "p.vrf") as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.namelist()[0] == "manifest.json"
    assert b"1234567890" in whole
    assert open_package(tmp_path / "p.vrf").size_bytes == len(whole)
