"""Stage 4: feature atlases, frame after frame.

frame 0        atlas and shading network together; then the network is rounded and frozen
frame t        starts from frame t - 1, regularized toward it
group change   features carried over by grid vertex, then trained as the first of a group
"""

from dataclasses import dataclass

import torch
from torch import Tensor

import bake.limits as bounds
from bake.coarse import FrameViews
from bake.losses import LossConfig
from bake.rays import TrainingRays, useful_pixels
from bake.trainer import AtlasTrainer, BlockLoss, FitReport, Rates, Schedule, Shading, ValueRange
from hwcodec.records import finite_number, positive_number, whole_number
from render.field import Field, FieldGeometry, build_geometry, make_field
from render.mapping import BLOCK_SIZES, UNMAPPED, MappingTable, build_mapping
from render.occupancy import OccupancyGrid
from render.shading import ShadingMlp, ShadingShape, round_weights


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
        group_iterations: steps for the first frame of a later group.
        iterations: steps for every other frame.
        rays: rays per step.
        step: sample spacing in voxels.
        block_size: texels along one side of an atlas block.
        density_rate, feature_rate, network_rate: Adam's learning rates at the start.
        final_factor: what the rates have shrunk to at the end of a frame.
        later_factor: what density and feature rates are multiplied by after the first frame.
        density_range, feature_range: limits of texel values, which are also the codec's range.
        levels: steps of the simulated quantizer; 0 turns it off.
        initial_density: density before activation of a vertex without history.
        lifted_density: least density that a vertex starts with when it enters a frame's occupancy.

    Raises:
        ValueError: if a number cannot work.
    """

    first_iterations: int = 600
    group_iterations: int = 300
    iterations: int = 150
    rays: int = 4096
    step: float = 0.5
    block_size: int = 8
    density_rate: float = 0.3
    feature_rate: float = 0.05
    network_rate: float = 5e-3
    final_factor: float = 0.1
    later_factor: float = 1.0
    density_range: float = 8.0
    feature_range: float = 4.0
    levels: int = 219
    initial_density: float = -3.0
    lifted_density: float = -3.0

    def __post_init__(self) -> None:
        """Refuse settings that would train nothing or diverge at once."""
        for name in ("first_iterations", "group_iterations", "iterations"):
            whole_number(name, getattr(self, name), 1, bounds.MOST_ITERATIONS)
        whole_number("rays", self.rays, 1, bounds.MOST_RAYS)
        whole_number("levels", self.levels, 0, bounds.MOST_LEVELS)
        if self.block_size not in BLOCK_SIZES:
            raise ValueError(f"block_size is {self.block_size}, expected one of {BLOCK_SIZES}")
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
    def limits(self) -> ValueRange:
        """Value limits as the trainer takes them."""
        return ValueRange(self.density_range, self.feature_range, self.levels)


@dataclass(frozen=True, slots=True, eq=False)
class GroupScene:
    """What all frames of a group share: mapping table and march geometry."""

    mapping: MappingTable
    geometry: FieldGeometry

    def field(self, texels: Tensor, config: OptimizeConfig) -> Field:
        """The field of texel values (texel_count, channels)."""
        empty = config.limits.empty_density
        return make_field(self.geometry, texels, empty_density=empty, step=config.step)


def build_group(occupancy: OccupancyGrid, block_size: int) -> GroupScene:
    """Mapping table and geometry of a group's union occupancy."""
    mapping = build_mapping(occupancy, block_size)
    return GroupScene(mapping, build_geometry(occupancy.grid, mapping))


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """A trained frame: float16 texels (texel_count, channels), the network, and how it went."""

    texels: Tensor
    network: ShadingMlp
    report: FitReport


