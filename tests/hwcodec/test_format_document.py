"""The example in FORMAT.md, read from the document and compared with what is written today."""

import json
import re
from pathlib import Path

import pytest
import torch

import hwcodec
from hwcodec import (
    GRAY8,
    Codec,
    EncoderSettings,
    Lossless,
    PackageContent,
    Picture,
    PictureGeometry,
    StreamContent,
    choose_encoder,
    decode,
    demux,
    encode,
    open_package,
    write_package,
)
from hwcodec.boxes import children
from hwcodec.encoders import BUILTIN
from hwcodec.manifest import _STREAM_FIELDS, FORMAT, VERSION

DOCUMENT = Path(hwcodec.__file__).with_name("FORMAT.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)\n```", DOCUMENT, re.DOTALL)


def example_files() -> dict[str, bytes]:
    (manifest,), (table, stream) = blocks("json"), blocks("hex")
    return {
        "manifest.json": manifest.encode("ascii"),
        "blobs/table": bytes.fromhex(table),
        "streams/luma.mp4": bytes.fromhex(stream),
    }


def example_content() -> PackageContent:
    pictures = []
    for index, start in enumerate((0, 248)):
        codes = torch.arange(start, start + 8, dtype=torch.int32).reshape(2, 4).to(torch.uint8)
        pictures.append(Picture((codes,), GRAY8, index))
    settings = EncoderSettings("raw", PictureGeometry(GRAY8, 4, 2), Lossless())
    stream = StreamContent("luma", encode(pictures, settings), choose_encoder("raw", GRAY8))
    return PackageContent({"title": "example"}, {"table": b"\x01\x02\x03"}, [stream])


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example of the document as a folder."""
    for name, data in example_files().items():
        place = tmp_path / "example" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return tmp_path / "example"


def test_the_example_opens_and_holds_what_the_text_says(example: Path) -> None:
    package = open_package(example)
    assert package.blob("table") == b"\x01\x02\x03"
    first, second = decode(package.bitstream(0))
    assert first.luma.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert second.luma.tolist() == [[248, 249, 250, 251], [252, 253, 254, 255]]
    assert package.scene == {"title": "example"}


def test_the_example_is_what_is_written_today_byte_for_byte(example: Path, tmp_path: Path) -> None:
    write_package(tmp_path / "written", example_content())
    for name, data in example_files().items():
        assert (tmp_path / "written" / name).read_bytes() == data, name
    assert open_package(tmp_path / "written").digest() == open_package(example).digest()


def test_the_document_speaks_of_the_current_version() -> None:
    assert DOCUMENT.startswith(f"# Package format, version {VERSION}\n")
    assert f'`"{FORMAT}"`' in DOCUMENT


def test_every_field_of_a_stream_record_is_documented() -> None:
    rows = " ".join(line.split("|")[1] for line in DOCUMENT.splitlines() if line.startswith("| `"))
    documented = set(re.findall(r"`(\w+)`", rows))
    (record,) = json.loads(blocks("json")[0])["streams"]
    assert set(record) == set(_STREAM_FIELDS)
    assert set(_STREAM_FIELDS) <= documented


def test_the_boxes_are_in_the_order_of_the_document() -> None:
    kinds = [one.kind for one in children(example_files()["streams/luma.mp4"])]
    assert kinds == ["ftyp", "moov", "moof", "mdat"]


def test_every_codec_is_named() -> None:
    for codec in {spec.codec for spec in BUILTIN.values()} | set(Codec):
        assert f"`{codec.value}`" in DOCUMENT


def test_the_example_stream_stands_on_its_own() -> None:
    stream = demux(example_files()["streams/luma.mp4"])
    assert stream.codec is Codec.RAW
    assert [len(packet.data) for packet in stream.packets] == [9, 9]
