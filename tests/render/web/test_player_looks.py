"""Themes, sizes, names and focus of the player page: who can read and reach what."""

import json
from typing import Any

import pytest

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
# Everything that a person touches or reads, where it can be seen.
OVERFLOW = """() => [...document.querySelectorAll('button, input, select, label, h1, h2, p, dt')]
  .filter((e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
  .map((e) => [e.id || e.className || e.tagName, e.getBoundingClientRect(), e.clientWidth])
  .filter(([, box, width]) => width > 0 &&
    (box.left < -1 || box.right > innerWidth + 1))
  .map(([name]) => name)"""
SMALL = """() => [...document.querySelectorAll('button, select, #rungs label, #scrub')]
  .filter((e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
  .map((e) => [e.id || e.textContent, Math.round(e.getBoundingClientRect().height),
               Math.round(e.getBoundingClientRect().width)])
  .filter(([name, height, width]) => name !== 'mode-chip' && (height < 44 || width < 44))"""
UNNAMED = """() => [...document.querySelectorAll('button, input, select, canvas, dialog, aside')]
  .filter((e) => !(e.getAttribute('aria-label') || e.getAttribute('aria-labelledby')
    || e.textContent.trim() || e.closest('label')))
  .map((e) => e.outerHTML.slice(0, 80))"""
# Contrast of text against a solid ground, as WCAG defines it.
CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const probe = document.body.appendChild(document.createElement('i'));
  const color = (name) => { probe.style.color = `var(${name})`;
                            return light(parse(getComputedStyle(probe).color)); };
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const pairs = [['--text', '--solid'], ['--quiet', '--solid'], ['--on-accent', '--accent'],
                 ['--warn', '--solid'], ['--text', '--page'], ['--accent', '--solid']];
  return Object.fromEntries(pairs.map(([a, b]) => [a + b, ratio(color(a), color(b))]));
}"""


@pytest.fixture
def seat(show) -> Any:  # noqa: ANN401 -- a seat of conftest.py
    opened = show()
    opened.ready()
    return opened


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_page_follows_the_system_and_a_choice_goes_before_it(show, scheme) -> None:
    seat = show(color_scheme=scheme)
    seat.ready()
    scheme_of = "getComputedStyle(document.documentElement).colorScheme"
    assert seat.page.evaluate(scheme_of) == scheme
    other = {"dark": "light", "light": "dark"}[scheme]
    seat.run("setTheme", other)
    assert seat.page.evaluate(scheme_of) == other
    seat.page.reload()
    seat.ready()
    assert seat.page.evaluate(scheme_of) == other
    seat.run("setTheme", "auto")
    assert seat.page.evaluate(scheme_of) == scheme


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_can_be_read_in_both_themes(seat, theme) -> None:
    seat.run("setTheme", theme)
    ratios = seat.page.evaluate(CONTRAST)
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}


def test_controls_leave_while_it_plays_and_return_with_the_pointer(show) -> None:
    seat = show("play=1")
    seat.ready()
    quiet = "document.body.classList.contains('quiet')"
    for _ in range(100):
        if seat.page.evaluate(quiet):
            break
        seat.page.wait_for_timeout(60)
    assert seat.page.evaluate(quiet)
    seat.page.mouse.move(100, 100)
    seat.page.mouse.move(120, 100)
    assert not seat.page.evaluate(quiet)


def test_on_a_phone_everything_fits_and_every_target_is_large_enough(show) -> None:
    seat = show(**PHONE)
    seat.ready()
    assert seat.page.evaluate(OVERFLOW) == []
    assert seat.page.evaluate(SMALL) == []
    seat.run("settings")
    assert seat.page.evaluate(OVERFLOW) == []
    assert seat.page.evaluate(SMALL) == []
    assert seat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_everything_has_a_name_for_those_who_do_not_see_it(seat) -> None:
    seat.run("settings")
    assert seat.page.evaluate(UNNAMED) == []
    assert seat.page.locator("[role=alert], [aria-live]").count() >= 2
    assert seat.page.locator("html").get_attribute("lang") == "en"


def test_the_keyboard_reaches_every_control_and_shows_where_it_is(seat) -> None:
    seen = []
    for _ in range(14):
        seat.page.keyboard.press("Tab")
        seen.append(seat.page.evaluate("document.activeElement.id"))
    assert {"canvas", "scrub", "play", "loop", "open-settings", "open-help"} <= set(seen)
    seat.page.focus("#play")
    seat.page.keyboard.press("Shift+Tab")
    seat.page.keyboard.press("Tab")
    style = "getComputedStyle(document.activeElement).outlineStyle"
    assert seat.page.evaluate(style) == "solid"


def test_settings_and_help_open_close_and_give_the_focus_back(seat) -> None:
    seat.page.locator("#open-settings").click()
    assert seat.page.locator("#settings").is_visible()
    assert seat.page.evaluate("document.activeElement.id") == "close-settings"
    seat.page.keyboard.press("Escape")
    assert not seat.page.locator("#settings").is_visible()
    assert seat.page.evaluate("document.activeElement.id") == "open-settings"
    seat.page.keyboard.press("?")
    assert seat.page.locator("#help").is_visible()
    assert "Play or pause" in seat.page.locator("#shortcuts").inner_text()
    seat.page.keyboard.press("Escape")
    assert not seat.page.locator("#help").is_visible()


def test_statistics_show_what_the_state_says(show) -> None:
    seat = show("play=0&stats=1&rung=high&frame=3")
    seat.ready()
    seat.run("setMode", "color")
    text = seat.page.locator("#statistics").inner_text()
    for part in ("3 of 20", "high", "exact (copied codes)", "Mbit/s", "Buffer", "320\u00d7240"):
        assert part in text, part


def test_reduced_motion_starts_paused_and_jumps(show) -> None:
    seat = show("", reduced_motion="reduce")
    state = seat.ready()
    assert state["playing"] is False
    seat.run("nextCamera")
    seat.page.wait_for_timeout(150)
    first = seat.page.evaluate("window.videorf.camera()")
    seat.page.wait_for_timeout(300)
    assert seat.page.evaluate("window.videorf.camera()") == first


def test_the_page_keeps_to_its_own_policy(seat) -> None:
    policy = seat.page.locator("meta[http-equiv]").get_attribute("content")
    assert "unsafe" not in policy
    assert seat.page.locator("[onclick], [onload], [style*=url]").count() == 0
    hosts = seat.page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
    assert hosts
    assert all(json.dumps(host).startswith('"http://127.0.0.1:') for host in hosts)
