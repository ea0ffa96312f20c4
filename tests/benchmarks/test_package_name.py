"""PyNvVideoCodec's wheel drops folders called benchmarks and samples beside us; ours must win."""

import subprocess
import sys
from pathlib import Path

import pytest

import benchmarks

CHECKOUT = Path(benchmarks.__file__).parents[1]
SCRIPT = "import benchmarks, sys; print(benchmarks.__file__); import benchmarks.metrics"


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A site folder as that wheel leaves it: scripts in a folder without ``__init__.py``."""
    for name in ("benchmarks", "samples"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "decode.py").write_text("raise SystemExit('the wrong one')\n")
        (tmp_path / name / "metrics.py").write_text("raise SystemExit('the wrong one')\n")
    return tmp_path


def test_our_benchmarks_are_imported_even_where_the_foreign_ones_come_first(foreign) -> None:
    path = [str(foreign), str(CHECKOUT)]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {SCRIPT}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=foreign.parent,
    )
    assert Path(done.stdout.strip()) == Path(benchmarks.__file__)


@pytest.mark.parametrize("layer", ["hwcodec", "render", "bake", "benchmarks", "configs"])
def test_every_package_of_ours_is_a_regular_one_that_no_loose_folder_can_hide(layer) -> None:
    assert (CHECKOUT / layer / "__init__.py").is_file() or layer == "configs"
