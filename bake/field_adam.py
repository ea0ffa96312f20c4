"""Adam over the texels of a field, bounded and rounded for the codec, where the field lies."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import bake.atlas_kernels as kernels
from bake.value_range import ValueRange
from render.field import Field
from render.march import GradientSlabs

# Adam's decays. The second is shorter than usual because a frame trains for few iterations.
_BETAS = (0.9, 0.99)


@dataclass(frozen=True, slots=True)
class Rates:
    """Adam's learning rates at the start, and the factor that they have shrunk by at the end."""

    density: float = 0.3
    feature: float = 0.05
    network: float = 5e-3
    final_factor: float = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Updated:
    """What an update works on: flat tensors of one length, and slabs (slabs, length).

    ``master`` and the two moments are changed in place, ``seen`` becomes what the codec will see
    of the master, and ``slabs`` are cleared. The gradient is ``extra`` plus the slabs in order.
    """

    master: Tensor
    seen: Tensor
    first: Tensor
    second: Tensor
    slabs: Tensor
    extra: Tensor


class FieldAdam:
    """Adam over density and features; fresh moments, so that a frame depends on its start only."""

    def __init__(self, master: Field, limits: ValueRange) -> None:
        self._master, self._limits = master, limits
        values = [part.view(-1) for part in _parts(master)]
        self._moments = [(torch.zeros_like(v), torch.zeros_like(v)) for v in values]
        # The extra gradient where no loss looks at the atlas.
        self._nothing = [torch.zeros_like(v) for v in values]
        self._count = 0

    def update(
        self, seen: Field, slabs: GradientSlabs, extra: Field | None, rates: tuple[Rates, float]
    ) -> None:
        """One step; the empty texel is put back afterwards."""
        self._count += 1
        rate, factor = rates
        bounds = (self._limits.density, self._limits.feature)
        for part, base in enumerate((rate.density, rate.feature)):
            slab = _parts(slabs)[part]
            own = Updated(
                _parts(self._master)[part].view(-1),
                _parts(seen)[part].view(-1),
                *self._moments[part],
                slab.view(len(slab), -1),
                self._nothing[part] if extra is None else _parts(extra)[part].view(-1),
            )
            update = update_compiled if slab.device.type == "cpu" else update_on_device
            update(own, self._step(base * factor, bounds[part]))
        for field in (self._master, seen):
            field.density[-1] = self._limits.empty_density
            field.features[-1] = 0

    def _step(self, rate: float, bound: float) -> kernels.AdamStep:
        beta1, beta2 = _BETAS
        corrections = (1 / (1 - beta1**self._count), 1 / (1 - beta2**self._count))
        rounding = 2 * bound / self._limits.levels if self._limits.levels else 0.0
        numbers = (rate, beta1, beta2, *corrections, -bound, bound, rounding)
        return kernels.AdamStep(*(np.float32(number) for number in numbers))


def update_compiled(own: Updated, step: kernels.AdamStep) -> None:
    """One step on the processor."""
    kernels.adam_update(
        own.master.numpy(),
        own.seen.numpy(),
        kernels.Moments(own.first.numpy(), own.second.numpy()),
        own.slabs.numpy(),
        own.extra.numpy(),
        step,
    )


def update_on_device(own: Updated, step: kernels.AdamStep) -> None:
    """One step on a CUDA device, by the same arithmetic; its kernel is loaded when first used."""
    from bake.adam_cuda import update

    update((own.master, own.seen, own.first, own.second), own.slabs, own.extra, step)


def update_plainly(own: Updated, step: kernels.AdamStep) -> None:
    """The plain twin, in torch operations on any device."""
    gradient = own.slabs.sum(0) + own.extra
    own.slabs.zero_()
    one = np.float32(1)
    own.first.mul_(float(step.beta1)).add_(gradient, alpha=float(one - step.beta1))
    own.second.mul_(float(step.beta2)).addcmul_(gradient, gradient, value=float(one - step.beta2))
    scale = (own.second * float(step.correction2)).sqrt_().add_(1e-10)
    own.master.addcdiv_(own.first, scale, value=-float(step.rate * step.correction1))
    own.master.clamp_(float(step.low), float(step.high))
    own.seen.copy_(own.master)
    if step.rounding > 0:
        codes = own.seen.sub_(float(step.low)).div_(float(step.rounding)).add_(0.5).floor_()
        codes.mul_(float(step.rounding)).add_(float(step.low))


def _parts(pair: Field | GradientSlabs) -> tuple[Tensor, Tensor]:
    """Density and features, which are updated alike."""
    return pair.density, pair.features
