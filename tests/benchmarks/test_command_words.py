"""Words of the commands: what numbers, lists and file names mean, and which are refused early."""

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.benchmark_words import benchmark_parser, codecs
from benchmarks.command_words import counts, positive, prepare_json, seconds, sizes, words
from benchmarks.stream_matrix import DEPTHS, LEAST_FRAMES
from hwcodec import Codec
from render.console import UsageError

REFUSED = (argparse.ArgumentTypeError, ValueError)
SIDES = st.integers(1, 99_999)


@given(st.integers(1, 10**12))
def test_a_count_of_one_or_more_is_itself(number) -> None:
    assert positive(str(number)) == number


@pytest.mark.parametrize("text", ["0", "-1", "", "1.0", "one", "1e3", "0x10", "1/2"])
def test_what_counts_nothing_is_refused(text) -> None:
    with pytest.raises(REFUSED):
        positive(text)


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("3600", 3600), ("1e-3", 0.001)])
def test_a_duration_reaches_from_nothing_to_an_hour(text, value) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "-0.1", "3600.1", "1e999", "soon", ""])
def test_a_duration_that_never_ends_is_refused(text) -> None:
    with pytest.raises(REFUSED):
        seconds(text)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_a_list_of_counts_is_sorted_and_has_no_repetition(numbers) -> None:
    assert counts(",".join(map(str, numbers))) == tuple(sorted(set(numbers)))


@pytest.mark.parametrize("text", ["", ",", "1,", ",1", "1,,2", "1;2", "1,0", "2,x"])
def test_a_list_with_a_hole_is_refused(text) -> None:
    with pytest.raises(REFUSED):
        counts(text)


@given(st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=4), st.sampled_from("xX"))
def test_sizes_keep_their_order_and_name_the_width_first(pairs, cross) -> None:
    text = ",".join(f"{width}{cross}{height}" for width, height in pairs)
    assert sizes(text) == tuple(dict.fromkeys(pairs))


@pytest.mark.parametrize("text", ["", "64", "64x", "x64", "64x64x64", "64x0", "-2x4", "64*64", "x"])
def test_a_size_without_two_sides_is_refused(text) -> None:
    with pytest.raises(REFUSED):
        sizes(text)


@given(st.lists(st.sampled_from(tuple(DEPTHS)), min_size=1, max_size=5))
def test_codecs_keep_their_order_and_are_named_once(names) -> None:
    assert codecs(",".join(codec.value for codec in names)) == tuple(dict.fromkeys(names))


@pytest.mark.parametrize("text", ["", "raw", "H264", "h264,", "h264 hevc", "h264,vp9"])
def test_an_unknown_codec_is_refused_beside_the_known_ones(text) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="hevc"):
        codecs(text)


def test_given_words_win_over_those_of_the_process(monkeypatch) -> None:
    monkeypatch.setattr("sys.argv", ["benchmark", "encode"])
    assert words(None) == ["encode"]
    assert words([]) == []


def test_a_folder_in_place_of_a_result_is_refused_under_its_option(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"^--plot is .* a folder, expected a file name$"):
        prepare_json(tmp_path, "--plot")


def test_the_folder_of_a_result_is_made_and_the_result_is_not(tmp_path) -> None:
    prepare_json(tmp_path / "a" / "b" / "c.json")
    prepare_json(None)
    assert (tmp_path / "a" / "b").is_dir()
    assert not list((tmp_path / "a" / "b").iterdir())


def test_a_result_below_a_file_is_refused_and_the_file_stays(tmp_path) -> None:
    (tmp_path / "a").write_text("mine")
    with pytest.raises(UsageError):
        prepare_json(tmp_path / "a" / "b.json")
    assert (tmp_path / "a").read_text() == "mine"


def test_an_older_result_survives_the_early_check(tmp_path) -> None:
    (tmp_path / "a.json").write_text("old")
    prepare_json(tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text() == "old"


def test_decoding_and_encoding_have_defaults_of_their_own() -> None:
    decode = benchmark_parser().parse_args(["decode"])
    encode = benchmark_parser().parse_args(["encode"])
    assert (decode.usual_frames, decode.repeats, decode.seconds) == (LEAST_FRAMES, 5, 1.0)
    assert (decode.package, decode.device, decode.threads) == (None, "cpu", None)
    assert (encode.repeats, encode.threads) == (3, None)
    assert encode.usual_frames < LEAST_FRAMES
    assert decode.all_codecs == encode.all_codecs == (Codec.H264, Codec.HEVC, Codec.AV1)
