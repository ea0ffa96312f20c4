"""Address, keys, messages, sizes and words: the page's logic without its elements."""

import pytest

PARSE = """
  const { parseParameters } = await import('/app/url_parameters.js');
  return parseParameters(given.search, 'https://host.example/shows/fox/index.html?x=1');
"""


def test_an_address_without_parameters_opens_the_folder_it_lies_in(run) -> None:
    assert run(PARSE, search="") == {
        "scene": "https://host.example/shows/fox/",
        "frame": None,
        "camera": None,
        "rung": None,
        "mode": "color",
        "route": "auto",
        "theme": "auto",
        "play": None,
        "loop": True,
        "statistics": False,
        "warnings": [],
    }


@pytest.mark.parametrize(
    ("scene", "url"),
    [
        ("../owl/", "https://host.example/shows/owl/"),
        ("/a/manifest.json", "https://host.example/a/manifest.json"),
        ("https://cdn.example/x#y", "https://cdn.example/x"),
    ],
)
def test_scenes_are_found_from_the_page(run, scene, url) -> None:
    assert run(PARSE, search=f"?scene={scene.replace('#', '%23')}")["scene"] == url


@pytest.mark.parametrize(
    ("search", "part"),
    [
        ("?scene=javascript:alert(1)", "javascript:"),
        ("?scene=data:text/html,hi", "data:"),
        ("?scene=file:///etc/passwd", "file:"),
        ("?scene=http://[", "no URL"),
        ("?frame=-1", "frame=-1"),
        ("?frame=1e9", "whole number"),
        ("?frame=99999999999999", "whole number"),
        ("?camera=left", "camera=left"),
        ("?mode=glow", "expected one of color"),
        ("?loop=maybe", "loop=1 or loop=0"),
        ("?theme=" + "x" * 500, "..."),
    ],
)
def test_what_makes_no_sense_is_left_out_with_a_sentence(run, search, part) -> None:
    parsed = run(PARSE, search=search)
    assert len(parsed["warnings"]) == 1
    assert part in parsed["warnings"][0]
    assert parsed["warnings"][0].endswith(".")
    assert len(parsed["warnings"][0]) < 250
    fallback = run(PARSE, search="")
    assert {**parsed, "warnings": []} == fallback


def test_a_shared_address_is_read_back(run) -> None:
    body = """
      const { parseParameters, shareAddress } = await import('/app/url_parameters.js');
      const href = 'https://host.example/p/?scene=../owl/&play=1&frame=2';
      const link = shareAddress(href, { frame: 7, camera: '3', rung: 'high', mode: 'depth' });
      const parsed = parseParameters(new URL(link).search, link);
      const plain = shareAddress(link, { frame: 0, camera: null, rung: null, mode: 'color' });
      return [parsed, new URL(plain).search];"""
    parsed, plain = run(body)
    wanted = {"frame": 7, "camera": "3", "rung": "high", "mode": "depth", "play": None}
    assert {key: parsed[key] for key in wanted} == wanted
    assert parsed["scene"] == "https://host.example/owl/"
    assert plain == "?scene=..%2Fowl%2F&frame=0"


KEY = """
  const { commandOf } = await import('/app/keyboard.js');
  return commandOf(given.press, given.focused);
"""


@pytest.mark.parametrize(
    ("key", "command"),
    [
        (" ", "toggle"),
        ("ArrowLeft", "stepBack"),
        ("ArrowRight", "stepForward"),
        ("Home", "first"),
        ("End", "last"),
        ("+", "zoomIn"),
        ("-", "zoomOut"),
        ("l", "loop"),
        ("L", "loop"),
        ("f", "fullscreen"),
        ("d", "mode"),
        ("?", "help"),
        ("Escape", "close"),
        ("q", None),
    ],
)
def test_each_key_has_its_command(run, key, command) -> None:
    assert run(KEY, press={"key": key}, focused="CANVAS") == command


