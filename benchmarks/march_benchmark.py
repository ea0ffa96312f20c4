"""The compiled march against its plain torch twin, forward and backward, in one run.

Both march the same rays through the same decoded field and propagate the same gradients; the twin
gathers only samples in active cells, as one would write it in torch.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from render.cameras import Rays, pixel_rays
from render.errors import SceneError
from render.field import Field
from render.march import MarchResult, march, march_reference
from render.scene import BakedScene

March = Callable[[Field, Rays], MarchResult]


@dataclass(frozen=True, slots=True)
class MarchPlan:
    """What is measured: rays that hit the scene in one view, per call, and how often."""

    ray_count: int = 4096
    repeats: int = 5
    view: int = 0


@dataclass(frozen=True, slots=True)
class MarchReport:
    """Seconds per forward and backward pass, one per repeat, measured in turns."""

    ray_count: int
    compiled_s: tuple[float, ...]
    reference_s: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """How many times faster the compiled march is: the median of the turns' ratios."""
        pairs = zip(self.reference_s, self.compiled_s, strict=True)
        return median(slow / fast for slow, fast in pairs)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for a result file."""
        return {
            "ray_count": self.ray_count,
            "compiled_s": list(self.compiled_s),
            "reference_s": list(self.reference_s),
            "ratio": self.ratio,
            "compiled_rays_per_s": self.ray_count / median(self.compiled_s),
            "reference_rays_per_s": self.ray_count / median(self.reference_s),
        }


def run_march_benchmark(scene: BakedScene, plan: MarchPlan) -> MarchReport:
    """Measure both marches on the first frame of a package, after one warm-up of each."""
    field = scene.field(scene.atlas(0))
    rays = _hitting_rays(field, scene, plan)
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(field.features.shape[1], generator=generator)
    compiled: list[float] = []
    reference: list[float] = []
    for _ in range(plan.repeats + 1):
        compiled.append(_seconds(march, field, rays, weights))
        reference.append(_seconds(march_reference, field, rays, weights))
    return MarchReport(len(rays), tuple(compiled[1:]), tuple(reference[1:]))


def _hitting_rays(field: Field, scene: BakedScene, plan: MarchPlan) -> Rays:
    """Random pixels of one view that show the scene."""
    camera = scene.cameras[plan.view % len(scene.cameras)]
    rays = pixel_rays(camera)
    hits = torch.nonzero(march(field, rays).transmittance < 1).flatten()
    if not len(hits):
        raise SceneError(
            f"view {plan.view} shows nothing of the first frame, expected something to march "
            "through; choose another view"
        )
    generator = torch.Generator().manual_seed(0)
    chosen = hits[torch.randint(len(hits), (plan.ray_count,), generator=generator)]
    return Rays(rays.origins[chosen], rays.directions[chosen])


def _seconds(function: March, field: Field, rays: Rays, weights: Tensor) -> float:
    """One forward and backward pass."""
    leaves = (
        field.density.detach().requires_grad_(),
        field.features.detach().requires_grad_(),
    )
    trained = Field(field.geometry, *leaves, field.step)
    began = time.perf_counter()
    result = function(trained, rays)
    ((result.features * weights).sum() + result.transmittance.sum()).backward()
    return time.perf_counter() - began
