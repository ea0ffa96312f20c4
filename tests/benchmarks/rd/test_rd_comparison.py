"""Arranging points: scenes and methods in order, pairs, the common size, looks and panels."""

import math
import re
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.provenance import CHECKOUT
from benchmarks.rd.bd_rate import CurveError
from benchmarks.rd.comparison import (
    METRICS,
    by_scene,
    common_size,
    compare,
    compare_all,
    matched,
)
from benchmarks.rd.lineup import (
    DASHES,
    HUES,
    MARKERS,
    Family,
    family_of,
    in_order,
    looks,
    panels,
)
from benchmarks.rd.method import ABLATION, METHODS
from tests.benchmarks.rd.made_up_points import curve, made_up, moved


def test_points_are_arranged_by_scene_method_and_size() -> None:
    points = [
        *curve("rerf", 2, scene="host")[::-1],
        *curve("videorf", 1)[::-1],
        made_up("videorf", 5000, 30, scene="elsewhere"),
        *curve("rerf", 2),
    ]
    scenes = by_scene(points)
    assert [scene.name for scene in scenes] == ["performer", "host", "elsewhere"]
    assert list(scenes[0].methods) == ["videorf", "rerf"]
    sizes = [point.size_bytes for point in scenes[0].methods["rerf"]]
    assert sizes == sorted(sizes)
    assert len(scenes[0].points) == 10


def test_a_pair_is_compared_both_ways() -> None:
    (scene,) = by_scene([*curve("videorf", 1), *curve("rerf", 4)])
    found = compare_all(scene)
    assert set(found) == {("videorf", "rerf"), ("rerf", "videorf")}
    there = found["videorf", "rerf"]
    assert there.rate.delta is not None
    assert there.rate.delta.value == pytest.approx(-75, abs=0.1)
    assert there.spread is not None
    assert there.spread < 1
    assert compare(scene, "rerf", "videorf") == there


def test_ablations_are_compared_with_methods_but_nothing_with_ablations() -> None:
    (scene,) = by_scene([*curve("videorf-plain", 2), *curve("ablation-group-1", 4)])
    assert scene.anchors == ("videorf-plain",)
    assert set(compare_all(scene)) == {("ablation-group-1", "videorf-plain")}
    (alone,) = by_scene([*curve("ablation-group-1", 4), *curve("ablation-group-5", 2)])
    assert len(compare_all(alone)) == 2


def test_refused_pairs_say_why_and_which_delta_is_missing() -> None:
    far = [made_up("rerf", 100 * p.size_bytes, p.quality.psnr_db) for p in curve("videorf", 1)]
    (scene,) = by_scene([*curve("videorf", 1), *far, *curve("voxel", 1, count=3)])
    found = compare_all(scene)
    assert found["rerf", "videorf"].rate.delta is not None
    assert found["rerf", "videorf"].psnr.delta is None
    assert "KB/frame" in found["rerf", "videorf"].psnr.reason
    assert "voxel has 3 sizes" in found["voxel", "rerf"].rate.reason
    assert found["voxel", "rerf"].spread is None


def test_a_thin_overlap_is_marked() -> None:
    higher = [made_up("rerf", p.size_bytes, p.quality.psnr_db + 3.5) for p in curve("x", 1)]
    (scene,) = by_scene([*curve("videorf", 1), *higher])
    outcome = compare(scene, "videorf", "rerf").rate
    assert outcome.is_thin
    assert not compare(scene, "videorf", "rerf").psnr.is_thin


def test_a_curve_of_a_method_without_points_is_refused_with_what_to_run() -> None:
    (scene,) = by_scene(curve("videorf", 1))
    with pytest.raises(CurveError, match="rerf has no points on performer; run benchmark rd"):
        scene.curve("rerf")


def test_the_common_size_is_one_that_every_method_comes_near() -> None:
    (scene,) = by_scene([*curve("videorf", 1), *curve("rerf", 8), *curve("hpc", 2)])
    size = common_size(scene)
    nearest = matched(scene)
    assert all(abs(math.log(p.bytes_per_frame / size)) < 0.01 for p in nearest.values())


@given(st.lists(st.floats(0.2, 20), min_size=1, max_size=6))
def test_no_measured_size_is_nearer_to_all_than_the_common_one(factors) -> None:
    names = list(METHODS)[: len(factors)]
    pairs = zip(names, factors, strict=True)
    (scene,) = by_scene(p for name, factor in pairs for p in curve(name, factor))

    def cost(size: float) -> float:
        distances = [
            min(abs(math.log(p.bytes_per_frame / size)) for p in points)
            for points in scene.methods.values()
        ]
        return sum(distances)

    least = min(cost(point.bytes_per_frame) for point in scene.points)
    assert cost(common_size(scene)) == pytest.approx(least, abs=1e-9)
    chosen = matched(scene)
    assert list(chosen) == list(scene.methods)


