"""Whether the march, drawing and training are right on a device, and how fast.

The march on the processor is the truth.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bake.block_loss import BlockLoss
from bake.field_adam import Rates
from bake.losses import LossConfig
from bake.rays import TrainingRays, useful_pixels
from bake.trainer import AtlasTrainer, FitReport, Schedule, Shading
from bake.value_range import ValueRange
from benchmarks.gpu_parts import Outcome, Part
from benchmarks.gpu_stand import BLOCK_SIDE, STEP, Stand, moved, package_stand, stand_in
from benchmarks.march_traffic import view_traffic
from benchmarks.playback_benchmark import PlaybackPlan, run_playback_benchmark
from benchmarks.stopwatch import Rate, Repeats, Stage, measure
from benchmarks.yardsticks import finished
from hwcodec import BackendUnavailable
from render.cameras import Camera, Rays, pixel_rays
from render.devices import cuda_absence
from render.field import Field
from render.fragment import ShadedImage, render_view
from render.march import march_backward, march_forward, texel_weights, zero_gradients
from render.playback import FrameRenderer
from render.scene import BakedScene, open_scene
from render.shading import ShadingMlp, ShadingShape
from render.video import to_bytes

# Draws one view of a field that lies on the device, without waiting for it.
Draw = Callable[[Field, Camera], ShadedImage]

SIZES = {"256x256": (256, 256), "1080p": (1920, 1080)}
MEAN_DIFFERENCE, VISIBLE, VISIBLE_SHARE = 1e-4, 1 / 255, 1e-4
PAPER_NETWORK = ShadingShape(12, 128, 3, 4)
_PAPER_RESOLUTION = 250
_COPIED_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What is trained: steps to warm up and to time, rays per step, picture size, and the network.

    ``iterations`` are those of one later frame, to which the measured step is extrapolated. The
    defaults are the sizes of the paper preset.
    """

    warm_steps: int = 20
    steps: int = 100
    rays: int = 10192
    picture: int = 256
    iterations: int = 4000
    network: ShadingShape = PAPER_NETWORK


def device_draw(stand: Stand, device: str) -> Draw:
    """The drawing kernel with a stand's appearance."""
    from render.draw_cuda import draw_view, light_on

    shape, light = stand.appearance.mlp.shape, light_on(stand.appearance, device)

    def draw(field: Field, camera: Camera) -> ShadedImage:
        return draw_view(field, light, shape, camera)

    return draw


def march_parts(device: str, package: Path | None, repeats: Repeats) -> tuple[Part, ...]:
    """All parts that march; each fails with the reason where kernels cannot be compiled."""

    @cache
    def stand() -> Stand:
        if absence := cuda_absence():
            raise BackendUnavailable(f"nothing can be marched on {device}: {absence}")
        return stand_in() if package is None else package_stand(open_scene(package))

    def drawing(check: Callable[[Stand, str, Draw], Outcome]) -> Outcome:
        return check(stand(), device, device_draw(stand(), device))

    def training() -> Outcome:
        stand()
        shape = PAPER_NETWORK
        return check_training(
            stand_in(_PAPER_RESOLUTION, shape.feature_count, shape.width), device, TrainingPlan()
        )

    def playback(path: Path) -> Outcome:
        stand()
        from render.cuda_renderer import CudaMarch

        scene = open_scene(path)
        return check_playback(scene, CudaMarch(scene, device=device), PlaybackPlan(repeats))

    played = () if package is None else (Part("playback", partial(playback, package)),)
    return (
        *played,
        Part("march", lambda: check_march(stand(), device)),
        Part("drawing", lambda: drawing(check_drawing)),
        Part("drawing speed", lambda: drawing(partial(check_drawing_speed, repeats=repeats))),
        Part("training", training),
    )


