"""ReRF, its key frames alone and grids alone: fit, package and back, and damage."""

import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from bake.progress import SilentProgress
from benchmarks.baselines.rerf import INTRA, RERF, VOXEL, read_scale
from benchmarks.rd.byte_kinds import bytes_by_kind
from benchmarks.rd.footage import assemble_footage
from benchmarks.rd.method import find_method
from benchmarks.rd.stream_record import StreamRecord
from hwcodec import HwcodecError, Package, PackageContent, open_package, write_package
from render.errors import RenderError, SceneError

METHODS = (RERF, INTRA, VOXEL)
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
BLOBS = ("tables", "cubes", "texels", "motion", "components")


def names_of_fits() -> list[str]:
    return [method.fit_name(method.rates[0]) for method in METHODS]


@every_method
def test_the_method_is_found_by_its_name(method) -> None:
    assert find_method(method.name) is method


def test_coding_alone_shares_the_fit_of_rerf_and_grids_alone_do_not() -> None:
    assert names_of_fits() == ["rerf", "rerf", "voxel"]


@every_method
def test_rates_go_from_small_to_large(method) -> None:
    values = [rate.value for rate in method.rates]
    assert len(values) >= 4
    assert values == sorted(set(values))
    assert len({rate.label for rate in method.rates}) == len(values)


@every_method
def test_more_bytes_bring_more_quality_up_to_that_of_the_fit(
    method, tiny_footage, fitted, coded, quality
) -> None:
    folder = fitted(method, method.rates[0])
    packages = [coded(method, rate) for rate in method.rates]
    sizes = [path.stat().st_size for path in packages]
    assert sizes == sorted(set(sizes))
    texels = [bytes_by_kind(path)["texels"] for path in packages]
    assert texels[-1] > 6 * texels[0]
    decoded = [quality(tiny_footage, method.decode(open_package(path))) for path in packages]
    uncoded = quality(tiny_footage, method.uncoded(tiny_footage, folder))
    for lower, higher in pairwise(decoded):
        assert lower < higher + 0.1
    assert decoded[0] < decoded[-1] - 0.3
    assert abs(decoded[-1] - uncoded) < 0.3


def test_residuals_take_fewer_bytes_than_key_frames_at_no_less_quality(
    tiny_footage, coded, quality
) -> None:
    rate = RERF.rates[2]
    against, alone = (coded(method, rate) for method in (RERF, INTRA))
    assert bytes_by_kind(against)["texels"] < 0.8 * bytes_by_kind(alone)["texels"]
    found = [
        quality(tiny_footage, method.decode(open_package(path)))
        for method, path in ((RERF, against), (INTRA, alone))
    ]
    assert found[0] > found[1] - 0.2


def test_frames_fitted_on_the_one_before_are_better_than_the_same_steps_alone(
    tiny_footage, fitted, quality
) -> None:
    found = [
        quality(tiny_footage, method.uncoded(tiny_footage, fitted(method, method.rates[0])))
        for method in (RERF, VOXEL)
    ]
    assert found[0] > found[1]


@every_method
def test_decoding_needs_nothing_but_the_file(method, coded, tmp_path) -> None:
    source = coded(method, method.rates[1])
    alone = tmp_path / "alone.vrf"
    shutil.copyfile(source, alone)
    frames = list(method.decode(open_package(alone)))
    assert len(frames) == 3
    for frame, other in zip(frames, method.decode(open_package(source)), strict=True):
        assert torch.equal(frame.field.density, other.field.density)
        assert torch.equal(frame.field.features, other.field.features)


@every_method
def test_encoding_twice_gives_the_same_bytes(method, tiny_footage, fitted, coded, tmp_path) -> None:
    rate = method.rates[1]
    again = tmp_path / "again.vrf"
    method.encode(tiny_footage, rate, fitted(method, rate), again)
    assert again.read_bytes() == coded(method, rate).read_bytes()


