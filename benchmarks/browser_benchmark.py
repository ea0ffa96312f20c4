"""The web engine in a real browser against the compiled march, on a package as it is published.

luma     every byte of the decoded luma planes against hwcodec's
pixels   float32 colors of views against the march; the page draws beside its canvas for this
speed    views drawn one after another, and the time until the last of them is there
"""

import base64
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.browser_page import BrowserPage, open_page
from benchmarks.drawing_benchmark import Agreement, DrawingPlan, spread
from hwcodec import decode
from render.publish import PublishOptions, publish
from render.scene import BakedScene, open_scene
from render.serve import open_server

_PATIENCE_S = 120.0

_OPEN = """
const { openScene } = await load("scene");
const { GroupDecoder } = await load("decoder");
const { buildGroup } = await load("groups");
const { createRenderer } = await load("renderer");
const { viewOfCamera } = await load("views");
const scene = await openScene(given.url);
const rung = scene.rungs.findIndex((one) => one.name === given.rung);
const pkg = await scene.openRung(rung);
const text = (array) => {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let all = "";
  for (let at = 0; at < bytes.length; at += 32768) {
    all += String.fromCharCode(...bytes.subarray(at, at + 32768));
  }
  return btoa(all);
};
const index = pkg.groupOf(given.frame);
const fetched = await pkg.fetchGroup(index);
const decoder = new GroupDecoder();
const shown = async (use) => {
  for await (const picture of decoder.decode(fetched, { from: given.frame })) {
    const result = use(picture);
    picture.close();
    return result;
  }
};
"""
_LUMA = f"""{_OPEN}
return shown(({{ luma, width, height, route, frameIndex }}) =>
  ({{ luma: text(luma), width, height, route, frameIndex }}));
"""
_DRAW = f"""{_OPEN}
const canvas = new OffscreenCanvas(8, 8);
const renderer = await createRenderer(canvas, {{ isFloat: given.isFloat }});
renderer.setGroup(await buildGroup(pkg, index, fetched), pkg, index);
await shown((picture) => renderer.setPicture(picture));
const sized = (view) => [viewOfCamera(pkg.cameras[view]), {{ scale: given.scale }}];
const info = renderer.gl.getExtension("WEBGL_debug_renderer_info");
const device = renderer.gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : 7937);
"""
_PIXELS = f"""{_DRAW}
const images = [];
for (const view of given.views) {{
  renderer.draw(...sized(view));
  images.push(text(renderer.readPixels()));
}}
renderer.dispose();
return {{ images, device }};
"""
_SPEED = f"""{_DRAW}
const pixel = new Uint8Array(4);
const wait = () => renderer.gl.readPixels(0, 0, 1, 1, renderer.gl.RGBA,
  renderer.gl.UNSIGNED_BYTE, pixel);
const milliseconds = [];
for (let turn = 0; turn <= given.repeats; turn += 1) {{
  const began = performance.now();
  for (const view of given.views) renderer.draw(...sized(view));
  wait();
  if (turn) milliseconds.push((performance.now() - began) / given.views.length);
}}
renderer.dispose();
return {{ milliseconds, device }};
"""


