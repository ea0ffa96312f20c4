"""Published folders: what is in them, what replaces what, and what is refused."""

import json
import shutil
from pathlib import Path

import cv2
import pytest

from bake.export import ExportOptions, export
from hwcodec import ContainerError, open_package
from hwcodec.types import ConstantQp
from hwcodec.verify.runner import verify_path
from render import publish as publishing
from render.errors import OutputError, SceneError
from render.publish import PublishOptions, is_published, publish
from render.scene import open_scene


@pytest.fixture(scope="module")
def packages(baked_sequence, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("rungs")
    made = {
        "coarse": ExportOptions("libx264", "web8", ConstantQp(36)),
        "fine": ExportOptions("libx264", "web8", ConstantQp(18)),
        "hevc": ExportOptions("libx265", "hq10", ConstantQp(24)),
    }
    for name, options in made.items():
        export(baked_sequence, folder / name, options)
    export(baked_sequence, folder / "hevc.vrf", made["hevc"])
    return {path.name: path for path in folder.iterdir()}


def scene_record(folder: Path) -> dict[str, object]:
    record: dict[str, object] = json.loads((folder / "scene.json").read_text())
    return record


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_holds_player_shaders_poster_playlists_and_rungs(packages, tmp_path) -> None:
    done = publish([packages["fine"]], tmp_path / "site", PublishOptions("A fox"))
    names = names_in(done.folder)
    assert {"index.html", "player.css", "scene.json", "poster.png", "master.m3u8"} <= names
    assert {"shaders/march.frag.glsl", "rungs/h264-8bit-qp-18/manifest.json"} <= names
    assert not any(name.endswith((".py", ".pyc", ".md")) for name in names)
    record = scene_record(done.folder)
    assert (record["format"], record["version"], record["title"]) == ("videorf-scene", 1, "A fox")
    assert (record["frame_count"], record["frame_rate"]) == (3, [30, 1])
    assert cv2.imread(str(done.folder / "poster.png")).shape[0] == 720


def test_bakes_for_several_rates_are_rungs_of_one_scene(
    baked_sequence, wide_sequence, tmp_path
) -> None:
    """Another grid, other features, another network: each rung is played by its own record."""
    given = {"low": (baked_sequence, 36), "high": (wide_sequence, 22)}
    for name, (sequence, qp) in given.items():
        export(sequence, tmp_path / name, ExportOptions("libx264", "web8", ConstantQp(qp)))
    done = publish([tmp_path / name for name in given], tmp_path / "site", PublishOptions())
    rungs = scene_record(done.folder)["rungs"]
    assert [rung["name"] for rung in rungs] == ["h264-8bit-qp-36", "h264-8bit-qp-22"]
    scenes = [open_scene(done.folder / "rungs" / rung["name"]) for rung in rungs]
    assert scenes[0].record.grid != scenes[1].record.grid
    assert scenes[0].record.shading != scenes[1].record.shading
    for scene in scenes:
        assert scene.frame_count == 3


def test_rungs_are_the_packages_to_the_byte_and_in_order_of_their_rate(packages, tmp_path) -> None:
    given = [packages["fine"], packages["coarse"]]
    done = publish(given, tmp_path / "site", PublishOptions())
    record = scene_record(done.folder)
    rungs = record["rungs"]
    assert [rung["name"] for rung in rungs] == ["h264-8bit-qp-36", "h264-8bit-qp-18"]
    for rung, source in zip(rungs, reversed(given), strict=True):
        copied, original = open_package(done.folder / rung["package"]), open_package(source)
        assert copied.digest() == original.digest()
        assert rung["bytes"] == sum(original.sizes().values())
        for name in original.sizes():
            assert copied.file(name) == original.file(name)
    assert done.notes == ()


@pytest.mark.parametrize("source", ["hevc", "hevc.vrf"])
def test_an_h264_rung_is_made_where_none_is_given_and_said(packages, tmp_path, source) -> None:
    done = publish([packages[source]], tmp_path / "site", PublishOptions(qp=10))
    assert {rung.codec for rung in done.rungs} == {"h264", "hevc"}
    assert "h264-8bit-qp-10" in done.notes[0]
    made = done.folder / "rungs" / "h264-8bit-qp-10"
    assert verify_path(made).passed
    one, other = open_scene(made), open_scene(packages[source])
    assert one.record.profile == "web8"
    step = max(float(group.quantizer.step.max()) for group in one.record.groups)
    for ours, theirs in zip(one.all_atlases(), other.all_atlases(), strict=True):
        assert float((ours.values - theirs.values).abs().mean()) < 2 * step


def test_a_raw_package_is_a_source_and_no_rung(baked_packages, tmp_path) -> None:
    done = publish([baked_packages["raw"]], tmp_path / "site", PublishOptions())
    assert [rung.codec for rung in done.rungs] == ["h264"]
    assert "raw packages are not published" in done.notes[0]


def test_the_title_is_the_captures_name_unless_given(packages, tmp_path) -> None:
    done = publish([packages["fine"]], tmp_path / "site", PublishOptions())
    name = open_scene(packages["fine"]).record.capture.name
    assert scene_record(done.folder)["title"] == name


def test_a_scene_published_before_is_replaced_whole(packages, tmp_path) -> None:
    site = tmp_path / "site"
    publish([packages["fine"]], site, PublishOptions())
    (site / "stale.txt").write_text("old")
    publish([packages["coarse"]], site, PublishOptions())
    assert names_in(site / "rungs" / "h264-8bit-qp-36")
    assert not (site / "stale.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.parametrize("kind", ["file", "folder", "package", "other json"])
def test_what_this_program_did_not_write_stays(packages, tmp_path, kind) -> None:
    site = tmp_path / "site"
    if kind == "file":
        site.write_text("mine")
    elif kind == "package":
        shutil.copytree(packages["fine"], site)
    else:
        site.mkdir()
        name = "notes.txt" if kind == "folder" else "scene.json"
        (site / name).write_text('{"format": "another"}')
    before = site.read_text() if site.is_file() else names_in(site)
    with pytest.raises(OutputError, match="is no published scene"):
        publish([packages["fine"]], site, PublishOptions())
    assert before == (site.read_text() if site.is_file() else names_in(site))


def test_an_empty_folder_may_be_filled(packages, tmp_path) -> None:
    (tmp_path / "site").mkdir()
    publish([packages["fine"]], tmp_path / "site", PublishOptions())
    assert is_published(tmp_path / "site")


def test_a_failure_on_the_way_leaves_what_was_there(packages, tmp_path, monkeypatch) -> None:
    site = tmp_path / "site"
    publish([packages["fine"]], site, PublishOptions())
    before = names_in(site)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publishing, "_write_scene", full)
    with pytest.raises(OutputError, match=r"No space left on device; free some space"):
        publish([packages["coarse"]], site, PublishOptions())
    assert names_in(site) == before
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_packages_of_different_scenes_do_not_mix(packages, tmp_path) -> None:
    other = shutil.copytree(packages["coarse"], tmp_path / "other")
    scene = open_scene(other)
    scenes = [open_scene(packages["fine"]), scene]
    object.__setattr__(scene.record.groups[0], "frame_count", 9)
    with pytest.raises(SceneError, match="frame count is 10, expected 3"):
        publishing.check_same_scene(scenes)


def test_bakes_with_other_groups_do_not_mix(packages) -> None:
    one, other = open_scene(packages["fine"]), open_scene(packages["coarse"])
    first, second = other.record.groups
    object.__setattr__(first, "frame_count", 1)
    object.__setattr__(second, "frame_count", 2)
    with pytest.raises(SceneError, match=r"groups is \[1, 2\], expected \[2, 1\]"):
        publishing.check_same_scene([one, other])


def test_no_package_at_all_is_refused(tmp_path) -> None:
    with pytest.raises(SceneError, match="expected at least one"):
        publish([], tmp_path / "site", PublishOptions())
    assert not (tmp_path / "site").exists()


def test_a_damaged_package_is_never_published(packages, tmp_path) -> None:
    copy = shutil.copytree(packages["fine"], tmp_path / "copy")
    stream = copy / "streams" / "group0000.mp4"
    data = bytearray(stream.read_bytes())
    data[-3] ^= 1
    stream.write_bytes(bytes(data))
    with pytest.raises(ContainerError, match="damaged"):
        publish([copy], tmp_path / "site", PublishOptions())
    assert not (tmp_path / "site").exists()


def test_a_missing_web_player_is_named(packages, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(publishing, "PLAYER_FOLDER", tmp_path / "nowhere")
    with pytest.raises(OutputError, match="web player is missing"):
        publish([packages["fine"]], tmp_path / "site", PublishOptions())


@pytest.mark.parametrize("qp", [-1, 52, True])
def test_a_qp_that_h264_lacks_is_refused(qp) -> None:
    with pytest.raises(ValueError, match="expected 0 to 51"):
        PublishOptions(qp=qp)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 3}'])
def test_only_a_scene_file_makes_a_published_folder(tmp_path, text) -> None:
    (tmp_path / "scene.json").write_text(text)
    assert not is_published(tmp_path)
    assert not is_published(tmp_path / "missing")
