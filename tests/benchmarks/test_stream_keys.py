"""A stored stream's name follows everything that decides its bytes, and nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import stream_matrix
from benchmarks.stream_matrix import (
    DEPTHS,
    ENCODERS,
    StreamSpec,
    _key,
    encoder_settings,
    stored_stream,
    stream_specs,
)
from hwcodec import BackendUnavailable, Bitstream, Codec, ConstantQp, EncoderSettings, Lossless

SPEC = StreamSpec(Codec.HEVC, 8, 192, 128, 2)
USUAL = encoder_settings(SPEC)
CHANGED = {
    "encoder": replace(USUAL, encoder="hevc_nvenc"),
    "geometry": replace(USUAL, geometry=replace(USUAL.geometry, width=194)),
    "frame rate": replace(USUAL, geometry=replace(USUAL.geometry, frame_rate=25)),
    "depth": encoder_settings(replace(SPEC, bit_depth=10)),
    "qp": replace(USUAL, rate=ConstantQp(25)),
    "lossless": replace(USUAL, rate=Lossless()),
    "group": replace(USUAL, gop=replace(USUAL.gop, length=8)),
    "b pictures": replace(USUAL, gop=replace(USUAL.gop, b_frame_count=3)),
    "references": replace(USUAL, gop=replace(USUAL.gop, reference_count=2)),
    "intra ratio": replace(USUAL, gop=replace(USUAL.gop, intra_ratio=1.2)),
    "b ratio": replace(USUAL, gop=replace(USUAL.gop, bidirectional_ratio=1.1)),
    "preset": replace(USUAL, tuning=replace(USUAL.tuning, preset="slow")),
    "threads": replace(USUAL, tuning=replace(USUAL.tuning, thread_count=1)),
}
SPECS = st.builds(
    StreamSpec,
    st.sampled_from(tuple(DEPTHS)),
    st.just(8),
    st.integers(16, 4096).map(lambda n: n * 2),
    st.integers(16, 4096).map(lambda n: n * 2),
    st.integers(1, 99),
)


@pytest.fixture(autouse=True, scope="module")
def known_versions() -> Iterator[None]:
    """Looking them up takes longer than all that is tested here."""
    with pytest.MonkeyPatch.context() as patch:
        found = stream_matrix.versions()
        patch.setattr(stream_matrix, "versions", lambda: found)
        yield


@pytest.mark.parametrize("name", CHANGED)
def test_every_setting_of_the_encoder_changes_the_key(name) -> None:
    assert _key(CHANGED[name]) != _key(USUAL)


def test_no_two_changes_share_a_key() -> None:
    assert len({_key(changed) for changed in CHANGED.values()}) == len(CHANGED)


def test_equal_settings_have_the_same_key() -> None:
    assert _key(encoder_settings(SPEC)) == _key(USUAL)
    assert len(_key(USUAL)) == 12


def test_other_content_is_another_stream(monkeypatch) -> None:
    before = _key(USUAL)
    monkeypatch.setattr(stream_matrix, "CONTENT", "synthetic: gray")
    assert _key(USUAL) != before


def test_another_version_of_the_library_is_another_stream(monkeypatch) -> None:
    before = _key(USUAL)
    monkeypatch.setattr(stream_matrix, "versions", lambda: {"av": "0.0"})
    assert _key(USUAL) != before


def test_options_that_reach_the_encoder_count_although_no_setting_changed(monkeypatch) -> None:
    before = _key(USUAL)
    monkeypatch.setattr(stream_matrix, "encoder_options", lambda _: {"preset": "other"})
    assert _key(USUAL) != before


@given(first=SPECS, second=SPECS)
def test_names_tell_streams_apart_by_codec_depth_and_size(first, second) -> None:
    looks = [(s.codec, s.bit_depth, s.width, s.height) for s in (first, second)]
    assert (first.name == second.name) == (looks[0] == looks[1])


@settings(max_examples=8)
@given(first=SPECS, second=SPECS)
def test_settings_follow_the_codec_and_the_geometry(first, second) -> None:
    one, other = encoder_settings(first), encoder_settings(second)
    assert one.encoder == ENCODERS[first.codec]
    assert one.geometry == first.geometry
    assert (_key(one) == _key(other)) == (one == other)


@given(
    codecs=st.lists(st.sampled_from(tuple(DEPTHS)), unique=True),
    depths=st.sets(st.sampled_from((8, 10, 12))),
    sizes=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), unique=True, max_size=3),
)
def test_the_matrix_holds_what_was_asked_for_and_exists(codecs, depths, sizes) -> None:
    specs = stream_specs(codecs, sorted(depths), sizes, 7)
    expected = sum(len(depths & set(DEPTHS[codec])) for codec in codecs) * len(sizes)
    assert len(set(specs)) == len(specs) == expected
    places = [codecs.index(spec.codec) for spec in specs]
    assert all(before <= after for before, after in pairwise(places))
    assert {spec.frame_count for spec in specs} <= {7}


def test_an_encoder_that_fails_leaves_no_file(tmp_path, monkeypatch) -> None:
    def fail(*_: object) -> Bitstream:
        raise BackendUnavailable("gone")

    monkeypatch.setattr(stream_matrix, "encode", fail)
    with pytest.raises(BackendUnavailable):
        stored_stream(SPEC, tmp_path / "cache")
    assert not list(tmp_path.rglob("*.*"))


def test_more_frames_are_another_file_and_pictures_match(tmp_path, monkeypatch) -> None:
    asked: list[tuple[int, EncoderSettings]] = []
    real = stream_matrix.encode

    def watch(pictures: tuple[object, ...], wanted: EncoderSettings) -> Bitstream:
        asked.append((len(pictures), wanted))
        return real(pictures, wanted)

    monkeypatch.setattr(stream_matrix, "encode", watch)
    spec = replace(SPEC, codec=Codec.H264)
    stored = [stored_stream(replace(spec, frame_count=n), tmp_path) for n in (2, 3, 2)]
    assert [count for count, _ in asked] == [2, 3]
    assert len({one.path for one in stored}) == 2
    assert [len(one.bitstream.packets) for one in stored] == [2, 3, 2]
    assert StreamSpec.of(stored[0].bitstream, 2) == stored[0].spec
