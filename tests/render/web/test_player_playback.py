"""The player in a browser: opening, playing, seeking, rungs, and 200 frames without a leak."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from render.publish import PublishOptions, publish

FRAMES = 20

# Counts what lives outside the script engine's heap, where its collector would not find a leak.
COUNTERS = """
  window.counts = { textures: 0, buffers: 0, programs: 0, frames: 0, decoders: 0 };
  const pair = (owner, make, free, key) => {
    const [made, freed] = [owner[make], owner[free]];
    owner[make] = function (...given) { window.counts[key] += 1; return made.apply(this, given); };
    owner[free] = function (...given) {
      if (given.length && given[0]) window.counts[key] -= 1;
      return freed.apply(this, given); };
  };
  const gl = WebGL2RenderingContext.prototype;
  pair(gl, 'createTexture', 'deleteTexture', 'textures');
  pair(gl, 'createFramebuffer', 'deleteFramebuffer', 'buffers');
  pair(gl, 'createProgram', 'deleteProgram', 'programs');
  const close = VideoFrame.prototype.close;
  VideoFrame.prototype.close = function () {
    if (this.format !== null) window.counts.frames -= 1;
    return close.call(this);
  };
  const Native = VideoDecoder;
  window.VideoDecoder = class extends Native {
    constructor({ output, error }) {
      super({ error, output: (frame) => { window.counts.frames += 1; output(frame); } });
      window.counts.decoders += 1;
    }
    close() { window.counts.decoders -= 1; return super.close(); }
  };
