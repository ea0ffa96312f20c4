"""A page in a real browser, served from this process, with every wait bounded."""

import http.server
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.render.web.page_calls import PATIENCE_MS, call_page
from tests.render.web.web_site import SHADERS, WEB, Site, SiteHandler

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Software drawing through Mesa; the flags that a test page needs beside it keep the browser quiet.
BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-gl=angle",
    "--use-angle=gl-egl",
    "--ignore-gpu-blocklist",
)


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """The web player's files, the shaders, and whatever a test mounts."""
    handler = type("Handler", (SiteHandler,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    handler.site = Site(server.server_port, {"/": WEB, "/shaders/": SHADERS})
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield handler.site
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture(scope="session")
def browser(absent: Callable[[str, str], None]) -> "Iterator[Browser]":
    """One headless Chromium for all tests."""
    playwright = pytest.importorskip("playwright.sync_api", reason="chromium: no playwright here")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        absent("chromium", "no chromium on the path")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(
            executable_path=program, args=list(BROWSER_FLAGS), timeout=PATIENCE_MS
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def page(browser: "Browser", site: Site) -> "Iterator[Page]":
    """An empty page beside the engine; its context ends with the tests of a file."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    opened.goto(f"{site.url}/empty.html")
    yield opened
    context.close()


Run = Callable[..., Any]


@pytest.fixture
def run(page: "Page") -> Run:
    """Run the body of an async function in the page and return what it returns.

    The snippet sees ``engine(name)``, which imports a module, and ``given``. Bytes and arrays cross
    in both directions.
    """

    def call(body: str, *, patience_ms: int = PATIENCE_MS, **given: object) -> Any:  # noqa: ANN401 -- JSON or array
        return call_page(page, body, given, patience_ms)

    return call


# Four groups of five frames: enough to cross every border, small enough to bake in a second.
GROUP_COUNT, GROUP_FRAMES = 4, 5


@pytest.fixture(scope="session")
def scene_packages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Twenty made-up frames in four groups as two packages: ``low`` and ``high`` quality."""
    from bake.artifacts import ArtifactStore
    from bake.export import ExportOptions, export
    from hwcodec.types import ConstantQp

    folder = tmp_path_factory.mktemp("player")
    sequence = _bake_by_hand(ArtifactStore(folder / "bake"))
    for name, qp in (("low", 44), ("high", 22)):
        export(sequence, folder / name, ExportOptions("libx264", "web8", ConstantQp(qp)))
    return {name: folder / name for name in ("low", "high")}


@pytest.fixture(scope="session")
def packages_of_two_bakes(
    scene_packages: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The same frames from a bake with coarser voxels, fewer features and another network; ours."""
    from bake.artifacts import ArtifactStore
    from bake.export import ExportOptions, export
    from hwcodec.types import ConstantQp

    folder = tmp_path_factory.mktemp("coarse")
    sequence = _bake_by_hand(ArtifactStore(folder / "bake"), resolution=14, features=4, width=16)
    export(sequence, folder / "low", ExportOptions("libx264", "web8", ConstantQp(40)))
    return folder / "low", scene_packages["high"]


def _bake_by_hand(  # bake is imported by fixtures alone
    store: Any,  # noqa: ANN401
    resolution: int = 20,
    features: int = 8,
    width: int = 8,
) -> Any:  # noqa: ANN401
    from bake.capture import CaptureOptions, open_capture
    from bake.sequence import BakedSequence, FieldSettings, Rig, Span, save_sequence
    from render.mapping import VertexOrder, build_mapping
    from render.occupancy import OccupancyGrid, cover
    from render.occupancy_codec import encode_occupancy
    from render.shading import ShadingMlp, ShadingShape, weights_to_bytes

    capture = open_capture(CaptureOptions("procedural:3:32"))
    grid, shading = cover(capture.aabb, resolution), ShadingShape(features, width, 2, 1)
    generator = np.random.default_rng(3)
    spans, atlases = [], []
    for index in range(GROUP_COUNT):
        vertices = generator.random(grid.shape) < 0.15 + 0.1 * index
        first = GROUP_FRAMES * index
        store.write(f"occupancy/group{index}", "key", encode_occupancy(vertices))
        spans.append(Span(first, GROUP_FRAMES, f"occupancy/group{index}-key.bin"))
        texels = build_mapping(OccupancyGrid(grid, vertices), 8).texel_count
        start = generator.normal(0, 1.5, (texels, 1 + features))
        for frame in range(first, first + GROUP_FRAMES):
            values = start + 0.1 * (frame - first) * generator.normal(0, 1, start.shape)
            store.write_array(f"atlas/frame{frame}", "key", values.astype(np.float16))
            atlases.append(f"atlas/frame{frame}-key.npy")
    store.write("shading/network", "key", weights_to_bytes(ShadingMlp(shading)))
    sequence = BakedSequence(
        root=store.root,
        grid=grid,
        groups=tuple(spans),
        atlas_files=tuple(atlases),
        shading=shading,
        network_file="shading/network-key.bin",
        settings=FieldSettings(8, 0.5, 8.0, 4.0, (0.9, 0.92, 0.95), VertexOrder.HILBERT),
        rig=Rig(capture.cameras, capture.split.train, capture.split.test),
        frame_rate=Fraction(30),
        provenance={
            "capture": "made up",
            "frame_indices": list(range(GROUP_COUNT * GROUP_FRAMES)),
            "config": {"capture": {"path": "procedural:3:32", "scale": 1.0, "frames": ":"}},
        },
    )
    save_sequence(sequence)
    return sequence


@pytest.fixture(scope="session")
def published(scene_packages: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two packages as a published scene, whose rungs have names that tests can remember."""
    from render.publish import PublishOptions, publish

    out = tmp_path_factory.mktemp("published") / "scene"
    publish(list(scene_packages.values()), out, PublishOptions(title="Made <i>up</i>"))
    document = json.loads((out / "scene.json").read_text("utf-8"))
    for rung, name in zip(document["rungs"], ("low", "high"), strict=True):
        (out / rung["package"]).rename(out / "rungs" / name)
        rung |= {"name": name, "package": f"rungs/{name}/"}
    (out / "scene.json").write_text(json.dumps(document), "utf-8")
    return out


@dataclass
class Seat:
    """A player page that a test sits in front of; every wait ends."""

    page: Any
    logs: list[str]

    def state(self) -> dict[str, Any]:
        """What the player says it does."""
        return self.page.evaluate("window.videorf ? window.videorf.state() : {page: 'none'}")

    def until(
        self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 20
    ) -> dict[str, Any]:
        """Wait until the state is as wanted; the state."""
        end = time.monotonic() + seconds
        while not wanted(state := self.state()):
            if time.monotonic() > end:
                pytest.fail(f"not within {seconds} s; {state} {self.logs[:5]} {self.messages()}")
            time.sleep(0.03)
        return state

    def ready(self) -> dict[str, Any]:
        """Wait until the first picture is on screen."""
        return self.until(lambda state: state["page"] == "ready" and not state["waiting"])

    def seek(self, frame: int) -> dict[str, Any]:
        """Go to a frame; resolves once it is drawn."""
        return self.page.evaluate("(frame) => window.videorf.seek(frame)", frame)

    def run(self, command: str, value: object = None) -> None:
        """What a button or a key would do."""
        self.page.evaluate("([name, value]) => window.videorf.run(name, value)", [command, value])

    def messages(self) -> list[str]:
        """Texts of the messages on the page."""
        return self.page.evaluate(
            "[...document.querySelectorAll('.toast, #card:not([hidden])')].map((e) => e.innerText)"
        )

    def picture(self) -> bytes:
        """The canvas as it is on screen, at full size and without what floats above it."""
        self.run("setSize", "full")
        self.page.evaluate(
            """() => new Promise((resolve) => {
              for (const id of ["controls", "top", "wait", "toasts", "statistics", "settings"]) {
                document.getElementById(id).style.display = "none";
              }
              document.getElementById("canvas").style.transition = "none";
              requestAnimationFrame(() => requestAnimationFrame(resolve));
            })"""
        )
        return self.page.locator("#canvas").screenshot()


Open = Callable[..., Seat]


@pytest.fixture
def open_player(browser: "Browser", site: Site) -> Iterator[Open]:
    """Open the player as a visitor would: a query, and how the browser is."""
    contexts = []

    def open_page(query: str = "", *, script: str = "", **options: object) -> Seat:
        settings = {"viewport": {"width": 320, "height": 240}, **options}
        context = browser.new_context(**settings)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        seat = Seat(page, [])
        page.on("console", lambda message: seat.logs.append(message.text))
        page.on("pageerror", lambda error: seat.logs.append(f"uncaught: {error}"))
        if script:
            page.add_init_script(script)
        page.goto(query if query.startswith("http") else f"{site.url}/index.html{query}")
        return seat

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def show(open_player: Open, published: Path, site: Site) -> Open:
    """Open the published scene, paused unless the query says otherwise."""
    address = site.mount("scene", published)

    def open_scene(query: str = "play=0", **options: Any) -> Seat:  # noqa: ANN401 -- passed on
        return open_player(f"?scene={address}&{query}", **options)

    return open_scene
