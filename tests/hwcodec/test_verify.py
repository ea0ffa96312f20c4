"""Everything that ``encode`` writes passes, through real packages and the real command."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest

from hwcodec import (
    GRAY8,
    YUV420P8,
    YUV420P10,
    BackendUnavailable,
    Bitstream,
    BitstreamError,
    ConstantQp,
    Lossless,
    PackageContent,
    Picture,
    PictureGeometry,
    PixelFormat,
    RateControl,
    StreamContent,
    Tuning,
    choose_encoder,
    commands,
    decode,
    encode,
    mux,
    write_package,
)
from hwcodec.commands import main
from hwcodec.decoders import DecoderChoice
from hwcodec.verify import Check, VerifyOptions, verify_path

KINDS: dict[str, tuple[str, PixelFormat, RateControl]] = {
    "h264": ("libx264", YUV420P8, ConstantQp(20)),
    "hevc": ("libx265", YUV420P8, ConstantQp(20)),
    "hevc-10": ("libx265", YUV420P10, ConstantQp(20)),
    "hevc-lossless": ("libx265", YUV420P8, Lossless()),
    "hevc-lossless-10": ("libx265", YUV420P10, Lossless()),
    "av1": ("libsvtav1", YUV420P8, ConstantQp(20)),
    "av1-10": ("libsvtav1", YUV420P10, ConstantQp(20)),
    "av1-lossless": ("libsvtav1", YUV420P8, Lossless()),
}
CHECKS = (
    "container",
    "record",
    "parameter sets",
    "profile",
    "level",
    "size",
    "range",
    "packets",
    "closed groups",
    "independence",
    "hardware",
)


@pytest.fixture(scope="session")
def make_stream(make_pictures, make_settings) -> Callable[..., Bitstream]:
    """A coded stream of one of the kinds."""

    def make(kind: str, count: int = 5, gop_length: int | None = 4, b_frames: int = 4) -> Bitstream:
        encoder, pixel_format, rate = KINDS[kind]
        settings = make_settings(encoder, pixel_format, rate, gop_length, b_frame_count=b_frames)
        return encode(make_pictures(count, pixel_format), settings)

    return make


def content(name: str, stream: Bitstream, kind: str) -> StreamContent:
    encoder, pixel_format, _ = KINDS[kind]
    return StreamContent(name, stream, choose_encoder(encoder, pixel_format))


@pytest.fixture(scope="session")
def small_package(make_stream, tmp_path_factory) -> Path:
    """An H.264 and a lossless HEVC stream, and a blob."""
    path = tmp_path_factory.mktemp("verify") / "small"
    streams = [content(kind, make_stream(kind), kind) for kind in ("h264", "hevc-lossless-10")]
    write_package(path, PackageContent({}, {"table": b"123"}, streams))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_encode_writes_passes(kind, make_stream, tmp_path) -> None:
    shapes = product((None, 1, 4), (0, 4), (1, 7))
    streams = [
        content(
            f"{count}-{length}-{b_frames}".lower(), make_stream(kind, count, length, b_frames), kind
        )
        for length, b_frames, count in shapes
    ]
    write_package(tmp_path / "all.vrf", PackageContent({}, {}, streams))
    report = verify_path(tmp_path / "all.vrf")
    assert report.passed, report.table()
    assert len(report.streams) == 12
    for stream in report.streams:
        assert tuple(check.name for check in stream.checks) == CHECKS
        assert all(check.passed for check in stream.checks[:-1]), report.table()


@pytest.mark.parametrize("kind", ["h264", "hevc", "av1"])
def test_the_number_of_encoder_threads_does_not_matter(
    kind, make_pictures, make_settings, tmp_path
) -> None:
    encoder, pixel_format, rate = KINDS[kind]
    for thread_count in (1, 3):
        settings = make_settings(encoder, pixel_format, rate, 3)
        settings = replace(settings, tuning=Tuning(thread_count=thread_count))
        (tmp_path / "one.mp4").write_bytes(mux(encode(make_pictures(10), settings)))
        assert verify_path(tmp_path / "one.mp4").passed


def test_a_lossless_stream_that_keeps_many_pictures_declares_a_level_that_allows_it(
    make_pictures, make_settings, tmp_path
) -> None:
    settings = make_settings("libx265", YUV420P8, Lossless(), reference_count=16)
    geometry = PictureGeometry(YUV420P8, 2048, 1536)
    settings = replace(settings, geometry=geometry, tuning=Tuning(preset="veryfast"))
    stream = encode(make_pictures(1, width=2048, height=1536), settings)
    (tmp_path / "one.mp4").write_bytes(mux(stream))
    report = verify_path(tmp_path / "one.mp4", VerifyOptions(is_quick=True))
    assert report.passed, report.table()
    assert report.streams[0].facts["level"] == 180


def test_the_command_prints_one_line_per_stream(small_package, capsys) -> None:
    assert main(["verify", str(small_package)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["stream", "codec", "string", "size", "frames", "verdict"]
    assert lines[1].split() == ["h264", "avc1.64000B", "192x128", "5", "ok"]
    assert lines[2].split() == ["hevc-lossless-10", "hvc1.2.4.L153.90", "192x128", "5", "ok"]
    assert lines[3:] == ["not run: no hardware decoder here: hardware (2 streams)"]


def test_the_json_holds_every_check(small_package, tmp_path) -> None:
    target = tmp_path / "report.json"
    assert main(["verify", str(small_package), "--json", str(target)]) == 0
    document = json.loads(target.read_text())
    assert document["passed"] is True
    assert [check["name"] for check in document["checks"]] == ["manifest", "blobs"]
    first = document["streams"][0]
    assert [check["name"] for check in first["checks"]] == list(CHECKS)
    assert first["checks"][-1]["passed"] is None
    assert (first["profile"], first["level"], first["key_count"]) == ("High", 11, 2)


def test_a_quick_check_says_what_it_left_out(small_package, capsys) -> None:
    assert main(["verify", str(small_package), "--quick"]) == 0
    said = "not run, as only a quick check was asked for: independence (2 streams)"
    assert said in capsys.readouterr().out


def test_raw_streams_fail_unless_they_are_allowed(
    make_pictures, make_settings, tmp_path, capsys
) -> None:
    stream = encode(make_pictures(2, GRAY8), make_settings("raw", GRAY8))
    choice = choose_encoder("raw", GRAY8)
    write_package(tmp_path / "raw", PackageContent({}, {}, [StreamContent("r", stream, choice)]))
    assert main(["verify", str(tmp_path / "raw")]) == 1
    assert "failed: r: profile: not an interchange profile: raw" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "raw"), "--allow-raw"]) == 0
    assert "r       vrfr.1        192x128  2       ok" in capsys.readouterr().out


def test_a_package_without_streams_proves_nothing(tmp_path, capsys) -> None:
    write_package(tmp_path / "empty.vrf", PackageContent({}))
    assert main(["verify", str(tmp_path / "empty.vrf")]) == 1
    assert "holds no stream" in capsys.readouterr().out


def hardware_check(path: Path, decoder) -> Check:
    report = verify_path(path, VerifyOptions(hardware=decoder))
    return report.streams[0].checks[-1]


def darker(stream: Bitstream) -> Iterator[Picture]:
    """A decoder that is wrong by one code in one picture."""
    for picture in decode(stream):
        if picture.pts == 3:
            picture.luma[7, 5] ^= 1
        yield picture


def failing(_: Bitstream) -> Iterator[Picture]:
    raise BitstreamError("the engine gave up")


def missing(_: Bitstream) -> Iterator[Picture]:
    raise BackendUnavailable("no engine for this size")


@pytest.mark.parametrize(
    ("decoder", "passed", "said"),
    [
        (decode, True, "5 pictures decoded in hardware are equal"),
        (darker, False, "frame 3 differs in 1 codes when decoded in hardware"),
        (lambda stream: decode(stream, stop=4), False, "pictures end after frame 4"),
        (failing, False, "the engine gave up"),
        (missing, None, "not run: no engine for this size"),
    ],
    ids=["equal", "one code off", "too short", "failing", "missing"],
)
def test_a_hardware_decoder_must_give_the_same_codes(small_package, decoder, passed, said) -> None:
    check = hardware_check(small_package, decoder)
    assert (check.name, check.passed) == ("hardware", passed)
    assert said in check.said


def test_the_command_asks_a_device_where_there_is_one(small_package, monkeypatch, capsys) -> None:
    monkeypatch.setattr(commands.torch.cuda, "is_available", lambda: True)
    choice = DecoderChoice("cuda", "ffmpeg", "the engine takes no such size")
    monkeypatch.setattr(commands, "choose_decoder", lambda *_, **__: choice)
    assert main(["verify", str(small_package)]) == 0
    said = "not run: the engine takes no such size: hardware (2 streams)"
    assert said in capsys.readouterr().out
    hardware = replace(choice, backend="nvidia")
    monkeypatch.setattr(commands, "choose_decoder", lambda *_, **__: hardware)
    monkeypatch.setattr(commands, "decode", lambda stream, **_: decode(stream))
    assert main(["verify", str(small_package)]) == 0
    assert "not run" not in capsys.readouterr().out


def test_frame_rates_are_exact(make_pictures, make_settings, tmp_path) -> None:
    settings = make_settings("libx264")
    rate = Fraction(30000, 1001)
    settings = replace(settings, geometry=replace(settings.geometry, frame_rate=rate))
    (tmp_path / "one.mp4").write_bytes(mux(encode(make_pictures(3), settings)))
    report = verify_path(tmp_path / "one.mp4")
    assert report.passed, report.table()
    assert "at 30000/1001 Hz" in report.streams[0].checks[0].said