def check_march(stand: Stand, device: str, ray_count: int = 20000) -> Outcome:
    """Forward, backward and weights on the device against the processor, for random rays."""
    generator = torch.Generator().manual_seed(1)
    rays = _random_rays(stand, ray_count, generator)
    channels = stand.field.features.shape[1]
    given = (
        torch.randn(ray_count, channels, generator=generator),
        torch.randn(ray_count, generator=generator),
    )
    expected = _everything(stand.field, rays, given)
    there = tuple(tensor.to(device) for tensor in given)
    found = _everything(moved(stand.field, device), rays.to(device), (there[0], there[1]))
    data = {name: _difference(found[name], expected[name]) for name in expected}
    # Relative to the mean of what is compared, as gradients have no scale of their own.
    wrong = [name for name, of in data.items() if not of["mean_of_scale"] < MEAN_DIFFERENCE]
    said = ", ".join(f"{name} {of['mean_of_scale']:.1e}" for name, of in data.items())
    return Outcome(not wrong, f"mean differences over the mean: {said}", data)


def check_drawing(stand: Stand, device: str, draw: Draw) -> Outcome:
    """One small view on the device, from halved features, against the processor's."""
    camera = stand.camera(SIZES["256x256"])
    expected = render_view(stand.field, stand.appearance, camera).rgb
    found = draw(moved(stand.field, device, is_halved=device != "cpu"), camera).rgb.cpu()
    difference = (found - expected).abs()
    share = float((difference.amax(-1) > VISIBLE).float().mean())
    mean = float(difference.mean())
    return Outcome(
        is_ok=mean < MEAN_DIFFERENCE and share <= VISIBLE_SHARE,
        said=f"mean difference {mean:.1e}, {share:.4%} of pixels differ by more than 1/255",
        data={"mean": mean, "largest": float(difference.max()), "visible_share": share},
    )


def check_drawing_speed(
    stand: Stand,
    device: str,
    draw: Draw,
    repeats: Repeats,
    sizes: Mapping[str, tuple[int, int]] = SIZES,
) -> Outcome:
    """Views per second by size, and each one's time over that of its memory-traffic floor."""
    there = moved(stand.field, device, is_halved=device != "cpu")
    cameras = {name: stand.camera(size) for name, size in sizes.items()}

    def stage(name: str, camera: Camera) -> Stage:
        def work(loops: int) -> int:
            for _ in range(loops):
                draw(there, camera)
            return finished(loops, device)

        return Stage(name, work)

    rates = measure([stage(name, camera) for name, camera in cameras.items()], repeats)
    bandwidth = _copy_bandwidth(device, repeats)
    rows = {name: _row(stand.field, c, rates[name], bandwidth) for name, c in cameras.items()}
    said = ", ".join(
        f"{name}: {row['fps']:.0f} fps, {row['times_floor']:.1f} x floor"
        for name, row in rows.items()
    )
    return Outcome(is_ok=True, said=said, data={"copied_bytes_per_s": bandwidth, **rows})


def check_playback(scene: BakedScene, renderer: FrameRenderer, plan: PlaybackPlan) -> Outcome:
    """Decoding and drawing at once, over the slower of the two alone."""
    report = run_playback_benchmark(scene, renderer, plan)
    rates = ", ".join(f"{name} {rate.fps:.0f}" for name, rate in report.rates.items())
    said = f"fps: {rates}; pipelined over the slower {report.ratio:.2f}"
    return Outcome(is_ok=True, said=said, data=report.to_json())


def check_training(stand: Stand, device: str, plan: TrainingPlan) -> Outcome:
    """Time of a training step, and whether the error falls.

    The pictures are views of the stand itself; training begins with thin texels.
    """
    fit = _fitting(stand, device, plan)
    first = fit(plan.warm_steps)
    began = time.perf_counter()
    last = fit(plan.steps)
    step_ms = 1000 * (time.perf_counter() - began) / plan.steps
    data = {
        "step_ms": step_ms,
        "frame_s": step_ms * plan.iterations / 1000,
        "texels": stand.field.geometry.texel_count,
        "first_error": first.error,
        "last_error": last.error,
        "plan": asdict(plan),
    }
    said = (
        f"{step_ms:.2f} ms per step of {plan.rays} rays, {data['frame_s']:.1f} s for a frame of "
        f"{plan.iterations} steps; error {first.error:.4f} -> {last.error:.4f}"
    )
    return Outcome(is_ok=last.error < first.error, said=said, data=data)