class SequenceOptimizer:
    """Trains frames in order; holds the current group's trainer, and useful pixels per view."""

    def __init__(
        self,
        configs: tuple[OptimizeConfig, LossConfig, ShadingConfig],
        background: tuple[float, ...],
        seed: int,
    ) -> None:
        self._config, self._losses, self._shading = configs
        self._background = torch.tensor(background, dtype=torch.float32)
        self._seed = seed
        self._group: GroupScene | None = None
        self._trainer: AtlasTrainer | None = None
        self._useful: dict[int, Tensor] = {}

    def first(
        self, scene: GroupScene, views: FrameViews, occupancy: OccupancyGrid | None = None
    ) -> FrameResult:
        """The first frame of the sequence, and the network that all frames will share.

        ``occupancy`` is the frame's own, within the group's union; see `adapt_density`.
        """
        network = _new_network(self._shading.shape, self._seed)
        optimizer = torch.optim.Adam(network.parameters(), betas=(0.9, 0.99))
        shading = Shading(network, self._background, optimizer)
        start = fresh_texels(scene.mapping, self._config, self._shading.feature_count, self._seed)
        motion = None if occupancy is None else Motion(occupancy, occupancy)
        start = adapt_density(start, scene.mapping, motion, self._config)
        schedule = self._schedule(self._config.first_iterations, 0)
        result = self._fit(scene, views, (start, None), (shading, schedule))
        return FrameResult(result[0], round_weights(network), result[1])

    def next(
        self,
        scene: GroupScene,
        views: FrameViews,
        start: "FrameStart",
        network: ShadingMlp,
    ) -> FrameResult:
        """A later frame, from the texels of the one before or from those carried into its group."""
        is_new = start.is_group_start
        iterations = self._config.group_iterations if is_new else self._config.iterations
        previous = None if is_new else scene.field(start.texels, self._config)
        shading = Shading(network, self._background)
        schedule = self._schedule(iterations, start.frame_index)
        begin = adapt_density(start.texels, scene.mapping, start.motion, self._config)
        texels, report = self._fit(scene, views, (begin, previous), (shading, schedule))
        return FrameResult(texels, network, report)

    def _schedule(self, iterations: int, frame_index: int) -> Schedule:
        config = self._config
        factor = 1.0 if frame_index == 0 else config.later_factor
        rates = Rates(
            config.density_rate * factor,
            config.feature_rate * factor,
            config.network_rate,
            config.final_factor,
        )
        seed = self._seed * 1_000_003 + frame_index
        return Schedule(iterations, config.rays, rates, seed)

    def _fit(
        self,
        scene: GroupScene,
        views: FrameViews,
        start: tuple[Tensor, Field | None],
        how: tuple[Shading, Schedule],
    ) -> tuple[Tensor, FitReport]:
        """Train one frame; the result is rounded to what a stored atlas holds."""
        trainer = self._enter(scene)
        texels, previous = start
        trainer.load(texels)
        for index, camera in zip(views.indices, views.cameras, strict=True):
            if index not in self._useful:  # Found once per view and group.
                self._useful[index] = useful_pixels(scene.geometry, camera)
        useful = [self._useful[index] for index in views.indices]
        pictures = [view.rgb for view in views.views]
        rays = TrainingRays(scene.geometry, views.cameras, pictures, useful)
        loss = BlockLoss(self._losses, self._config.block_size, self._config.limits, previous)
        report = trainer.fit(rays, *how, loss)
        return scene.mapping.fill_padding(trainer.texels()).half(), report

    def _enter(self, scene: GroupScene) -> AtlasTrainer:
        """The trainer of this group; a new group forgets the old one's buffers."""
        if self._group is not scene or self._trainer is None:
            config = self._config
            self._group, self._useful = scene, {}
            self._trainer = AtlasTrainer(
                scene.geometry, self._shading.feature_count, config.step, config.limits
            )
        return self._trainer


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """A frame's own occupancy, within its group's union, and that of the frame before."""

    occupancy: OccupancyGrid
    before: OccupancyGrid


@dataclass(frozen=True, slots=True, eq=False)
class FrameStart:
    """Where a later frame begins.

    Attributes:
        frame_index: the frame to be trained.
        texels: values of the frame before, (texel_count, channels).
        is_group_start: whether its group begins with it.
        motion: its own occupancy and that of the frame before, if they are known.
    """

    frame_index: int
    texels: Tensor
    is_group_start: bool
    motion: "Motion | None" = None


def fresh_texels(
    mapping: MappingTable, config: OptimizeConfig, feature_count: int, seed: int
) -> Tensor:
    """Texels without history: thin density, small random features (they break the symmetry)."""
    generator = torch.Generator().manual_seed(seed)
    texels = torch.randn(mapping.texel_count, 1 + feature_count, generator=generator) * 0.01
    texels[:, 0] = config.initial_density
    return texels


def adapt_density(
    texels: Tensor,
    mapping: MappingTable,
    motion: "Motion | None",
    config: OptimizeConfig,
) -> Tensor:
    """Texels of the frame before, made ready for where this frame's matter can be.

    Vertices outside the frame's own occupancy start empty. Those that have just entered it start
    no emptier than ``lifted_density``, because a vertex as empty as can be takes too many steps to
    fill. All others keep their value, which is what costs an encoder nothing.
    """
    if motion is None:
        return texels
    inside, before = (_at(mapping, bits) for bits in (motion.occupancy, motion.before))
    rows = torch.from_numpy(mapping.texels).long()
    density = texels[rows, 0]
    lifted = torch.where(inside & ~before, density.clamp_min(config.lifted_density), density)
    adapted = texels.clone()
    adapted[rows, 0] = torch.where(inside, lifted, config.limits.empty_density)
    return adapted


def _at(mapping: MappingTable, occupancy: OccupancyGrid) -> Tensor:
    """Occupancy bits of the mapped vertices, in Morton order."""
    return torch.from_numpy(occupancy.vertices[tuple(mapping.vertices.T)])


def carry_texels(
    old: tuple[MappingTable, Tensor], mapping: MappingTable, config: OptimizeConfig
) -> Tensor:
    """Values of the old group's texels at the vertices both groups share; the rest starts thin.

    Vertices keep their world position between groups, because all groups use one grid.
    """
    table, values = old
    carried = torch.zeros(mapping.texel_count, values.shape[1])
    carried[:, 0] = config.initial_density
    source = table.texel_of_vertex[tuple(mapping.vertices.T)]
    known = source != UNMAPPED
    carried[torch.from_numpy(mapping.texels[known]).long()] = values.float()[
        torch.from_numpy(source[known]).long()
    ]
    return carried


def _new_network(shape: ShadingShape, seed: int) -> ShadingMlp:
    """A network whose initial weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ShadingMlp(shape)
