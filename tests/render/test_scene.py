"""An open package: groups, random access, geometry, and what is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from bake.profiles import EXPORT_PROFILES, make_quantizer
from hwcodec import (
    BitstreamError,
    ContainerError,
    HwcodecError,
    UnsupportedConfig,
    open_package,
)
from render.errors import SceneError
from render.occupancy_codec import encode_occupancy
from render.scene import BakedScene, open_scene, unpack_picture
from render.scene_record import SceneRecord

NAMES = ("raw", "h264")


@pytest.fixture(params=NAMES)
def scene(request, baked_packages) -> BakedScene:
    return open_scene(baked_packages[request.param])


def changed(scene: BakedScene, **fields: object) -> dict:
    """The scene's record with some fields of its first group replaced."""
    record = json.loads(json.dumps(scene.package.scene))
    record["groups"][0] |= fields
    return record


class FakePackage:
    """A package whose scene record is another one."""

    def __init__(self, package, scene: dict) -> None:
        self._package, self.scene = package, scene

    def __getattr__(self, name: str):  # noqa: ANN204 -- whatever the package has
        return getattr(self._package, name)


def test_every_frame_belongs_to_the_group_that_spans_it(scene) -> None:
    assert scene.frame_count == 3
    assert [scene.group_of(frame).first_frame for frame in range(3)] == [0, 0, 2]


@pytest.mark.parametrize("frame", [-1, 3, 1000])
def test_frames_that_do_not_exist_are_refused_with_the_range(scene, frame) -> None:
    with pytest.raises(SceneError, match=r"expected 0\.\.2"):
        scene.group_of(frame)
    with pytest.raises(SceneError, match=r"expected 0\.\.2"):
        scene.atlas(frame)


def test_a_frame_alone_equals_the_same_frame_in_sequence_bit_for_bit(scene) -> None:
    for atlas in scene.all_atlases():
        alone = open_scene(scene.package.path).atlas(atlas.frame_index)
        assert torch.equal(alone.values, atlas.values)
        one, other = scene.field(alone), scene.field(atlas)
        assert torch.equal(one.density, other.density)
        assert torch.equal(one.features, other.features)


def test_frames_come_in_order_over_all_groups(scene) -> None:
    atlases = list(scene.all_atlases())
    assert [atlas.frame_index for atlas in atlases] == [0, 1, 2]
    assert all(atlas.values.dtype == torch.float32 for atlas in atlases)


@pytest.mark.parametrize("sessions", [1, 2, 5])
def test_groups_decoded_at_once_come_in_the_same_order_with_the_same_bits(scene, sessions) -> None:
    one_by_one = list(scene.all_atlases())
    at_once = list(scene.all_atlases(sessions=sessions))
    assert [atlas.frame_index for atlas in at_once] == [0, 1, 2]
    for one, other in zip(one_by_one, at_once, strict=True):
        assert torch.equal(one.values, other.values)


def test_more_sessions_than_decoders_take_are_refused(scene) -> None:
    with pytest.raises(UnsupportedConfig, match="sessions is 99"):
        list(scene.all_atlases(sessions=99))


@pytest.mark.parametrize("threads", [1, 3])
def test_the_thread_count_changes_nothing(scene, threads) -> None:
    group = scene.record.groups[0]
    for one, other in zip(
        scene.atlases(group), scene.atlases(group, thread_count=threads), strict=True
    ):
        assert torch.equal(one.values, other.values)


def test_lossless_packages_keep_every_code(baked_packages, baked_sequence) -> None:
    scene = open_scene(baked_packages["raw"])
    quantizer = make_quantizer(baked_sequence, EXPORT_PROFILES["web8"])
    for atlas in scene.all_atlases():
        group = scene.group_of(atlas.frame_index)
        mapping = scene.geometry(group).mapping
        image = mapping.to_image(baked_sequence.texels(atlas.frame_index))
        codes = quantizer.quantize(image)
        assert torch.equal(group.quantizer.quantize(atlas.values), codes)
        assert torch.equal(quantizer.dequantize(codes), atlas.values)


