"""Stage 4: feature atlases, frame after frame.

frame 0        atlas and shading network together, at lower resolutions first; then the network is
               rounded and frozen
frame t        starts from frame t - 1, regularized toward it
group change   features carried over by grid vertex, then trained as the first of a group
"""

from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bake.block_loss import BlockLoss
from bake.coarse import FrameViews
from bake.coarse_to_fine import halve, occupancy_of, refine
from bake.codec_loop import CodecLoop, Correction, LoopConfig, chain_of
from bake.field_adam import Rates
from bake.losses import LossConfig
from bake.optimize_config import OptimizeConfig, ShadingConfig
from bake.rays import TrainingRays, useful_pixels
from bake.scene_flow import estimate_flow, move_texels
from bake.trainer import AtlasTrainer, FitReport, Schedule, Shading
from render.field import Field, FieldGeometry, build_geometry, make_field
from render.mapping import UNMAPPED, MappingTable, VertexOrder, build_mapping
from render.occupancy import OccupancyGrid
from render.shading import ShadingMlp, ShadingShape, round_weights

# Random streams of coarser starts lie before this one, where those of no frame are.
_LAST_STREAM = 1_000_003
# What rates have shrunk to at the end of such a start. They begin anew afterwards.
_COARSE_FACTOR = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class GroupScene:
    """What all frames of a group share: mapping table and march geometry."""

    mapping: MappingTable
    geometry: FieldGeometry

    def field(self, texels: Tensor, config: OptimizeConfig) -> Field:
        """The field of texel values (texel_count, channels)."""
        empty = config.limits.empty_density
        return make_field(self.geometry, texels, empty_density=empty, step=config.step)


def build_group(
    occupancy: OccupancyGrid, block_size: int, order: VertexOrder = VertexOrder.MORTON
) -> GroupScene:
    """Mapping table and geometry of a group's union occupancy."""
    mapping = build_mapping(occupancy, block_size, order)
    return GroupScene(mapping, build_geometry(occupancy.grid, mapping))


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """A trained frame: float16 texels (texel_count, channels), the network, and how it went."""

    texels: Tensor
    network: ShadingMlp
    report: FitReport


