import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from bake.progress import SilentProgress
from benchmarks.baselines.plane_frames import (
    PlaneFrame,
    PlaneSettings,
    load_frame,
    plane_groups,
    stated_settings,
)
from benchmarks.baselines.planes import PLANE_COUNT
from benchmarks.baselines.tetrirf import TETRIRF
from benchmarks.baselines.tetrirf_codec import CodeSettings, GroupCodec, PictureLayout, shelve
from benchmarks.baselines.tetrirf_fit import JointFrames, JointSettings
from benchmarks.rd.footage import Footage, assemble_footage
from benchmarks.rd.method import Method, PlayedFrame, Rate
from hwcodec import (
    HwcodecError,
    PackageContent,
    StreamContent,
    choose_encoder,
    open_package,
    write_package,
)
from render.errors import RenderError, SceneError
from render.shading import ShadingShape

Fitted = Callable[[Method, Rate], Path]
Quality = Callable[[Footage, Iterator[PlayedFrame]], float]

SMALLEST, *_, LARGEST = TETRIRF.rates


@pytest.fixture(scope="module")
def codec(tiny_footage: Footage) -> GroupCodec:
    mapping = tiny_footage.groups[0].scene.mapping
    return GroupCodec(mapping, CodeSettings(PlaneSettings(), 8.0, 4.0))


@pytest.fixture(scope="module")
def frame(fitted: Fitted) -> PlaneFrame:
    return load_frame(fitted(TETRIRF, LARGEST), 1)


def test_the_best_rate_is_close_to_what_was_trained(
    tiny_footage: Footage, fitted: Fitted, coded: Fitted, quality: Quality
) -> None:
    trained = quality(tiny_footage, TETRIRF.uncoded(tiny_footage, fitted(TETRIRF, LARGEST)))
    played = quality(tiny_footage, TETRIRF.decode(open_package(coded(TETRIRF, LARGEST))))
    assert trained > 19
    assert played > trained - 0.5


def test_more_bytes_bring_more_quality(
    tiny_footage: Footage, coded: Fitted, quality: Quality
) -> None:
    chosen = TETRIRF.rates[::2]
    packages = [coded(TETRIRF, rate) for rate in chosen]
    sizes = [open_package(path).bitstream(0).size_bytes for path in packages]
    qualities = [quality(tiny_footage, TETRIRF.decode(open_package(path))) for path in packages]
    assert sizes == sorted(set(sizes))
    assert all(after > before - 0.05 for before, after in pairwise(qualities))
    assert qualities[-1] > qualities[0] + 0.2


def test_a_package_decodes_from_its_file_alone(coded: Fitted, tmp_path: Path) -> None:
    path = shutil.copy(coded(TETRIRF, SMALLEST), tmp_path / "alone.vrf")
    first = [f.field.features for f in TETRIRF.decode(open_package(coded(TETRIRF, SMALLEST)))]
    again = [f.field.features for f in TETRIRF.decode(open_package(path))]
    assert len(again) == 3
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_encoding_again_gives_the_same_bytes(
    tiny_footage: Footage, fitted: Fitted, coded: Fitted, tmp_path: Path
) -> None:
    out = tmp_path / "again.vrf"
    TETRIRF.encode(tiny_footage, SMALLEST, fitted(TETRIRF, SMALLEST), out)
    assert out.read_bytes() == coded(TETRIRF, SMALLEST).read_bytes()


def test_every_value_has_a_place_of_its_own(codec: GroupCodec) -> None:
    layout = codec.layout
    places = np.concatenate([layout.density_places, layout.plane_places.ravel()])
    assert len(np.unique(places)) == len(places)
    assert places.max() < layout.width * layout.height
    assert layout.plane_places.max() < layout.density_row * layout.width
    assert layout.density_places.min() >= layout.density_row * layout.width


def test_pictures_give_frames_back_within_half_a_code(
    codec: GroupCodec, frame: PlaneFrame, tiny_footage: Footage
) -> None:
    picture = codec.picture(frame, 0)
    found = codec.frame(picture)
    rows = torch.from_numpy(tiny_footage.groups[0].scene.mapping.texels).long()
    assert (found.density - frame.density)[rows].abs().max() <= 8 / 1023 + 1e-5
    assert (found.planes - frame.planes).abs().max() <= 4 / 1023 + 1e-5


def test_only_what_nobody_sees_is_emptied(
    codec: GroupCodec, frame: PlaneFrame, tiny_footage: Footage
) -> None:
    rows = torch.from_numpy(tiny_footage.groups[0].scene.mapping.texels).long()
    emptied = codec.emptied(frame, 1e-2, 0.5)
    alpha = 1 - (1 + frame.density.exp()) ** -0.5
    changed = torch.zeros(len(frame.density), dtype=torch.bool)
    changed[rows] = (emptied.density != frame.density)[rows]
    assert 0 < changed.sum() < len(changed) / 2
    assert (emptied.density[changed] == -8).all()
    assert alpha[changed].max() < 1e-2
    gone = (emptied.planes != frame.planes).any(1)
    assert (emptied.planes[gone] == 0).all()
    nothing = PlaneFrame(torch.full_like(frame.density, -8.0), frame.planes)
    assert not codec.emptied(nothing, 1e-2, 0.5).planes.any()


def test_shelves_hold_tiles_that_do_not_overlap() -> None:
    sizes = [(5, 9), (12, 8), (3, 20), (8, 8)]
    corners, height = shelve(sizes, 40)
    used = np.zeros((height, 40), int)
    for (rows, columns), (top, left) in zip(sizes, corners, strict=True):
        used[top : top + rows, left : left + columns] += 1
    assert used.max() == 1
    assert used.sum() == sum(rows * columns for rows, columns in sizes)


