"""One timeline: what strict counting refuses, and what matching by time makes of it."""

from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.errors import CaptureError
from bake.preparation.timeline import Timeline, TimelineOptions, build_timeline

STEP = Fraction(1, 30)


def steady(count: int, start: Fraction = Fraction(0), step: Fraction = STEP) -> list[Fraction]:
    return [start + step * index for index in range(count)]


def timeline(times: dict[str, Sequence[Fraction]], **options: object) -> Timeline:
    return build_timeline(times, TimelineOptions(**options))


def without(times: list[Fraction], *dropped: int) -> list[Fraction]:
    return [time for index, time in enumerate(times) if index not in dropped]


def test_equal_videos_match_picture_by_picture() -> None:
    found = timeline({"a": steady(10), "b": steady(10)})
    assert found.frame_rate == 30
    assert found.picks == {"a": tuple(range(10)), "b": tuple(range(10))}
    assert (found.frame_count, found.greatest_error_s, found.notes) == (10, 0.0, ())


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), Fraction(60000, 1001)])
def test_the_rate_is_that_of_the_videos_even_in_whole_milliseconds(rate) -> None:
    rounded = [Fraction(round(1000 * index / rate), 1000) for index in range(300)]
    assert timeline({"a": rounded, "b": rounded}).frame_rate == rate


def test_a_trailing_difference_is_cut_and_told() -> None:
    found = timeline({"a": steady(200), "b": steady(198), "c": steady(201)})
    assert found.frame_count == 198
    assert found.notes == (
        "up to 3 trailing pictures of 2 cameras (a, c) are cut, as others end earlier",
    )


def test_a_much_shorter_video_is_named_unless_frames_are_chosen() -> None:
    times = {"a": steady(300), "cam03": steady(120), "c": steady(300)}
    with pytest.raises(
        CaptureError,
        match=r"camera cam03 has 120 pictures and others have 300.*"
        r"--frames 0:120",
    ):
        timeline(times)
    assert timeline(times, last=120).frame_count == 120
    with pytest.raises(CaptureError, match=r"expected at most 5 fewer"):
        timeline(times, last=200)


@pytest.mark.parametrize(
    ("length", "most"), [(3, 1), (10, 1), (99, 1), (100, 2), (249, 4), (250, 5), (3000, 5)]
)
def test_a_short_video_may_lack_a_share_of_its_pictures_and_a_long_one_five(length, most) -> None:
    times = {"a": steady(length), "b": steady(length - most), "c": steady(length)}
    assert timeline(times).frame_count == length - most
    times["b"] = steady(length - most - 1)
    with pytest.raises(CaptureError, match=f"camera b has .*expected at most {most} fewer"):
        timeline(times)


def test_a_longer_video_is_named_and_not_all_the_others() -> None:
    times = {"a": steady(10), "b": steady(10), "c": steady(12), "d": steady(10)}
    with pytest.raises(
        CaptureError,
        match=r"camera c has 12 pictures and others have 10, expected at most 1 more.*0:10",
    ):
        timeline(times)


def test_two_videos_of_other_lengths_name_the_shorter_and_several_are_listed() -> None:
    with pytest.raises(CaptureError, match="camera b has 8 pictures and others have 10"):
        timeline({"a": steady(10), "b": steady(8)})
    many = {f"c{n}": steady(20 if n < 6 else 10) for n in range(11)}
    with pytest.raises(CaptureError, match=r"cameras c6, c7, c8, c9, \.\.\. have 10 pictures"):
        timeline(many)


def test_what_an_offset_leaves_over_is_no_lack_of_pictures() -> None:
    equal = {"a": steady(12), "b": steady(12), "c": steady(12)}
    assert timeline(equal, offsets={"b": 4}).frame_count == 8
    ends = {"a": steady(12), "b": steady(16), "c": steady(12)}
    assert timeline(ends, offsets={"b": 4}).notes == ()
    with pytest.raises(CaptureError, match="camera c has 9 pictures and others have 12"):
        timeline({**equal, "c": steady(9)}, offsets={"b": 4})


def test_frames_are_chosen_from_the_common_ones() -> None:
    found = timeline({"a": steady(10), "b": steady(10)}, first=2, last=5)
    assert found.picks["b"] == (2, 3, 4)
    for first, last in ((0, 11), (5, 5), (-1, 4), (6, 4)):
        with pytest.raises(CaptureError, match=r"expected a part of 0:10"):
            timeline({"a": steady(10), "b": steady(10)}, first=first, last=last)


