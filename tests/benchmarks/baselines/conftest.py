"""Footage small enough that a method is fitted in seconds; enough to tell that it learns."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bake.capture import open_capture
from bake.config import load_config
from bake.progress import SilentProgress
from benchmarks import metrics
from benchmarks.rd.footage import Footage, prepare_footage
from benchmarks.rd.method import Frame, Method, Rate
from benchmarks.rd.scenes import SHARED_SETTINGS
from hwcodec import open_package
from render.video import to_bytes

_TINY = (
    *SHARED_SETTINGS,
    "capture.path=procedural:3:40",
    "resolution=20",
    "coarse.resolution=16",
    "coarse.iterations=15",
    "optimize.first_iterations=60",
    "optimize.group_iterations=30",
    "optimize.iterations=20",
    "optimize.rays=512",
)


@pytest.fixture(scope="session")
def tiny_footage() -> Footage:
    """Three frames of the built-in capture at 40 pixels, on a coarse grid."""
    config = load_config(_TINY)
    return prepare_footage(open_capture(config.capture), config, SilentProgress())


Quality = Callable[[Footage, Iterator[Frame]], float]


@pytest.fixture(scope="session")
def quality() -> Quality:
    """Mean PSNR in dB over the held-out views of all frames."""

    def measure(footage: Footage, frames: Iterator[Frame]) -> float:
        values: list[float] = []
        for index, frame in enumerate(frames):
            for view in footage.capture.test_views(index):
                camera = footage.capture.cameras[view]
                rgb = frame.rgb(camera)
                truth = footage.capture.view(index, view).rgb
                values.append(metrics.psnr(np.asarray(to_bytes(rgb)), truth))
        assert len(values) == footage.frame_count * len(footage.capture.test_views(0))
        return metrics.mean(values)

    return measure


@pytest.fixture(scope="session")
def fitted(
    tiny_footage: Footage, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Method, Rate], Path]:
    """The folder of a method's fit to the tiny footage; each fit is made once per session."""
    made: dict[str, Path] = {}

    def fit(method: Method, rate: Rate) -> Path:
        name = method.fit_name(rate)
        if name not in made:
            folder = tmp_path_factory.mktemp(name.replace("/", "-"))
            method.fit(tiny_footage, rate, folder, SilentProgress())
            made[name] = folder
        return made[name]

    return fit


@pytest.fixture(scope="session")
def coded(
    tiny_footage: Footage,
    fitted: Callable[[Method, Rate], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Method, Rate], Path]:
    """The package of a method at a rate."""

    def encode(method: Method, rate: Rate) -> Path:
        out = tmp_path_factory.mktemp("coded") / f"{method.name}-{rate.label}.vrf"
        method.encode(tiny_footage, rate, fitted(method, rate), out)
        open_package(out)
        return out

    return encode
