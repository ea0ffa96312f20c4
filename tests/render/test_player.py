"""Playback: which frame is drawn when, what is dropped, seeking, and threads that end."""

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import BitstreamError
from render.errors import SceneError
from render.fragment import ShadedImage
from render.playback import MarchRenderer, PlaybackCount, PlayerOptions
from render.player import Player
from render.scene import FeatureAtlas, open_scene

FRAMES = 6
IMAGE = ShadedImage(torch.zeros(1, 1, 3), torch.zeros(1, 1), torch.zeros(1, 1))


class FakeScene:
    """Frames without content; ``broken`` raises instead of that frame."""

    def __init__(self, frame_count: int = FRAMES, broken: int | None = None) -> None:
        self.frame_count, self.broken = frame_count, broken
        self.record = SimpleNamespace(frame_rate=Fraction(10))
        self.opened: list[int] = []

    def group_of(self, frame_index: int) -> None:
        if not 0 <= frame_index < self.frame_count:
            raise SceneError(f"frame {frame_index} does not exist")

    def atlases_from(
        self, frame_index: int, *, device: str, is_looping: bool
    ) -> Iterator[FeatureAtlas]:
        self.opened.append(frame_index)
        assert device == "cpu"
        position = frame_index
        while is_looping or position < self.frame_count:
            index = position % self.frame_count
            if index == self.broken:
                raise BitstreamError(f"frame {index} is damaged")
            yield FeatureAtlas(index, torch.tensor([index]))
            position += 1


class FakeRenderer:
    """Remembers what it drew."""

    device = "cpu"

    def __init__(self) -> None:
        self.drawn: list[int] = []

    def prepare(self, atlas: FeatureAtlas) -> int:
        return atlas.frame_index

    def draw(self, prepared: int, camera: object) -> ShadedImage:
        self.drawn.append(prepared)
        return IMAGE


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def wait_until_full(player: Player, count: int = 8) -> None:
    deadline = time.monotonic() + 10
    while player.ready_count < count and time.monotonic() < deadline:
        time.sleep(0.002)


def opened(clock: Clock, scene: FakeScene | None = None, **options: object) -> Player:
    chosen = PlayerOptions(**{"ahead": 8, **options})  # type: ignore[arg-type]
    return Player(scene or FakeScene(), FakeRenderer(), chosen, clock=clock)  # type: ignore[arg-type]


def draw(player: Player) -> int:
    return player.draw(None).frame_index  # type: ignore[arg-type]


def draw_until(player: Player, deadline: float) -> None:
    while time.monotonic() < deadline:
        draw(player)


def test_a_player_opens_paused_at_the_first_frame() -> None:
    clock = Clock()
    with opened(clock) as player:
        assert (player.frame_index, player.is_playing) == (0, False)
        clock.now = 5.0
        assert [draw(player), draw(player)] == [0, 0]
        assert player.count == PlaybackCount(shown=1)


def test_each_frame_is_drawn_at_its_time_and_loops() -> None:
    clock = Clock()
    with opened(clock) as player:
        player.play()
        seen = []
        for tick in range(2 * FRAMES + 1):
            clock.now = tick / 10
            wait_until_full(player)
            seen.append(draw(player))
        assert seen == [*range(FRAMES), *range(FRAMES), 0]
        assert player.count == PlaybackCount(shown=2 * FRAMES + 1)


def test_a_slow_viewer_drops_frames_instead_of_time() -> None:
    clock = Clock()
    with opened(clock) as player:
        player.play()
        assert draw(player) == 0
        wait_until_full(player)
        clock.now = 0.45
        assert draw(player) == 4
        assert player.count == PlaybackCount(shown=2, dropped=3)


def test_a_fast_viewer_draws_a_frame_again_and_counts_it_once() -> None:
    clock = Clock()
    with opened(clock) as player:
        player.play()
        first = player.draw(None)
        clock.now = 0.05
        again = player.draw(None)
        assert (first.is_new, again.is_new) == (True, False)
        assert first.frame_index == again.frame_index == 0
        assert player.count.shown == 1


def test_without_looping_the_last_frame_stays_and_play_starts_over() -> None:
    clock = Clock()
    with opened(clock, is_looping=False) as player:
        player.play()
        draw(player)
        wait_until_full(player, FRAMES - 1)
        clock.now = 0.5
        assert draw(player) == FRAMES - 1
        assert not player.is_playing
        clock.now = 60.0
        assert draw(player) == FRAMES - 1
        player.play()
        assert draw(player) == 0
        assert player.is_playing


def test_a_decoder_that_cannot_keep_up_stops_time_instead_of_skipping_ahead() -> None:
    clock, gate = Clock(), threading.Semaphore(1)
    scene = FakeScene()
    unlimited = scene.atlases_from

    def gated(*words: int, **options: object) -> Iterator[FeatureAtlas]:
        for atlas in unlimited(*words, **options):  # type: ignore[arg-type]
            while not gate.acquire(timeout=0.02):
                if done.is_set():
                    return
            yield atlas

    done = threading.Event()
    scene.atlases_from = gated  # type: ignore[method-assign]
    with opened(clock, scene, patience_s=0.2) as player:
        player.play()
        assert draw(player) == 0
        clock.now = 3.0
        assert draw(player) == 0
        assert player.count.stalls == 1
        gate.release()
        wait_until_full(player, 1)
        clock.now = 3.1
        assert draw(player) == 1
        assert player.count == PlaybackCount(shown=2, stalls=1)
        done.set()


