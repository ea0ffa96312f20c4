import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from bake.progress import SilentProgress
from benchmarks.baselines.plane_frames import PlaneFrame, PlaneGroup, load_frame, plane_groups
from benchmarks.baselines.rate_model import RateModel, StoredRates, interpolated
from benchmarks.baselines.vrvvc import SEPARATE, VRVVC
from benchmarks.baselines.vrvvc_codec import (
    FrameCoder,
    decode_group,
    encode_group,
    frame_bytes,
    settings_from_json,
)
from benchmarks.baselines.vrvvc_fit import FrameTask, RateFrame, VrvvcSettings, load_rates
from benchmarks.rd.footage import Footage, assemble_footage
from benchmarks.rd.method import Method, PlayedFrame, Rate
from benchmarks.rd.symbols import join_chunks, split_chunks
from hwcodec import HwcodecError, PackageContent, open_package, write_package
from render.errors import RenderError, SceneError
from render.shading import ShadingShape

Fitted = Callable[[Method, Rate], Path]
Quality = Callable[[Footage, Iterator[PlayedFrame]], float]

SMALLEST, *_, LARGEST = VRVVC.rates
SETTINGS = VrvvcSettings()


@pytest.fixture(scope="module")
def group(tiny_footage: Footage) -> PlaneGroup:
    return plane_groups(tiny_footage, SETTINGS.planes)[0]


@pytest.fixture(scope="module")
def coder(group: PlaneGroup) -> FrameCoder:
    return FrameCoder(group.group.scene.mapping, group.planes, SETTINGS.planes.channels)


@pytest.fixture(scope="module")
def frames(fitted: Fitted) -> list[PlaneFrame]:
    return [load_frame(fitted(VRVVC, LARGEST), index) for index in range(3)]


@pytest.fixture(scope="module")
def rates(fitted: Fitted) -> list[tuple[StoredRates, ...]]:
    return [load_rates(fitted(VRVVC, LARGEST), index) for index in range(3)]


def test_the_best_rate_is_close_to_what_was_trained(
    tiny_footage: Footage, fitted: Fitted, coded: Fitted, quality: Quality
) -> None:
    trained = quality(tiny_footage, VRVVC.uncoded(tiny_footage, fitted(VRVVC, LARGEST)))
    played = quality(tiny_footage, VRVVC.decode(open_package(coded(VRVVC, LARGEST))))
    assert trained > 18.5
    assert played > trained - 0.5


def test_more_bytes_bring_more_quality(
    tiny_footage: Footage, coded: Fitted, quality: Quality
) -> None:
    packages = [open_package(coded(VRVVC, rate)) for rate in VRVVC.rates[::2]]
    sizes = [package.size_bytes for package in packages]
    qualities = [quality(tiny_footage, VRVVC.decode(package)) for package in packages]
    assert sizes == sorted(set(sizes))
    assert all(after > before - 0.05 for before, after in pairwise(qualities))
    assert qualities[-1] > qualities[0] + 0.1


def test_one_model_serves_all_rates_and_separate_ones_do_not() -> None:
    assert len({VRVVC.fit_name(rate) for rate in VRVVC.rates}) == 1
    assert len({SEPARATE.fit_name(rate) for rate in SEPARATE.rates}) == len(SEPARATE.rates)
    assert SEPARATE.rates == VRVVC.rates


def test_a_rate_in_between_has_a_size_in_between(
    tiny_footage: Footage, fitted: Fitted, coded: Fitted, tmp_path: Path
) -> None:
    first, second = VRVVC.rates[1:3]
    between = Rate("between", (first.value * second.value) ** 0.5)
    VRVVC.encode(tiny_footage, between, fitted(VRVVC, first), tmp_path / "between.vrf")
    size = open_package(tmp_path / "between.vrf").size_bytes
    assert coded(VRVVC, first).stat().st_size < size < coded(VRVVC, second).stat().st_size
    assert len(list(VRVVC.decode(open_package(tmp_path / "between.vrf")))) == 3
    with pytest.raises(ValueError, match="between which the model was trained"):
        VRVVC.encode(tiny_footage, Rate("x", 1.0), fitted(VRVVC, first), tmp_path / "x.vrf")