def test_an_offset_takes_later_pictures_of_that_camera() -> None:
    times = {"a": steady(12), "b": steady(12), "c": steady(12)}
    found = timeline(times, offsets={"b": 2, "c": -1})
    assert found.picks["a"][:3] == (1, 2, 3)
    assert found.picks["b"][:3] == (3, 4, 5)
    assert found.picks["c"][:3] == (0, 1, 2)
    assert found.frame_count == 9


def test_offsets_of_unknown_cameras_or_beyond_the_video_are_refused() -> None:
    times = {"a": steady(12), "b": steady(12)}
    with pytest.raises(CaptureError, match="--offset names camera z, expected one of a, b"):
        timeline(times, offsets={"z": 1})
    with pytest.raises(CaptureError, match=r"camera b has 12 pictures and offset 20"):
        timeline(times, offsets={"b": 20})


@pytest.mark.parametrize(
    ("offsets", "told"),
    [
        (
            {"c": -100},
            "camera c has 40 pictures and offset -100, .*expected one of -39 to 39; correct",
        ),
        ({"c": 100}, "camera c has 40 pictures and offset 100, .*expected one of -39 to 39"),
        ({"a": 3, "c": -100}, "camera c .*offset -100, .*expected one of -36 to 39"),
        ({"a": -3, "c": 60}, "camera c .*offset 60, .*expected one of -39 to 36"),
        (
            {"a": 50, "c": -60},
            "camera c has 40 pictures and offset -60, .*expected smaller offsets",
        ),
    ],
)
def test_the_camera_whose_offset_leaves_nothing_is_the_one_that_is_named(offsets, told) -> None:
    times = {label: steady(40) for label in ("a", "b", "c")}
    with pytest.raises(CaptureError, match=told):
        timeline(times, offsets=offsets)


@pytest.mark.parametrize("offset", [-39, 39])
def test_an_offset_at_the_end_of_the_named_range_leaves_one_frame(offset) -> None:
    times = {label: steady(40) for label in ("a", "b", "c")}
    assert timeline(times, offsets={"c": offset}, last=1).frame_count == 1


@pytest.mark.parametrize("offset", [-100, 100])
@pytest.mark.parametrize("align", ["first", "times"])
def test_so_is_one_that_leaves_no_common_time(align, offset) -> None:
    times = {label: steady(40) for label in ("a", "b", "c")}
    with pytest.raises(CaptureError, match=rf"camera c .*offset {offset}, .*no time.*--offset"):
        timeline(times, align=align, offsets={"a": 1, "c": offset})


def test_another_rate_is_named_with_both_rates() -> None:
    times = {"a": steady(50), "cam03": steady(50, step=Fraction(1, 25)), "c": steady(50)}
    with pytest.raises(
        CaptureError,
        match=r"camera cam03 has 25 pictures per second and the "
        r"others 30.*--align times",
    ):
        timeline(times)


def test_a_rate_that_drifts_by_a_frame_is_noticed_when_the_video_is_long() -> None:
    ntsc = Fraction(1001, 30000)
    short = {"a": steady(100), "b": steady(100, step=ntsc), "c": steady(100)}
    found = timeline(short)
    assert found.frame_count == 100
    assert found.notes == (
        "camera b has 29.97 pictures per second and the others 30, which makes 0.1 of a frame at "
        "the end; pictures are matched by their count",
    )
    long = {"a": steady(3000), "b": steady(3000, step=ntsc), "c": steady(3000)}
    with pytest.raises(CaptureError, match=r"camera b has 29\.97 pictures per second"):
        timeline(long)


def test_another_rate_is_told_even_of_ten_frames_and_of_several_cameras_at_once() -> None:
    ntsc = Fraction(1001, 30000)
    times = {f"c{n}": steady(10, step=ntsc if n in {2, 4} else STEP) for n in range(6)}
    (note,) = timeline(times).notes
    assert note.startswith("cameras c2, c4 have 29.97 pictures per second and the others 30, ")


@given(st.integers(3, 60), st.lists(st.integers(0, 32), min_size=2, max_size=4))
def test_equal_rates_are_not_told_to_differ_where_times_are_rounded(count, phases) -> None:
    times = {
        f"c{n}": [
            Fraction(round(1000 * (k * STEP) + Fraction(phase, 33)), 1000) for k in range(count)
        ]
        for n, phase in enumerate(phases)
    }
    assert timeline(times).notes == ()