@dataclass(frozen=True, slots=True)
class BrowserReport:
    """What the browser decoded and drew.

    Attributes:
        browser, device: which browser, and what its WebGL draws on.
        route: how luma left the decoder.
        frames, views, view_size: what was drawn.
        luma_bytes, luma_differing: bytes of all compared planes, and those that differ.
        agreement: of colors with the compiled march.
        view_ms: milliseconds per view, one value per repeat, without reading pixels back.
    """

    browser: str
    device: str
    route: str
    frames: tuple[int, ...]
    views: tuple[int, ...]
    view_size: tuple[int, int]
    luma_bytes: int
    luma_differing: int
    agreement: Agreement
    view_ms: tuple[float, ...] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for a result file."""
        return {
            "browser": self.browser,
            "renderer": "webgl2",
            "device": self.device,
            "route": self.route,
            "frames": list(self.frames),
            "views": list(self.views),
            "view_size": list(self.view_size),
            "luma_bytes": self.luma_bytes,
            "luma_differing": self.luma_differing,
            "ms_per_view": median(self.view_ms),
            "views_per_s": 1e3 / median(self.view_ms),
            **self.agreement.to_json(),
            "view_ms": list(self.view_ms),
        }


def run_browser_benchmark(package: Path, plan: DrawingPlan) -> BrowserReport:
    """Publish a package, serve it on this machine, and measure it in a browser.

    Its H.264 rung is measured, which `publish` makes if the package is none.

    Raises:
        BackendUnavailable: if there is no browser, or it does not do as asked.
        HwcodecError, RenderError: as publishing and serving do.
    """
    with tempfile.TemporaryDirectory(prefix="videorf-") as folder:
        published = publish([package], Path(folder) / "site", PublishOptions())
        rung = next(rung.name for rung in published.rungs if rung.codec == "h264")
        scene = open_scene(published.folder / "rungs" / rung)
        with open_server(published.folder) as server, open_page(server.url) as page:
            return _measure(page, scene, {"url": server.url, "rung": rung}, plan)


def _measure(
    page: BrowserPage, scene: BakedScene, where: dict[str, str], plan: DrawingPlan
) -> BrowserReport:
    frames = spread(scene.frame_count, plan.frame_count)
    views = spread(len(scene.cameras), plan.view_count)
    wider = max(scene.cameras[0].width, scene.cameras[0].height)
    given = {**where, "views": list(views), "scale": plan.size / wider, "repeats": plan.repeats}
    differences: list[NDArray[np.float32]] = []
    luma_bytes = luma_differing = 0
    route = device = ""
    for frame in frames:
        decoded = page.call(_LUMA, {**given, "frame": frame}, _PATIENCE_S)
        ours, theirs = _luma(decoded), _true_luma(scene, frame)
        luma_bytes += theirs.size
        luma_differing += int((ours != theirs).sum())
        drawn = page.call(_PIXELS, {**given, "frame": frame, "isFloat": True}, _PATIENCE_S)
        differences += _differences(scene, frame, views, (drawn["images"], plan.size / wider))
        route, device = decoded["route"], drawn["device"]
    timed = page.call(_SPEED, {**given, "frame": frames[0], "isFloat": False}, _PATIENCE_S)
    camera = scene.cameras[views[0]].scaled(plan.size / wider)
    return BrowserReport(
        browser=page.version,
        device=device,
        route=route,
        frames=frames,
        views=views,
        view_size=(camera.width, camera.height),
        luma_bytes=luma_bytes,
        luma_differing=luma_differing,
        agreement=Agreement.of(differences),
        view_ms=tuple(timed["milliseconds"]),
    )


def _luma(decoded: dict[str, Any]) -> NDArray[np.uint8]:
    codes = np.frombuffer(base64.b64decode(decoded["luma"]), np.uint8)
    return codes.reshape(decoded["height"], -1)[:, : decoded["width"]]


def _true_luma(scene: BakedScene, frame: int) -> NDArray[np.uint8]:
    group = scene.group_of(frame)
    wanted = frame - group.first_frame
    *_, picture = decode(scene.package.bitstream(group.stream), stop=wanted + 1)
    codes: NDArray[np.uint8] = picture.luma.numpy()
    return codes


@torch.no_grad()
def _differences(
    scene: BakedScene, frame: int, views: Sequence[int], drawn: tuple[Sequence[str], float]
) -> list[NDArray[np.float32]]:
    """Absolute differences of colors, one array (rows, columns, 3) per view."""
    images, scale = drawn
    found = []
    for view, image in zip(views, images, strict=True):
        camera = scene.cameras[view].scaled(scale)
        ours = np.frombuffer(base64.b64decode(image), np.float32)
        ours = ours.reshape(camera.height, camera.width, 4)[..., :3]
        found.append(np.abs(ours - scene.render(frame, camera).rgb.numpy()))
    return found
