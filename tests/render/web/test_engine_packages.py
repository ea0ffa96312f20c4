"""Scenes and packages over HTTP: what is fetched, what is checked, and how failure reads."""

import json
import shutil
import zlib
from pathlib import Path

import pytest

from hwcodec import open_package
from hwcodec.manifest import serialize
from tests.render.web.page_calls import EngineError

OPEN = """
  const { openScene } = await engine("scene");
  const scene = await openScene(given.url);
  const { title, rungs, frameCount, frameRate, startView, posterUrl } = scene;
  return { title, rungs, frameCount, frameRate, startView, posterUrl,
    cameras: scene.cameras.length, grid: scene.record.grid.join() }"""
FETCH = """
  const { openPackage } = await engine("package");
  const pkg = await openPackage(given.url);
  const { index, bytes, seconds, occupancyBytes, streamBytes, group } =
    await pkg.fetchGroup(given.index ?? 0);
  return { index, bytes, seconds, occupancyBytes, streamBytes, first: group.first_frame,
    groups: pkg.groups }"""
START = {"position": [0, -3, 1], "target": [0, 0, 1], "up": [0, 0, 1], "focal_per_height": 1.2}


def scene_text(**changes: object) -> dict:
    rung = {
        "name": "h264",
        "package": "rungs/h264/",
        "codec_string": "avc1.640020",
        "codec": "h264",
        "profile": "web8",
        "bit_depth": 8,
        "bandwidth": 2000,
        "bytes": 10,
        "width": 64,
        "height": 64,
    }
    return {
        "format": "videorf-scene",
        "version": 1,
        "title": "A title",
        "poster": "poster.png",
        "frame_count": 3,
        "frame_rate": [30, 1],
        "start_view": START,
        "rungs": [rung, {**rung, "name": "small", "package": "rungs/small/", "bandwidth": 1000}],
    } | changes


@pytest.fixture
def folder(baked_packages, tmp_path) -> Path:
    """A published scene of two rungs, laid out by hand."""
    for name in ("h264", "small"):
        shutil.copytree(baked_packages["h264"], tmp_path / "rungs" / name)
    (tmp_path / "scene.json").write_text(json.dumps(scene_text()))
    return tmp_path


@pytest.fixture
def url(site, folder) -> str:
    return site.mount("scene", folder)


@pytest.fixture
def package(site, baked_packages, tmp_path) -> tuple[str, Path]:
    path = Path(shutil.copytree(baked_packages["h264"], tmp_path / "package"))
    return site.mount("package", path), path


def refusal(run, body: str, **given: object) -> EngineError:
    with pytest.raises(EngineError) as caught:
        run(body, **given)
    assert caught.value.name == "PlayerError", caught.value
    return caught.value


def test_a_published_scene_opens_with_its_rungs_by_bandwidth(run, url) -> None:
    found = run(OPEN, url=url)
    assert [rung["name"] for rung in found["rungs"]] == ["small", "h264"]
    assert found["title"] == "A title"
    assert (found["frameCount"], found["frameRate"]) == (3, 30)
    assert found["posterUrl"] == f"{url}poster.png"
    assert found["rungs"][0]["package"] == f"{url}rungs/small/"
    assert found["startView"]["focalPerHeight"] == 1.2
    assert found["cameras"] == 30


@pytest.mark.parametrize("form", ["{}", "{}scene.json", "no slash"])
def test_every_form_of_an_address_opens(run, url, form) -> None:
    address = url.rstrip("/") if form == "no slash" else form.format(url)
    assert run(OPEN, url=address)["title"] == "A title"


@pytest.mark.parametrize("form", ["{}", "{}manifest.json"])
def test_a_bare_package_opens_as_a_scene_of_one_rung(run, package, form) -> None:
    address, path = package
    found = run(OPEN, url=form.format(address))
    opened = open_package(path)
    (rung,) = found["rungs"]
    assert rung["codecString"] == opened.streams[0]["codec_string"]
    assert rung["bytes"] == sum(
        record["bytes"] for record in [*opened.streams, *opened.manifest["blobs"].values()]
    )
    assert found["startView"]["up"][2] > 0.9
    assert found["title"] == "procedural"


def test_rungs_are_opened_once_and_again_after_a_failure(run, site, url) -> None:
    site.requests.clear()
    path = "/scene/rungs/h264/manifest.json"
    site.answers[path] = lambda _: (404, b"")
    body = """
      const { openScene } = await engine("scene");
      const scene = await openScene(given.url);
      let kind = "";
      try { await scene.openRung(1); } catch (error) { kind = error.kind; }
      await fetch("/heal");
      const [one, other] = await Promise.all([scene.openRung(1), scene.openRung(1)]);
      return [kind, one === other, one.frameCount, (await scene.openRung(0)).frameCount]"""
    site.answers["/heal"] = lambda _: (site.answers.pop(path) and 200, b"ok")
    assert run(body, url=url) == ["network", True, 3, 3]
    assert site.requests["/scene/rungs/small/manifest.json"] == 1


