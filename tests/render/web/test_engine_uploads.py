"""Tables of groups on the device: kept for two groups, brought ahead in slices, freed at last."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.render.web.packages import Kind, moving_package
from tests.render.web.page_calls import EngineError

# A renderer whose calls are counted, and groups of packages with their first pictures.
DESK = """
  const { openPackage } = await engine("package");
  const { GroupDecoder } = await engine("decoder");
  const { buildGroup } = await engine("groups");
  const { createRenderer } = await engine("renderer");
  const { viewOfCamera } = await engine("views");
  const open = async (canvas = new OffscreenCanvas(48, 48)) => {
    const renderer = await createRenderer(canvas);
    const { gl } = renderer;
    const counts = { uploads: 0, checks: 0, living: 0 };
    const count = (name, key, by) => {
      const native = gl[name];
      gl[name] = (...given) => {
        // Pictures are not tables: their texels are single codes.
        const isPicture = key === "uploads" && given.includes(gl.RED_INTEGER)
          && name === "texSubImage2D";
        if (!isPicture && !(by < 0 && !given[0])) counts[key] += by;
        return native.apply(gl, given);
      };
    };
    for (const name of ["texSubImage2D", "texSubImage3D"]) count(name, "uploads", 1);
    count("checkFramebufferStatus", "checks", 1);
    for (const name of ["createTexture", "createFramebuffer"]) count(name, "living", 1);
    for (const name of ["deleteTexture", "deleteFramebuffer"]) count(name, "living", -1);
    return { renderer, counts, canvas };
  };
  const groups = [];
  for (const url of given.urls) {
    const pkg = await openPackage(url);
    for (const index of [0, 1]) {
      const fetched = await pkg.fetchGroup(index);
      groups.push({ pkg, index, fetched, tables: await buildGroup(pkg, index, fetched) });
    }
  }
  const decoder = new GroupDecoder();
  const show = async ({ renderer }, { pkg, fetched }) => {
    for await (const picture of decoder.decode(fetched)) {
      renderer.setPicture(picture);
      picture.close();
      break;
    }
    if (!renderer.draw(viewOfCamera(pkg.cameras[0]))) throw new Error("nothing was drawn");
    return renderer.readPixels();
  };
  const set = ({ renderer }, { tables, pkg, index }) => renderer.setGroup(tables, pkg, index);
  const stage = ({ renderer }, { tables, pkg, index }) => renderer.stageGroup(tables, pkg, index);
  const alone = async (group) => {
    const desk = await open();
    set(desk, group);
    const pixels = await show(desk, group);
    desk.renderer.dispose();
    return pixels;
  };
  const isSame = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);
  const again = (tables) => ({ ...tables });
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Mapping[str, Path]:
    root = tmp_path_factory.mktemp("uploads")
    kinds = {"web8": Kind(frames=2), "hq10": Kind("libsvtav1", "hq10", frames=2)}
    return {name: moving_package(root / name, kind) for name, kind in kinds.items()}


Play = Callable[..., Any]


@pytest.fixture
def play(run, site, packages) -> Play:
    """Run a snippet beside two groups of each named package."""

    def call(body: str, *names: str) -> Any:  # noqa: ANN401 -- JSON or array
        urls = [site.mount(f"uploads-{name}", packages[name]) for name in names or ("web8",)]
        return run(DESK + body, urls=urls)

    return call


def test_back_and_forth_between_two_groups_uploads_nothing_and_asks_nothing(play) -> None:
    body = """
      const desk = await open();
      const seen = [];
      for (const group of groups) {
        set(desk, group);
        seen.push(await show(desk, group));
      }
      const before = { ...desk.counts };
      const same = [];
      for (const at of [0, 1, 0, 1]) {
        set(desk, groups[at]);
        same.push(isSame(await show(desk, groups[at]), seen[at]));
      }
      const after = { ...desk.counts };
      desk.renderer.dispose();
      return { same, before, after, differ: !isSame(seen[0], seen[1]) }"""
    found = play(body)
    assert found["differ"]
    assert found["same"] == [True] * 4
    assert found["before"]["uploads"] > 0
    assert found["before"] == found["after"]


def test_a_staged_group_comes_in_slices_while_another_is_drawn(play) -> None:
    body = """
      const [first, second] = groups;
      const [expected, other] = [await alone(first), await alone(second)];
      const desk = await open();
      set(desk, first);
      const before = desk.counts.uploads;
      stage(desk, second);
      const begun = desk.counts.uploads - before;
      const [each, same] = [[], []];
      for (let more = true, last = desk.counts.uploads; more && each.length < 50;) {
        more = desk.renderer.uploadSome(0);
        each.push(desk.counts.uploads - last);
        last = desk.counts.uploads;
        same.push(isSame(await show(desk, first), expected));
      }
      const sum = desk.counts.uploads;
      stage(desk, second);
      const idle = desk.renderer.uploadSome(1000);
      set(desk, second);
      const late = desk.counts.uploads - sum;
      const arrived = isSame(await show(desk, second), other);
      desk.renderer.dispose();
      return { begun, each, same, idle, late, arrived }"""
    found = play(body)
    assert (found["begun"], found["idle"], found["late"]) == (0, False, 0)
    assert len(found["each"]) >= 2
    assert max(found["each"]) == 1
    assert all(found["same"])
    assert found["arrived"]


@pytest.mark.parametrize("slices", [0, 1])
def test_a_group_that_is_set_early_gets_what_is_left(play, slices) -> None:
    body = f"""
      const desk = await open();
      set(desk, groups[0]);
      stage(desk, groups[1]);
      for (let i = 0; i < {slices}; i++) desk.renderer.uploadSome(0);
      set(desk, groups[1]);
      const isExact = isSame(await show(desk, groups[1]), await alone(groups[1]));
      desk.renderer.dispose();
      return [isExact]"""
    assert play(body) == [True]