def test_seeking_shows_exactly_that_frame_paused_or_not() -> None:
    clock = Clock()
    with opened(clock) as player:
        for wanted in (3, 5, 0, 3):
            player.seek(wanted)
            assert player.frame_index == wanted
            assert draw(player) == wanted
        player.play()
        clock.now = 10.0
        player.seek(2)
        assert draw(player) == 2
        wait_until_full(player)
        clock.now = 10.1
        assert draw(player) == 3


@pytest.mark.parametrize("frame", [-1, FRAMES, 10**6])
def test_a_frame_that_does_not_exist_is_refused_and_nothing_changes(frame) -> None:
    with opened(Clock()) as player:
        draw(player)
        with pytest.raises(SceneError, match="does not exist"):
            player.seek(frame)
        assert draw(player) == 0


def test_every_frame_can_be_drawn_whatever_the_time() -> None:
    clock = Clock()
    with opened(clock) as player:
        seen = [player.draw_next(None).frame_index for _ in range(FRAMES + 2)]
        assert seen == [*range(FRAMES), 0, 1]
        assert draw(player) == 1
        assert player.count == PlaybackCount(shown=FRAMES + 2)


def test_after_the_last_frame_there_is_no_next_one() -> None:
    with opened(Clock(), FakeScene(2), is_looping=False) as player:
        assert [player.draw_next(None).frame_index for _ in range(2)] == [0, 1]
        with pytest.raises(SceneError, match="no frame follows frame 1"):
            player.draw_next(None)


@given(st.lists(st.sampled_from([-7, -1, 1, 2, 9]), max_size=4), st.booleans())
def test_steps_wrap_around_only_in_a_loop(steps, is_looping) -> None:
    with opened(Clock(), is_looping=is_looping) as player:
        expected = 0
        for step in steps:
            player.step(step)
            moved = expected + step
            expected = moved % FRAMES if is_looping else min(max(moved, 0), FRAMES - 1)
            assert draw(player) == expected
            assert not player.is_playing


def test_pausing_keeps_the_frame_and_playing_goes_on_from_it() -> None:
    clock = Clock()
    with opened(clock) as player:
        player.play()
        draw(player)
        wait_until_full(player)
        clock.now = 0.2
        assert draw(player) == 2
        player.pause()
        clock.now = 50.0
        assert draw(player) == 2
        player.play()
        assert draw(player) == 2
        clock.now = 50.1
        assert draw(player) == 3


def test_a_damaged_frame_is_an_error_in_its_turn_and_another_place_still_plays() -> None:
    clock = Clock()
    with opened(clock, FakeScene(broken=2)) as player:
        player.play()
        draw(player)
        deadline = time.monotonic() + 10
        clock.now = 0.2
        with pytest.raises(BitstreamError, match="frame 2"):
            draw_until(player, deadline)
        assert draw(player) == 1
        player.seek(3)
        assert draw(player) == 3


def test_a_scene_that_yields_nothing_is_an_error_and_not_a_hang() -> None:
    scene = FakeScene()
    scene.atlases_from = lambda *_, **__: iter(())  # type: ignore[method-assign,assignment]
    with opened(Clock(), scene) as player, pytest.raises(SceneError, match="not decoded"):
        draw(player)


def test_another_rate_than_the_scenes_is_played_when_asked() -> None:
    clock = Clock()
    with opened(clock, frame_rate=Fraction(2)) as player:
        player.play()
        draw(player)
        wait_until_full(player)
        clock.now = 1.0
        assert draw(player) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"frame_rate": Fraction(0)},
        {"frame_rate": Fraction(2000)},
        {"ahead": 0},
        {"ahead": 65},
        {"patience_s": -1.0},
        {"patience_s": float("nan")},
    ],
)
def test_options_that_play_nothing_are_refused(options) -> None:
    with pytest.raises(ValueError, match="expected"):
        PlayerOptions(**options)


def test_closing_ends_every_thread() -> None:
    with opened(Clock()) as player:
        draw(player)
    assert not [t for t in threading.enumerate() if t.name == "render-ahead"]


def test_a_real_package_plays_over_its_groups_as_it_renders(baked_packages) -> None:
    scene = open_scene(baked_packages["h264"])
    camera = scene.cameras[0]
    truth = [open_scene(baked_packages["h264"]).render(t, camera).rgb for t in range(3)]
    with Player(scene, MarchRenderer(scene), PlayerOptions(ahead=2)) as player:
        for frame in (0, 1, 2, 0, 2):
            player.seek(frame)
            shown = player.draw(camera)
            assert shown.frame_index == frame
            assert torch.equal(shown.image.rgb, truth[frame])
