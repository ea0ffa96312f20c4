"""Hands, keys, panels, address and looks of the player in a browser."""

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


def camera(seat) -> dict:
    return seat.page.evaluate("window.videorf.camera()")


def drag(seat, button: str = "left", dx: int = 60, dy: int = 10) -> None:
    seat.page.mouse.move(160, 80)
    seat.page.mouse.down(button=button)
    seat.page.mouse.move(160 + dx, 80 + dy, steps=4)
    seat.page.mouse.up(button=button)
    seat.page.wait_for_timeout(500)


@pytest.fixture
def seat(show) -> Any:  # noqa: ANN401 -- a seat of conftest.py
    opened = show()
    opened.ready()
    return opened


def test_a_drag_turns_the_right_button_moves_the_wheel_zooms_and_a_double_click_resets(
    seat,
) -> None:
    start = camera(seat)
    drag(seat)
    turned = camera(seat)
    assert turned["yaw"] < start["yaw"]
    assert turned["pitch"] > start["pitch"]
    assert turned["target"] == start["target"]
    drag(seat, "right")
    assert camera(seat)["target"] != start["target"]
    assert camera(seat)["yaw"] == turned["yaw"]
    seat.page.mouse.wheel(0, -200)
    seat.page.wait_for_timeout(500)
    assert camera(seat)["distance"] < turned["distance"]
    seat.page.mouse.dblclick(160, 80)
    seat.page.wait_for_timeout(1500)
    assert camera(seat) == start
    assert seat.state()["atStart"]


def test_the_picture_follows_the_hand(seat) -> None:
    before = seat.picture()
    drag(seat)
    after = seat.picture()
    assert after != before


def test_one_finger_turns_and_two_pinch_and_pan(show) -> None:
    seat = show(**PHONE)
    seat.ready()
    session = seat.page.context.new_cdp_session(seat.page)
    start = camera(seat)

    def touch(kind: str, *points: tuple[int, int]) -> None:
        places = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", (200, 400))
    touch("touchMove", (260, 400))
    touch("touchEnd")
    seat.page.wait_for_timeout(500)
    turned = camera(seat)
    assert turned["yaw"] < start["yaw"]
    touch("touchStart", (150, 400), (250, 400))
    touch("touchMove", (100, 440), (300, 440))
    touch("touchEnd")
    seat.page.wait_for_timeout(500)
    pinched = camera(seat)
    assert pinched["distance"] == pytest.approx(turned["distance"] / 2, rel=0.02)
    assert pinched["target"] != turned["target"]
    assert pinched["yaw"] == turned["yaw"]


def test_keys_play_step_jump_loop_and_zoom(seat) -> None:
    press = seat.page.keyboard.press
    press("ArrowRight")
    seat.until(lambda state: state["frame"] == 1 and not state["waiting"])
    press("ArrowLeft")
    press("ArrowLeft")
    seat.until(lambda state: state["frame"] == 19 and not state["waiting"])
    press("Home")
    seat.until(lambda state: state["frame"] == 0 and not state["waiting"])
    press("End")
    seat.until(lambda state: state["frame"] == 19 and not state["waiting"])
    press("l")
    assert seat.state()["loop"] is False
    press("l")
    before = camera(seat)["distance"]
    press("+")
    seat.page.wait_for_timeout(400)
    assert camera(seat)["distance"] < before
    press("Space")
    seat.until(lambda state: state["playing"])
    press("Space")
    assert seat.state()["playing"] is False


def test_the_debug_key_walks_through_every_picture_and_back(seat) -> None:
    pictures, modes = [], []
    for _ in range(6):
        modes.append(seat.state()["mode"])
        pictures.append(seat.picture())
        seat.page.keyboard.press("d")
    assert modes == ["color", "density", "samples", "atlas", "occupancy", "depth"]
    assert len(set(pictures)) == 6
    assert seat.state()["mode"] == "color"
    assert seat.picture() == pictures[0]
    assert seat.logs == []


