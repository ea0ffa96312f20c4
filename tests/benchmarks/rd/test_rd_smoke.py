"""The whole comparison at toy size: every method, every rate, real files, and the report."""

from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.commands import benchmark
from benchmarks.rd.method import METHODS, find_method
from benchmarks.rd.point import RdPoint, read_points

# Decibels by which more bytes may look worse: quantization noise, on four frames of 64 pixels.
_SLACK_DB = 0.1


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[RdPoint]]]:
    """The results' folder, and the points by method, smallest size first."""
    folder = tmp_path_factory.mktemp("smoke")
    words = ["--results", str(folder / "results"), "--work", str(folder / "work")]
    assert benchmark(["rd", "--scene", "smoke", *words]) == 0
    found: dict[str, list[RdPoint]] = defaultdict(list)
    for point in read_points(folder / "results"):
        found[point.method].append(point)
    return folder, dict(found)


@pytest.mark.slow
def test_every_method_has_every_point_and_larger_ones_look_better(smoke) -> None:
    _, points = smoke
    assert set(points) == set(METHODS)
    for name, found in points.items():
        assert [p.label for p in found] == [rate.label for rate in find_method(name).rates]
        levels = [point.quality.psnr_db for point in found]
        assert all(after > before - _SLACK_DB for before, after in pairwise(levels)), name
        assert levels[-1] > found[-1].uncoded.psnr_db - 0.6, name


@pytest.mark.slow
def test_what_says_that_hardware_decodes_it_passes_verify_and_nothing_else_does(smoke) -> None:
    _, points = smoke
    for name, found in points.items():
        takes = {point.stream.is_verified for point in found}
        says = find_method(name).provenance.decoder.startswith("hardware")
        if name == "mjpeg":  # Its blocks decode in hardware, not as a video session.
            assert takes == {False}
        elif says:
            assert takes == {True}, name
        else:
            assert True not in takes, name


@pytest.mark.slow
def test_the_report_of_it_names_every_method(smoke) -> None:
    folder, points = smoke
    assert benchmark(["report", "--results", str(folder / "results"), "--out", str(folder)]) == 0
    written = sorted(path.suffix for path in folder.iterdir() if path.is_file())
    assert written == [".html", ".md"]
    for path in folder.iterdir():
        if path.is_file():
            text = path.read_text()
            assert all(name in text for name in points)