@pytest.mark.parametrize("held", ["ctrlKey", "metaKey", "altKey"])
def test_keys_of_the_browser_stay_with_the_browser(run, held) -> None:
    assert run(KEY, press={"key": "l", held: True}, focused="BODY") is None


@pytest.mark.parametrize(
    ("key", "focused", "command"),
    [
        (" ", "BUTTON", None),
        ("ArrowLeft", "BUTTON", "stepBack"),
        ("ArrowLeft", "INPUT", None),
        ("l", "SELECT", None),
        ("Escape", "INPUT", "close"),
    ],
)
def test_an_element_with_the_focus_keeps_its_own_keys(run, key, focused, command) -> None:
    assert run(KEY, press={"key": key}, focused=focused) == command


def test_no_key_has_two_commands_and_every_command_exists(run) -> None:
    body = """
      const { SHORTCUTS } = await import('/app/keyboard.js');
      return SHORTCUTS.map(({ command, keys, label, shown }) => [command, keys, label, shown]);"""
    shortcuts = run(body)
    keys = [key for _, keys, *_ in shortcuts for key in keys]
    assert len(keys) == len(set(keys))
    assert all(label and shown for *_, label, shown in shortcuts)


MESSAGE = "const messages = await import('/app/messages.js');"


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        ({"kind": "network"}, True),
        ({"kind": "network", "cause": 503}, True),
        ({"kind": "network", "cause": 404}, False),
        ({"kind": "damaged"}, False),
        ({}, False),
    ],
)
def test_waiting_helps_against_a_lost_connection_and_not_against_a_missing_file(
    run, error, passes
) -> None:
    assert run(MESSAGE + "return messages.mayPass(given.error);", error=error) is passes


def test_every_error_becomes_a_sentence(run) -> None:
    body = MESSAGE + (
        "return [new Error('no luck'), 'odd', null, undefined, { message: 'Done.' },"
        " 'a/b.mp4 is gone'].map(messages.sentenceOf);"
    )
    assert run(body) == [
        "No luck.", "Odd.", "Something went wrong.", "Something went wrong.", "Done.",
        "a/b.mp4 is gone.",
    ]  # fmt: skip


def test_messages_say_which_frames_are_left_out(run) -> None:
    body = MESSAGE + (
        "return [[2, 2], [10, 19]].map(([first, last]) =>"
        " messages.groupFailed(new Error('it is damaged'), { first, last }).text);"
    )
    assert run(body) == [
        "Frame 2 is left out. It is damaged.", "Frames 10 to 19 are left out. It is damaged.",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["network", "damaged", "newer", "unsupported", "usage", "odd"])
def test_a_scene_that_does_not_open_has_a_title_and_a_sentence(run, kind) -> None:
    body = MESSAGE + "return messages.openingFailed(given.error, { online: given.online });"
    message = run(body, error={"kind": kind, "message": "it broke"}, online=False)
    assert message["weight"] == "fatal"
    assert message["title"]
    assert message["text"].startswith("It broke.")
    assert ("offline" in message["text"]) == (kind == "network")


ADAPT = """
  const { AdaptiveSize } = await import('/app/adaptive_size.js');
  const size = new AdaptiveSize({ budget: 33 });
  const seen = [];
  for (let turn = 0; turn < given.turns; turn++) {
    size.add(given.full * size.scale ** 2);
    seen.push(size.scale);
  }
  return seen;
"""


@pytest.mark.parametrize("full", [5, 25, 40, 80, 200, 500, 3000])
def test_the_drawing_size_settles_where_a_drawing_fits_its_time(run, full) -> None:
    seen = run(ADAPT, full=full, turns=400)
    last = seen[-1]
    assert len(set(seen[-100:])) == 1, "it flaps"
    assert full * last**2 <= 33 * 1.15 or last == 0.25
    assert full < 33 or last < 1 or full <= 38


def test_a_slow_device_gets_its_size_within_a_few_drawings(run) -> None:
    assert run(ADAPT, full=500, turns=4)[-1] == 0.25