def test_dropped_pictures_are_counted_and_placed() -> None:
    times = {"a": steady(30), "cam03": without(steady(32), 10, 11, 20), "c": steady(30)}
    with pytest.raises(
        CaptureError,
        match=r"camera cam03 dropped about 3 pictures \(gaps after "
        r"picture 9, 17\)",
    ):
        timeline(times)
    assert timeline(times, last=9).frame_count == 9


def test_a_variable_rate_is_named_with_its_steps() -> None:
    wild = [time + Fraction(1, 75) * (index % 3 == 1) for index, time in enumerate(steady(30))]
    with pytest.raises(
        CaptureError,
        match=r"camera b has a variable frame rate \(steps of 20\.0 "
        r"to 46\.7 ms\)",
    ):
        timeline({"a": steady(30), "b": wild, "c": steady(30)})


def test_other_first_times_are_an_error_that_names_both_ways_out() -> None:
    times = {"a": steady(30), "cam03": steady(30, Fraction(1, 10)), "c": steady(30)}
    with pytest.raises(
        CaptureError,
        match=r"cam03 0\.100 s; the others at 0\.000 s.*--align times "
        r".*--align first",
    ):
        timeline(times)
    by_first = timeline(times, align="first")
    assert by_first.picks["cam03"] == by_first.picks["a"] == tuple(range(30))
    by_clock = timeline(times, align="times")
    assert by_clock.picks["a"][:2] == (3, 4)
    assert by_clock.picks["cam03"][:2] == (0, 1)
    assert by_clock.frame_count == 27


def test_matching_by_time_repeats_pictures_over_a_gap_and_tells_the_error() -> None:
    times = {"a": steady(30), "cam03": without(steady(30), 10, 11), "c": steady(30)}
    found = timeline(times, align="times")
    assert found.picks["a"] == tuple(range(30))
    assert found.picks["cam03"][8:14] == (8, 9, 9, 10, 10, 11)
    assert found.greatest_error_s == pytest.approx(1 / 30)
    assert found.notes == (
        "pictures are matched by time, off by up to 33.3 ms (camera cam03); 2 of 90 are "
        "repetitions",
    )


def test_matching_by_time_takes_any_rate_and_the_asked_one() -> None:
    times = {"a": steady(60), "b": steady(51, step=Fraction(1, 25))}
    found = timeline(times, align="times", frame_rate=Fraction(25))
    assert found.frame_rate == 25
    assert found.picks["b"] == tuple(range(found.frame_count))
    assert found.picks["a"][:6] == (0, 1, 2, 4, 5, 6)
    assert found.greatest_error_s <= 1 / 60 + 1e-9


def test_offsets_count_in_matching_by_time_too() -> None:
    times = {"a": steady(30), "b": steady(30)}
    found = timeline(times, align="first", offsets={"b": 2})
    assert [b - a for a, b in zip(found.picks["a"], found.picks["b"], strict=True)] == [2] * 28


def test_videos_without_a_common_time_are_refused() -> None:
    times = {"a": steady(30), "b": steady(30, Fraction(5))}
    with pytest.raises(CaptureError, match=r"camera b begins at 5\.000 s, when another has ended"):
        timeline(times, align="times")


def test_single_pictures_match_by_count_alone() -> None:
    times = {"a": steady(1), "b": steady(1)}
    assert timeline(times).frame_count == 1
    with pytest.raises(CaptureError, match="one picture each"):
        timeline(times, align="times")


@given(
    st.lists(st.integers(0, 400), min_size=2, max_size=40, unique=True).map(sorted),
    st.lists(st.integers(0, 400), min_size=2, max_size=40, unique=True).map(sorted),
)
def test_the_picked_picture_is_never_farther_than_another(one, other) -> None:
    times = {"a": [Fraction(t, 60) for t in one], "b": [Fraction(t, 60) for t in other]}
    options = TimelineOptions("times", frame_rate=Fraction(30))
    try:
        found = build_timeline(times, options)
    except CaptureError as error:
        assert "when another has ended" in str(error)  # noqa: PT017 -- either is right
        return
    start = max(times["a"][0], times["b"][0])
    for label, picks in found.picks.items():
        assert list(picks) == sorted(picks)
        for frame, pick in enumerate(picks):
            wanted = start + frame / Fraction(30)
            distance = abs(times[label][pick] - wanted)
            assert distance == min(abs(time - wanted) for time in times[label])
            assert distance <= found.greatest_error_s + 1e-9