def test_a_model_of_one_rate_is_fitted_and_coded(
    tiny_footage: Footage, tmp_path: Path, quality: Quality
) -> None:
    rate = SEPARATE.rates[2]
    SEPARATE.fit(tiny_footage, rate, tmp_path, SilentProgress())
    assert len(load_rates(tmp_path, 1)) == 1
    SEPARATE.encode(tiny_footage, rate, tmp_path, tmp_path / "one.vrf")
    trained = quality(tiny_footage, SEPARATE.uncoded(tiny_footage, tmp_path))
    package = open_package(tmp_path / "one.vrf")
    assert quality(tiny_footage, SEPARATE.decode(package)) > trained - 1


def test_the_decoder_has_what_the_encoder_predicted_from(
    coder: FrameCoder, frames: list[PlaneFrame], rates: list[tuple[StoredRates, ...]]
) -> None:
    coded, before = [], None
    for frame, stored in zip(frames, rates, strict=True):
        coded.append(coder.code(frame, interpolated(stored, 0.6), before))
        before = coded[-1].decoded
    decoded = list(decode_group(encode_group(coded), 3, coder))
    for frame, known in zip(decoded, coded, strict=True):
        assert torch.equal(frame.density, known.decoded.density)
        assert torch.equal(frame.planes, known.decoded.planes)


def test_errors_stay_within_half_a_step_in_every_frame(
    coder: FrameCoder,
    frames: list[PlaneFrame],
    rates: list[tuple[StoredRates, ...]],
    group: PlaneGroup,
) -> None:
    rows = torch.from_numpy(group.group.scene.mapping.texels).long()
    before = None
    for frame, stored in zip(frames, rates, strict=True):
        before = coder.code(frame, stored[0], before).decoded
        steps = stored[0].steps
        error = (before.density - frame.density)[rows].abs().max()
        assert error <= 0.5 / steps[0] + 1e-4
        for part, wanted, step in zip(
            before.planes.split(group.planes.counts),
            frame.planes.split(group.planes.counts),
            steps[1:],
            strict=True,
        ):
            assert (part - wanted).abs().max() <= 0.5 / step + 1e-4


def test_what_does_not_change_costs_almost_nothing(
    coder: FrameCoder, frames: list[PlaneFrame], rates: list[tuple[StoredRates, ...]]
) -> None:
    key = coder.code(frames[0], rates[0][2], None)
    same = coder.code(key.decoded, rates[1][2], key.decoded)
    assert not any(symbols.any() for symbols in same.symbols)
    assert len(frame_bytes(same, 1)) < len(frame_bytes(key, 0)) / 4


def test_training_sees_values_blurred_by_the_steps_of_a_rate(
    tiny_footage: Footage, group: PlaneGroup, frames: list[PlaneFrame]
) -> None:
    torch.manual_seed(0)
    model = RateModel((1e-3,), SETTINGS.planes.channels, SETTINGS.first.at(0.5))
    how = tiny_footage.config.optimize, SETTINGS.alone(1e-3)
    trained = RateFrame(group, frames[1], model, FrameTask(1, 10, (frames[0],)), how)
    seen = trained.texels(1)
    error = (seen - frames[1].texels(group.planes)).abs().amax(0)
    steps = model.steps(0, 1).detach().repeat_interleave(torch.tensor([1, 4, 4, 4]))
    assert (error <= 0.5 / steps + 1e-5).all()
    assert (error > 0.4 / steps).all()


def test_the_rate_moves_values_towards_the_frame_before(
    tiny_footage: Footage, group: PlaneGroup, frames: list[PlaneFrame]
) -> None:
    torch.manual_seed(0)
    model = RateModel((1e-3,), SETTINGS.planes.channels, SETTINGS.first.at(0.5))
    how = tiny_footage.config.optimize, SETTINGS.alone(1e-3)
    far = PlaneFrame(frames[0].density.clamp(max=5) + 3, frames[0].planes - 3)
    trained = RateFrame(group, far, model, FrameTask(1, 10, (frames[0],)), how)
    trained.texels(1)
    penalty = trained.penalty(1)
    assert penalty is not None
    penalty.backward()
    slopes = trained.frame.density.grad, trained.frame.planes.grad
    assert slopes[0] is not None
    assert slopes[1] is not None
    assert (slopes[0] > 0).all()
    assert (slopes[1] < 0).all()
    assert model.log_steps.grad is not None
    assert (model.log_steps.grad[:, 1] > 0).all()