@every_method
def test_the_record_states_both_coders_sizes(method, coded) -> None:
    path = coded(method, method.rates[3])
    own = open_package(path).scene["own"]
    kinds = bytes_by_kind(path)
    assert own["coder_bytes"] == kinds["texels"] + kinds["tables"]
    assert own["coder_bytes"] < own["run_length_bytes"] < 2 * own["coder_bytes"]


@every_method
def test_only_predicted_frames_have_motion_and_components(method, coded) -> None:
    kinds = bytes_by_kind(coded(method, method.rates[0]))
    assert ("motion" in kinds, "components" in kinds) == (method.predicts, method.predicts)


def test_groups_are_coded_one_by_one(tiny_footage, quality, tmp_path) -> None:
    grouping = replace(tiny_footage.config.grouping, max_length=2)
    config = replace(tiny_footage.config, grouping=grouping)
    own = [occupancy for group in tiny_footage.groups for occupancy in group.occupancies]
    footage = assemble_footage(tiny_footage.capture, config, tiny_footage.grid, own)
    RERF.fit(footage, RERF.rates[-1], tmp_path, SilentProgress())
    out = tmp_path / "two.vrf"
    RERF.encode(footage, RERF.rates[-1], tmp_path, out)
    package = open_package(out)
    assert {"texels0000", "texels0001", "motion0000"} < set(package.manifest["blobs"])
    assert "motion0001" not in package.manifest["blobs"]
    uncoded = quality(footage, RERF.uncoded(footage, tmp_path))
    assert abs(quality(footage, RERF.decode(package)) - uncoded) < 0.3


def rewritten(package: Package, out: Path, scene: dict, blobs: dict[str, bytes]) -> Package:
    """A package with some of its record and blobs replaced; all its sums are right."""
    names = package.manifest["blobs"]
    kept = {name: blobs.get(name, package.blob(name)) for name in names}
    write_package(out, PackageContent({**package.scene, **scene}, kept), overwrite=True)
    return open_package(out)


@pytest.mark.parametrize("kind", BLOBS)
def test_a_damaged_blob_gives_an_error_of_ours_or_other_frames(kind, coded, tmp_path) -> None:
    package = open_package(coded(RERF, RERF.rates[1]))
    name = f"{kind}0000"
    data = package.blob(name)
    refused = 0
    for place in (0, 5, len(data) // 2, len(data) - 1):
        changed = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        try:
            frames = list(RERF.decode(rewritten(package, tmp_path / "a.vrf", {}, {name: changed})))
            assert all(frame.field.features.isfinite().all() for frame in frames)
        except (HwcodecError, RenderError):
            refused += 1
    assert refused


@pytest.mark.parametrize("kind", BLOBS)
def test_a_blob_cut_short_is_refused(kind, coded, tmp_path) -> None:
    package = open_package(coded(RERF, RERF.rates[1]))
    name = f"{kind}0000"
    changed = {name: package.blob(name)[:-3]}
    with pytest.raises(SceneError):
        list(RERF.decode(rewritten(package, tmp_path / "a.vrf", {}, changed)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("quality", 1),
        ("quality", 100.0),
        ("quality", "high"),
        ("density_limit", 0),
        ("feature_limit", -2.5),
        ("feature_limit", None),
        ("coder_bytes", -1),
        ("run_length_bytes", 1.5),
    ],
)
def test_damaged_settings_are_refused(key, value, coded, tmp_path) -> None:
    package = open_package(coded(RERF, RERF.rates[1]))
    scene = {"own": {**package.scene["own"], key: value}}
    with pytest.raises(SceneError, match="settings are damaged"):
        list(RERF.decode(rewritten(package, tmp_path / "a.vrf", scene, {})))


def test_missing_settings_are_refused(coded) -> None:
    package = open_package(coded(RERF, RERF.rates[1]))
    record = StreamRecord.from_json(package.scene, "rerf")
    with pytest.raises(SceneError, match="settings are damaged"):
        read_scale(replace(record, own={"quality": 50}))


def test_a_package_of_another_method_is_refused(coded) -> None:
    package = open_package(coded(RERF, RERF.rates[1]))
    with pytest.raises(SceneError, match="its method is 'rerf', expected 'voxel'"):
        list(VOXEL.decode(package))