def _everything(field: Field, rays: Rays, given: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """All that a march can compute, where the field lies."""
    result, slabs = march_forward(field, rays), zero_gradients(field)
    march_backward(field, rays, result, given, slabs)
    return {
        "features": result.features,
        "transmittance": result.transmittance,
        "distance": result.distance,
        "d_density": slabs.density.sum(0),
        "d_features": slabs.features.sum(0),
        "weights": texel_weights(field, rays)[0],
    }


def _random_rays(stand: Stand, count: int, generator: torch.Generator) -> Rays:
    """Random pixels of all cameras, in grid units."""
    share = -(-count // len(stand.cameras))
    parts = []
    for camera in stand.cameras:
        pixels = torch.randint(camera.width * camera.height, (share,), generator=generator)
        parts.append(pixel_rays(camera, pixels))
    origins, directions = (
        torch.cat([getattr(part, name) for part in parts])[:count]
        for name in ("origins", "directions")
    )
    return stand.field.geometry.to_grid(Rays(origins, directions))


def _difference(found: Tensor, expected: Tensor) -> dict[str, float]:
    """Mean and largest difference, and the mean over that of the expected magnitudes."""
    difference = (found.cpu() - expected).abs()
    scale = float(expected.abs().mean())
    mean = float(difference.mean())
    largest = float(difference.max())
    return {"mean": mean, "largest": largest, "mean_of_scale": mean / scale if scale else mean}


def _copy_bandwidth(device: str, repeats: Repeats) -> float:
    """Bytes per second, read and written, of a plain copy that no cache holds."""
    source = torch.zeros(_COPIED_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def copy(loops: int) -> int:
        for _ in range(loops):
            target.copy_(source)
        return finished(loops, device)

    return 2 * _COPIED_BYTES * measure([Stage("copy", copy)], repeats)["copy"].fps


def _row(field: Field, camera: Camera, rate: Rate, bandwidth: float) -> dict[str, Any]:
    rays = field.geometry.to_grid(pixel_rays(camera))
    traffic = view_traffic(field, rays)
    seconds = 1 / rate.fps
    return {
        **rate.to_json(),
        **asdict(traffic),
        "times_floor": seconds * bandwidth / traffic.floor_bytes,
        "gathered_bytes_per_s": traffic.gathered_bytes / seconds,
    }


def _fitting(stand: Stand, device: str, plan: TrainingPlan) -> Callable[[int], FitReport]:
    """Training on a device as a function of the number of steps; each call goes on with the last.

    A fit ends by reading its error, so the device has done the work when it returns.
    """
    geometry, limits = stand.field.geometry, ValueRange()
    cameras = [camera.scaled(plan.picture / camera.width) for camera in stand.cameras]
    views = [render_view(stand.field, stand.appearance, camera).rgb for camera in cameras]
    useful = [useful_pixels(geometry, camera, device) for camera in cameras]
    rays = TrainingRays(geometry, cameras, [to_bytes(view) for view in views], useful)
    trainer = AtlasTrainer(geometry, plan.network.feature_count, STEP, limits, device)
    generator = torch.Generator().manual_seed(0)
    channels = 1 + plan.network.feature_count
    start = 0.01 * torch.randn(geometry.texel_count, channels, generator=generator)
    start[:, 0] = -3
    trainer.load(start.to(device))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = ShadingMlp(plan.network).to(device)
    optimizer = torch.optim.Adam(network.parameters(), betas=(0.9, 0.99))
    shading = Shading(network, torch.ones(3, device=device), optimizer)
    losses = LossConfig(spatial=1e-4, temporal=1e-4)
    loss = BlockLoss(losses, BLOCK_SIDE, limits, moved(trainer.field, device))

    def fit(steps: int) -> FitReport:
        return trainer.fit(rays, shading, Schedule(steps, plan.rays, Rates(), steps), loss)

    return fit
