"""All stages in order, each resumable from what it stored.

capture -> occupancy per frame -> groups -> mapping table -> atlases -> baked sequence
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

import bake.limits as bounds
from bake.artifacts import ArtifactStore, damage_named, digest_arrays, make_key
from bake.capture import Capture, CaptureOptions
from bake.coarse import CoarseConfig, FrameViews, find_occupancy, read_training_views
from bake.codec_loop import LoopConfig
from bake.encode_config import EncodeConfig
from bake.grid import choose_grid
from bake.grouping import GroupingConfig, GroupPlan, plan_groups
from bake.losses import LossConfig
from bake.optimize import (
    FrameResult,
    FrameStart,
    GroupScene,
    Motion,
    SequenceOptimizer,
    build_group,
    carry_texels,
)
from bake.optimize_config import OptimizeConfig, ShadingConfig
from bake.progress import Progress
from bake.scene_folder import SCENE_FILE
from bake.sequence import BakedSequence, FieldSettings, Rig, Span, save_sequence
from bake.sequence_record import without_paths
from bake.trainer import FitReport
from bake.watching.preview import preview
from bake.watching.scene_lock import only_bake
from hwcodec.records import finite_number, whole_number
from render.devices import ON_CPU, DeviceChoice
from render.mapping import MappingTable
from render.occupancy import OccupancyGrid, VoxelGrid
from render.occupancy_codec import decode_occupancy, encode_occupancy
from render.shading import ShadingMlp, weights_from_bytes, weights_to_bytes


@dataclass(frozen=True, slots=True)
class BakeConfig:
    """Everything that decides a bake's result, one dataclass per stage.

    ``resolution`` is the cube root of the voxel count; for 0 the edge of a voxel spans
    ``voxel_pixels`` pixels of the training views. ``encode`` is what `encode-atlas` does unless it
    is told otherwise.

    Raises:
        ValueError: if resolution, voxel size or seed is out of range.
    """

    capture: CaptureOptions = field(default_factory=CaptureOptions)
    resolution: int = 0
    voxel_pixels: float = 1.4
    coarse: CoarseConfig = field(default_factory=CoarseConfig)
    grouping: GroupingConfig = field(default_factory=GroupingConfig)
    optimize: OptimizeConfig = field(default_factory=OptimizeConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    shading: ShadingConfig = field(default_factory=ShadingConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    encode: EncodeConfig = field(default_factory=EncodeConfig)
    seed: int = 0

    def __post_init__(self) -> None:
        """Check what no stage checks for itself."""
        if self.resolution != 0:
            whole_number("resolution, if not 0,", self.resolution, 2, bounds.MOST_RESOLUTION)
        finite_number(
            "voxel_pixels", self.voxel_pixels, bounds.SMALLEST_VOXEL, bounds.LARGEST_VOXEL
        )
        whole_number("seed", self.seed, 0, bounds.MOST_SEED)


@dataclass(frozen=True, slots=True, eq=False)
class _Atlas:
    """The latest trained frame: its key, mapping, stored texels, own occupancy and pictures."""

    key: str
    plan: GroupPlan
    mapping: MappingTable
    texels: Tensor
    occupancy: OccupancyGrid
    views: FrameViews


class Bake:
    """One bake in progress: the capture, the settings, the store they are kept in, the device."""

    def __init__(
        self,
        capture: Capture,
        config: BakeConfig,
        store: ArtifactStore,
        progress: Progress,
        device: DeviceChoice = ON_CPU,
    ) -> None:
        self._capture, self._config, self._device = capture, config, device
        self._store, self._progress = store, progress
        self._grid: VoxelGrid = choose_grid(capture, config.resolution, config.voxel_pixels)
        self._digests: dict[int, bytes] = {}

    def run(self) -> BakedSequence:
        """Run every stage, taking over whatever an earlier run has stored.

        Raises:
            CaptureError: if pictures cannot be used.
            CapacityError: if a frame does not fit the atlas.
            ArtifactError: if results cannot be stored.
        """
        # Until the bake is complete again, the folder must not look finished.
        self._store.remove(SCENE_FILE)
        plans = plan_groups(self._occupancies(), self._config.grouping)
        sequence = self._describe(plans, *self._train(plans))
        save_sequence(sequence)
        self._store.discard_unused()
        return sequence

    def _occupancies(self) -> Iterator[OccupancyGrid]:
        """Stage 1 for every frame, one at a time: of a long sequence only unions are kept."""
        self._progress.start("occupancy", self._capture.frame_count)
        for index in range(self._capture.frame_count):
            found, is_resumed = self._occupancy(index, self._read(index))
            figures = {} if is_resumed else {"vertices": found.count}
            text = f"frame {index}: {found.count} vertices"
            self._progress.advance(text, is_resumed=is_resumed, **figures)
            yield found

    def _occupancy(self, index: int, views: FrameViews) -> tuple[OccupancyGrid, bool]:
        """A frame's occupancy, and whether an earlier run has stored it."""
        config = self._config
        key = make_key("occupancy", self._digests[index], self._grid, config.coarse, config.seed)
        name = f"occupancy/frame{index:05d}"
        stored = self._store.read(name, key)
        if stored is not None:
            with damage_named(f"{name}-{key}.bin"):
                return OccupancyGrid(self._grid, decode_occupancy(stored, self._grid.shape)), True
        seed = config.seed * 1_000_003 + index
        background, device = self._capture.background, self._device.device
        occupancy = find_occupancy(self._grid, views, config.coarse, background, seed, device)
        self._store.write(name, key, encode_occupancy(occupancy.vertices))
        return occupancy, False

    def _train(self, plans: tuple[GroupPlan, ...]) -> tuple[list[str], str]:
        """Stages 3 and 4; the atlas file of every frame, and the network's."""
        self._progress.start("atlas", self._capture.frame_count)
        optimizer = SequenceOptimizer(
            (self._config.optimize, self._config.losses, self._config.shading),
            self._capture.background,
            self._config.seed,
            self._device.device,
            self._config.loop,
        )
        files: list[str] = []
        network: tuple[ShadingMlp, str] | None = None
        last: _Atlas | None = None
        for plan in plans:
            config = self._config.optimize
            scene = build_group(plan.occupancy, config.block_size, config.order)
            for index in plan.frames:
                last, network = self._frame(optimizer, (plan, scene), index, (last, network))
                files.append(self._store.relative(f"atlas/frame{index:05d}", last.key, "npy"))
        if network is None:
            raise AssertionError("a capture has at least one frame")
        return files, network[1]

    def _frame(
        self,
        optimizer: SequenceOptimizer,
        group: tuple[GroupPlan, GroupScene],
        index: int,
        before: tuple[_Atlas | None, tuple[ShadingMlp, str] | None],
    ) -> tuple[_Atlas, tuple[ShadingMlp, str]]:
        """One frame's atlas, from the store or by training."""
        (plan, scene), (last, network) = group, before
        views = self._read(index)
        occupancy, _ = self._occupancy(index, views)
        key = self._atlas_key(plan, (index, occupancy), last)
        name = f"atlas/frame{index:05d}"
        stored = self._store.read_array(name, key)
        weights = self._store.read("shading/network", key) if last is None else b""
        fit: FitReport | None = None
        if stored is not None and weights is not None:
            texels = torch.from_numpy(stored)
            if last is None:
                with damage_named(f"shading/network-{key}.bin"):
                    read = weights_from_bytes(weights, self._config.shading.shape)
                network = (read, self._store.relative("shading/network", key, "bin"))
        else:
            result = self._train_frame(optimizer, scene, (index, views, occupancy), before)
            texels, fit = result.texels, result.report
            if last is None:
                network = (result.network, self._store.relative("shading/network", key, "bin"))
                self._store.write("shading/network", key, weights_to_bytes(result.network))
            self._store.write_array(name, key, texels.numpy())
        if network is None:
            raise AssertionError("the first frame always brings the network")
        optimizer.follow(scene, texels)
        self._report((index, plan.first_frame), (scene, texels, network[0]), fit)
        return _Atlas(key, plan, scene.mapping, texels, occupancy, views), network

    def _report(
        self,
        where: tuple[int, int],
        frame: tuple[GroupScene, Tensor, ShadingMlp],
        fit: FitReport | None,
    ) -> None:
        """Tell of a frame and its group's first; without a fit an earlier run has trained it."""
        index, first = where
        place = f"frame {index} (group at {first})"
        if fit is None:
            self._progress.advance(f"{place}: resumed", is_resumed=True)
            return
        view = partial(preview, self._capture, index, frame, self._config.optimize)
        self._progress.show("view", view)
        text = f"{place}: {fit.psnr:.2f} dB on training rays"
        self._progress.advance(text, psnr=fit.psnr, estimated_bytes=fit.bits / 8)

    def _train_frame(
        self,
        optimizer: SequenceOptimizer,
        scene: GroupScene,
        frame: tuple[int, FrameViews, OccupancyGrid],
        before: tuple[_Atlas | None, tuple[ShadingMlp, str] | None],
    ) -> FrameResult:
        (index, views, occupancy), (last, network) = frame, before
        if last is None or network is None:
            return optimizer.first(scene, views, occupancy)
        is_group_start = index not in last.plan.frames
        texels = last.texels.float()
        if is_group_start:
            texels = carry_texels((last.mapping, texels), scene.mapping, self._config.optimize)
        motion = Motion(occupancy, last.occupancy)
        start = FrameStart(index, texels, is_group_start, motion, last.views)
        return optimizer.next(scene, views, start, network[0])

    def _atlas_key(
        self, plan: GroupPlan, frame: tuple[int, OccupancyGrid], last: _Atlas | None
    ) -> str:
        config, (index, occupancy) = self._config, frame
        return make_key(
            "atlas",
            last.key if last else "",
            digest_arrays([plan.occupancy.vertices, occupancy.vertices]),
            self._digests[index],
            (self._grid, config.optimize, config.losses, config.shading, config.loop, config.seed),
            index in plan.frames and index == plan.first_frame,
        )

    def _read(self, index: int) -> FrameViews:
        """Training views of a frame; their digest goes into every key made from them."""
        views = read_training_views(self._capture, index)
        self._digests[index] = views.digest(self._capture.background)
        return views

    def _describe(
        self, plans: tuple[GroupPlan, ...], files: list[str], network_file: str
    ) -> BakedSequence:
        """Store the groups' occupancies and put everything together."""
        capture, config = self._capture, self._config
        return BakedSequence(
            root=self._store.root,
            grid=self._grid,
            groups=tuple(self._store_group(plan) for plan in plans),
            atlas_files=tuple(files),
            shading=config.shading.shape,
            network_file=network_file,
            settings=FieldSettings(
                config.optimize.block_size,
                config.optimize.step,
                config.optimize.density_range,
                config.optimize.feature_range,
                capture.background,
                config.optimize.order,
            ),
            rig=Rig(capture.cameras, capture.split.train, capture.split.test),
            frame_rate=capture.frame_rate,
            provenance={
                "capture": capture.name,
                "frame_indices": list(capture.frame_indices),
                "device": asdict(self._device),
                "config": without_paths(asdict(config)),
            },
        )

    def _store_group(self, plan: GroupPlan) -> Span:
        data = encode_occupancy(plan.occupancy.vertices)
        name, key = f"occupancy/group{plan.first_frame:05d}", make_key("group", data)
        self._store.write(name, key, data)
        return Span(plan.first_frame, plan.frame_count, self._store.relative(name, key, "bin"))


def bake(
    capture: Capture,
    config: BakeConfig,
    out: Path,
    progress: Progress,
    device: DeviceChoice = ON_CPU,
) -> BakedSequence:
    """Bake a capture into ``out``; run again with the same arguments to resume a stopped bake.

    The device is no part of the result's identity: what one has stored, another takes over. On the
    processor a resumed bake ends with the bytes of an uninterrupted one; on a CUDA device no two
    runs have the same bytes, because gradients are added in no fixed order.

    Raises:
        FolderError: if the folder holds something else, or another bake is at work in it.
        BakeError: as `Bake.run` does.
    """
    store = ArtifactStore(out)
    with only_bake(out):
        return Bake(capture, config, store, progress, device).run()