def test_metrics_read_what_their_titles_say() -> None:
    point = made_up("rerf", 1000, 33)
    texts = {metric.title: metric.text(metric.read(point)) for metric in METRICS}
    assert texts["PSNR"] == "33.00 dB"
    assert texts["Foreground PSNR"] == "24.50 dB"
    assert texts["SSIM"] == f"{point.quality.ssim:.4f}"
    assert METRICS[1].text(None) == "-"


def test_ours_come_first_then_baselines_codecs_ablations_and_strangers_last() -> None:
    names = [f"{ABLATION}a", "gray12", "zzz", "tetrirf", "videorf-plain", "videorf", "voxel"]
    assert in_order(names) == [
        "videorf",
        "videorf-plain",
        "voxel",
        "tetrirf",
        "zzz",
        "gray12",
        f"{ABLATION}a",
    ]


def test_every_method_has_a_look_of_its_own_within_its_panel() -> None:
    names = [*METHODS, *(f"{ABLATION}{n}" for n in range(12)), "newer", "newest"]
    found = looks(names)
    assert list(found) == in_order(names)
    for _, members in panels(names):
        pairs = [(found[name].hue, found[name].dash) for name in members]
        assert len(set(pairs)) == len(pairs)
    for look in found.values():
        assert look.hue in HUES
        assert look.dash in DASHES
        assert look.marker in MARKERS


def test_more_strangers_than_looks_still_get_one() -> None:
    assert len(looks(f"{ABLATION}{n}" for n in range(60))) == 60


def test_listed_methods_within_a_panel_have_markers_of_their_own() -> None:
    found = looks(METHODS)
    for _, members in panels(METHODS):
        marks = [found[name].marker for name in members]
        assert len(set(marks)) == len(marks)


def test_panels_put_ours_beside_each_family() -> None:
    titles = dict(panels([*METHODS, f"{ABLATION}x"]))
    assert len(titles) == 3
    assert all(members[0] == "videorf" for members in titles.values())
    assert "videorf-plain" in titles["Radiance-field methods"]
    assert titles["Ablations"] == ["videorf", "videorf-plain", f"{ABLATION}x"]
    assert sum(map(len, titles.values())) == len(METHODS) + 1 + 3


def test_ours_alone_are_one_panel() -> None:
    assert panels(["videorf", "videorf-plain"]) == [("Methods", ["videorf", "videorf-plain"])]
    assert panels(["videorf", "videorf-plain", "h264"])[0][1] == [
        "videorf",
        "videorf-plain",
        "h264",
    ]
    assert panels(["h264"]) == [("Codecs for the same feature pictures", ["h264"])]


def test_an_unlisted_method_passes_for_a_baseline() -> None:
    assert family_of("something") is Family.FIELDS
    assert family_of(f"{ABLATION}no-temporal") is Family.ABLATIONS


# Machado et al. 2009, severity 1, in linear RGB.
DEFICIENCIES = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
}  # fmt: skip


def style_colors(is_dark: bool) -> dict[str, str]:
    """Custom properties of the page's style that are colors, light or dark."""
    style = (CHECKOUT / "benchmarks/rd/page/report.css").read_text()
    light, _, rest = style.partition("@media (prefers-color-scheme: dark)")
    found = dict(re.findall(r"--(\w+): (#\w{6})", light))
    return found | dict(re.findall(r"--(\w+): (#\w{6})", rest)) if is_dark else found


def linear(color: str) -> np.ndarray:
    srgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    scaled = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.9505, 1, 1.089])
    f = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(first: str, second: str) -> float:
    weights = np.array([0.2126, 0.7152, 0.0722])
    light, dark = sorted((float(weights @ linear(c)) for c in (first, second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("is_dark", [False, True])
def test_lines_and_text_stand_out_from_what_they_lie_on(is_dark) -> None:
    colors = style_colors(is_dark)
    for hue in HUES:
        assert contrast(colors[hue], colors["surface"]) >= 3, hue
    for name in ("text", "quiet", "good", "bad"):
        for ground in ("ground", "surface"):
            assert contrast(colors[name], colors[ground]) >= 4.5, (name, ground)


@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize("kind", [None, *DEFICIENCIES])
def test_hues_of_a_panel_differ_for_the_color_blind_too(is_dark, kind) -> None:
    colors = style_colors(is_dark)
    matrix = np.array(DEFICIENCIES[kind]) if kind else np.eye(3)
    seen = {hue: lab(matrix @ linear(colors[hue])) for hue in HUES}
    found = looks(METHODS)
    for _, members in panels(METHODS):
        hues = {found[name].hue for name in members}
        for first, second in combinations(sorted(hues), 2):
            distance = float(np.linalg.norm(seen[first] - seen[second]))
            assert distance >= (25 if kind is None else 12), (first, second, distance)


def test_moving_a_point_breaks_the_curve_for_these_tests() -> None:
    (scene,) = by_scene(moved(curve("videorf", 1), 2, 50))
    with pytest.raises(CurveError, match="monotone"):
        scene.curve("videorf")