def test_compression_stays_close_to_the_codes(baked_packages) -> None:
    exact, coded = (open_scene(baked_packages[name]) for name in NAMES)
    for one, other in zip(exact.all_atlases(), coded.all_atlases(), strict=True):
        error = (one.values - other.values).abs()
        assert 0 < float(error.mean()) < 0.5


def test_a_field_holds_the_decoded_texels_and_the_empty_one(scene) -> None:
    atlas = scene.atlas(2)
    field, mapping = scene.field(atlas), scene.geometry(scene.group_of(2)).mapping
    x, y, z = mapping.vertices[5]
    texel = mapping.texel_of_vertex[x, y, z]
    expected = mapping.from_image(atlas.values)[texel]
    assert float(field.density[texel]) == float(expected[0])
    assert torch.equal(field.features[texel, :4], expected[1:])
    assert float(field.density[-1]) == -8.0
    assert field.step == 0.5


def test_the_geometry_of_the_latest_groups_is_kept(scene) -> None:
    first, second = scene.record.groups
    kept = scene.geometry(first)
    scene.geometry(second)
    assert scene.geometry(first) is kept


def test_geometry_is_rebuilt_from_the_occupancy_of_its_group(scene, baked_sequence) -> None:
    for span, group in zip(baked_sequence.groups, scene.record.groups, strict=True):
        expected = baked_sequence.mapping(span).texel_of_vertex
        assert np.array_equal(scene.geometry(group).mapping.texel_of_vertex, expected)


def test_cameras_come_back_to_single_precision(scene, baked_sequence) -> None:
    for ours, theirs in zip(scene.cameras, baked_sequence.rig.cameras, strict=True):
        assert (ours.width, ours.height) == (theirs.width, theirs.height)
        assert np.allclose(ours.world_to_camera, theirs.world_to_camera, atol=1e-6)


def test_a_view_is_rendered_at_the_cameras_size(scene) -> None:
    image = scene.render(1, scene.cameras[24])
    assert image.rgb.shape == (32, 32, 3)
    assert float(image.rgb.min()) >= 0
    assert float(image.rgb.max()) <= 1
    assert float(image.opacity.max()) > 0.5


def test_unpacking_a_picture_gives_values_within_the_quantizers_range(scene) -> None:
    group = scene.record.groups[0]
    for atlas in scene.atlases(group):
        flat = atlas.values.flatten(1)
        assert (flat.amax(1) <= group.quantizer.maximum).all()
        assert (flat.amin(1) >= group.quantizer.minimum).all()


def test_unpack_picture_cuts_what_pack_placed(scene) -> None:
    from hwcodec import Picture

    group = scene.record.groups[0]
    layout = group.layout
    codes = torch.randint(16, 236, (layout.channels, layout.rows, layout.columns))
    picture = Picture((layout.pack(codes.to(torch.uint8)),), scene.package.bitstream(0).format, 0)
    assert torch.equal(unpack_picture(group, picture), group.quantizer.dequantize(codes))


def test_a_missing_package_is_refused(tmp_path) -> None:
    with pytest.raises(ContainerError, match="no package"):
        open_scene(tmp_path / "nothing")


@pytest.mark.parametrize("stream", [-1, 2, 99])
def test_a_group_without_its_stream_is_refused(scene, stream) -> None:
    with pytest.raises(SceneError, match=rf"stream.* {stream}, expected"):
        BakedScene(FakePackage(scene.package, changed(scene, stream=stream)))


def test_a_group_of_another_length_than_its_stream_is_refused(scene) -> None:
    record = changed(scene, frame_count=3)
    record["groups"][1]["first_frame"] = 3
    with pytest.raises(SceneError, match="its stream 2 frames"):
        BakedScene(FakePackage(scene.package, record))


def test_more_vertices_than_texels_are_refused_before_they_are_put_in_order(
    scene, monkeypatch
) -> None:
    full = encode_occupancy(np.ones(scene.record.grid.shape, np.bool_))
    package = FakePackage(scene.package, changed(scene))
    package.blob = lambda _name: full
    monkeypatch.delattr("render.scene.build_mapping")
    wrong = BakedScene(package)
    with pytest.raises(SceneError, match=r"vertices are occupied, expected at most the \d+ texels"):
        wrong.geometry(wrong.record.groups[0])


