"""Manifests and scene records in the page: what Python writes is read, damage is a sentence."""

import json
import zlib
from pathlib import Path

import pytest

from hwcodec import PlaneLayout
from hwcodec.manifest import parse, serialize
from render.scene import open_scene
from tests.render.web.page_calls import EngineError

PARSE = "return (await engine('manifest')).parseManifest(given.data)"
READ = "return (await engine('scene_record')).readSceneRecord(given.scene)"


@pytest.fixture(scope="module")
def manifest(baked_packages) -> bytes:
    return (baked_packages["h264"] / "manifest.json").read_bytes()


@pytest.fixture(scope="module")
def scene(manifest) -> dict:
    return parse(manifest, Path("here"))["scene"]


def signed(text: str) -> bytes:
    """Any JSON text with a checksum in front that fits it."""
    rest = text[1:].encode()
    return f'{{"crc32":"{zlib.crc32(rest):08x}",'.encode() + rest


def refusal(run, body: str, **given: object) -> EngineError:
    with pytest.raises(EngineError) as caught:
        run(body, **given)
    error = caught.value
    assert error.name == "PlayerError"
    # A sentence that a person can act upon.
    assert ";" in str(error)
    assert str(error).endswith(".")
    return error


def test_a_manifest_is_read_as_python_reads_it(run, manifest) -> None:
    assert run(PARSE, data=manifest) == parse(manifest, Path("here"))


def test_unknown_keys_are_kept_out_of_the_way(run) -> None:
    document = {"blobs": {}, "streams": [], "scene": {"a": 1}, "later": [1, {"x": None}]}
    assert run(PARSE, data=serialize(document))["scene"] == {"a": 1}


def test_text_outside_ascii_is_summed_up_as_bytes(run) -> None:
    text = '{"format":"videorf-package","version":1,"blobs":{},"streams":[],"scene":{"t":"né"}}'
    assert run(PARSE, data=signed(text))["scene"] == {"t": "né"}


def test_any_changed_byte_is_noticed(run, manifest) -> None:
    body = """
      const { parseManifest } = await engine('manifest');
      const passed = [];
      for (let at = 0; at < given.data.length; at += 7) {
        given.data[at] ^= 1;
        try { parseManifest(given.data); passed.push(at); } catch (error) {
          if (error.name !== "PlayerError") throw error;
        }
        given.data[at] ^= 1;
      }
      return passed"""
    assert run(body, data=manifest) == []


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"[]", b"<!doctype html>", b"\xff\xfe{}"])
def test_what_is_no_manifest_is_refused(run, data) -> None:
    assert refusal(run, PARSE, data=data).kind == "damaged"


def test_a_newer_package_asks_for_a_newer_player_before_its_checksum_is_read(run) -> None:
    data = b'{"crc32":"00000000","format":"videorf-package","version":2}'
    error = refusal(run, PARSE, data=data)
    assert error.kind == "newer"
    assert "version 2" in str(error)


@pytest.mark.parametrize("version", ["0", "-1", "1.5", '"1"', "true", "null"])
def test_a_version_that_is_no_version_is_damage(run, version) -> None:
    text = (
        f'{{"format":"videorf-package","version":{version},"blobs":{{}},"streams":[],"scene":{{}}}}'
    )
    assert refusal(run, PARSE, data=signed(text)).kind == "damaged"


def test_checksum_first_or_not_at_all(run, manifest) -> None:
    document = json.loads(manifest)
    document.pop("crc32")
    data = json.dumps({**document, "crc32": "00000000"}).encode()
    assert "does not match its checksum" in str(refusal(run, PARSE, data=data))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("blobs", []),
        ("blobs", {"../secret": {"bytes": 1, "crc32": 1}}),
        ("blobs", {"a.": {"bytes": 1, "crc32": 1}}),
        ("blobs", {"a": {"bytes": -1, "crc32": 1}}),
        ("blobs", {"a": {"bytes": 1.5, "crc32": 1}}),
        ("blobs", {"a": None}),
        ("streams", {}),
        ("streams", [1]),
        ("streams", [{"name": "a"}]),
        ("scene", []),
        ("scene", None),
    ],
)
def test_fields_of_another_kind_are_refused(run, key, value) -> None:
    document = {"blobs": {}, "streams": [], "scene": {}, key: value}
    assert refusal(run, PARSE, data=serialize(document)).kind == "damaged"


def test_two_streams_of_one_name_are_refused(run, manifest) -> None:
    streams = parse(manifest, Path("here"))["streams"][:1] * 2
    data = serialize({"blobs": {}, "streams": streams, "scene": {}})
    assert "two streams of one name" in str(refusal(run, PARSE, data=data))


@pytest.mark.parametrize("name", ["../x", "A", "a/b", "", "a" * 101, "a.", ".a", "a\n"])
def test_names_that_could_leave_their_folder_are_refused(run, name) -> None:
    body = "return (await engine('manifest')).blobFile(given.name)"
    assert refusal(run, body, name=name).kind == "damaged"