def test_the_chip_names_the_debug_picture_and_leads_back(seat) -> None:
    chip = seat.page.locator("#mode-chip")
    assert not chip.is_visible()
    seat.run("setMode", "occupancy")
    assert chip.inner_text() == "Occupancy"
    chip.click()
    assert seat.state()["mode"] == "color"


@pytest.mark.parametrize("route", ["copyTo", "texture", "video"])
def test_luma_comes_by_the_route_that_was_chosen(seat, route) -> None:
    seat.run("setRoute", route)
    state = seat.until(lambda state: state["route"] == route and not state["waiting"])
    assert state["errors"] == 0


def test_the_address_sets_frame_camera_rung_and_picture(show) -> None:
    seat = show("frame=6&camera=3&rung=high&mode=depth&loop=0&stats=1&theme=dark")
    state = seat.ready()
    wanted = {"frame": 6, "camera": 3, "rung": "high", "mode": "depth", "loop": False}
    assert {key: state[key] for key in wanted} == wanted
    assert state["playing"] is False
    assert seat.page.locator("#statistics").is_visible()
    assert seat.page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_cameras_of_the_rig_are_presets_and_the_last_leads_back_to_the_start(seat) -> None:
    seat.page.keyboard.press("c")
    assert seat.state()["camera"] == 0
    seat.run("settings")
    options = seat.page.locator("#camera option").all_inner_texts()
    assert options[:2] == ["Start view", "Camera 0"]
    count = len(options) - 2
    seat.page.select_option("#camera", str(count - 1))
    assert seat.state()["camera"] == count - 1
    seat.run("nextCamera")
    assert seat.state()["camera"] is None


def test_a_step_of_the_bar_goes_to_that_frame(seat) -> None:
    box = seat.page.locator("#scrub").bounding_box()
    seat.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    state = seat.until(lambda state: not state["waiting"] and state["frame"] > 0)
    assert state["frame"] in {9, 10}
    assert "Frame" in seat.page.locator("#scrub").get_attribute("aria-valuetext")


def test_dragging_along_the_bar_ends_at_the_last_frame_asked_for(show) -> None:
    seat = show("play=1")
    seat.ready()
    box = seat.page.locator("#scrub").bounding_box()
    middle = box["y"] + box["height"] / 2
    seat.page.mouse.move(box["x"] + 12, middle)
    seat.page.mouse.down()
    assert seat.state()["playing"] is False
    seat.page.mouse.move(box["x"] + box["width"] - 8, middle, steps=12)
    seat.until(lambda state: state["frame"] == 19 and not state["waiting"])
    seat.page.mouse.up()
    seat.until(lambda state: state["playing"])


def test_a_new_size_of_the_window_is_followed(seat) -> None:
    assert seat.state()["size"] == {"width": 320, "height": 240}
    for width, height in ((500, 200), (200, 500), (320, 240)):
        seat.page.set_viewport_size({"width": width, "height": height})
        seat.until(lambda state, size={"width": width, "height": height}: state["size"] == size)
    assert seat.state()["errors"] == 0


def test_the_size_chosen_by_hand_is_drawn(seat) -> None:
    seat.run("setSize", "half")
    seat.until(lambda state: state["size"] == {"width": 160, "height": 120})
    seat.run("setSize", "auto")
    seat.until(lambda state: state["size"] == {"width": 320, "height": 240})


def test_a_hidden_tab_stands_still_and_drops_nothing(show) -> None:
    seat = show("play=1")
    seat.ready()
    hide = """(hidden) => {
      Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }"""
    seat.page.evaluate(hide, True)
    before = seat.state()
    seat.page.evaluate(hide, False)
    seat.until(lambda state: state["frame"] != before["frame"])
    assert seat.state()["drops"] - before["drops"] < 5


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
    first = camera(seat)
    seat.page.wait_for_timeout(300)
    assert camera(seat) == first


def test_the_page_keeps_to_its_own_policy(seat) -> None:
    policy = seat.page.locator("meta[http-equiv]").get_attribute("content")
    assert "unsafe" not in policy
    assert seat.page.locator("[onclick], [onload], [style*=url]").count() == 0
    hosts = seat.page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
    assert hosts
    assert all(json.dumps(host).startswith('"http://127.0.0.1:') for host in hosts)
