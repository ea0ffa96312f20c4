"""Hands, keys, debug pictures, address and sizes of the player in a browser."""

from typing import Any

import pytest

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


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
