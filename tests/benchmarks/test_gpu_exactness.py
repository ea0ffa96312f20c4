"""The checks of a device's decoder, tried on decoders that are right and wrong in known ways."""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

import pytest
import torch

from benchmarks.gpu_exactness import (
    Case,
    Device,
    by_name,
    check_exactness,
    check_lifetime,
    check_ordering,
    differing_bytes,
    exactness_cases,
    unordered,
)
from benchmarks.gpu_parts import Outcome
from benchmarks.stream_matrix import StreamSpec, stored_stream
from hwcodec import Bitstream, Codec, decode_all
from hwcodec.surfaces import StreamOrder
from hwcodec.types import DecodeOptions, Picture

pytest.importorskip("av")
from tests.hwcodec import fake_vendor

Decoded = Iterator[tuple[int, Picture]]
IDLE = Device(side=nullcontext, keep_busy=lambda: None, finish=lambda: None)


@pytest.fixture(scope="module")
def stream(tmp_path_factory) -> Bitstream:
    spec = StreamSpec(Codec.HEVC, 10, 192, 128, 5)
    return stored_stream(spec, tmp_path_factory.mktemp("cache")).bitstream


@pytest.fixture(scope="module")
def cases() -> tuple[Case, ...]:
    return tuple(exactness_cases(6))


def right(streams: Sequence[Bitstream]) -> Decoded:
    return decode_all(streams)


def one_bit_off(streams: Sequence[Bitstream]) -> Decoded:
    for number, picture in decode_all(streams):
        if picture.pts == 1:
            picture.luma.view(torch.uint8)[0, 0] ^= 1
        yield number, picture


def recycling(streams: Sequence[Bitstream]) -> Decoded:
    """Hands out the same memory again and again."""
    surface = None
    for number, picture in decode_all(streams):
        surface = picture.luma.clone() if surface is None else surface.copy_(picture.luma)
        yield number, Picture((surface,), picture.format, picture.pts)


def unasked(_: Bitstream) -> None:
    return None


def test_the_cases_cover_codecs_depths_groups_and_sizes(cases) -> None:
    seen = {(case.streams[0].codec, case.streams[0].format.bit_depth) for case in cases}
    assert seen == {(Codec.H264, 8)} | {(c, d) for c in (Codec.HEVC, Codec.AV1) for d in (8, 10)}
    assert sum("lossless" in case.name for case in cases) == 2
    groups = next(case for case in cases if "groups" in case.name)
    assert [len(stream.packets) for stream in groups.streams] == [5, 1]
    resized = next(case for case in cases if "another size" in case.name)
    assert len({stream.geometry for stream in resized.streams}) == 2


def test_an_exact_decoder_passes_every_case(cases) -> None:
    found = check_exactness(cases, right, unasked)
    assert found.is_ok, found.said
    assert found.said == f"{len(cases)} cases without a differing byte, 0 refused"
    assert all(one["differing_bytes"] == 0 for one in found.data.values())


def test_the_vendors_sessions_pass_too(cases, monkeypatch) -> None:
    names = ("pynv", "nvidia_capabilities", "nvidia_encoding", "nvidia")
    monkeypatch.setitem(sys.modules, "PyNvVideoCodec", fake_vendor)
    for name in names:
        monkeypatch.delitem(sys.modules, f"hwcodec.backends.{name}", raising=False)
    backend = importlib.import_module("hwcodec.backends.nvidia").NvidiaBackend()

    def refusal(stream: Bitstream) -> str | None:
        return "not there" if stream.codec is Codec.AV1 else None

    found = check_exactness(
        cases, lambda streams: backend.decode(streams, DecodeOptions()), refusal
    )
    for name in names:
        sys.modules.pop(f"hwcodec.backends.{name}", None)
    assert found.is_ok, found.said
    assert sum("refused" in one for one in found.data.values()) == 10


def test_a_single_wrong_bit_is_counted(stream) -> None:
    found = check_exactness([Case("deep", (stream,))], one_bit_off, unasked)
    assert not found.is_ok
    assert found.data["deep"]["differing_bytes"] == 1
    assert "deep: 1 of" in found.said


def test_missing_pictures_are_a_failure(stream) -> None:
    cut = check_exactness([Case("cut", (stream,))], lambda s: list(right(s))[:-1], unasked)
    assert not cut.is_ok


def test_refusing_everything_is_no_success(stream) -> None:
    found = check_exactness([Case("one", (stream,))], right, lambda _: "no engine")
    assert not found.is_ok
    assert found.said == "every case was refused"


def test_kept_pictures_that_change_are_found(stream) -> None:
    assert check_lifetime(right, [stream, stream]).is_ok
    found = check_lifetime(recycling, [stream, stream])
    assert not found.is_ok
    assert found.data["changed"] > 0
    assert not check_lifetime(right, []).is_ok


def test_the_ordering_check_says_when_it_proves_little(stream) -> None:
    found = check_ordering(right, stream, IDLE)
    assert found.is_ok
    assert "proves little" in found.said


def test_a_decoder_that_needs_its_ordering_proves_the_check(stream) -> None:
    order = StreamOrder(torch.device("cpu"))

    def late(streams: Sequence[Bitstream]) -> Decoded:
        """Pictures are wrong unless somebody waits for them."""
        for number, picture in decode_all(streams):
            waits = StreamOrder.before_reading.__name__ == "before_reading"
            order.before_reading()
            if not waits:
                picture.luma.zero_()
            yield number, picture

    found = check_ordering(late, stream, IDLE)
    assert found.is_ok
    assert found.data == {"wrong_with_ordering": 0, "wrong_without": 5, "pictures": 5}


def test_a_decoder_that_is_late_in_spite_of_ordering_fails(stream) -> None:
    found = check_ordering(one_bit_off, stream, IDLE)
    assert not found.is_ok
    assert found.data["wrong_with_ordering"] == 1


def test_the_ordering_is_put_back_whatever_happens() -> None:
    before = vars(StreamOrder).copy()

    def breaks() -> None:
        with unordered():
            assert vars(StreamOrder)["hand_over"] is not before["hand_over"]
            raise RuntimeError

    with pytest.raises(RuntimeError):
        breaks()
    assert vars(StreamOrder) == before


def test_planes_of_other_shape_or_type_differ_in_every_byte() -> None:
    wide, deep = torch.zeros(2, 4, dtype=torch.uint8), torch.zeros(2, 4, dtype=torch.uint16)
    assert differing_bytes(wide, wide.clone()) == 0
    assert differing_bytes(wide, torch.zeros(2, 2, dtype=torch.uint8)) == 8
    assert differing_bytes(wide, deep) == 16


def test_one_decoder_that_breaks_does_not_hide_the_other() -> None:
    def check(name: str, _: object) -> Outcome:
        if name == "bad":
            raise RuntimeError("gone")
        return Outcome(is_ok=True, said="fine")

    found = by_name({"bad": right, "good": right}, check)
    assert found.said == "bad: RuntimeError: gone"
    assert found.data["good"]["is_ok"]
