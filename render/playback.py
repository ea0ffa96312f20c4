"""What playback is made of: how a scene plays, what draws it, and what became of its frames."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from render.cameras import Camera
from render.field import Field
from render.fragment import ShadedImage, render_view
from render.scene import BakedScene, FeatureAtlas


class FrameRenderer(Protocol):
    """Draws frames in two steps, so that the first can be done ahead of time in another thread."""

    @property
    def device(self) -> str:
        """Where atlases are wanted, such as ``cpu`` or ``cuda``."""
        ...

    def prepare(self, atlas: FeatureAtlas) -> Any:  # noqa: ANN401 -- each renderer has its own
        """What `draw` needs of a decoded atlas."""
        ...

    def draw(self, prepared: Any, camera: Camera) -> ShadedImage:  # noqa: ANN401
        """One view of a prepared frame."""
        ...


class MarchRenderer:
    """The compiled march as a `FrameRenderer`; atlases become fields."""

    def __init__(self, scene: BakedScene, device: str = "cpu") -> None:
        self._scene, self._device = scene, device

    @property
    def device(self) -> str:
        """Where atlases are wanted."""
        return self._device

    def prepare(self, atlas: FeatureAtlas) -> Field:
        """The radiance field of an atlas."""
        return self._scene.field(atlas)

    def draw(self, prepared: Field, camera: Camera) -> ShadedImage:
        """One view of a field."""
        return render_view(prepared, self._scene.appearance, camera)


@dataclass(frozen=True, slots=True)
class PlayerOptions:
    """How a scene plays.

    Attributes:
        is_looping: whether the first frame follows the last.
        frame_rate: frames per second; the scene's own unless given.
        ahead: most frames that wait after each stage; bounds memory.
        patience_s: how late the shown frame may be before playback waits instead of dropping.

    Raises:
        ValueError: if a number cannot work.
    """

    is_looping: bool = True
    frame_rate: Fraction | None = None
    ahead: int = 3
    patience_s: float = 0.5

    def __post_init__(self) -> None:
        """Refuse rates and counts that play nothing."""
        if self.frame_rate is not None and not 0 < self.frame_rate <= 1000:
            raise ValueError(
                f"frame_rate is {self.frame_rate}, expected more than 0 and at most 1000 Hz; "
                "leave it out to play at the scene's own"
            )
        if not 1 <= self.ahead <= 64 or not self.patience_s >= 0:
            raise ValueError(
                f"ahead is {self.ahead} and patience {self.patience_s} s, expected 1 to 64 frames "
                "and 0 s or more"
            )


@dataclass(frozen=True, slots=True)
class PlaybackCount:
    """What happened to frames since the player was opened.

    Attributes:
        shown: frames that `Player.draw` drew at least once.
        dropped: frames that were prepared and skipped, because a later one was due.
        stalls: times when the due frame was so late that time was stopped for it.
    """

    shown: int = 0
    dropped: int = 0
    stalls: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class PlayerPicture:
    """A drawn view, which frame it shows, and whether that frame had not been drawn before."""

    frame_index: int
    image: ShadedImage
    is_new: bool