def test_a_later_group_begins_with_a_key_frame(
    tiny_footage: Footage, tmp_path: Path, quality: Quality
) -> None:
    config = tiny_footage.config
    short = replace(
        config,
        grouping=replace(config.grouping, max_length=2),
        optimize=replace(config.optimize, first_iterations=40, group_iterations=10, iterations=4),
    )
    own = [o for part in tiny_footage.groups for o in part.occupancies]
    footage = assemble_footage(tiny_footage.capture, short, tiny_footage.grid, own)
    VRVVC.fit(footage, LARGEST, tmp_path, SilentProgress())
    VRVVC.encode(footage, LARGEST, tmp_path, tmp_path / "two.vrf")
    trained = quality(footage, VRVVC.uncoded(footage, tmp_path))
    assert quality(footage, VRVVC.decode(open_package(tmp_path / "two.vrf"))) > trained - 0.5


def test_a_package_decodes_from_its_file_alone(coded: Fitted, tmp_path: Path) -> None:
    path = shutil.copy(coded(VRVVC, SMALLEST), tmp_path / "alone.vrf")
    first = [f.field.features for f in VRVVC.decode(open_package(coded(VRVVC, SMALLEST)))]
    again = [f.field.features for f in VRVVC.decode(open_package(path))]
    assert len(again) == 3
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_encoding_again_gives_the_same_bytes(
    tiny_footage: Footage, fitted: Fitted, coded: Fitted, tmp_path: Path
) -> None:
    VRVVC.encode(tiny_footage, SMALLEST, fitted(VRVVC, SMALLEST), tmp_path / "again.vrf")
    assert (tmp_path / "again.vrf").read_bytes() == coded(VRVVC, SMALLEST).read_bytes()


def changed(source: Path, out: Path, data: bytes) -> Path:
    """The package with other planes, and sums that are right again."""
    package = open_package(source)
    blobs = {name: package.blob(name) for name in package.manifest["blobs"]}
    content = PackageContent(package.scene, {**blobs, "planes0000": data})
    write_package(out, content, overwrite=True)
    return out


def test_damaged_planes_raise_errors_or_decode_to_finite_values(
    coded: Fitted, tmp_path: Path
) -> None:
    data = open_package(coded(VRVVC, SMALLEST)).blob("planes0000")
    random = np.random.default_rng(0)
    for _ in range(25):
        broken = bytearray(data)
        broken[random.integers(len(data))] ^= 1 << random.integers(8)
        path = changed(coded(VRVVC, SMALLEST), tmp_path / "broken.vrf", bytes(broken))
        try:
            played = list(VRVVC.decode(open_package(path)))
        except (HwcodecError, RenderError):
            continue
        assert all(torch.isfinite(frame.field.features).all() for frame in played)


def test_truncated_planes_are_refused(coded: Fitted, tmp_path: Path) -> None:
    data = open_package(coded(VRVVC, SMALLEST)).blob("planes0000")
    short = join_chunks([chunk[:20] for chunk in split_chunks(data, 3)])
    for broken in (b"", data[:-1], data + b"\0\0\0\0", short):
        path = changed(coded(VRVVC, SMALLEST), tmp_path / "broken.vrf", broken)
        with pytest.raises(SceneError):
            list(VRVVC.decode(open_package(path)))


def test_symbols_out_of_range_are_refused(
    coder: FrameCoder, rates: list[tuple[StoredRates, ...]]
) -> None:
    columns = [np.zeros(length, np.int32) for length in coder.lengths]
    columns[3][0] = -(1 << 31)
    with pytest.raises(SceneError, match="a symbol is 2147483648"):
        coder.decoded(columns, rates[0][0], None)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"channels": 0, "scale": 1.0},
        {"channels": 4, "scale": "1"},
        {"channels": 3, "scale": 1.0},
    ],
)
def test_records_that_do_not_fit_are_refused(record: dict[str, object]) -> None:
    with pytest.raises(SceneError):
        settings_from_json(record, ShadingShape(12, 8, 2, 1))
