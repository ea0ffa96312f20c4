"""Records that encoders wrote, read bit by bit and compared with what FFmpeg says of them."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import YUV420P8, YUV420P10, BitstreamError, Codec, encode, mux
from hwcodec.syntax import av1, h264, hevc
from hwcodec.syntax.parameters import Buffering, SequenceParameters, Size
from hwcodec.syntax.pictures import coded_picture
from hwcodec.syntax.records import read_config

# Written by libx264, libx265 and SVT-AV1 through FFmpeg 8.1, whose ffprobe gave the same answers.
GOLDEN: dict[str, tuple[Codec, str, tuple[object, ...]]] = {
    "High": (
        Codec.H264,
        "0164000bffe100186764000bacd9434fe59a6c80000003008000001e078a14cb01000668ebe3cb22c0fdf8f800",
        ("avc1.64000B", "High", 11, "4:2:0", (8, 8), (200, 102), True),
    ),
    "High 4:4:4": (
        Codec.H264,
        "01f4000bffe1001867f4000b919b28608d3640000003004000000f03c50a658001000668ebe3c44844fff8f800",
        ("avc1.F4000B", "High 4:4:4 Predictive", 11, "4:4:4", (8, 8), (192, 128), True),
    ),
    "High 10": (
        Codec.H264,
        "016e000bffe10018676e000ba6cd94304684000003000400000300f03c50a65801000668ebe3cb22c0fdfafa00",
        ("avc1.6E000B", "High 10", 11, "4:2:0", (10, 10), (192, 128), None),
    ),
    "Main 10": (
        Codec.HEVC,
        "0102200000009000000000003cf000fcfdfafa00000f03a00001001840010c01ffff02200000030090000003"
        "000003003c928090a10001002842010102200000030090000003000003003ca0192069f4d964a924cae6c080"
        "000003008000000f04a2000100074401c172b46240",
        ("hvc1.2.4.L60.90", "Main 10", 60, "4:2:0", (10, 10), (200, 102), True),
    ),
    "RExt": (
        Codec.HEVC,
        "01040800000099c8000000003cf000fcfcfcfc00000f03a00001001740010c01ffff04080000030099c80000"
        "0300003c959809a10001002842010104080000030099c800000300003cc060808114a5959a4932b9b0200000"
        "03002000000303c1a2000100074401c172b46240",
        (
            "hvc1.4.10.L60.99.C8",
            "RExt (format range extensions)",
            60,
            "4:0:0",
            (12, 12),
            (192, 128),
            True,
        ),
    ),
    "AV1": (
        Codec.AV1,
        "81004c000a0a00000003b63e500be121",
        ("av01.0.00M.10", "Main", 0, "4:2:0", (10, 10), (200, 102), True),
    ),
}
every_record = pytest.mark.parametrize("name", GOLDEN)


def record_of(name: str) -> tuple[Codec, bytes]:
    codec, text, _ = GOLDEN[name]
    return codec, bytes.fromhex(text)


def summary(found: SequenceParameters) -> tuple[object, ...]:
    return (
        found.codec_string,
        found.profile.name,
        found.level,
        found.chroma,
        found.bit_depths,
        (found.size.width, found.size.height),
        found.is_full_range,
    )


@every_record
def test_records_say_what_ffprobe_says(name) -> None:
    config = read_config(*record_of(name))
    assert summary(config.parameters) == GOLDEN[name][2]
    assert set(config.claims) == {config.parameters.codec_string}


def test_cropping_is_taken_off_the_coded_size() -> None:
    sizes = [read_config(*record_of(name)).parameters.coded_size for name in ("High", "Main 10")]
    assert sizes == [Size(208, 112), Size(200, 104)]


def test_buffers_are_read_from_the_end_of_the_sets() -> None:
    assert read_config(*record_of("High")).parameters.buffering == Buffering(4, 2)
    assert read_config(*record_of("Main 10")).parameters.buffering.reorder_count == 0
    assert read_config(*record_of("RExt")).parameters.buffering == Buffering(5, 2)


@pytest.mark.parametrize(
    ("encoder", "pixel_format"),
    [
        ("libx264", YUV420P8),
        *((name, depth) for name in ("libx265", "libsvtav1") for depth in (YUV420P8, YUV420P10)),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_parameter_sets_agree_with_pyav(
    encoder, pixel_format, make_pictures, make_settings
) -> None:
    av = pytest.importorskip("av")
    stream = encode(make_pictures(5, pixel_format), make_settings(encoder, pixel_format))
    found = read_config(stream.codec, stream.extradata).parameters
    with av.open(io.BytesIO(mux(stream))) as container:
        context = container.streams.video[0].codec_context
        assert found.profile.name == context.profile
        assert (found.size.width, found.size.height) == (context.width, context.height)
        assert ("10" in context.pix_fmt) is (found.bit_depths == (10, 10))
        assert found.is_full_range is (context.color_range == 2)


@given(st.sampled_from(sorted(GOLDEN)), st.data())
def test_flipped_bits_raise_nothing_but_bitstream_errors(name, data) -> None:
    codec, record = record_of(name)
    broken = bytearray(record)
    for place in data.draw(st.lists(st.integers(0, 8 * len(record) - 1), min_size=1, max_size=4)):
        broken[place // 8] ^= 128 >> place % 8
    try:
        found = read_config(codec, bytes(broken)).parameters
    except BitstreamError:
        return
    assert found.size.width > 0
    assert found.size.height > 0


@given(st.sampled_from(sorted(GOLDEN)), st.data())
def test_records_that_end_anywhere_raise_nothing_but_bitstream_errors(name, data) -> None:
    codec, record = record_of(name)
    # High profile records end with fields that the sets repeat, so those may be missing.
    end = data.draw(st.integers(0, len(record) - 5))
    with pytest.raises(BitstreamError):
        read_config(codec, record[:end])


READERS = {
    "H.264 sequence": h264.sequence_parameters,
    "H.264 picture": h264.picture_parameters,
    "H.264 slice": h264.slice_start,
    "HEVC video": hevc.video_parameters,
    "HEVC sequence": hevc.sequence_parameters,
    "HEVC picture": hevc.picture_parameters,
    "HEVC slice": lambda unit: hevc.slice_start(unit, 19),
    "AV1 sequence": av1.sequence_parameters,
    "AV1 frame": av1.frame_start,
}
BEGINNINGS = (b"", b"\x67\x64\0\x0b", b"\x68", b"\x40\1", b"\x42\1\1\2\x20", b"\x44\1", b"\0")


@given(st.sampled_from(sorted(READERS)), st.sampled_from(BEGINNINGS), st.binary(max_size=300))
def test_any_bytes_raise_nothing_but_bitstream_errors(name, beginning, data) -> None:
    try:
        READERS[name](beginning + data)
    except BitstreamError:
        return


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("byte", [b"\0", b"\xff", b"\xaa", b"\x80", b"\x24"])
def test_the_longest_sets_end_at_once(name, byte) -> None:
    for beginning in BEGINNINGS:
        try:
            READERS[name](beginning + 65_000 * byte)
        except BitstreamError:
            continue


@given(st.sampled_from([Codec.H264, Codec.HEVC, Codec.AV1]), st.binary(max_size=60))
def test_any_packet_raises_nothing_but_bitstream_errors(codec, data) -> None:
    for packet in (data, len(data).to_bytes(4, "big") + data):
        try:
            coded_picture(codec, packet)
        except BitstreamError:
            continue


def test_a_picture_set_must_refer_to_a_sequence_set() -> None:
    codec, record = record_of("High")
    # The picture parameter set begins with the numbers 0 and 0, a bit each; 010 refers to 1.
    with pytest.raises(BitstreamError, match=r"refer to sequence parameter sets \[1\], expected"):
        read_config(codec, record.replace(b"\x68\xeb", b"\x68\xab"))


def test_raw_streams_have_no_parameter_sets() -> None:
    with pytest.raises(BitstreamError, match="raw has no parameter sets"):
        read_config(Codec.RAW, b"\1\0\x08\1")
    with pytest.raises(BitstreamError, match="raw packets have no units"):
        coded_picture(Codec.RAW, b"\0")
