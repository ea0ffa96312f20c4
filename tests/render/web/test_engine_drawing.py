"""Pixels that the page draws are those of the compiled march, to within rounding."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from render.cameras import Camera
from render.scene import BakedScene, open_scene
from tests.render.web.packages import Kind, moving_package
from tests.render.web.page_calls import EngineError

# Frames of views: decodes, builds tables, uploads, draws into float32 and reads back.
DRAW = """
  const { openPackage } = await engine("package");
  const { GroupDecoder } = await engine("decoder");
  const { buildGroup } = await engine("groups");
  const { createRenderer } = await engine("renderer");
  const { viewOfCamera } = await engine("views");
  const pkg = await openPackage(given.url);
  const renderer = await createRenderer(new OffscreenCanvas(8, 8), { isFloat: given.isFloat });
  const decoder = new GroupDecoder(given.decoder ?? {});
  const images = [];
  const routes = [];
  let group = -1;
  for (const frame of given.frames) {
    const index = pkg.groupOf(frame);
    const fetched = await pkg.fetchGroup(index);
    if (index !== group) {
      renderer.setGroup(await buildGroup(pkg, index, fetched), pkg, index);
      group = index;
    }
    for await (const picture of decoder.decode(fetched, { from: frame })) {
      if (picture.frameIndex !== frame) throw new Error(`frame ${picture.frameIndex}`);
      renderer.setPicture(picture);
      routes.push(picture.route);
      picture.close();
      break;
    }
    for (const view of given.views) {
      const seen = viewOfCamera(pkg.cameras[view]);
      if (!renderer.draw(seen, { mode: given.mode, scale: given.scale })) {
        throw new Error("nothing was drawn");
      }
      images.push(renderer.readPixels());
    }
  }
  renderer.dispose();
  const all = new Float32Array(images.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of images) { all.set(one, at); at += one.length; }
  return { all, size: [images[0].length / 4], routes }"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("drawn")
    kinds = {"web8": Kind(), "hq10": Kind("libsvtav1", "hq10", frames=4)}
    return {name: moving_package(root / name, kind) for name, kind in kinds.items()}


def expected(scene: BakedScene, frames: list[int], cameras: list[Camera]) -> NDArray[np.float32]:
    """Color and opacity (pictures, rows, columns, 4) by the compiled march."""
    images = []
    for frame in frames:
        for camera in cameras:
            image = scene.render(frame, camera)
            images.append(np.concatenate([image.rgb, image.opacity[..., None]], axis=2))
    return np.stack(images)


def drawn(run, url: str, shape: tuple[int, ...], **given: object) -> NDArray[np.float32]:
    found = run(DRAW, url=url, **given)
    return found["all"].reshape(-1, *shape, 4)


@pytest.mark.parametrize(("name", "frames"), [("web8", [0, 3, 11, 12, 20]), ("hq10", [0, 5])])
def test_pixels_are_those_of_the_compiled_march(run, site, packages, name, frames) -> None:
    scene = open_scene(packages[name])
    url = site.mount(f"drawn-{name}", packages[name])
    views = [0, 3, 6]
    shape = (scene.cameras[0].height, scene.cameras[0].width)
    ours = drawn(run, url, shape, frames=frames, views=views, isFloat=True)
    theirs = expected(scene, frames, [scene.cameras[view] for view in views])
    error = np.abs(ours.astype(np.float64) - theirs)
    assert theirs[..., 3].mean() > 0.2, "the views see too little to test anything"
    assert error.max() <= 1 / 255
    assert error.mean() < 1e-6


def test_the_canvas_shows_the_same_the_right_way_up(run, site, packages) -> None:
    scene = open_scene(packages["web8"])
    url = site.mount("drawn-web8", packages["web8"])
    given = {"frames": [2], "views": [1]}
    shape = (scene.cameras[1].height, scene.cameras[1].width)
    exact = drawn(run, url, shape, isFloat=True, **given)
    shown = drawn(run, url, shape, isFloat=False, **given)
    assert np.abs(exact - shown)[..., :3].max() <= 0.51 / 255


def test_a_smaller_picture_is_the_scaled_camera(run, site, packages) -> None:
    scene = open_scene(packages["web8"])
    url = site.mount("drawn-web8", packages["web8"])
    camera = scene.cameras[2].scaled(0.5)
    ours = drawn(
        run, url, (camera.height, camera.width), frames=[1], views=[2], isFloat=True, scale=0.5
    )
    assert np.abs(ours - expected(scene, [1], [camera])).max() <= 1 / 255


