"""Axes, markup and plots: places, ticks, escapes, and that every value is on the page as text."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rd.axes import Axis, fitted, fitted_logarithmic, tick_text
from benchmarks.rd.comparison import METRICS, by_scene
from benchmarks.rd.curves import draw, frame_chart, frame_spots, rate_chart, rate_spots, swatch
from benchmarks.rd.lineup import looks
from benchmarks.rd.markup import Markup, join, tag
from tests.benchmarks.rd.made_up_points import FRAMES, curve, made_up

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8)
positive = st.lists(st.floats(1e-3, 1e9), min_size=1, max_size=8)


@given(values)
def test_an_axis_holds_its_values_and_has_ticks_inside(found) -> None:
    axis = fitted(found, 50, 400)
    assert all(50 <= axis.place(value) <= 400 for value in found)
    ticks = axis.ticks()
    assert 1 < len(ticks) <= 8
    assert all(49.9 <= axis.place(tick) <= 400.1 for tick in ticks)


@given(positive)
def test_a_logarithmic_axis_holds_its_values_and_has_ticks_inside(found) -> None:
    axis = fitted_logarithmic(found, 50, 400)
    assert all(50 <= axis.place(value) <= 400 for value in found)
    ticks = axis.ticks()
    assert len(ticks) > 1
    assert all(49.9 <= axis.place(tick) <= 400.1 for tick in ticks)


def test_equal_factors_are_equal_steps_on_a_logarithmic_axis() -> None:
    axis = Axis(1, 100, 0, 200, is_logarithmic=True)
    assert [axis.place(value) for value in (1, 10, 100)] == pytest.approx([0, 100, 200])
    assert axis.ticks() == pytest.approx([1, 2, 5, 10, 20, 50, 100])


def test_an_axis_of_whole_numbers_has_no_ticks_between() -> None:
    assert Axis(-0.1, 2.1, 0, 100, is_whole=True).ticks() == [0, 1, 2]
    assert 0.5 in Axis(-0.1, 2.1, 0, 100).ticks()


def test_an_axis_can_point_up() -> None:
    axis = fitted([30.0, 40.0], 278, 10)
    assert axis.place(40) < axis.place(30)


@pytest.mark.parametrize(
    ("value", "step", "text"), [(34.0, 2.0, "34"), (0.995, 0.001, "0.995"), (34.5, 0.5, "34.5"),
                                (0.25, 0.0, "0")]
)  # fmt: skip
def test_a_tick_has_the_digits_that_its_step_needs(value, step, text) -> None:
    assert tick_text(value, step) == text


@given(st.text(max_size=30), st.text(max_size=30))
def test_text_and_attributes_are_escaped(text, value) -> None:
    allowed = "".join(c for c in text + value if c.isprintable())
    parsed = ET.fromstring(tag("p", allowed, title=allowed))
    assert parsed.text == (allowed or None)
    assert parsed.get("title") == allowed


def test_markup_passes_and_other_text_does_not() -> None:
    assert join(tag("b", "<&>"), "<i>", Markup("<u></u>")) == "<b>&lt;&amp;&gt;</b>&lt;i&gt;<u></u>"
    assert (
        tag("td", class_="a", data_tip='"', hidden=None) == '<td class="a" data-tip="&quot;"></td>'
    )
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'
    assert tag("path", x=1.005, y=2, z=3.10) == '<path x="1" y="2" z="3.1"></path>'


def plot(methods: list[str], metric: int = 0) -> ET.Element:
    (scene,) = by_scene(point for number, m in enumerate(methods) for point in curve(m, 1 + number))
    chart = rate_chart("key", METRICS[metric], scene.methods)
    assert chart is not None
    series = {name: rate_spots(METRICS[metric], points) for name, points in scene.methods.items()}
    return ET.fromstring(draw(chart, series, looks(methods)))


def test_a_plot_has_a_title_a_description_and_a_line_per_method() -> None:
    drawn = plot(["videorf", "rerf"])
    named = (drawn.get("aria-labelledby") or "").split()
    assert [drawn.findall(kind)[0].get("id") for kind in ("title", "desc")] == named
    assert "of 2 methods: videorf, rerf" in str(drawn.findtext("desc"))
    series = drawn.findall("g[@data-method]")
    assert [group.get("data-method") for group in series] == ["videorf", "rerf"]
    assert all(len(group.findall("g")) == 5 for group in series)


@pytest.mark.parametrize("metric", range(3))
def test_every_point_says_its_values(metric) -> None:
    titles = [group.findtext("title") or "" for group in plot(["rerf"], metric).iter("g")]
    texts = [text for text in titles if text]
    assert len(texts) == 5
    assert all(f"{point.bytes_per_frame / 1e3:.2f} KB/frame" in text
               for point, text in zip(curve("rerf", 1), texts, strict=True))  # fmt: skip
    assert all(word in texts[0] for word in ("rerf q0", "PSNR 34.00 dB", "SSIM", "uncoded 41.00"))


def test_larger_sizes_are_further_right_and_more_quality_further_up() -> None:
    group = plot(["rerf"]).findall("g[@data-method]")[0]
    places = [
        tuple(map(float, str(g.get("transform")).removeprefix("translate(").strip(")").split()))
        for g in group.findall("g")
    ]
    assert places == sorted(places)
    assert [y for _, y in places] == sorted((y for _, y in places), reverse=True)


def test_a_metric_that_nobody_has_makes_no_plot() -> None:
    from dataclasses import replace

    point = made_up("rerf", 1000, 30)
    without = replace(point, quality=replace(point.quality, psnr_foreground_db=None))
    assert rate_chart("key", METRICS[1], {"rerf": (without,)}) is None
    assert rate_spots(METRICS[1], [without]) == []


def test_a_single_point_is_drawn() -> None:
    chart = rate_chart("key", METRICS[0], {"rerf": (made_up("rerf", 1000, 30),)})
    assert chart is not None
    spots = rate_spots(METRICS[0], [made_up("rerf", 1000, 30)])
    drawn = ET.fromstring(draw(chart, {"rerf": spots, "hpc": []}, looks(["rerf", "hpc"])))
    assert len(drawn.findall("g[@data-method]")) == 1


def test_frames_are_drawn_one_by_one() -> None:
    point = made_up("rerf", 1000, 30)
    drawn = ET.fromstring(
        draw(frame_chart("key", [point]), {"rerf": frame_spots(point)}, looks(["rerf"]))
    )
    assert len(drawn.findall("g[@data-method]/g")) == FRAMES
    assert drawn.findtext("g[@data-method]/g/title") == "rerf q1000\nframe 0, 30.00 dB"


def test_a_swatch_is_hidden_from_readers_of_screens() -> None:
    assert ET.fromstring(swatch(looks(["rerf"])["rerf"])).get("aria-hidden") == "true"
