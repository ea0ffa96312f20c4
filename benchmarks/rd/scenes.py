"""The scenes that every method is measured on, and how much training each may spend."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bake.config import load_config
from bake.pipeline import BakeConfig

# What all methods share that have a grid of values and a network, the paper's order included. Ours
# as tuned chooses its own, as a user's bake does.
SHARED_SETTINGS = (
    "preset=fast",
    "shading.feature_count=8",
    "shading.width=32",
    "optimize.vertex_order=morton",
    "optimize.halvings=0",
    "optimize.levels=219",
    "loop.codec=none",
    "losses.intra_bits=3.0e-3",
    "losses.inter_bits=4.0e-3",
)
_PERFORMER = (*SHARED_SETTINGS, "resolution=128", "capture.scale=0.5", "capture.frames=0:10")
_LONG = (*SHARED_SETTINGS, "resolution=128", "capture.scale=0.5", "capture.frames=0:40")
_HOST = (*SHARED_SETTINGS, "resolution=128", "capture.scale=0.5", "capture.frames=0:12")
# Small enough for every method to finish within minutes, large enough that a curve means something.
_SMOKE = (
    *SHARED_SETTINGS,
    "capture.scale=0.25",
    "capture.frames=0:4",
    "resolution=40",
    "coarse.resolution=32",
    "coarse.iterations=20",
    "optimize.first_iterations=120",
    "optimize.group_iterations=60",
    "optimize.iterations=30",
    "optimize.rays=1024",
)


@dataclass(frozen=True, slots=True)
class RdScene:
    """A scene of the protocol.

    Attributes:
        name: how it is asked for, and what its results are called.
        source: folder of the capture below the captures' folder, or a built-in capture.
        settings: those of `bake-sequence`, shared by all methods.
        is_built_in: whether it needs no folder.
    """

    name: str
    source: str
    settings: tuple[str, ...]
    is_built_in: bool = False

    def config(self, captures: Path | None) -> BakeConfig:
        """The settings with the capture's path, for captures that lie in a folder.

        Raises:
            ValueError: if it lies in a folder and none is given.
        """
        config = load_config(self.settings)
        if self.is_built_in:
            path = self.source
        elif captures is None:
            raise ValueError(
                f"scene {self.name!r} is a capture in a folder; name the folder that holds "
                f"{self.source!r} with --captures or the variable CAPTURES"
            )
        else:
            path = str(captures / self.source)
        return replace(config, capture=replace(config.capture, path=path))


SCENES: Mapping[str, RdScene] = {
    scene.name: scene
    for scene in (
        RdScene("performer", "performer", _PERFORMER),
        RdScene("performer-40", "performer", _LONG),
        RdScene("host", "host", _HOST),
        RdScene("smoke", "procedural", _SMOKE, is_built_in=True),
    )
}
