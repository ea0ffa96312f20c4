"""What every test may rely on: few threads, repeatable random numbers, and honest skips."""

import os

# Read by the numeric libraries when they load, so this comes before any of them is imported.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "2")

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest

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
    """Names in the environment variable REQUIRE: what this machine promises to have."""
    return {name.strip() for name in os.environ.get("REQUIRE", "").split(",")} - {""}


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
