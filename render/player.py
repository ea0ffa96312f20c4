"""Playback in Python: frames decoded and prepared ahead, drawn at their time from any camera.

packets -> atlases      a thread (and on a device, its decoding engine)
atlases -> prepared     a second thread: what the renderer wants, such as a `Field`
prepared -> picture     whoever asks `Player.draw`, at the frame that is due by then
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import torch

from render.ahead import Ahead
from render.cameras import Camera
from render.errors import SceneError
from render.playback import (
    FrameRenderer,
    MarchRenderer,
    PlaybackCount,
    PlayerOptions,
    PlayerPicture,
)
from render.scene import BakedScene, FeatureAtlas

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """A frame ready to be drawn; ``position`` counts frames since the last seek, loops included."""

    position: int
    frame_index: int
    content: Any = field(repr=False)


class Player:
    """Plays a baked scene; it starts paused at frame 0.

    Use it from one thread, in a ``with`` block or with `close`: it keeps threads and a decoder.
    """

    def __init__(
        self,
        scene: BakedScene,
        renderer: FrameRenderer | None = None,
        options: PlayerOptions | None = None,
        *,
        clock: Clock = time.monotonic,
    ) -> None:
        self.scene = scene
        self._renderer = renderer or MarchRenderer(scene)
        self._options = options or PlayerOptions()
        self._rate = float(self._options.frame_rate or scene.record.frame_rate)
        self._clock = clock
        self._count = PlaybackCount()
        self._is_playing = False
        self._shown: _Prepared | None = None
        self._open(0)

    @property
    def frame_index(self) -> int:
        """The frame that is shown, or will be by the next `draw` while paused."""
        return self._start if self._shown is None else self._shown.frame_index

    @property
    def is_playing(self) -> bool:
        """Whether time runs; it stops by itself after the last frame unless the scene loops."""
        return self._is_playing

    @property
    def count(self) -> PlaybackCount:
        """Shown and dropped frames so far."""
        return self._count

    @property
    def ready_count(self) -> int:
        """Prepared frames that wait to be drawn."""
        return self._frames.ready_count

    def play(self) -> None:
        """Let time run, from the shown frame on, or from the first if the last is shown."""
        if self._is_playing:
            return
        is_at_end = not self._options.is_looping and self.frame_index == self._last
        if is_at_end:
            self._reopen(0)
        self._is_playing = True
        self._anchor(0 if self._shown is None else self._shown.position)

    def pause(self) -> None:
        """Stop time at the shown frame."""
        self._is_playing = False

    def seek(self, frame_index: int) -> None:
        """Show exactly this frame next; playback goes on from it if it was running.

        Raises:
            SceneError: if there is no such frame.
        """
        self.scene.group_of(frame_index)
        self._reopen(frame_index)
        self._anchor(0)

    def step(self, frames: int = 1) -> None:
        """Pause, and show the frame that many later, or earlier if negative."""
        self.pause()
        wanted = self.frame_index + frames
        if self._options.is_looping:
            wanted %= self.scene.frame_count
        self.seek(min(max(wanted, 0), self._last))

    def draw(self, camera: Camera) -> PlayerPicture:
        """The view of the frame that is due now; waits only for the first frame after a seek.

        Raises:
            BitstreamError: if a stream is damaged; `seek` to another group plays on.
        """
        before = self._shown
        self._advance()
        if self._shown is None:
            raise SceneError(
                f"frame {self._start} was not decoded, expected one picture for it; the package "
                "is damaged, export it again"
            )
        return self._drawn(self._shown, before, camera)

    def draw_next(self, camera: Camera) -> PlayerPicture:
        """The view of the frame after the one drawn last, whatever the time; leaves none out.

        Raises:
            SceneError: if there is none.
            BitstreamError: if a stream is damaged.
        """
        before, following = self._shown, next(self._frames, None)
        if following is None:
            raise SceneError(
                f"no frame follows frame {self.frame_index}, expected one of {self._last + 1}; "
                "seek to an earlier one, or let the scene loop"
            )
        self._shown = following
        self._anchor(following.position)
        return self._drawn(following, before, camera)

    def _drawn(self, shown: _Prepared, before: _Prepared | None, camera: Camera) -> PlayerPicture:
        if shown is not before:
            self._tally(shown=1)
        image = self._renderer.draw(shown.content, camera)
        return PlayerPicture(shown.frame_index, image, is_new=shown is not before)

    def close(self) -> None:
        """End the threads and let go of the decoder."""
        self._frames.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _last(self) -> int:
        return self.scene.frame_count - 1

    def _open(self, frame_index: int) -> None:
        ahead, device = self._options.ahead, self._renderer.device
        self._start = frame_index
        self._shown = None
        atlases: Ahead[FeatureAtlas] = Ahead(
            self._atlases(frame_index), ahead, device=device, tensors=lambda made: [made.values]
        )
        self._frames: Ahead[_Prepared] = Ahead(
            self._prepared(atlases), ahead, device=device, tensors=_device_tensors
        )
        self._anchor(0)

    def _reopen(self, frame_index: int) -> None:
        self._frames.close()
        self._open(frame_index)

    def _atlases(self, frame_index: int) -> Iterator[FeatureAtlas]:
        device, is_looping = self._renderer.device, self._options.is_looping
        return self.scene.atlases_from(frame_index, device=device, is_looping=is_looping)

    def _prepared(self, atlases: Ahead[FeatureAtlas]) -> Iterator[_Prepared]:
        with atlases:
            for position, atlas in enumerate(atlases):
                yield _Prepared(position, atlas.frame_index, self._renderer.prepare(atlas))

    def _anchor(self, position: int) -> None:
        """Make this position due from now on."""
        self._anchored_at, self._anchored_position = self._clock(), position

    def _due(self) -> int:
        """The position that should be on screen now."""
        if not self._is_playing:
            return self._anchored_position if self._shown is None else self._shown.position
        passed = max(self._clock() - self._anchored_at, 0.0)
        # A tick that falls short of the next frame by rounding alone counts as that frame.
        return self._anchored_position + math.floor(passed * self._rate + 1e-6)

    def _advance(self) -> None:
        """Take the frame that is due, or the latest that is ready before it."""
        due, taken = self._due(), 0
        while self._shown is None or (self._shown.position < due and self._frames.ready_count):
            following = next(self._frames, None)
            if following is None:
                break
            self._shown = following
            taken += 1
        self._tally(dropped=max(taken - 1, 0))
        if self._is_playing and self._shown is not None:
            self._settle(due, self._shown)

    def _settle(self, due: int, shown: _Prepared) -> None:
        """Stop at the end; and do not let time run away from a decoder that cannot keep up."""
        if not self._options.is_looping and shown.frame_index == self._last:
            self._is_playing = False
        elif (due - shown.position) / self._rate > self._options.patience_s:
            self._anchor(shown.position)
            self._tally(stalls=1)

    def _tally(self, shown: int = 0, dropped: int = 0, stalls: int = 0) -> None:
        count = self._count
        self._count = PlaybackCount(
            count.shown + shown, count.dropped + dropped, count.stalls + stalls
        )


def _device_tensors(made: _Prepared) -> list[torch.Tensor]:
    """The device tensors that a prepared frame consists of."""
    names = getattr(type(made.content), "__slots__", ())
    values = (getattr(made.content, name, None) for name in names)
    return [value for value in values if isinstance(value, torch.Tensor) and value.is_cuda]
