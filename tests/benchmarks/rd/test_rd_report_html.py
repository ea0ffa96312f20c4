"""The page: complete without its script, alone without a network, and alive in a browser."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.rd.crops import crop_name, truth_name
from benchmarks.rd.method import METHODS
from benchmarks.rd.report_html import report_page
from tests.benchmarks.rd.made_up_points import PROVENANCE, curve, made_up, moved

if TYPE_CHECKING:
    from playwright.sync_api import Page

WEBP = b"RIFF\0\0\0\0WEBP"
POINTS = [
    *(p for n, method in enumerate(METHODS) for p in curve(method, 1 + n % 7)),
    *moved(curve("rerf", 2, scene="host"), 4, 33.0),
    *curve("videorf", 1, scene="host"),
]
KNOWN = dict.fromkeys(METHODS, PROVENANCE)
CROPS = {crop_name(point): WEBP for point in POINTS} | {truth_name("performer"): WEBP}
VOID = {"meta", "link", "img", "br", "input"}


class Outline(HTMLParser):
    """Elements with their attributes and text, and whether tags nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["script"], ["style"]):
            self.text.append(data)

    def values(self, name: str) -> list[str]:
        return [str(known[name]) for _, known in self.elements if known.get(name)]


@pytest.fixture(scope="module")
def page() -> str:
    return report_page(POINTS, KNOWN, CROPS)


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    return Outline(page)


def test_the_page_is_well_formed_and_its_keys_are_unique(outline) -> None:
    assert outline.open == []
    keys = outline.values("id")
    assert len(keys) == len(set(keys))
    references = [key for words in outline.values("aria-labelledby") for key in words.split()]
    links = [link[1:] for link in outline.values("href") if link.startswith("#")]
    assert references
    assert links
    assert not {*references, *links} - set(keys)


def test_nothing_on_the_page_leads_out_of_it(page, outline) -> None:
    places = [*outline.values("src"), *outline.values("href")]
    assert all(place.startswith(("data:", "#")) for place in places)
    bare = re.sub(r'src="data:[^"]*"', "", page)
    assert not re.findall(r"https?:|url\(|@import|fetch\(|XMLHttp|WebSocket", bare)


def test_every_point_is_in_a_plot_and_in_a_table(outline) -> None:
    text = "\n".join(outline.text)
    for point in POINTS:
        assert f"{point.method} {point.label}\n{point.bytes_per_frame / 1e3:.2f} KB/frame" in text
    cells = [part for part in outline.text if part.strip()]
    assert cells.count("q2") >= len(METHODS)


def test_every_plot_has_a_title_and_says_where_the_values_are(outline) -> None:
    plots = [known for name, known in outline.elements if known.get("class") == "plot"]
    # Two panels on the first scene and one on the second, in three metrics and frame by frame.
    assert len(plots) == 3 * 4
    names = [name for name, _ in outline.elements]
    assert names.count("desc") == len(plots)


def test_every_method_has_a_legend_a_bar_and_a_card(outline) -> None:
    toggles = outline.values("data-toggle")
    cards = [text for text in outline.text if text in METHODS]
    for method in METHODS:
        assert toggles.count(method) >= 2
        assert method in cards


def test_pairs_have_a_value_and_refused_ones_a_reason(outline) -> None:
    kinds = [str(known.get("class")) for name, known in outline.elements if name == "td"]
    count = len(METHODS)
    assert kinds.count("same") == 2 * (count + 2)
    assert kinds.count("better") + kinds.count("worse") == 2 * count * (count - 1)
    assert kinds.count("refused") == 4
    assert any("rerf is not monotone" in text for text in outline.text)


def test_bars_say_their_bytes_and_fill_their_row(page) -> None:
    assert "pictures 18.00 KB/frame, 75.0 %" in page
    rows = re.findall(r'<div class="bar">(.*?)</div>', page)
    assert len(rows) == len(METHODS) + 2
    for row in rows:
        assert sum(map(float, re.findall(r"width:([\d.]+)%", row))) == pytest.approx(100, abs=0.1)


def test_crops_carry_the_captured_picture_and_one_per_method(outline) -> None:
    alts = outline.values("alt")
    assert alts.count("the captured picture") == 1
    assert len(alts) == 1 + len(METHODS) + 2
    assert any(alt.startswith("vvc at ") for alt in alts)


def test_answers_hold_every_scene(outline) -> None:
    chips = [str(known.get("class")) for _, known in outline.elements]
    verdicts = [kind for kind in chips if kind.startswith("chip ")]
    assert len(verdicts) == 8 * 2
    assert {"chip met", "chip not-met", "chip not-measured"} >= set(verdicts)


def test_text_of_a_point_cannot_become_markup() -> None:
    evil = '<script>alert("x")</script>'
    where = replace(made_up("rerf", 1000, 30).environment, command=evil)
    points = [
        replace(p, method=evil, label=evil, scene=evil, environment=where) for p in curve("rerf", 1)
    ]
    text = report_page(points, {evil: replace(PROVENANCE, source=evil)}, {})
    assert "<script>alert" not in text
    assert [name for name, _ in Outline(text).elements].count("script") == 1