def test_a_smaller_picture_that_is_no_faster_is_given_up(run) -> None:
    body = """
      const { AdaptiveSize } = await import('/app/adaptive_size.js');
      const size = new AdaptiveSize({ budget: 33 });
      const seen = [];
      for (let turn = 0; turn < 200; turn++) { size.add(80); seen.push(size.scale); }
      return seen;"""
    seen = run(body)
    assert min(seen[:8]) < 1
    assert set(seen[10:]) == {1}


def test_times_that_cannot_be_are_ignored(run) -> None:
    body = """
      const { AdaptiveSize } = await import('/app/adaptive_size.js');
      const size = new AdaptiveSize();
      for (const odd of [NaN, Infinity, undefined, NaN, Infinity]) size.add(odd);
      return size.scale;"""
    assert run(body) == 1


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ([800, 600, 1, 1], [800, 600]),
        ([390, 844, 3, 1], [780, 1688]),
        ([390, 844, 3, 0.5], [390, 844]),
        ([0, 0, 1, 1], [1, 1]),
        ([100, 50, 0, 1], [100, 50]),
    ],
)
def test_pixels_follow_the_box_the_screen_and_the_scale(run, box, size) -> None:
    body = """
      const { drawingSize } = await import('/app/adaptive_size.js');
      const [width, height, pixelRatio, scale] = given.box;
      const drawn = drawingSize({ width, height, pixelRatio, scale });
      return [drawn.width, drawn.height];"""
    assert run(body, box=box) == size


def test_a_huge_screen_is_drawn_with_a_bounded_number_of_pixels(run) -> None:
    body = """
      const { drawingSize, MOST_PIXELS } = await import('/app/adaptive_size.js');
      const { width, height } =
        drawingSize({ width: 7680, height: 4320, pixelRatio: 2, scale: 1 });
      return [width * height / MOST_PIXELS, width / height];"""
    share, aspect = run(body)
    assert share == pytest.approx(1, abs=0.01)
    assert aspect == pytest.approx(7680 / 4320, rel=0.01)


def test_a_turn_on_time_lets_the_size_grow_and_a_late_one_counts_in_full(run) -> None:
    body = """
      const { drawingCost } = await import('/app/adaptive_size.js');
      return [drawingCost(16.7, 16.7), drawingCost(50, 16.7)];"""
    assert run(body) == [pytest.approx(8.35), 50]


@pytest.mark.parametrize(
    ("situation", "leaves"),
    [
        ({"playing": True, "sinceMove": 5000, "busy": False}, True),
        ({"playing": True, "sinceMove": 500, "busy": False}, False),
        ({"playing": False, "sinceMove": 5000, "busy": False}, False),
        ({"playing": True, "sinceMove": 5000, "busy": True}, False),
    ],
)
def test_controls_leave_a_playing_scene_that_nobody_touches(run, situation, leaves) -> None:
    body = "return (await import('/app/controls.js')).mayLeave(given.situation);"
    assert run(body, situation=situation) is leaves


def test_the_bar_shows_what_is_played_and_what_is_ready(run) -> None:
    body = """
      const { shares } = await import('/app/controls.js');
      return given.all.map(([frame, frameCount, buffered]) =>
        shares({ frame, frameCount, buffered, frameRate: 10 }));"""
    assert run(body, all=[[0, 101, 2], [50, 101, 100], [0, 1, 5]]) == [
        {"played": 0, "ready": 20}, {"played": 50, "ready": 100}, {"played": 0, "ready": 100},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "stored", "theme"),
    [("auto", None, "auto"), ("auto", "dark", "dark"), ("light", "dark", "light"),
     ("auto", "<b>", "auto")],
)  # fmt: skip
def test_the_address_goes_before_what_was_chosen_earlier(run, wanted, stored, theme) -> None:
    body = "return (await import('/app/theme.js')).startingTheme(given.wanted, given.stored);"
    assert run(body, wanted=wanted, stored=stored) == theme
