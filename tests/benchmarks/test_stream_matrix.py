"""Which synthetic streams exist, and that each is encoded once."""

import pytest

from benchmarks import stream_matrix
from benchmarks.stream_matrix import StreamSpec, encoder_settings, stored_stream, stream_specs
from hwcodec import BitstreamError, Codec, UnsupportedConfig, demux

SPEC = StreamSpec(Codec.H264, 8, 192, 128, 3)


def test_every_combination_that_exists_is_there_once() -> None:
    specs = stream_specs(tuple(Codec)[:3], (8, 10), ((192, 128), (256, 256)), 4)
    assert len(specs) == len(set(specs)) == 2 * (1 + 2 + 2)
    assert not [spec for spec in specs if spec.codec is Codec.H264 and spec.bit_depth == 10]
    assert specs[0].name == "h264-8bit-192x128"


def test_a_depth_that_a_codec_lacks_leaves_nothing() -> None:
    assert stream_specs((Codec.H264,), (10,), ((192, 128),), 4) == ()


def test_a_stream_is_encoded_once_and_then_read(tmp_path, monkeypatch) -> None:
    first = stored_stream(SPEC, tmp_path)
    assert len(first.bitstream.packets) == 3
    assert (first.bitstream.width, first.bitstream.height) == (192, 128)
    assert [path.name for path in tmp_path.iterdir()] == [first.path.name]
    monkeypatch.setattr(stream_matrix, "encode", None)
    assert stored_stream(SPEC, tmp_path) == first
    assert demux(first.path.read_bytes()) == first.bitstream


def test_what_decides_the_bytes_decides_the_name(tmp_path) -> None:
    one = stored_stream(SPEC, tmp_path).path.name
    other = stored_stream(SPEC, tmp_path, thread_count=1).path.name
    assert one != other


def test_a_damaged_file_in_the_folder_is_named(tmp_path) -> None:
    path = stored_stream(SPEC, tmp_path).path
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BitstreamError, match=f"{path.name}.*delete it"):
        stored_stream(SPEC, tmp_path)


def test_settings_are_those_of_packages_unless_told_otherwise() -> None:
    usual = encoder_settings(SPEC)
    assert (usual.encoder, usual.tuning.preset, usual.gop.length) == ("libx264", None, None)
    assert encoder_settings(SPEC, "h264_nvenc", 2).encoder == "h264_nvenc"
    assert encoder_settings(SPEC, thread_count=2).tuning.thread_count == 2


def test_sizes_that_no_picture_has_are_refused(tmp_path) -> None:
    with pytest.raises(UnsupportedConfig, match="even"):
        stored_stream(StreamSpec(Codec.H264, 8, 193, 128, 3), tmp_path)
