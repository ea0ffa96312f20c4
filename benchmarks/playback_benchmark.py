"""How fast a package plays in Python: its stages alone, all of them at once, and against the clock.

decode      packets -> atlases on the renderer's device
prepare     atlases -> what the renderer draws from
render      one view of a prepared frame
pipelined   all three at once, every frame drawn, as fast as it goes
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

from benchmarks.stopwatch import Rate, Repeats, Stage, measure
from render.cameras import Camera
from render.playback import FrameRenderer, PlaybackCount, PlayerOptions
from render.player import Player
from render.scene import BakedScene, FeatureAtlas

DECODE, PREPARE, RENDER, PIPELINED = "decode", "prepare", "render", "pipelined"


@dataclass(frozen=True, slots=True)
class PlaybackPlan:
    """How long to measure: repeats of each stage, and seconds of real-time playback."""

    repeats: Repeats = field(default_factory=lambda: Repeats(5, 1.0))
    play_s: float = 4.0


@dataclass(frozen=True, slots=True)
class PlaybackReport:
    """Rates by stage, and what became of the frames when played against the clock."""

    rates: dict[str, Rate]
    played: PlaybackCount
    played_s: float

    @property
    def ratio(self) -> float:
        """Pipelined playback over the slower of decoding and drawing alone; 1 hides the faster."""
        slower = min((DECODE, RENDER), key=lambda name: self.rates[name].fps)
        return self.rates[PIPELINED].ratio_to(self.rates[slower])

    @property
    def shown_fps(self) -> float:
        """Different frames drawn per second of real-time playback."""
        return self.played.shown / self.played_s

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for a result file."""
        return {
            **{f"{name}_fps": rate.fps for name, rate in self.rates.items()},
            "pipelined_over_slower": self.ratio,
            "shown_fps": self.shown_fps,
            "shown": self.played.shown,
            "dropped": self.played.dropped,
            "stalls": self.played.stalls,
            "played_s": self.played_s,
            "stages": {name: rate.to_json() for name, rate in self.rates.items()},
        }


def run_playback_benchmark(
    scene: BakedScene, renderer: FrameRenderer, plan: PlaybackPlan
) -> PlaybackReport:
    """Measure the stages in turns, then play for a while.

    Raises:
        BitstreamError: if a stream is damaged.
    """
    cameras = scene.cameras
    atlas = scene.atlas(0)
    prepared = renderer.prepare(atlas)

    def decode(loops: int) -> int:
        return sum(1 for _ in _atlases(scene, renderer.device, loops))

    def prepare(loops: int) -> int:
        for _ in range(loops):
            renderer.prepare(atlas)
        return loops

    def render(loops: int) -> int:
        for camera in islice(cycle(cameras), loops):
            renderer.draw(prepared, camera)
        return loops

    def pipelined(loops: int) -> int:
        count = loops * scene.frame_count
        with Player(scene, renderer) as player:
            for camera in islice(cycle(cameras), count):
                player.draw_next(camera)
        return count

    works = {DECODE: decode, PREPARE: prepare, RENDER: render, PIPELINED: pipelined}
    rates = measure([Stage(name, work) for name, work in works.items()], plan.repeats)
    played, seconds = _play(scene, renderer, plan.play_s)
    return PlaybackReport(rates, played, seconds)


def _atlases(scene: BakedScene, device: str, loops: int) -> Iterator[FeatureAtlas]:
    endless = scene.atlases_from(0, device=device, is_looping=True)
    return islice(endless, loops * scene.frame_count)


def _play(
    scene: BakedScene, renderer: FrameRenderer, seconds: float
) -> tuple[PlaybackCount, float]:
    """Play against the clock from a camera that changes with every picture."""
    cameras: Iterator[Camera] = cycle(scene.cameras)
    with Player(scene, renderer, PlayerOptions()) as player:
        player.draw(next(cameras))
        player.play()
        before, began = player.count, time.perf_counter()
        while (passed := time.perf_counter() - began) < seconds:
            player.draw(next(cameras))
        after = player.count
    shown, dropped = after.shown - before.shown, after.dropped - before.dropped
    return PlaybackCount(shown, dropped, after.stalls - before.stalls), passed
