"""What every test may rely on: few threads, repeatable random numbers, and honest skips."""

import os

# Read by the numeric libraries when they load, so this comes before any of them is imported.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "2")
# Idle threads sleep. Where they spin and the machine is shared, the bake's tests take five times
# as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import random
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest

if TYPE_CHECKING:
    from bake.sequence import BakedSequence

ROOT = Path(__file__).resolve().parents[1]

# A shared machine makes any per-example deadline a coin toss; a derandomized run fails the same way
# everywhere. VIDEORF_EXAMPLES raises the count for a longer search.
hypothesis.settings.register_profile(
    "house",
    deadline=None,
    derandomize=True,
    max_examples=int(os.environ.get("VIDEORF_EXAMPLES", "40")),
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what reads the captures, and deselect slow tests unless they were asked for."""
    for item in items:
        if "captures" in getattr(item, "fixturenames", ()):
            item.add_marker("captures")
    if config.getoption("--slow") or os.environ.get("CHECK_SLOW") == "1":
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if not item.get_closest_marker("slow")]


def required() -> set[str]:
    """What this machine promises to have: names in REQUIRE, and nvdec, nvenc in HWCODEC_REQUIRE."""
    stated = [os.environ.get(name, "") for name in ("REQUIRE", "HWCODEC_REQUIRE")]
    return {name.strip() for names in stated for name in names.split(",")} - {""}


@pytest.fixture(scope="session")
def absent() -> Callable[[str, str], None]:
    """Skip for want of something, with a reason; or fail where the machine promised to have it."""

    def leave(name: str, reason: str) -> None:
        if name in required():
            pytest.fail(f"{name}: {reason} (REQUIRE promises it)")
        pytest.skip(f"{name}: {reason}")

    return leave


@pytest.fixture(scope="session")
def captures() -> Path:
    """Folder of real captures: the variable CAPTURES, or ``shared/data`` beside the checkout."""
    folder = Path(os.environ.get("CAPTURES") or ROOT.parent / "shared" / "data")
    if folder.is_dir():
        return folder
    reason = "captures: no folder of real captures; name one in the variable CAPTURES"
    if "captures" in required():
        pytest.fail(f"{reason} (REQUIRE promises them)")
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def ordinary_priority() -> Iterator[None]:
    """Fail the test that leaves this process with real-time priority: everything else would starve.

    Some encoders take it when root opens them.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0)
    yield
    after = os.sched_getscheduler(0)
    if after != before:
        os.sched_setscheduler(0, before, os.sched_param(0))
        pytest.fail(
            f"the scheduling policy went from {before} to {after}; open encoders as hwcodec"
        )


@pytest.fixture(autouse=True)
def repeatable_random_numbers() -> Iterator[None]:
    """Start every test from the same seeds, and leave the generators as they were."""
    torch = sys.modules.get("torch")
    python_state, numpy_state = random.getstate(), np.random.get_state()
    torch_state = torch.get_rng_state() if torch else None
    random.seed(0)
    np.random.seed(0)
    if torch:
        torch.manual_seed(0)
    yield
    random.setstate(python_state)
    np.random.set_state(numpy_state)
    if torch:
        torch.set_rng_state(torch_state)


def bake_by_hand(folder: Path, side: int, feature_count: int) -> "BakedSequence":
    """A bake of ``procedural:3:32`` without training: 3 frames in 2 groups, random texels."""
    from fractions import Fraction

    from bake.artifacts import ArtifactStore
    from bake.capture import CaptureOptions, open_capture
    from bake.sequence import BakedSequence, FieldSettings, Rig, Span, save_sequence
    from render.mapping import VertexOrder, build_mapping
    from render.occupancy import OccupancyGrid, cover
    from render.occupancy_codec import encode_occupancy
    from render.shading import ShadingMlp, ShadingShape, weights_to_bytes

    capture = open_capture(CaptureOptions("procedural:3:32"))
    grid, shading = cover(capture.aabb, side), ShadingShape(feature_count, 8, 2, 1)
    store = ArtifactStore(folder)
    generator = np.random.default_rng(7)
    spans, atlases = [], []
    for first, count in ((0, 2), (2, 1)):
        vertices = generator.random(grid.shape) < 0.2 + 0.2 * first
        store.write(f"occupancy/group{first}", "key", encode_occupancy(vertices))
        spans.append(Span(first, count, f"occupancy/group{first}-key.bin"))
        texels = build_mapping(OccupancyGrid(grid, vertices), 8).texel_count
        start = generator.normal(0, 1.5, (texels, 1 + feature_count))
        for frame in range(first, first + count):
            values = start + 0.2 * frame * generator.normal(0, 1, (texels, 1 + feature_count))
            store.write_array(f"atlas/frame{frame}", "key", values.astype(np.float16))
            atlases.append(f"atlas/frame{frame}-key.npy")
    store.write("shading/network", "key", weights_to_bytes(ShadingMlp(shading)))
    sequence = BakedSequence(
        root=store.root,
        grid=grid,
        groups=tuple(spans),
        atlas_files=tuple(atlases),
        shading=shading,
        network_file="shading/network-key.bin",
        settings=FieldSettings(8, 0.5, 8.0, 4.0, (1.0, 1.0, 1.0), VertexOrder.HILBERT),
        rig=Rig(capture.cameras, capture.split.train, capture.split.test),
        frame_rate=Fraction(30),
        provenance={
            "capture": capture.name,
            "frame_indices": [0, 1, 2],
            "config": {"capture": {"path": "procedural:3:32", "scale": 1.0, "frames": ":"}},
        },
    )
    save_sequence(sequence)
    return sequence


@pytest.fixture(scope="session")
def baked_sequence(tmp_path_factory: pytest.TempPathFactory) -> "BakedSequence":
    """A bake made by hand, of five channels and as few texels as the mapping allows."""
    return bake_by_hand(tmp_path_factory.mktemp("scene"), 12, 4)


@pytest.fixture(scope="session")
def wide_sequence(tmp_path_factory: pytest.TempPathFactory) -> "BakedSequence":
    """The same with pictures wide enough to carry marks."""
    return bake_by_hand(tmp_path_factory.mktemp("wide"), 24, 8)


@pytest.fixture(scope="session")
def baked_packages(
    baked_sequence: "BakedSequence", tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Path]:
    """The same bake as packages: ``raw`` keeps every code, ``h264`` really compresses."""
    from bake.export import ExportOptions, export
    from hwcodec import ConstantQp

    folder = tmp_path_factory.mktemp("packages")
    encoders = {"raw": "raw", "h264": "libx264"}
    for name, encoder in encoders.items():
        export(baked_sequence, folder / name, ExportOptions(encoder, "web8", ConstantQp(24)))
    return {name: folder / name for name in encoders}


@pytest.fixture(scope="session")
def wide_packages(
    wide_sequence: "BakedSequence", tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Path]:
    """The wide bake as ``h264`` in web8 with marks, and as ``hevc`` in 10 bits without."""
    from bake.export import ExportOptions, export
    from hwcodec import ConstantQp

    folder = tmp_path_factory.mktemp("wide_packages")
    for name, encoder in (("h264", "libx264"), ("hevc", "libx265")):
        export(wide_sequence, folder / name, ExportOptions(encoder, rate=ConstantQp(24)))
    return {name: folder / name for name in ("h264", "hevc")}