def test_a_scene_record_is_read_as_python_reads_it(run, scene, baked_packages) -> None:
    found = run(READ, scene=scene)
    record = open_scene(baked_packages["h264"]).record
    assert found["grid"] == list(record.grid.shape)
    assert found["frame_count"] == record.frame_count
    for ours, theirs in zip(found["groups"], record.groups, strict=True):
        layout = theirs.layout
        assert ours["first_frame"] == theirs.first_frame
        assert (ours["layout"]["width"], ours["layout"]["height"]) == (layout.width, layout.height)
        assert ours["layout"]["cellRows"] == layout.cell_rows
        assert ours["layout"]["cellColumns"] == layout.cell_columns
        assert ours["quantizer"] == theirs.quantizer.to_json()


def test_a_newer_scene_asks_for_a_newer_player(run, scene) -> None:
    assert refusal(run, READ, scene={**scene, "version": 2}).kind == "newer"


SCENE_CHANGES = {
    "version": [0, "1", None],
    "aabb": [[[0, 0, 0]], [[0, 0, 0], [0, 1, 1]], [[0, 0], [1, 1]], "box"],
    "voxel_size": [0, -1, "x", 1e300, None],
    "grid": [[1, 5, 5], [5, 5], [5, 5, 70000], [60000, 60000, 60000], [5.5, 5, 5]],
    "block_size": [0, 7, 64, "8"],
    "step": [0, 1e-9, 1e9, None],
    "empty_density": [None, "low", 1e39],
    "background": [[0, 0], [0, 0, 2], [0, 0, -1], 0],
    "shading": [{}, {"feature_count": 4, "width": 8, "depth": 99, "frequency_count": 1}],
    "frame_rate": [[30], [0, 1], [30, 0], [2**33, 1], 30],
    "profile": [None, 8],
    "capture": [None, {}],
    "groups": [[], {}, [None]],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in SCENE_CHANGES.items() for value in values]
)
def test_a_record_out_of_its_limits_is_damage(run, scene, key, value) -> None:
    error = refusal(run, READ, scene={**scene, key: value})
    assert error.kind == "damaged"
    assert "damaged:" in str(error)


@pytest.mark.parametrize("key", [*SCENE_CHANGES])
def test_a_record_that_lacks_something_is_damage(run, scene, key) -> None:
    lacking = {name: value for name, value in scene.items() if name != key}
    assert refusal(run, READ, scene=lacking).kind == "damaged"


GROUP_CHANGES = {
    "first_frame": [1, -1, None],
    "frame_count": [0, 2**31, 3],
    "occupancy": [None, 1],
    "stream": [-1, "0"],
    "layout": [None, {"channels": 5, "rows": 5000, "columns": 5000, "guard": 8, "tile_columns": 1}],
    "quantizer": [None, {}],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in GROUP_CHANGES.items() for value in values]
)
def test_a_group_out_of_its_limits_is_damage(run, scene, key, value) -> None:
    groups = [{**scene["groups"][0], key: value}, *scene["groups"][1:]]
    assert refusal(run, READ, scene={**scene, "groups": groups}).kind == "damaged"


@pytest.mark.parametrize(
    "change",
    [
        {"minimum": [0.0]},
        {"minimum": [99.0] * 5},
        {"maximum": [None] * 5},
        {"bit_depth": 0},
        {"bit_depth": 17},
        {"lowest_code": 235},
        {"highest_code": 256},
        {"lowest_code": -1},
    ],
)
def test_a_quantizer_out_of_its_limits_is_damage(run, scene, change) -> None:
    group = scene["groups"][0]
    groups = [{**group, "quantizer": {**group["quantizer"], **change}}, *scene["groups"][1:]]
    assert refusal(run, READ, scene={**scene, "groups": groups}).kind == "damaged"


def test_a_group_with_other_channels_than_the_network_is_damage(run, scene) -> None:
    shading = {**scene["shading"], "feature_count": 7}
    assert "expected 8 as the network has" in str(
        refusal(run, READ, scene={**scene, "shading": shading})
    )


MARKS = {"row": 0, "column": 0, "block_size": 8, "codes": [16, 89, 162, 235]}


def test_marks_inside_the_guard_band_are_kept(run, scene) -> None:
    layout = PlaneLayout(5, 64, 64, 8, 3)
    marks = {**MARKS, "row": layout.height - 8}
    group = {**scene["groups"][0], "layout": layout.to_json(), "marks": marks}
    found = run(READ, scene={**scene, "groups": [group, *scene["groups"][1:]]})
    assert found["groups"][0]["marks"] == marks
    group.pop("marks")
    found = run(READ, scene={**scene, "groups": [group, *scene["groups"][1:]]})
    assert found["groups"][0]["marks"] is None


@pytest.mark.parametrize(
    "change", [{}, {"row": 8000}, {"column": 4000}, {"row": 3}, {"codes": [1]}, {"block_size": 4}]
)
def test_marks_on_texels_or_out_of_the_plane_are_damage(run, scene, change) -> None:
    groups = [{**scene["groups"][0], "marks": {**MARKS, **change}}, *scene["groups"][1:]]
    assert refusal(run, READ, scene={**scene, "groups": groups}).kind == "damaged"