def test_staging_another_group_instead_leaves_no_mixture(play) -> None:
    body = """
      const desk = await open();
      set(desk, groups[0]);
      stage(desk, groups[1]);
      desk.renderer.uploadSome(0);
      const wanted = { ...groups[0], tables: again(groups[0].tables) };
      stage(desk, wanted);
      desk.renderer.uploadSome(0);
      stage(desk, groups[1]);
      set(desk, groups[1]);
      const isExact = [isSame(await show(desk, groups[1]), await alone(groups[1]))];
      set(desk, wanted);
      isExact.push(isSame(await show(desk, wanted), await alone(wanted)));
      desk.renderer.dispose();
      return isExact"""
    assert play(body) == [True, True]


def test_a_rung_of_another_depth_is_drawn_as_if_alone(play) -> None:
    body = """
      const desk = await open();
      const exact = [];
      // The same tables in another package, and other tables of the same places.
      const mixed = { ...groups[2], tables: groups[0].tables };
      for (const group of [groups[0], mixed, groups[0], groups[3], groups[1]]) {
        stage(desk, group);
        desk.renderer.uploadSome(5);
        set(desk, group);
        exact.push(isSame(await show(desk, group), await alone(group)));
      }
      desk.renderer.dispose();
      return exact"""
    assert play(body, "web8", "hq10") == [True] * 5


def test_however_many_groups_come_the_device_holds_two_and_in_the_end_none(play) -> None:
    body = """
      const desk = await open();
      const living = [];
      for (let round = 0; round < 12; round++) {
        const group = groups[round % groups.length];
        const fresh = { ...group, tables: again(group.tables) };
        stage(desk, fresh);
        desk.renderer.uploadSome(round % 3);
        set(desk, fresh);
        await show(desk, fresh);
        living.push(desk.counts.living);
      }
      const checks = desk.counts.checks;
      desk.renderer.dispose();
      return { living, left: desk.counts.living, checks }"""
    found = play(body, "web8", "hq10")
    # Two groups of two tables, two atlases with their framebuffers, one picture.
    assert max(found["living"]) <= 9
    assert found["left"] == 0
    assert found["checks"] <= 2


def test_a_lost_context_comes_back_with_its_group_and_takes_the_next_one(play) -> None:
    body = """
      const desk = await open(document.createElement("canvas"));
      const { renderer, canvas } = desk;
      const [first, second] = groups;
      set(desk, first);
      const before = [await show(desk, first), await alone(second)];
      stage(desk, second);
      renderer.uploadSome(0);
      const event = (name) => new Promise((resolve) => canvas.addEventListener(name, resolve));
      const lose = renderer.gl.getExtension("WEBGL_lose_context");
      const lost = event("webglcontextlost");
      lose.loseContext();
      await lost;
      stage(desk, second);
      const meanwhile = renderer.uploadSome(5);
      await new Promise((resolve) => setTimeout(resolve)); // It can come back once that is told.
      const restored = event("webglcontextrestored");
      lose.restoreContext();
      await restored;
      const after = [isSame(await show(desk, first), before[0])];
      stage(desk, second);
      renderer.uploadSome(0);
      set(desk, second);
      after.push(isSame(await show(desk, second), before[1]));
      renderer.dispose();
      return [meanwhile, ...after]"""
    assert play(body) == [False, True, True]


def test_a_staged_group_that_is_too_large_is_refused_when_it_is_set(play) -> None:
    body = """
      const desk = await open();
      set(desk, groups[0]);
      const tables = { cells: new Int32Array(3000), cellShape: [3000, 1, 1], rows: 16, columns: 16,
        corners: new Uint32Array(8) };
      const large = { ...groups[1], tables };
      stage(desk, large);
      const more = desk.renderer.uploadSome(5);
      const goesOn = isSame(await show(desk, groups[0]), await alone(groups[0]));
      let kind = "";
      try { set(desk, large); } catch (error) { kind = error.kind; }
      desk.renderer.dispose();
      return [more, goesOn, kind, desk.counts.living]"""
    assert play(body) == [False, True, "unsupported", 0]


def test_a_group_that_does_not_exist_is_not_staged(play) -> None:
    body = """
      const desk = await open();
      try { stage(desk, { ...groups[0], index: 2 }); } finally { desk.renderer.dispose(); }"""
    with pytest.raises(EngineError, match="Group 2 does not exist, expected 0 to 1") as caught:
        play(body)
    assert caught.value.kind == "usage"


@pytest.mark.parametrize("cells", [1, 1023, 1024, 1025, 16 * 1024, 40_000])
def test_corners_arrive_whole_however_they_are_cut(run, cells) -> None:
    body = """
      const { GroupTextures } = await engine("group_textures");
      const gl = new OffscreenCanvas(4, 4).getContext("webgl2");
      const corners = Uint32Array.from({ length: 8 * given.cells }, (_, i) => i * 7 + 1);
      const tables = { cells: new Int32Array(24), cellShape: [2, 3, 4], corners };
      const textures = new GroupTextures(gl);
      textures.begin(tables);
      while (textures.left) textures.uploadSome(0);
      gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D,
        textures.corners, 0);
      const rows = Math.ceil(given.cells / 1024);
      const found = new Uint32Array(8 * 1024 * rows);
      gl.readPixels(0, 0, 2048, rows, gl.RGBA_INTEGER, gl.UNSIGNED_INT, found);
      textures.dispose();
      return { found: found.subarray(0, corners.length), error: gl.getError() }"""
    found = run(body, cells=cells)
    assert found["error"] == 0
    assert np.array_equal(found["found"], np.arange(8 * cells, dtype=np.uint32) * 7 + 1)