"""


def test_a_scene_opens_with_its_title_as_text_and_its_first_frame(show) -> None:
    seat = show()
    state = seat.ready()
    assert (state["frame"], state["frameCount"], state["playing"]) == (0, FRAMES, False)
    assert state["route"] == "copyTo"
    assert seat.page.locator("#title").inner_text() == "Made <i>up</i>"
    assert seat.page.title() == "Made <i>up</i> \u2013 VideoRF"
    assert seat.messages() == []
    assert seat.logs == []


def test_a_scene_plays_to_its_end_and_stops_there(show) -> None:
    seat = show("loop=0&play=1")
    state = seat.until(lambda state: state["ended"])
    assert (state["frame"], state["playing"], state["errors"]) == (FRAMES - 1, False, 0)
    seat.run("toggle")
    seat.until(lambda state: state["playing"] and state["frame"] < FRAMES - 1)


def test_every_seek_puts_exactly_that_frame_on_screen(show) -> None:
    seat = show("play=0&rung=high")
    seat.ready()
    pictures = {}
    for frame in (0, 4, 5, 19, 11, 10, 9, 0, 4, 19):
        answer = seat.seek(frame)
        assert answer == {"frame": frame, "markFrame": frame}
        assert seat.state()["frame"] == frame
        pictures.setdefault(frame, set()).add(seat.picture())
    assert {frame: len(same) for frame, same in pictures.items()} == dict.fromkeys(pictures, 1)
    assert len(set.union(*pictures.values())) == len(pictures), "two frames look alike"


def test_a_seek_outside_the_scene_is_refused_and_changes_to_the_nearest_frame(show) -> None:
    seat = show()
    seat.ready()
    answer = seat.page.evaluate("window.videorf.seek(99).then(() => 'shown', (e) => e.message)")
    assert answer == "Frame 99 cannot be shown; frame 19 is on screen."


def test_playback_keeps_time(show) -> None:
    seat = show("play=1")
    seat.ready()
    body = """async () => {
      const read = () => window.videorf.state();
      const count = (s) => s.drops + 0;
      const start = performance.now();
      let last = read().frame, passed = 0;
      while (performance.now() - start < 2000) {
        await new Promise(requestAnimationFrame);
        const { frame } = read();
        passed += (frame - last + 20) % 20;
        last = frame;
      }
      return passed * 1000 / (performance.now() - start);
    }"""
    assert seat.page.evaluate(body) == pytest.approx(30, rel=0.15)


def test_two_hundred_frames_in_a_loop_leave_nothing_behind(show) -> None:
    seat = show("play=1", script=COUNTERS)
    seat.ready()
    session = seat.page.context.new_cdp_session(seat.page)

    def living() -> tuple[dict[str, int], int]:
        session.send("HeapProfiler.collectGarbage")
        used = session.send("Runtime.getHeapUsage")["usedSize"]
        return seat.page.evaluate("({...window.counts})"), used

    def play(rounds: int) -> None:
        watched = """async (rounds) => {
          let last = window.videorf.state().frame;
          const end = performance.now() + 40000;
          while (rounds > 0 && performance.now() < end) {
            await new Promise(requestAnimationFrame);
            const { frame } = window.videorf.state();
            if (frame < last) rounds -= 1;
            last = frame;
          }
          return rounds;
        }"""
        assert seat.page.evaluate(watched, rounds) == 0

    play(2)
    before, heap_before = living()
    play(10)
    after, heap_after = living()
    for kind in ("textures", "buffers", "programs"):
        assert after[kind] <= before[kind] + 1, (kind, before, after)
    assert after["decoders"] <= 2
    assert after["frames"] <= 12
    assert heap_after - heap_before < 2_000_000
    assert seat.state()["errors"] == 0


def test_the_rung_changes_by_hand_and_its_picture_with_it(show) -> None:
    seat = show("rung=low&frame=7")
    state = seat.ready()
    assert (state["rung"], state["frame"]) == ("low", 7)
    low = seat.picture()
    seat.run("setRung", 1)
    state = seat.until(lambda state: state["rung"] == "high" and not state["waiting"])
    assert state["frame"] == 7
    assert seat.picture() != low
    assert state["bitrate"] > 0


def test_rungs_of_different_bakes_show_what_each_shows_alone(
    open_player, packages_of_two_bakes, site, tmp_path
) -> None:
    """Voxels, features and network change with the rung, back and forth."""
    publish(packages_of_two_bakes, tmp_path / "site", PublishOptions())
    address = site.mount("bakes", tmp_path / "site")
    names = [
        rung["name"] for rung in json.loads((tmp_path / "site/scene.json").read_text())["rungs"]
    ]
    alone = []
    for name in names:
        seat = open_player(f"?scene={address}&play=0&frame=7&rung={name}")
        assert seat.ready()["rung"] == name
        alone.append(seat.picture())
    assert alone[0] != alone[1]
    for index in (0, 1, 0):
        seat.run("setRung", index)
        seat.until(lambda state: state["rung"] == names[index] and not state["waiting"])  # noqa: B023
        assert seat.picture() == alone[index]
    assert seat.state()["errors"] == 0


@pytest.fixture
def paced(open_player, published, site, tmp_path) -> Iterator[Callable[[str, float], Any]]:
    """The scene with rungs of 1 and 300 kbit/s, over a network that the test slows down."""
    copy = tmp_path / "scene"
    shutil.copytree(published, copy)
    document = json.loads((copy / "scene.json").read_text("utf-8"))
    for rung, bandwidth in zip(document["rungs"], (1_000, 300_000), strict=True):
        rung["bandwidth"] = bandwidth
    (copy / "scene.json").write_text(json.dumps(document), "utf-8")
    address = site.mount("paced", copy)

    def open_paced(query: str, seconds: float) -> Any:  # noqa: ANN401 -- a seat of conftest.py
        for file in copy.glob("rungs/*/streams/*"):
            late = partial(_answer_late, file, seconds)
            site.answers[f"/paced/{file.relative_to(copy).as_posix()}"] = late
        return open_player(f"?scene={address}&{query}")

    yield open_paced
    site.answers.clear()


def _answer_late(file: Path, seconds: float, _: int) -> tuple[int, bytes]:
    time.sleep(seconds)
    return 200, file.read_bytes()


def test_a_fast_network_climbs_between_groups_without_a_stop(paced) -> None:
    seat = paced("play=1", 0)
    state = seat.until(lambda state: state["rung"] == "high")
    assert (state["rungHand"], state["errors"], state["waiting"]) == (None, 0, False)


def test_a_slow_network_goes_down_instead_of_waiting_for_ever(paced) -> None:
    seat = paced("play=1&rung=high", 1.5)
    assert seat.ready()["rung"] == "high"
    seat.run("setRung", None)
    state = seat.until(lambda state: state["rung"] == "low")
    assert state["throughput"] < 300_000


def test_a_rung_that_this_browser_does_not_decode_is_never_chosen(
    open_player, published, site, tmp_path
) -> None:
    copy = tmp_path / "scene"
    shutil.copytree(published, copy)
    document = json.loads((copy / "scene.json").read_text("utf-8"))
    odd = {**document["rungs"][0], "name": "odd", "codec_string": "hvc1.2.4.L150.90"}
    document["rungs"] = [{**odd, "bandwidth": 1}, *document["rungs"]]
    (copy / "scene.json").write_text(json.dumps(document), "utf-8")
    address = site.mount("odd", copy)
    seat = open_player(f"?scene={address}&rung=odd&play=0")
    state = seat.ready()
    assert state["playable"] == [False, True, True]
    assert state["rung"] in {"low", "high"}
    assert any('The quality "odd" is not available here' in text for text in seat.messages())


def test_the_loop_can_be_switched_while_it_plays(show) -> None:
    seat = show("play=1")
    seat.ready()
    seat.run("loop")
    assert seat.until(lambda state: state["ended"])["loop"] is False
    seat.run("loop")
    seat.run("toggle")
    seat.until(lambda state: state["playing"] and state["frame"] not in {0, FRAMES - 1})


def test_a_bare_package_opens_as_a_scene_with_one_rung(open_player, scene_packages, site) -> None:
    address = site.mount("bare", scene_packages["high"])
    for scene in (address, f"{address}manifest.json"):
        seat = open_player(f"?scene={scene}&frame=3")
        state = seat.ready()
        assert (state["frame"], state["playing"], len(state["playable"])) == (3, False, 1)
        assert seat.page.locator("#title").inner_text() == "made up"


def test_a_published_folder_plays_from_our_own_server(open_player, published) -> None:
    from render.serve import open_server

    with open_server(published) as server:
        seat = open_player(f"http://127.0.0.1:{server.port}/?play=1&loop=0")
        state = seat.until(lambda state: state["ended"])
    assert (state["frame"], state["errors"], state["route"]) == (FRAMES - 1, 0, "copyTo")
    assert seat.logs == []


def test_the_poster_is_there_while_the_scene_loads_and_as_large_as_its_first_frame(
    open_player, published, site
) -> None:
    address = site.mount("slow", published)
    stream = next((published / "rungs" / "low" / "streams").glob("*0000.mp4"))

    def late(_: int) -> tuple[int, bytes]:
        time.sleep(1.5)
        return 200, stream.read_bytes()

    site.answers[f"/slow/rungs/low/streams/{stream.name}"] = late
    seat = open_player(f"?scene={address}&play=0")
    poster = seat.page.locator("#poster")
    poster.wait_for(state="visible")
    assert seat.state()["page"] == "loading"
    assert poster.bounding_box()["height"] == pytest.approx(240, abs=1)
    seat.ready()
    assert not poster.is_visible()