def test_a_single_point_makes_a_page() -> None:
    text = report_page([replace(made_up("rerf", 1000, 30), per_frame=())], {}, {})
    assert "1 measured point of 1 method on 1 scene" in text
    assert "Nothing was measured frame by frame" in text
    assert "<img" not in text
    Outline(text)


def test_a_scene_without_masks_says_that_the_foreground_is_missing() -> None:
    points = [
        replace(p, quality=replace(p.quality, psnr_foreground_db=None)) for p in curve("rerf", 1)
    ]
    assert "Foreground PSNR was not measured on this scene." in report_page(points, {}, {})


def test_no_points_are_refused() -> None:
    with pytest.raises(ValueError, match="run benchmark rd"):
        report_page([], {}, {})


@pytest.fixture(scope="module")
def opened(
    page: str, tmp_path_factory: pytest.TempPathFactory, absent: Callable[[str, str], None]
) -> "Iterator[tuple[Page, list[str]]]":
    """The page from a file in Chromium, and whatever went wrong or left it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="chromium: no playwright here")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        absent("chromium", "no chromium on the path")
    path = Path(tmp_path_factory.mktemp("page") / "report.html")
    path.write_text(page)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 1280, "height": 900})
        shown.set_default_timeout(20_000)
        troubles: list[str] = []
        shown.on("pageerror", lambda error: troubles.append(str(error)))
        shown.on("request", lambda request: troubles.append(request.url[:80]))
        shown.goto(path.as_uri())
        yield shown, [t for t in troubles if not t.startswith(("data:", "file:"))]
        browser.close()


def ask(page: Any, script: str) -> Any:  # noqa: ANN401 -- JSON
    return page.evaluate(f"() => {script}")


def test_the_page_works_from_a_file_without_errors_or_requests(opened) -> None:
    page, troubles = opened
    assert ask(page, "document.documentElement.className") == "scripted"
    assert troubles == []


SHOWN = (
    "[...document.querySelectorAll('[data-{0}]')].filter(e => !e.hidden).map(e => e.dataset.{0})"
)


def test_a_metric_is_chosen_for_all_scenes_at_once(opened) -> None:
    page, _ = opened
    assert set(ask(page, SHOWN.format("metric"))) == {"psnr"}
    page.click('#scene-1 [data-choose="metric"][data-value="ssim"]')
    assert ask(page, SHOWN.format("metric")) == ["ssim"] * 3
    pressed = ask(page, "document.querySelectorAll('[data-value=ssim][aria-pressed=true]').length")
    assert pressed == 2
    page.click('#scene-0 [data-choose="metric"][data-value="psnr"]')
    assert set(ask(page, SHOWN.format("delta"))) == {"rate"}
    page.click('#scene-0 [data-choose="delta"][data-value="psnr"]')
    assert set(ask(page, SHOWN.format("delta"))) == {"psnr"}
    page.click('#scene-0 [data-choose="delta"][data-value="rate"]')


def test_a_legend_hides_a_method_in_its_scene_alone(opened) -> None:
    page, _ = opened
    hidden = "[...document.querySelectorAll('.series.off')].map(e => e.closest('section').id)"
    page.click('#scene-0 [data-toggle="videorf"] >> nth=0')
    assert set(ask(page, hidden)) == {"scene-0"}
    assert len(ask(page, hidden)) == 2 * 4
    page.click('#scene-0 [data-toggle="videorf"] >> nth=1')
    assert ask(page, hidden) == []


def test_the_pointer_finds_a_point_and_the_tooltip_stays_inside(opened) -> None:
    page, _ = opened
    spot = page.locator('#scene-0 [data-metric="psnr"] .series[data-method="rerf"] .spot').nth(1)
    spot.scroll_into_view_if_needed()
    box = spot.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert ask(page, "document.querySelector('#tip').className") == "on"
    assert "KB/frame" in ask(page, "document.querySelector('#tip').textContent")
    place = ask(page, "document.querySelector('#tip').getBoundingClientRect().toJSON()")
    assert place["left"] >= 0
    assert place["right"] <= 1280
    page.mouse.move(2, 2)
    assert ask(page, "document.querySelector('#tip').className") == ""


def test_arrows_go_from_point_to_point_and_from_line_to_line(opened) -> None:
    page, _ = opened
    page.focus('#scene-0 [data-metric="psnr"] .spot[tabindex="0"]')
    active = "document.activeElement.getAttribute('aria-label')"
    assert ask(page, active).startswith("videorf q0")
    page.keyboard.press("ArrowRight")
    assert ask(page, active).startswith("videorf q1")
    page.keyboard.press("ArrowDown")
    assert ask(page, active).startswith("videorf-plain q1")
    assert ask(page, "document.querySelector('#tip').textContent") == ask(page, active)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert ask(page, active).startswith("videorf q0")
    page.keyboard.press("Escape")
    assert ask(page, "document.querySelector('#tip').className") == ""


@pytest.mark.parametrize("width", [1280, 768, 390, 320])
def test_nothing_is_wider_than_the_window(opened, width) -> None:
    page, _ = opened
    page.set_viewport_size({"width": width, "height": 800})
    assert ask(page, "document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 1280, "height": 900})
