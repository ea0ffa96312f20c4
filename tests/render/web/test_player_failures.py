"""What the player says and does when something is missing, broken, too new or not supported."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NO_WEBGL = """
  const native = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
    return kind === 'webgl2' ? null : native.call(this, kind, ...rest);
  };
  window.OffscreenCanvas = undefined;"""
NO_CODECS = "delete window.VideoDecoder; delete window.EncodedVideoChunk;"
NO_VIDEO_EITHER = NO_CODECS + "delete window.HTMLVideoElement;"


@pytest.fixture
def changed(published, site, tmp_path, open_player) -> Callable[..., Any]:
    """Open a copy of the scene that a test has damaged."""

    def open_changed(change: Callable[[Path], None], query: str = "play=0", **options: Any) -> Any:  # noqa: ANN401
        copy = tmp_path / "scene"
        shutil.copytree(published, copy)
        change(copy)
        return open_player(f"?scene={site.mount('changed', copy)}&{query}", **options)

    return open_changed


def spoil(*names: str) -> Callable[[Path], None]:
    """Flip a bit near the end of streams, in both rungs."""

    def change(scene: Path) -> None:
        for rung in ("low", "high"):
            for name in names:
                path = scene / "rungs" / rung / "streams" / f"{name}.mp4"
                data = bytearray(path.read_bytes())
                data[-20] ^= 1
                path.write_bytes(bytes(data))

    return change


def edit(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(scene: Path) -> None:
        for path in sorted(scene.glob(name)):
            data = path.read_bytes()
            assert old in data
            path.write_bytes(data.replace(old, new, 1))

    return change


def card(seat) -> str:
    """The text of the message that ends everything."""
    seat.until(lambda state: state["page"] == "fatal")
    assert seat.page.locator("#card").is_visible()
    assert not seat.page.locator("#controls").is_visible()
    return seat.page.locator("#card").inner_text()


def test_a_broken_segment_is_named_and_the_next_group_plays_on(changed) -> None:
    seat = changed(spoil("group0001"), "loop=0&play=1")
    state = seat.until(lambda state: state["ended"])
    assert state["frame"] == 19
    assert state["errors"] == 1
    assert len(seat.messages()) == 1
    text = seat.messages()[0]
    assert "Frames 5 to 9 are left out." in text
    assert "does not match its checksum" in text


def test_frames_around_a_broken_segment_can_be_seeked_and_those_inside_cannot(changed) -> None:
    seat = changed(spoil("group0002"))
    seat.ready()
    for frame in (9, 15, 19, 0):
        assert seat.seek(frame)["frame"] == frame
    body = "window.videorf.seek(12).then(() => 'shown', (error) => error.message)"
    assert seat.page.evaluate(body) == "Frame 12 cannot be shown; frame 15 is on screen."


def test_when_every_segment_is_broken_the_player_says_so_and_stops(changed) -> None:
    seat = changed(spoil(*(f"group000{index}" for index in range(4))), "play=1")
    text = card(seat)
    assert "No part of the scene could be played." in text
    assert seat.state()["playing"] is False


def test_a_missing_scene_is_a_sentence_with_its_address(open_player, site) -> None:
    text = card(open_player(f"?scene={site.url}/nowhere/"))
    assert "neither a scene.json nor a manifest.json" in text
    assert f"{site.url}/nowhere/" in text
    assert "Try again" in text


def test_a_scene_that_appears_later_opens_on_a_second_try(open_player, site, published) -> None:
    seat = open_player(f"?scene={site.url}/later/&play=0")
    card(seat)
    site.mount("later", published)
    seat.page.locator("#card-again").click()
    assert seat.ready()["frameCount"] == 20
    assert not seat.page.locator("#card").is_visible()


@pytest.mark.parametrize("name", ["scene.json", "rungs/*/manifest.json"])
def test_a_newer_version_asks_for_a_newer_player(changed, name) -> None:
    old = b'"version": 1' if name == "scene.json" else b'"version":1'
    text = card(changed(edit(name, old, old[:-1] + b"9")))
    assert "version 9" in text
    assert "update the player" in text


@pytest.mark.parametrize(
    ("name", "old", "new", "part"),
    [
        ("rungs/*/manifest.json", b'"step":0.5', b'"step":0.6', "checksum"),
        ("rungs/*/manifest.json", b'"format"', b'"farmat"', "format"),
        ("scene.json", b"videorf-scene", b"videorf-seance", "format"),
        ("scene.json", b'"rungs": [', b'"rungs": ["x", ', "rung"),
        ("scene.json", b"rungs/low/", b"../../else", "folder"),
        ("scene.json", b'"frame_count": 20', b'"frame_count": 21', "21"),
        ("scene.json", b"{", b"(", "JSON"),
    ],
)
def test_damage_in_what_describes_the_scene_is_a_sentence(changed, name, old, new, part) -> None:
    text = card(changed(edit(name, old, new)))
    assert "The scene is damaged" in text
    assert part in text


def test_without_webcodecs_a_video_element_plays_the_scene(show) -> None:
    seat = show("play=0", script=NO_CODECS)
    state = seat.ready()
    assert state["route"] == "video"
    assert any("A video element plays the stream" in text for text in seat.messages())
    seat.run("toggle")
    seat.until(lambda state: state["frame"] > 6)
    assert seat.state()["errors"] == 0


def test_without_any_video_decoder_the_player_says_what_to_do(show) -> None:
    text = card(show(script=NO_VIDEO_EITHER))
    assert "This browser cannot play the scene" in text
    assert "another browser" in text


def test_without_webgl_the_player_says_what_to_do(show) -> None:
    text = card(show(script=NO_WEBGL))
    assert "WebGL 2" in text
    assert "hardware acceleration" in text


def test_no_rung_in_a_codec_of_this_browser_is_a_sentence_with_their_names(changed) -> None:
    def other(scene: Path) -> None:
        document = json.loads((scene / "scene.json").read_text("utf-8"))
        for rung in document["rungs"]:
            rung["codec_string"] = "hvc1.2.4.L150.90"
        (scene / "scene.json").write_text(json.dumps(document), "utf-8")

    text = card(changed(other))
    assert "low (hvc1.2.4.L150.90), high (hvc1.2.4.L150.90)" in text
    assert "H.264" in text


def test_a_busy_server_is_waited_for_and_playback_goes_on(open_player, published, site) -> None:
    address = site.mount("busy", published)
    stream = published / "rungs" / "low" / "streams" / "group0001.mp4"
    path = "/busy/rungs/low/streams/group0001.mp4"
    site.answers[path] = lambda count: (503, b"") if count < 5 else (200, stream.read_bytes())
    try:
        seat = open_player(f"?scene={address}&loop=0&play=1&rung=low")
        seat.until(lambda state: seat.messages() != [])
        assert "The connection is interrupted." in seat.messages()[0]
        state = seat.until(lambda state: state["ended"])
        assert (state["frame"], state["errors"]) == (19, 0)
        assert seat.messages() == []
    finally:
        del site.answers[path]


def test_going_offline_is_said_and_coming_back_plays_on(show) -> None:
    seat = show("play=0&rung=low")
    seat.ready()
    seat.page.context.set_offline(True)
    seat.run("setRung", 1)
    seat.until(lambda state: seat.messages() != [])
    assert "This device is offline." in seat.messages()[0]
    seat.page.context.set_offline(False)
    state = seat.until(lambda state: state["rung"] == "high" and not state["waiting"])
    assert state["errors"] == 0


def test_a_lost_graphics_device_comes_back_by_itself(show) -> None:
    seat = show("play=0&frame=7&rung=high")
    seat.ready()
    before = seat.picture()
    seat.page.evaluate(
        """() => {
          const gl = document.getElementById('canvas').getContext('webgl2');
          window.loss = gl.getExtension('WEBGL_lose_context');
          window.loss.loseContext();
        }"""
    )
    seat.until(lambda state: seat.messages() != [])
    assert "graphics device was reset" in seat.messages()[0]
    seat.page.evaluate("window.loss.restoreContext()")
    seat.until(lambda state: seat.messages() == [])
    seat.until(lambda state: not state["waiting"])
    assert seat.seek(7)["frame"] == 7
    assert seat.picture() == before
    assert seat.state()["errors"] == 0


def test_nonsense_in_the_address_is_said_and_the_scene_plays(show) -> None:
    seat = show("frame=abc&camera=99&rung=none&mode=glow&play=0")
    state = seat.ready()
    assert (state["frame"], state["mode"], state["camera"]) == (0, "color", None)
    assert 1 <= len(seat.messages()) <= 3
    assert all(text.strip().endswith(".") for text in seat.messages())


def test_text_from_a_scene_is_never_markup(changed) -> None:
    evil = b'"title": "<img src=x onerror=document.title=1>"'
    seat = changed(edit("scene.json", b'"title": "Made <i>up</i>"', evil))
    seat.ready()
    assert seat.page.locator("#title img").count() == 0
    assert seat.page.locator("#title").inner_text() == "<img src=x onerror=document.title=1>"


def test_a_rung_that_is_missing_is_said_and_another_one_plays(changed) -> None:
    def lose(scene: Path) -> None:
        shutil.rmtree(scene / "rungs" / "high")

    seat = changed(lose, "play=0&rung=high&frame=6")
    state = seat.ready()
    assert (state["rung"], state["frame"], state["playable"]) == ("low", 6, [True, False])
    assert any('"high" does not play here' in text for text in seat.messages())
    seat.run("toggle")
    seat.until(lambda state: state["playing"] and state["frame"] > 10)
