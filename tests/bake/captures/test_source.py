"""What every format hands over: frame rates as fractions, a split, and the list of formats."""

import re
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.captures.procedural import open_source
from bake.captures.registry import detect_loader, load_loader, register_loader
from bake.captures.source import Source, Split, to_frame_rate
from bake.errors import CaptureError

MARKERS = {"nerfstudio": "transforms.json", "blender": "transforms_train.json"}


@given(st.floats(0.001, 0.5))
def test_slow_rates_are_as_near_as_a_thousandth_allows(rate) -> None:
    assert to_frame_rate(rate) > 0
    assert to_frame_rate(0.005) == Fraction(1, 200)
    assert abs(to_frame_rate(rate) - Fraction(rate)) < Fraction(1, 1000)


@pytest.mark.parametrize("rate", [0.0, 1e-4, 5e-324, 1000.1, 1e300, float("inf"), float("nan")])
def test_rates_that_no_stream_can_have_are_refused(rate) -> None:
    with pytest.raises(CaptureError, match=r"fps is .*, expected a positive number in 0.001..1000"):
        to_frame_rate(rate)


@given(rate=st.integers(1, 1000))
def test_whole_rates_stay_whole(rate) -> None:
    assert to_frame_rate(float(rate)) == rate


@given(rate=st.integers(4, 240))
def test_a_rate_printed_with_two_decimals_is_its_ntsc_fraction(rate) -> None:
    exact = Fraction(rate * 1000, 1001)
    assert to_frame_rate(float(exact)) == exact
    if round(float(exact), 2) != rate:
        assert to_frame_rate(round(float(exact), 2)) == exact


@given(st.fractions(Fraction(1, 20), 500, max_denominator=50))
def test_any_other_rate_is_off_by_less_than_a_frame_in_a_minute(rate) -> None:
    assert abs(to_frame_rate(float(rate)) - rate) * 60 < 1


def split_source(train: tuple[int, ...], test: tuple[int, ...]) -> Source:
    whole = open_source("procedural:1:16")
    return Source(
        "mine",
        whole.cameras,
        whole.labels,
        whole.views,
        whole.frame_rate,
        whole.aabb,
        Split(train, test),
        whole.reader,
    )


@pytest.mark.parametrize(("train", "test", "part"), [((), (1,), "train"), ((1,), (), "test")])
def test_a_capture_that_cannot_be_trained_or_measured_is_refused(train, test, part) -> None:
    with pytest.raises(CaptureError, match=rf"'mine' has no {part} views.*one in {part}_filenames"):
        split_source(train, test)


@pytest.mark.parametrize("name", MARKERS)
def test_a_folder_is_recognized_by_its_marker_file_alone(tmp_path: Path, name) -> None:
    (tmp_path / MARKERS[name]).mkdir()
    with pytest.raises(CaptureError, match=re.escape(MARKERS[name])):
        detect_loader(str(tmp_path))
    (tmp_path / MARKERS[name]).rmdir()
    (tmp_path / MARKERS[name]).touch()
    assert detect_loader(str(tmp_path)) == name


def test_a_folder_with_both_markers_is_read_as_nerfstudio(tmp_path: Path) -> None:
    for marker in MARKERS.values():
        (tmp_path / marker).touch()
    assert detect_loader(str(tmp_path)) == "nerfstudio"


def test_a_folder_named_like_a_built_in_capture_is_opened_by_a_longer_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "procedural").mkdir()
    (tmp_path / "procedural" / "transforms.json").touch()
    monkeypatch.chdir(tmp_path)
    assert detect_loader("procedural") == "procedural"
    assert detect_loader("./procedural") == "nerfstudio"


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "transforms.json").touch()
    with pytest.raises(CaptureError, match=r"is no folder, expected one or a built-in"):
        detect_loader(str(tmp_path / "transforms.json"))


@pytest.mark.parametrize("name", [*MARKERS, "procedural"])
def test_a_known_format_cannot_be_taken_over(name) -> None:
    opened = load_loader(name)
    with pytest.raises(CaptureError, match=rf"{name!r} is already .*choose another name"):
        register_loader(name, "other:open_source", None)
    assert load_loader(name) is opened
