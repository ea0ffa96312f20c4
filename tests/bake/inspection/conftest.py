"""Small captures that are drawn once, and what an inspection says of them."""

from collections.abc import Callable

import pytest

from bake.capture import Capture, CaptureOptions
from bake.captures.source import Source
from bake.inspection.inspect import Inspection, inspect
from bake.inspection.small_pictures import Instant, read_instant
from tests.bake.inspection import small_captures

Inspect = Callable[[Source], Inspection]


@pytest.fixture(scope="session")
def balls() -> Source:
    return small_captures.balls()


@pytest.fixture(scope="session")
def walls() -> Source:
    return small_captures.walls()


@pytest.fixture(scope="session")
def instant(balls: Source) -> Instant:
    return read_instant(balls, 2)


@pytest.fixture(scope="session")
def inspected() -> Inspect:
    def look(source: Source) -> Inspection:
        return inspect(source, Capture(source, CaptureOptions(path="test")), "test")

    return look


@pytest.fixture(autouse=True)
def small_grids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grids as fine as pictures of a hundred pixels deserve."""
    monkeypatch.setattr("bake.inspection.consensus._VOTE_BYTES", 3 << 20)


@pytest.fixture(scope="session")
def clean(balls: Source, inspected: Inspect) -> Inspection:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bake.inspection.consensus._VOTE_BYTES", 3 << 20)
        return inspected(balls)
