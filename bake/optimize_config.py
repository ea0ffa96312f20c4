"""How atlases are trained and which network shades them: the settings of the fourth stage."""

from dataclasses import dataclass

import bake.limits as bounds
from bake.value_range import ValueRange
from hwcodec.records import finite_number, positive_number, whole_number
from render.mapping import BLOCK_SIZES, VertexOrder
from render.shading import ShadingShape


@dataclass(frozen=True, slots=True)
class ShadingConfig:
    """Sizes of the shading network; see `render.shading.ShadingShape`.

    Raises:
        ValueError: if the renderer draws no such network.
    """

    feature_count: int = 8
    width: int = 32
    depth: int = 3
    frequency_count: int = 2

    def __post_init__(self) -> None:
        """Refuse what the renderer would refuse, which is a ValueError too, before any work."""
        ShadingShape(self.feature_count, self.width, self.depth, self.frequency_count)

    @property
    def shape(self) -> ShadingShape:
        """The same sizes as the renderer states them."""
        return ShadingShape(self.feature_count, self.width, self.depth, self.frequency_count)


@dataclass(frozen=True, slots=True)
class OptimizeConfig:
    """How atlases are trained.

    Attributes:
        first_iterations: steps for the first frame, which also trains the network.
        halvings: how often the resolution is halved for the first frame to begin at; 0: never.
        coarse_share: share of the first frame's steps that all lower resolutions take together.
        group_iterations: steps for the first frame of a later group.
        iterations: steps for every other frame.
        rays: rays per step.
        step: sample spacing in voxels.
        block_size: texels along one side of an atlas block.
        vertex_order: curve along which the atlas lays vertices out, hilbert or the paper's morton.
        density_rate, feature_rate, network_rate: Adam's learning rates at the start.
        final_factor: what the rates have shrunk to at the end of a frame.
        later_factor: what density and feature rates are multiplied by after the first frame.
        density_range, feature_range: limits of texel values, which are also the codec's range.
        levels: steps of the simulated quantizer; 0 turns it off, which saved 1 and 3 % of the bytes
            on two captures: an encoder's own rounding is far coarser.
        initial_density: density before activation of a vertex without history.
        lifted_density: least density that a vertex starts with when it enters a frame's occupancy.
        flow_spacing: voxels between the points at which the flow from frame to frame is estimated,
            along which values move before a frame is trained; 0: every value stays in place.

    Raises:
        ValueError: if a number cannot work.
    """

    first_iterations: int = 600
    halvings: int = 2
    coarse_share: float = 0.4
    group_iterations: int = 300
    iterations: int = 150
    rays: int = 4096
    step: float = 0.5
    block_size: int = 8
    vertex_order: str = "hilbert"
    density_rate: float = 0.3
    feature_rate: float = 0.05
    network_rate: float = 5e-3
    final_factor: float = 0.1
    later_factor: float = 1.0
    density_range: float = 8.0
    feature_range: float = 4.0
    levels: int = 0
    initial_density: float = -3.0
    lifted_density: float = -3.0
    flow_spacing: int = 8

    def __post_init__(self) -> None:
        """Refuse settings that would train nothing or diverge at once."""
        for name in ("first_iterations", "group_iterations", "iterations"):
            whole_number(name, getattr(self, name), 1, bounds.MOST_ITERATIONS)
        whole_number("halvings", self.halvings, 0, bounds.MOST_HALVINGS)
        finite_number("coarse_share", self.coarse_share, 0, bounds.LARGEST_SHARE)
        whole_number("rays", self.rays, 1, bounds.MOST_RAYS)
        whole_number("levels", self.levels, 0, bounds.MOST_LEVELS)
        whole_number("flow_spacing", self.flow_spacing, 0, bounds.MOST_RESOLUTION)
        if self.block_size not in BLOCK_SIZES:
            raise ValueError(f"block_size is {self.block_size}, expected one of {BLOCK_SIZES}")
        if self.vertex_order not in set(VertexOrder):
            expected = " or ".join(VertexOrder)
            raise ValueError(f"vertex_order is {self.vertex_order!r}, expected {expected}")
        finite_number("step", self.step, bounds.SMALLEST_STEP, bounds.LARGEST_STEP)
        rates = ("density_rate", "feature_rate", "network_rate")
        for name in (*rates, "final_factor", "later_factor"):
            positive_number(name, getattr(self, name), bounds.LARGEST_VALUE)
        for name in ("density_range", "feature_range"):
            value = getattr(self, name)
            finite_number(name, value, bounds.SMALLEST_RANGE, bounds.LARGEST_VALUE)
        for name in ("initial_density", "lifted_density"):
            limit = self.density_range
            finite_number(f"{name} within the density_range", getattr(self, name), -limit, limit)

    @property
    def order(self) -> VertexOrder:
        """The curve that ``vertex_order`` names."""
        return VertexOrder(self.vertex_order)

    @property
    def coarse_iterations(self) -> int:
        """Steps of the first frame at each lower resolution."""
        return int(self.coarse_share * self.first_iterations / max(self.halvings, 1))

    @property
    def limits(self) -> ValueRange:
        """Value limits as the trainer takes them."""
        return ValueRange(self.density_range, self.feature_range, self.levels)
