"""Training of tri-plane frames at several rates at once: distortion plus multiplier times rate.

Every step draws one rate i. Values are coded against what a decoder would have of the frame before
at that rate, with noise in place of rounding:

    change = values - decoded_i before (a key frame: the values)      symbols = change * a_i + noise
    seen   = values + noise / a_i                            loss = D(seen) + lambda_i R(symbols; i)
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bake.optimize_config import OptimizeConfig
from bake.rays import TrainingRays
from benchmarks.baselines.plane_frames import PlaneFrame, PlaneGroup, PlaneSettings
from benchmarks.baselines.rate_model import (
    FirstSteps,
    RateModel,
    StoredRates,
    laplace_bits,
    position_of,
)
from benchmarks.baselines.vrvvc_codec import FrameCoder
from benchmarks.rd.footage import Footage
from benchmarks.rd.training import Setting, plan_of, train


@dataclass(frozen=True, slots=True)
class VrvvcSettings:
    """How frames train; numbers without a source were chosen on the built-in capture.

    Attributes:
        multipliers: lambda_i for mean squared error against bits per texel of the group, from the
            smallest size to the largest.
        value_multiplier: the most that the values themselves feel of a multiplier; steps and
            entropy network feel all of it. Without it the coarsest rates decide the values that
            all rates share.
        key_share: part of the multiplier that holds for key frames, which all others build on.
        change_weight: of the mean absolute change, 1e-3 as in the recipe.
        warm_share: part of a frame's iterations in which the rate term grows to its full weight.
        step_rate: learning rate of the steps' logarithms.
        network_rate: learning rate of the entropy network.
        planes: the planes.
        first: where the steps start.
    """

    multipliers: tuple[float, ...] = (1e-2, 10**-2.5, 1e-3, 10**-3.5, 1e-4)
    value_multiplier: float = 1e-3
    key_share: float = 0.1
    change_weight: float = 1e-3
    warm_share: float = 0.5
    step_rate: float = 0.06
    network_rate: float = 1e-2
    planes: PlaneSettings = field(default_factory=PlaneSettings)
    first: FirstSteps = field(default_factory=FirstSteps)

    def alone(self, multiplier: float) -> "VrvvcSettings":
        """The same for one of the multipliers."""
        first = self.first.at(position_of(multiplier, self.multipliers))
        return replace(self, multipliers=(multiplier,), first=first)


@dataclass(frozen=True, slots=True, eq=False)
class FittedFrame:
    """A trained frame, its parameters at every trained rate, and what decoders have of it there."""

    frame: PlaneFrame
    stored: tuple[StoredRates, ...]
    decoded: tuple[PlaneFrame, ...]


@dataclass(frozen=True, slots=True)
class FrameTask:
    """Which frame trains, for how long, and against which decoded frames, one per rate."""

    frame_index: int
    iterations: int
    before: tuple[PlaneFrame, ...] | None

    @property
    def stage(self) -> int:
        """0 for key frames, 1 for others."""
        return 0 if self.before is None else 1


class RateFrame:
    """A frame that trains at all rates, one of them at every step."""

    def __init__(
        self,
        group: PlaneGroup,
        start: PlaneFrame,
        rates: RateModel,
        task: FrameTask,
        how: tuple[OptimizeConfig, VrvvcSettings],
    ) -> None:
        self.frame = start.trainable()
        """The frame as it trains."""
        self._group, self._rates, self._task = group, rates, task
        self._config, self._settings = how
        self._generator = torch.Generator().manual_seed(task.frame_index)
        self._done = 0
        self._penalty: Tensor | None = None

    def texels(self, frame_index: int) -> Tensor:
        """Values as a decoder would have them at a random rate."""
        del frame_index
        self._limit()
        count = len(self._rates.multipliers)
        chosen = int(torch.randint(count, (1,), generator=self._generator))
        return self._seen(chosen).texels(self._group.planes)

    def penalty(self, frame_index: int) -> Tensor | None:
        """Rate of what `texels` last gave, times its multiplier, and the size of the changes."""
        del frame_index
        return self._penalty

    def parameters(self) -> list[dict[str, Any]]:
        """Values, steps and entropy network, each at its rate."""
        config, settings = self._config, self._settings
        plane_rate = config.feature_rate * PlaneSettings.rate_factor
        return [
            {"params": [self.frame.density], "lr": config.density_rate},
            {"params": [self.frame.planes], "lr": plane_rate},
            {"params": [self._rates.log_steps], "lr": settings.step_rate},
            {"params": list(self._rates.network.parameters()), "lr": settings.network_rate},
        ]

    def finished(self) -> PlaneFrame:
        """The frame as it is, no parameter any more."""
        self._limit()
        return self.frame.detached()

    def _seen(self, chosen: int) -> PlaneFrame:
        stage, before = self._task.stage, self._task.before
        position = chosen / max(len(self._rates.multipliers) - 1, 1)
        steps = self._rates.steps(position, stage)
        means, scales = self._rates.distributions(position, stage)
        felt = self._felt_share(chosen)
        bits = change = torch.zeros(())
        seen: list[Tensor] = []
        known = None if before is None else self._parts(before[chosen])
        for kind, values in enumerate(self._parts(self.frame)):
            rows = _rows(kind, self._settings.planes.channels)
            noise = torch.rand(values.shape, generator=self._generator) - 0.5
            coded = values if known is None else values - known[kind]
            symbols = _slowed(coded, felt) * steps[kind] + noise
            bits = bits + laplace_bits(symbols, means[rows] * steps[kind], scales[rows]).sum()
            change = change + coded.abs().sum()
            seen.append(values + noise / steps[kind])
        self._penalty = self._weighted(bits, change, chosen)
        return PlaneFrame(seen[0][:, 0], torch.cat(seen[1:]))

    def _weighted(self, bits: Tensor, change: Tensor, chosen: int) -> Tensor:
        settings, frame = self._settings, self.frame
        self._done += 1
        warm = min(self._done / max(settings.warm_share * self._task.iterations, 1), 1.0)
        rate = warm * self._multiplier(chosen) * bits / len(frame.density)
        if self._task.stage == 0:
            return rate
        count = frame.density.numel() + frame.planes.numel()
        return rate + settings.change_weight * change / count

    def _multiplier(self, chosen: int) -> float:
        share = self._settings.key_share if self._task.stage == 0 else 1.0
        return self._rates.multipliers[chosen] * share

    def _felt_share(self, chosen: int) -> float:
        return min(1.0, self._settings.value_multiplier / self._multiplier(chosen))

    @torch.no_grad()
    def _limit(self) -> None:
        limit = self._config.density_range
        self.frame.density.clamp_(-limit, limit)

    def _parts(self, frame: PlaneFrame) -> list[Tensor]:
        return [frame.density[:, None], *frame.planes.split(self._group.planes.counts)]


class RateTrainer:
    """Trains frames one after another, with one model of the rates for all of them."""

    def __init__(self, footage: Footage, settings: VrvvcSettings) -> None:
        self._footage, self.settings = footage, settings
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(footage.config.seed)
            self.rates = RateModel(settings.multipliers, settings.planes.channels, settings.first)
        self._has_changes = False

    def fit(
        self,
        setting: Setting,
        group: PlaneGroup,
        start: PlaneFrame,
        task: FrameTask,
        rays: TrainingRays,
    ) -> FittedFrame:
        """Train a frame, then code it at every rate, which is what the next one builds on."""
        if task.stage and not self._has_changes:
            # Finer steps than the key frame's would pay for its rounding errors in one frame.
            self._has_changes = True
            with torch.no_grad():
                self.rates.log_steps[:, 1] = self.rates.log_steps[:, 0]
        how = self._footage.config.optimize, self.settings
        model = RateFrame(group, start, self.rates, task, how)
        plan = plan_of(self._footage, task.frame_index, task.iterations)
        train(setting, model, {task.frame_index: rays}, plan)
        return self._coded(group, model.finished(), task)

    def _coded(self, group: PlaneGroup, frame: PlaneFrame, task: FrameTask) -> FittedFrame:
        mapping = group.group.scene.mapping
        coder = FrameCoder(mapping, group.planes, self.settings.planes.channels)
        count = len(self.rates.multipliers)
        stored = tuple(
            self.rates.stored(number / max(count - 1, 1), task.stage) for number in range(count)
        )
        known = task.before or [None] * count
        pairs = zip(stored, known, strict=True)
        decoded = tuple(coder.code(frame, rates, before).decoded for rates, before in pairs)
        return FittedFrame(frame, stored, decoded)


def save_rates(folder: Path, index: int, stored: tuple[StoredRates, ...]) -> None:
    """Keep a frame's parameters at every trained rate in a fit."""
    np.savez(
        _rates_file(folder, index),
        steps=np.stack([rates.step_codes for rates in stored]),
        means=np.stack([rates.mean_codes for rates in stored]),
        scales=np.stack([rates.scale_codes for rates in stored]),
    )


def load_rates(folder: Path, index: int) -> tuple[StoredRates, ...]:
    """The parameters of a frame of a fit."""
    with np.load(_rates_file(folder, index)) as kept:
        rows = zip(kept["steps"], kept["means"], kept["scales"], strict=True)
        return tuple(StoredRates(*row) for row in rows)


def _rates_file(folder: Path, index: int) -> Path:
    return folder / f"rates{index:05d}.npz"


def _rows(kind: int, channels: int) -> slice:
    """Channels of a kind among all of a frame."""
    return slice(0, 1) if kind == 0 else slice(1 + channels * (kind - 1), 1 + channels * kind)


def _slowed(values: Tensor, share: float) -> Tensor:
    """The values, with a part of their gradient."""
    return values if share == 1 else values * share + values.detach() * (1 - share)
