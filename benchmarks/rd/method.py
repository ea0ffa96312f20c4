"""What a compared method must be able to do, what is to be known of it, and where it is found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from bake.progress import Progress
from benchmarks.rd.footage import Footage
from benchmarks.results import Origin
from hwcodec import Package
from render.cameras import Camera
from render.field import Field
from render.fragment import Appearance, render_view


@dataclass(frozen=True, slots=True)
class Rate:
    """One setting of a method's rate: its name in results, and its value in the method's unit."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a reader must know before comparing.

    Attributes:
        origin: printed in every row, so that a reported number never passes for a measured one.
        source: paper, venue, identifier.
        reproduced: what of it is here.
        simplified: what is simpler or different here, and why.
        not_run: what of it was not run.
        official_code: where the authors' code is and under which licence, or that there is none.
        decoder: what decodes it: ``hardware`` for streams that phones decode, else the program.
    """

    origin: Origin
    source: str
    reproduced: str
    simplified: str = "nothing"
    not_run: str = "nothing"
    official_code: str = "none released"
    decoder: str = "own program on the processor"


class Frame(Protocol):
    """A frame that can be looked at."""

    def rgb(self, camera: Camera) -> Tensor:
        """Colors (rows, columns, 3) in [0, 1] of one view."""


@dataclass(frozen=True, slots=True, eq=False)
class PlayedFrame:
    """A frame that is marched and then shaded once per ray, as a player does it."""

    field: Field
    appearance: Appearance

    def rgb(self, camera: Camera) -> Tensor:
        """Colors (rows, columns, 3) in [0, 1] of one view."""
        return render_view(self.field, self.appearance, camera).rgb


class Method(Protocol):
    """Turns footage into a package, and a package into frames; the runner measures the rest.

    Rates are listed from the smallest size to the largest. ``version`` is raised when a change to
    the code changes what it computes, so that stored points are measured anew.
    """

    @property
    def name(self) -> str:
        """How it is asked for."""

    @property
    def version(self) -> int:
        """Number of the code's behavior."""

    @property
    def provenance(self) -> Provenance:
        """Where it comes from."""

    @property
    def rates(self) -> tuple[Rate, ...]:
        """Its rate settings."""

    def fit_name(self, rate: Rate) -> str:
        """Name of the fit behind a rate; rates and methods with one name share one fit."""

    def fit(self, footage: Footage, rate: Rate, folder: Path, progress: Progress) -> None:
        """Train, and leave the result in an empty folder."""

    def uncoded(self, footage: Footage, folder: Path) -> Iterator[Frame]:
        """The fitted frames, in order, as they are before anything is rounded or coded."""

    def encode(self, footage: Footage, rate: Rate, folder: Path, out: Path) -> None:
        """Write the package ``out``, one file, from the fit in a folder."""

    def decode(self, package: Package) -> Iterator[Frame]:
        """The frames of a package in order, from nothing else.

        Raises:
            HwcodecError, RenderError: if the package is damaged.
        """


METHODS: Mapping[str, str] = {
    "videorf": "benchmarks.baselines.videorf:TUNED",
    "videorf-plain": "benchmarks.baselines.videorf:PLAIN",
    "voxel": "benchmarks.baselines.rerf:VOXEL",
    "rerf": "benchmarks.baselines.rerf:RERF",
    "rerf-intra": "benchmarks.baselines.rerf:INTRA",
    "jointrf": "benchmarks.baselines.jointrf:JOINTRF",
    "hpc": "benchmarks.baselines.hpc:HPC",
    "vrvvc": "benchmarks.baselines.vrvvc:VRVVC",
    "vrvvc-separate": "benchmarks.baselines.vrvvc:SEPARATE",
    "tetrirf": "benchmarks.baselines.tetrirf:TETRIRF",
    "mjpeg": "benchmarks.baselines.ladder:MJPEG",
    "h264": "benchmarks.baselines.ladder:H264",
    "hevc8": "benchmarks.baselines.ladder:HEVC8",
    "hevc10": "benchmarks.baselines.ladder:HEVC10",
    "av1": "benchmarks.baselines.ladder:AV1",
    "vvc": "benchmarks.baselines.ladder:VVC",
    "lossless": "benchmarks.baselines.ladder:LOSSLESS",
    "v3-444": "benchmarks.baselines.ladder:V3",
    "gray12": "benchmarks.baselines.ladder:GRAY12",
}
"""Every method by its name; loaded when it is asked for."""


ABLATION = "ablation-"
"""What the names of ablations begin with; the rest names a file of ``configs/experiment``."""
_ABLATIONS = "benchmarks.baselines.videorf:ablation"
_WRITTEN_ABLATIONS = {
    "ablation-medium-no-b": "benchmarks.baselines.encoder_settings:NO_B",
    "ablation-medium-flat": "benchmarks.baselines.encoder_settings:FLAT",
    "ablation-medium-quick": "benchmarks.baselines.encoder_settings:QUICK",
    "ablation-medium-one-reference": "benchmarks.baselines.encoder_settings:ONE_REFERENCE",
    "ablation-medium-even-density": "benchmarks.baselines.encoder_settings:EVEN_DENSITY",
    "ablation-medium-psychovisual": "benchmarks.baselines.encoder_settings:PSYCHOVISUAL",
    "ablation-medium-adaptive": "benchmarks.baselines.encoder_settings:ADAPTIVE",
    "ablation-medium-klt": "benchmarks.baselines.mixed_features:KLT",
    "ablation-medium-ranges": "benchmarks.baselines.mixed_features:RANGES",
    "ablation-medium-layered": "benchmarks.baselines.layered:LAYERED",
    "ablation-raster-order": "benchmarks.baselines.raster_order:RASTER_ORDER",
    "ablation-per-sample": "benchmarks.baselines.per_sample:PER_SAMPLE",
}


def ablation_names() -> tuple[str, ...]:
    """Every ablation: the files of ``configs/experiment``, and those that take code."""
    from bake.config import experiment_names

    configured = (f"{ABLATION}{name}" for name in experiment_names())
    return (*configured, *_WRITTEN_ABLATIONS)


def find_method(name: str) -> Method:
    """The method of that name, or the ablation.

    Raises:
        ValueError: if there is none.
    """
    if name in _WRITTEN_ABLATIONS:
        written: Method = _loaded(_WRITTEN_ABLATIONS[name])
        return written
    if name.startswith(ABLATION):
        ablation: Method = _loaded(_ABLATIONS)(name.removeprefix(ABLATION))
        return ablation
    if name not in METHODS:
        raise ValueError(f"method is {name!r}, expected one of {', '.join(sorted(METHODS))}")
    method: Method = _loaded(METHODS[name])
    return method


def _loaded(place: str) -> Any:  # noqa: ANN401 -- whatever lies there
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
