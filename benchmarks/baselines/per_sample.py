"""Ablation: the plain recipe with one network call per sample instead of one per ray.

    deferred     color = MLP(sum w_k f_k, direction)
    per sample   color = sum w_k MLP(f_k, direction)

What NeRF and ReRF do, and what VideoRF gave up for speed. Everything else is the plain recipe: the
same atlas, losses, iterations, codec. Trained and rendered in plain torch, hence slow and with
fewer rays per step where that is stated.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bake.config import with_experiment
from bake.losses import photometric, spatial_variation, temporal_difference
from bake.pipeline import BakeConfig
from bake.progress import Progress
from bake.rays import RayBatch
from bake.sequence import BakedSequence, FieldSettings, Rig, Span, open_sequence, save_sequence
from benchmarks.baselines.videorf import PLAIN, VideoRf
from benchmarks.rd.footage import Footage, FootageGroup
from benchmarks.rd.method import Frame
from benchmarks.rd.stream_record import group_occupancy
from benchmarks.rd.training import field_of, fresh_shading
from hwcodec import Package
from render.cameras import Camera, Rays, pixel_rays
from render.field import Field, build_geometry, make_field
from render.march import march_samples
from render.scene import BakedScene
from render.shading import ShadingMlp, round_weights, weights_from_bytes, weights_to_bytes

# Rays per call; every lattice sample of each is in memory at once.
_CHUNK = 1024
_MOST_RAYS = (
    1024  # Per training step, for the same reason; the deferred recipe takes four times that.
)
_BETAS = (0.9, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class SampledFrame:
    """A frame whose samples are shaded one by one."""

    field: Field
    network: ShadingMlp
    background: Tensor

    @torch.no_grad()
    def rgb(self, camera: Camera) -> Tensor:
        """Colors (rows, columns, 3) in [0, 1] of one view."""
        rays = pixel_rays(camera)
        chunks = zip(rays.origins.split(_CHUNK), rays.directions.split(_CHUNK), strict=True)
        colors = [self.shade(Rays(origins, directions)) for origins, directions in chunks]
        return torch.cat(colors).view(camera.height, camera.width, 3)

    def shade(self, rays: Rays) -> Tensor:
        """Colors (rays, 3) of world-space rays, differentiable."""
        samples = march_samples(self.field, rays)
        met = samples.weights > 0
        ray, weights = samples.ray[met], samples.weights[met]
        shaded = self.network(samples.features[met], rays.directions[ray])
        summed = torch.zeros(len(rays), 3).index_add(0, ray, weights[:, None] * shaded)
        return summed + samples.transmittance[:, None] * self.background


@dataclass(frozen=True, slots=True)
class PerSample(VideoRf):
    """The plain recipe, shaded per sample."""

    def fit(self, footage: Footage, rate: object, folder: Path, progress: Progress) -> None:
        """Train frame after frame and leave a scene folder, as a bake does."""
        del rate
        config = with_experiment(footage.config, self.experiment)
        progress.start("atlas, per sample", footage.frame_count)
        network, shading = fresh_shading(footage)
        files: list[str] = []
        before: Tensor | None = None
        for group in footage.groups:
            for index in group.frames:
                is_first = index == group.plan.first_frame
                start = _start(footage, group, index, None if is_first else before)
                previous = None if is_first else before
                job = _Job(footage, group, config, index, index == 0)
                before = _train(job, (start, previous), network, shading.optimizer)
                if index == 0:
                    network = round_weights(network)
                files.append(_write_atlas(folder, index, group, before))
                progress.advance(f"frame {index}")
        (folder / _NETWORK).write_bytes(weights_to_bytes(network))
        save_sequence(_sequence(footage, config, folder, tuple(files)))

    def uncoded(self, footage: Footage, folder: Path) -> Iterator[Frame]:
        """The trained frames before quantization."""
        sequence = open_sequence(folder)
        settings = sequence.settings
        network = weights_from_bytes(sequence.network_bytes(), sequence.shading)
        for span in sequence.groups:
            geometry = build_geometry(sequence.grid, sequence.mapping(span))
            for index in range(span.first_frame, span.first_frame + span.frame_count):
                texels = sequence.texels(index)
                empty = -settings.density_range
                field = make_field(geometry, texels, empty_density=empty, step=settings.step)
                yield SampledFrame(field, network, footage.background)

    def decode(self, package: Package) -> Iterator[Frame]:
        """The decoded frames, shaded per sample."""
        scene = BakedScene(package)
        network, background = scene.appearance.mlp, scene.appearance.background
        for atlas in scene.all_atlases():
            yield SampledFrame(scene.field(atlas), network, background)


_NETWORK = "network.bin"


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    footage: Footage
    group: FootageGroup
    config: BakeConfig
    frame_index: int
    has_new_network: bool


def _start(footage: Footage, group: FootageGroup, index: int, before: Tensor | None) -> Tensor:
    """A later group starts from nothing here, where the bake carries values over."""
    if before is None:
        return footage.fresh_texels(group, index, footage.feature_count)
    return footage.moved_texels(group, before, index)


def _train(
    job: _Job,
    values: tuple[Tensor, Tensor | None],
    network: ShadingMlp,
    network_optimizer: torch.optim.Optimizer | None,
) -> Tensor:
    config, (start, previous) = job.config.optimize, values
    density = start[:, :1].clone().requires_grad_()
    features = start[:, 1:].clone().requires_grad_()
    rates = [{"params": [density], "lr": config.density_rate}]
    rates += [{"params": [features], "lr": config.feature_rate}]
    optimizers: list[torch.optim.Optimizer] = [torch.optim.Adam(rates, betas=_BETAS)]
    if job.has_new_network and network_optimizer is not None:
        optimizers.append(network_optimizer)
    bases = [[group["lr"] for group in one.param_groups] for one in optimizers]
    rays = job.footage.rays(job.group, [job.frame_index])[job.frame_index]
    generator = torch.Generator().manual_seed(job.config.seed * 1_000_003 + job.frame_index)
    iterations = config.first_iterations if job.frame_index == 0 else config.iterations
    for iteration in range(iterations):
        factor = config.final_factor ** (iteration / iterations)
        for one, base in zip(optimizers, bases, strict=True):
            for group, rate in zip(one.param_groups, base, strict=True):
                group["lr"] = rate * factor
            one.zero_grad()
        batch = rays.draw(min(config.rays, _MOST_RAYS), generator)
        texels = torch.cat([density, features], 1)
        loss = _loss(job, network, texels, batch) + _regularization(job, texels, previous)
        loss.backward()
        for one in optimizers:
            one.step()
        with torch.no_grad():
            density.clamp_(-config.density_range, config.density_range)
            features.clamp_(-config.feature_range, config.feature_range)
    return torch.cat([density, features], 1).detach()


def _loss(job: _Job, network: ShadingMlp, texels: Tensor, batch: RayBatch) -> Tensor:
    grid = job.footage.grid
    empty = field_of(job.footage, job.group.scene, texels)
    padding = empty.features.shape[1] + 1 - texels.shape[1]
    field = Field(
        empty.geometry,
        torch.cat([texels[:, 0], empty.density[-1:]]),
        torch.cat([torch.nn.functional.pad(texels[:, 1:], (0, padding)), empty.features[-1:]]),
        empty.step,
    )
    origins = batch.rays.origins * grid.voxel_size + torch.from_numpy(grid.origin).float()
    frame = SampledFrame(field, network, job.footage.background)
    return photometric(frame.shade(Rays(origins, batch.rays.directions)), batch.colors)


def _regularization(job: _Job, texels: Tensor, previous: Tensor | None) -> Tensor:
    side, losses = job.config.optimize.block_size, job.config.losses
    blocks = texels.view(-1, side, side, texels.shape[1])
    total = losses.spatial * spatial_variation(blocks)
    if previous is not None:
        total = total + losses.temporal * temporal_difference(blocks, previous.view(blocks.shape))
    return total


def _write_atlas(folder: Path, index: int, group: FootageGroup, texels: Tensor) -> str:
    name = f"frame{index:05d}.npy"
    np.save(folder / name, group.scene.mapping.fill_padding(texels).half().numpy())
    return name


def _sequence(
    footage: Footage, config: BakeConfig, folder: Path, files: tuple[str, ...]
) -> BakedSequence:
    spans = []
    for number, group in enumerate(footage.groups):
        name = f"occupancy{number:04d}.bin"
        (folder / name).write_bytes(group_occupancy(group))
        spans.append(Span(group.plan.first_frame, group.plan.frame_count, name))
    optimize, capture = config.optimize, footage.capture
    settings: dict[str, Any] = asdict(config)
    settings["capture"]["path"] = Path(config.capture.path).name
    return BakedSequence(
        root=folder,
        grid=footage.grid,
        groups=tuple(spans),
        atlas_files=files,
        shading=config.shading.shape,
        network_file=_NETWORK,
        settings=FieldSettings(
            optimize.block_size,
            optimize.step,
            optimize.density_range,
            optimize.feature_range,
            capture.background,
        ),
        rig=Rig(capture.cameras, capture.split.train, capture.split.test),
        frame_rate=capture.frame_rate,
        provenance={
            "capture": capture.name,
            "frame_indices": list(capture.frame_indices),
            "config": settings,
        },
    )


PER_SAMPLE = PerSample(
    "ablation-per-sample",
    replace(
        PLAIN.provenance,
        reproduced="the plain recipe with one network call per sample, as in NeRF and ReRF",
        simplified=f"at most {_MOST_RAYS} rays per step; groups start from nothing",
        decoder="hardware for the streams; no player shades per sample in real time",
    ),
    "per-sample",
    PLAIN.rates,
    PLAIN.experiment,
)