def test_a_rung_that_does_not_exist_is_refused(run, url) -> None:
    body = """
      const { openScene } = await engine("scene");
      await (await openScene(given.url)).openRung(7)"""
    assert refusal(run, body, url=url).kind == "usage"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"format": "something"}, "damaged"),
        ({"version": 2}, "newer"),
        ({"version": None}, "damaged"),
        ({"rungs": []}, "damaged"),
        ({"rungs": [{}]}, "damaged"),
        ({"rungs": [None]}, "damaged"),
        ({"title": 7}, "damaged"),
        ({"frame_count": 4}, "damaged"),
        ({"frame_count": 0}, "damaged"),
        ({"start_view": {}}, "damaged"),
        ({"start_view": {**START, "focal_per_height": 0}}, "damaged"),
        ({"poster": "../../secret.png"}, "damaged"),
        ({"rungs": [{**scene_text()["rungs"][0], "package": "../elsewhere/"}]}, "damaged"),
        ({"rungs": [{**scene_text()["rungs"][0], "package": "http://other.test/"}]}, "damaged"),
    ],
)
def test_a_scene_file_out_of_its_limits_is_refused(run, url, folder, change, kind) -> None:
    (folder / "scene.json").write_text(json.dumps(scene_text(**change)))
    assert refusal(run, OPEN, url=url).kind == kind


def test_a_scene_file_that_is_no_json_is_refused(run, url, folder) -> None:
    (folder / "scene.json").write_text("<html>not found</html>")
    assert "no JSON" in str(refusal(run, OPEN, url=url))


def test_an_address_with_nothing_says_what_was_looked_for(run, site) -> None:
    error = refusal(run, OPEN, url=f"{site.url}/nowhere/")
    assert error.kind == "network"
    assert "neither a scene.json nor a manifest.json" in str(error)


def test_a_package_in_one_file_says_how_to_publish_it(run, site) -> None:
    assert "publish-package" in str(refusal(run, OPEN, url=f"{site.url}/film.vrf"))


def test_a_group_comes_with_its_exact_bytes(run, package) -> None:
    address, path = package
    found = run(FETCH, url=address, index=1)
    stream = (path / "streams" / "group0001.mp4").read_bytes()
    occupancy = (path / "blobs" / "occupancy0001").read_bytes()
    assert found["streamBytes"].tobytes() == stream
    assert found["occupancyBytes"].tobytes() == occupancy
    assert found["bytes"] == len(stream) + len(occupancy)
    assert found["first"] == 2
    assert found["seconds"] > 0
    assert [group["firstFrame"] for group in found["groups"]] == [0, 2]


def test_frames_belong_to_the_groups_that_span_them(run, package) -> None:
    body = """
      const { openPackage } = await engine("package");
      const pkg = await openPackage(given.url);
      const found = [0, 1, 2].map((frame) => pkg.groupOf(frame));
      for (const frame of [-1, 3, 0.5, NaN]) {
        try { found.push(pkg.groupOf(frame)); } catch (error) { found.push(error.kind); }
      }
      return found"""
    assert run(body, url=package[0]) == [0, 0, 1, *["usage"] * 4]


def test_a_group_that_does_not_exist_is_refused(run, package) -> None:
    assert refusal(run, FETCH, url=package[0], index=2).kind == "usage"


@pytest.mark.parametrize("name", ["blobs/network", "blobs/occupancy0000", "streams/group0000.mp4"])
def test_a_damaged_file_is_refused_by_name(run, package, name) -> None:
    address, path = package
    data = bytearray((path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (path / name).write_bytes(bytes(data))
    error = refusal(run, FETCH, url=address)
    assert error.kind == "damaged"
    assert name in str(error)


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"x"])
def test_a_file_of_another_size_is_refused(run, package, change) -> None:
    address, path = package
    file = path / "blobs" / "occupancy0000"
    file.write_bytes(change(file.read_bytes()))
    error = refusal(run, FETCH, url=address)
    assert error.kind == "damaged"
    assert "bytes, expected" in str(error)


def test_a_missing_file_is_refused_by_name(run, package) -> None:
    address, path = package
    (path / "streams" / "group0000.mp4").unlink()
    error = refusal(run, FETCH, url=address)
    assert error.kind == "network"
    assert "streams/group0000.mp4 does not exist" in str(error)


def test_bytes_damaged_once_on_the_way_are_fetched_again(run, site, package) -> None:
    address, path = package
    good = (path / "blobs" / "occupancy0000").read_bytes()
    bad = bytes([good[0] ^ 1]) + good[1:]
    site.answers["/package/blobs/occupancy0000"] = lambda count: (200, bad if count == 1 else good)
    site.requests.clear()
    try:
        found = run(FETCH, url=address)
    finally:
        site.answers.clear()
    assert found["occupancyBytes"].tobytes() == good
    assert site.requests["/package/blobs/occupancy0000"] == 2


def changed(path: Path, change) -> None:
    document = json.loads((path / "manifest.json").read_bytes())
    document.pop("crc32")
    change(document)
    for key in ("format", "version"):
        document.pop(key)
    (path / "manifest.json").write_bytes(serialize(document))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["scene"]["groups"][0].update(stream=5), "names stream 5"),
        (lambda d: d["streams"][0].update(frame_count=9), "its stream 9"),
        (lambda d: d["streams"][0].update(width=66), "its stream has 66"),
        (lambda d: d["blobs"].pop("network"), 'no blob "network"'),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(run, package, change, words) -> None:
    address, path = package
    changed(path, change)
    error = refusal(run, FETCH, url=address)
    assert error.kind == "damaged"
    assert words in str(error)


def test_a_package_without_a_rig_still_opens(run, package) -> None:
    address, path = package
    changed(path, lambda document: document["blobs"].pop("rig"))
    assert run(OPEN, url=address)["cameras"] == 0


@pytest.mark.parametrize("cut", [1, 27])
def test_a_rig_of_no_whole_cameras_is_refused(run, package, cut) -> None:
    address, path = package
    data = (path / "blobs" / "rig").read_bytes()[:-cut]
    (path / "blobs" / "rig").write_bytes(data)
    changed(path, lambda d: d["blobs"]["rig"].update(bytes=len(data), crc32=zlib.crc32(data)))
    assert "bytes, expected" in str(refusal(run, OPEN, url=address))