def test_frames_are_held_close_to_those_beside_them(tiny_footage: Footage) -> None:
    (group,) = plane_groups(tiny_footage, PlaneSettings())
    start = group.fresh(tiny_footage, PlaneSettings())
    moved = PlaneFrame(start.density + 0.5, start.planes + 0.25)
    losses = JointSettings(density_variation=0, plane_variation=0, temporal=1.0)
    config = tiny_footage.config.optimize

    def penalty(fixed: dict[int, PlaneFrame]) -> float:
        return JointFrames(group, {0: start}, fixed, config, losses).penalty(0).item()

    assert penalty({}) == 0
    assert penalty({1: moved}) == pytest.approx(0.25 + 5 * 0.5, rel=1e-4)
    assert penalty({-1: moved}) == pytest.approx(2 * (0.25 + 5 * 0.5), rel=1e-4)


def test_values_stay_within_the_ranges_of_the_codec(fitted: Fitted) -> None:
    frames = [load_frame(fitted(TETRIRF, LARGEST), index) for index in range(3)]
    assert max(f.density.abs().max().item() for f in frames) <= 8
    assert max(f.planes.abs().max().item() for f in frames) <= 4


def test_a_later_group_starts_from_the_one_before(
    tiny_footage: Footage, tmp_path: Path, quality: Quality
) -> None:
    config = tiny_footage.config
    short = replace(
        config,
        grouping=replace(config.grouping, max_length=2),
        optimize=replace(config.optimize, first_iterations=40, group_iterations=10, iterations=4),
    )
    own = [o for group in tiny_footage.groups for o in group.occupancies]
    footage = assemble_footage(tiny_footage.capture, short, tiny_footage.grid, own)
    assert [len(group.frames) for group in footage.groups] == [2, 1]
    TETRIRF.fit(footage, LARGEST, tmp_path, SilentProgress())
    TETRIRF.encode(footage, LARGEST, tmp_path, tmp_path / "two.vrf")
    package = open_package(tmp_path / "two.vrf")
    assert package.stream_count == 2
    trained = quality(footage, TETRIRF.uncoded(footage, tmp_path))
    assert quality(footage, TETRIRF.decode(package)) > trained - 0.5


@pytest.mark.parametrize(
    "change",
    [
        {"channels": 5},
        {"channels": "4"},
        {"scale": 7.0},
        {"scale": None},
        {"density_range": 0},
        {"plane_range": float(1 << 40)},
    ],
)
def test_records_that_do_not_fit_are_refused(
    coded: Fitted, tmp_path: Path, change: dict[str, object]
) -> None:
    package = open_package(coded(TETRIRF, SMALLEST))
    scene = {**package.scene, "own": {**package.scene["own"], **change}}
    path = rewritten(coded(TETRIRF, SMALLEST), tmp_path, scene=scene)
    with pytest.raises((HwcodecError, RenderError)):
        list(TETRIRF.decode(open_package(path)))


def test_a_stream_of_another_group_is_refused(
    tiny_footage: Footage, coded: Fitted, tmp_path: Path
) -> None:
    package = open_package(coded(TETRIRF, SMALLEST))
    scene = {**package.scene, "groups": [[0, 2]]}
    path = rewritten(coded(TETRIRF, SMALLEST), tmp_path, scene=scene)
    with pytest.raises(SceneError, match="expected"):
        list(TETRIRF.decode(open_package(path)))
    path = rewritten(coded(TETRIRF, SMALLEST), tmp_path, copies=2)
    with pytest.raises(SceneError, match="2 streams"):
        list(TETRIRF.decode(open_package(path)))


def test_damaged_pictures_are_refused(coded: Fitted, tmp_path: Path) -> None:
    path = rewritten(coded(TETRIRF, SMALLEST), tmp_path, is_cut=True)
    with pytest.raises((HwcodecError, RenderError)):
        list(TETRIRF.decode(open_package(path)))


def test_planes_must_have_as_many_channels_as_the_network() -> None:
    shape = ShadingShape(3 * PLANE_COUNT, 8, 2, 1)
    assert stated_settings(3, 1.0, shape) == PlaneSettings(3, 1.0)
    with pytest.raises(SceneError, match="make 12 features, expected 9"):
        stated_settings(4, 1.0, shape)


def test_a_box_that_fits_no_picture_is_refused(tiny_footage: Footage) -> None:
    mapping = tiny_footage.groups[0].scene.mapping
    far = mapping.vertices.copy()
    far[-1] = 1000
    wide = replace(mapping, vertices=far)
    with pytest.raises(HwcodecError, match="fit no picture"):
        PictureLayout(wide, GroupCodec(wide, CodeSettings(PlaneSettings(), 8, 4)).planes, 4)


def rewritten(
    source: Path,
    folder: Path,
    *,
    scene: dict[str, object] | None = None,
    copies: int = 1,
    is_cut: bool = False,
) -> Path:
    """The package with another record or other streams, and sums that are right again."""
    package = open_package(source)
    bitstream = package.bitstream(0)
    if is_cut:
        packets = tuple(
            replace(packet, data=packet.data[:8] + bytes(len(packet.data) - 8))
            for packet in bitstream.packets
        )
        bitstream = replace(bitstream, packets=packets)
    choice = choose_encoder("libx265", bitstream.format)
    streams = [StreamContent(f"group{n}", bitstream, choice) for n in range(copies)]
    blobs = {name: package.blob(name) for name in package.manifest["blobs"]}
    out = folder / "changed.vrf"
    write_package(out, PackageContent(scene or package.scene, blobs, streams), overwrite=True)
    return out