class SequenceOptimizer:
    """Trains frames in order; holds the current group's trainer, codec and useful pixels per view.

    Everything runs on ``device``; results come back to the processor.
    """

    def __init__(
        self,
        configs: tuple[OptimizeConfig, LossConfig, ShadingConfig],
        background: tuple[float, ...],
        seed: int,
        device: str = "cpu",
        loop: LoopConfig | None = None,
    ) -> None:
        self._config, self._losses, self._shading = configs
        self._loop = loop or LoopConfig()
        self._background = torch.tensor(background, dtype=torch.float32, device=device)
        self._seed, self._device = seed, device
        self._group: GroupScene | None = None
        self._trainer: AtlasTrainer | None = None
        self._useful: dict[int, Tensor] = {}
        self._codec: CodecLoop | None = None
        # Frames of the group that the codec has not gone through yet: a resumed bake may never ask.
        self._followed: list[Tensor] = []

    def first(
        self, scene: GroupScene, views: FrameViews, occupancy: OccupancyGrid | None = None
    ) -> FrameResult:
        """The first frame of the sequence, and the network that all frames will share.

        ``occupancy`` is the frame's own, within the group's union; see `adapt_density`.
        """
        network = _new_network(self._shading.shape, self._seed).to(self._device)
        optimizer = torch.optim.Adam(network.parameters(), betas=(0.9, 0.99))
        shading = Shading(network, self._background, optimizer)
        halvings = self._config.halvings
        start = self._start(scene, views, shading, halvings)
        motion = None if occupancy is None else Motion(occupancy, occupancy)
        start = adapt_density(start, scene.mapping, motion, self._config)
        left = self._config.first_iterations - halvings * self._config.coarse_iterations
        how = shading, self._schedule(left, 0)
        result = self._fit(scene, views, (start, None, self._correction(scene)), how)
        return FrameResult(result[0], round_weights(network), result[1])

    def _start(
        self, scene: GroupScene, views: FrameViews, shading: Shading, halvings: int
    ) -> Tensor:
        """Texels to begin the first frame with: fresh, or from a field of half the resolution.

        That one begins in the same way, until so many times the resolution was halved.
        """
        config, count = self._config, self._config.coarse_iterations
        if not count or not halvings:
            feature_count = self._shading.feature_count
            return fresh_texels(scene.mapping, config, feature_count, self._seed)
        occupancy = halve(occupancy_of(scene.mapping, scene.geometry.grid))
        coarse = build_group(occupancy, config.block_size, config.order)
        start = self._start(coarse, views, shading, halvings - 1)
        schedule = self._schedule(count, _LAST_STREAM - halvings)
        schedule = replace(schedule, rates=replace(schedule.rates, final_factor=_COARSE_FACTOR))
        texels, _ = self._fit(coarse, views, (start, None, None), (shading, schedule))
        return refine(texels.float(), coarse.mapping, scene.mapping)

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
        before = scene.field(start.texels.to(self._device), self._config)
        correction = self._correction(scene)
        previous = None if is_new else before
        if correction is not None and correction.loop.shown is not None:
            # What a player will have when this frame's change is added to it.
            previous = scene.field(correction.loop.shown.to(self._device), self._config)
        shading = Shading(deepcopy(network).to(self._device), self._background)
        schedule = self._schedule(iterations, start.frame_index)
        moved = start.texels
        if start.views is not None and self._config.flow_spacing:
            flow = estimate_flow(before, start.views, views, self._config.flow_spacing)
            moved = move_texels(moved, scene.mapping, flow)
        begin = adapt_density(moved, scene.mapping, start.motion, self._config)
        texels, report = self._fit(scene, views, (begin, previous, correction), (shading, schedule))
        return FrameResult(texels, network, report)

    def follow(self, scene: GroupScene, texels: Tensor) -> None:
        """Take note of what the latest frame became, trained or taken over from an earlier run."""
        self._begin(scene)
        if self._codec is not None:
            self._followed.append(texels)

    def _correction(self, scene: GroupScene) -> Correction | None:
        """What the codec in the loop does to the frame that comes next, if there is one."""
        self._begin(scene)
        if self._codec is None:
            return None
        for texels in self._followed:
            self._codec.follow(texels)
        self._followed.clear()
        return Correction(self._codec, self._loop)

    def _schedule(self, iterations: int, frame_index: int) -> Schedule:
        config = self._config
        is_first = frame_index == 0 or frame_index >= _LAST_STREAM - config.halvings
        factor = 1.0 if is_first else config.later_factor
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
        start: tuple[Tensor, Field | None, Correction | None],
        how: tuple[Shading, Schedule],
    ) -> tuple[Tensor, FitReport]:
        """Train one frame; the result is rounded to what a stored atlas holds."""
        trainer = self._enter(scene)
        texels, previous, correction = start
        trainer.load(texels)
        for index, camera in zip(views.indices, views.cameras, strict=True):
            if index not in self._useful:  # Found once per view and group.
                self._useful[index] = useful_pixels(scene.geometry, camera, self._device)
        useful = [self._useful[index] for index in views.indices]
        pictures = [view.rgb for view in views.views]
        rays = TrainingRays(scene.geometry, views.cameras, pictures, useful)
        loss = BlockLoss(self._losses, self._config.block_size, self._config.limits, previous)
        report = trainer.fit(rays, *how, loss, correction)
        return scene.mapping.fill_padding(trainer.texels().cpu()).half(), report

    def _begin(self, scene: GroupScene) -> None:
        """Turn to a group; a new one forgets what the old one had."""
        if self._group is scene:
            return
        self._group, self._trainer, self._useful, self._followed = scene, None, {}, []
        features, chain = self._shading.feature_count, chain_of(self._loop)
        limits = self._config.limits
        self._codec = None if chain is None else CodecLoop(scene.mapping, limits, features, chain)

    def _enter(self, scene: GroupScene) -> AtlasTrainer:
        """The trainer of this group, whose buffers are made when a frame is first trained."""
        self._begin(scene)
        if self._trainer is None:
            config = self._config
            features = self._shading.feature_count
            self._trainer = AtlasTrainer(
                scene.geometry, features, config.step, config.limits, self._device
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
        views: pictures of the frame before, along whose flow to these values move, if known.
    """

    frame_index: int
    texels: Tensor
    is_group_start: bool
    motion: "Motion | None" = None
    views: FrameViews | None = None


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