@pytest.mark.parametrize("mode", [1, 2, 3, 4, 5])
def test_every_debug_mode_draws_something_of_its_own(run, site, packages, mode) -> None:
    url = site.mount("drawn-web8", packages["web8"])
    color, other = (
        drawn(run, url, (48, 48), frames=[0], views=[0], isFloat=True, mode=m) for m in (0, mode)
    )
    assert np.isfinite(other).all()
    assert np.abs(color - other)[..., :3].mean() > 0.02


def test_rig_cameras_give_the_rays_of_python(run, site, packages) -> None:
    body = """
      const { openPackage } = await engine("package");
      const { viewOfCamera } = await engine("views");
      return (await openPackage(given.url)).cameras.map(viewOfCamera)"""
    found = run(body, url=site.mount("drawn-web8", packages["web8"]))
    for view, camera in zip(found, open_scene(packages["web8"]).cameras, strict=True):
        assert np.allclose(view["position"], camera.position, rtol=0, atol=1e-12)
        assert np.allclose(view["forward"], camera.forward, rtol=0, atol=1e-12)
        assert np.allclose(view["down"], -camera.up, rtol=0, atol=1e-12)
        assert (view["focalX"], view["centerY"]) == (camera.focal_x, camera.center_y)


def test_a_lost_context_comes_back_with_its_group(run, site, packages) -> None:
    body = """
      const { openPackage } = await engine("package");
      const { GroupDecoder } = await engine("decoder");
      const { buildGroup } = await engine("groups");
      const { createRenderer } = await engine("renderer");
      const { viewOfCamera } = await engine("views");
      const pkg = await openPackage(given.url);
      const canvas = document.createElement("canvas");
      const renderer = await createRenderer(canvas);
      const fetched = await pkg.fetchGroup(0);
      renderer.setGroup(await buildGroup(pkg, 0, fetched), pkg, 0);
      const view = viewOfCamera(pkg.cameras[0]);
      const show = async () => {
        for await (const picture of new GroupDecoder().decode(fetched)) {
          renderer.setPicture(picture);
          picture.close();
          break;
        }
        return renderer.draw(view) ? renderer.readPixels() : null;
      };
      const before = await show();
      const lose = renderer.gl.getExtension("WEBGL_lose_context");
      const event = (name) => new Promise((resolve) => canvas.addEventListener(name, resolve));
      const lost = event("webglcontextlost");
      lose.loseContext();
      await lost;
      const meanwhile = await show();
      const restored = event("webglcontextrestored");
      lose.restoreContext();
      await restored;
      const empty = renderer.draw(view);
      const after = await show();
      renderer.dispose();
      return { before, after, states: [meanwhile === null, empty] }"""
    found = run(body, url=site.mount("drawn-web8", packages["web8"]))
    assert found["states"] == [True, False]
    assert np.array_equal(found["before"], found["after"])


def test_drawing_before_anything_is_there_draws_nothing(run) -> None:
    body = """
      const { createRenderer } = await engine("renderer");
      const renderer = await createRenderer(new OffscreenCanvas(4, 4));
      const drew = renderer.draw({ width: 4, height: 4 });
      let kind = "";
      try { renderer.setPicture({}); } catch (error) { kind = error.kind; }
      renderer.dispose();
      return [drew, kind]"""
    assert run(body) == [False, "usage"]


def test_a_scene_larger_than_the_device_takes_is_refused_in_words(run, site, packages) -> None:
    body = """
      const { openPackage } = await engine("package");
      const { createRenderer } = await engine("renderer");
      const pkg = await openPackage(given.url);
      const renderer = await createRenderer(new OffscreenCanvas(4, 4));
      const tables = { cells: new Int32Array(3000), cellShape: [3000, 1, 1], rows: 16, columns: 16,
        corners: new Uint32Array(8) };
      try { renderer.setGroup(tables, pkg, 0); } finally { renderer.dispose(); }"""
    with pytest.raises(EngineError, match="too large for this device") as caught:
        run(body, url=site.mount("drawn-web8", packages["web8"]))
    assert caught.value.kind == "unsupported"


@pytest.mark.slow
def test_sixteen_views_of_frames_on_both_sides_of_a_group_change(run, site, tmp_path) -> None:
    kind = replace(Kind(), sides=(60, 52, 68), picture=96, frames=6)
    path = moving_package(tmp_path / "large", kind)
    scene = open_scene(path)
    cameras = list(scene.cameras) + [camera.scaled(1.0) for camera in scene.cameras]
    url = site.mount("drawn-large", path)
    frames, views = [0, 5, 6, 11], [*range(8), *range(8)]
    ours = drawn(run, url, (96, 96), frames=frames, views=views, isFloat=True)
    theirs = expected(scene, frames, cameras)
    error = np.abs(ours.astype(np.float64) - theirs)
    assert error.max() <= 1 / 255
    assert error.mean() < 1e-6