def test_a_layout_that_does_not_fit_the_occupancy_is_refused_when_it_is_used(scene) -> None:
    group = scene.package.scene["groups"][0]
    layout = {**group["layout"], "rows": group["layout"]["rows"] * 2}
    wrong = BakedScene(FakePackage(scene.package, changed(scene, layout=layout)))
    with pytest.raises(SceneError, match="maps to an atlas"):
        wrong.geometry(wrong.record.groups[0])


@pytest.fixture
def copy(baked_packages, tmp_path) -> Path:
    return Path(shutil.copytree(baked_packages["h264"], tmp_path / "copy"))


def test_a_truncated_stream_is_refused_by_name(copy) -> None:
    stream = next((copy / "streams").iterdir())
    stream.write_bytes(stream.read_bytes()[:-100])
    with pytest.raises(ContainerError, match=stream.name):
        list(open_scene(copy).all_atlases())


@pytest.mark.parametrize("blob", ["network", "rig", "occupancy0000"])
def test_a_damaged_blob_is_refused_by_name(copy, blob) -> None:
    path = copy / "blobs" / blob
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    scene = open_scene(copy)
    with pytest.raises(ContainerError, match=blob):
        (scene.appearance, scene.cameras, scene.geometry(scene.record.groups[0]))


def test_a_flipped_bit_in_the_manifest_is_refused(copy) -> None:
    path = copy / "manifest.json"
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"block_size":8', b'"block_size":4'))
    with pytest.raises(ContainerError):
        open_scene(copy)


def test_damage_in_a_stream_never_passes_for_pictures(copy) -> None:
    stream = next((copy / "streams").iterdir())
    data = bytearray(stream.read_bytes())
    data[-40] ^= 0xFF
    stream.write_bytes(bytes(data))
    with pytest.raises((ContainerError, BitstreamError)):
        list(open_scene(copy).all_atlases())


def test_the_record_survives_json_exactly(scene) -> None:
    text = json.dumps(scene.record.to_json())
    assert SceneRecord.from_json(json.loads(text)).to_json() == scene.record.to_json()


def test_a_newer_record_asks_for_an_update(scene) -> None:
    with pytest.raises(SceneError, match="update this software"):
        SceneRecord.from_json({**scene.package.scene, "version": 99})


@pytest.mark.parametrize("key", ["aabb", "grid", "shading", "groups", "capture", "frame_rate"])
def test_a_record_that_lacks_something_is_damaged(scene, key) -> None:
    record = {name: value for name, value in scene.package.scene.items() if name != key}
    with pytest.raises((SceneError, HwcodecError), match="damaged"):
        SceneRecord.from_json(record)


def test_groups_that_leave_a_gap_are_refused(scene) -> None:
    record = changed(scene)
    record["groups"][1]["first_frame"] = 5
    with pytest.raises(SceneError, match="expected it to begin at 2"):
        SceneRecord.from_json(record)
    with pytest.raises(SceneError, match="no groups"):
        SceneRecord.from_json({**record, "groups": []})


def test_the_record_says_how_the_capture_was_used(scene) -> None:
    record = scene.record.capture
    assert (record.name, record.scale, record.frames) == ("procedural", 1.0, ":")
    assert record.test_views == tuple(range(24, 30))


def test_a_single_file_package_holds_the_same_scene(baked_sequence, tmp_path) -> None:
    from bake.export import ExportOptions, export

    for name in ("folder", "file.vrf"):
        export(baked_sequence, tmp_path / name, ExportOptions("raw", "web8"))
    folder, file = (open_scene(tmp_path / name) for name in ("folder", "file.vrf"))
    assert open_package(tmp_path / "file.vrf").scene == folder.package.scene
    assert torch.equal(folder.atlas(1).values, file.atlas(1).values)


def test_an_atlas_knows_the_codes_that_it_was_cut_from(scene) -> None:
    for atlas in scene.all_atlases():
        group = scene.group_of(atlas.frame_index)
        again = group.quantizer.dequantize(group.layout.unpack(atlas.luma))
        assert torch.equal(again, atlas.values)
