"""A page in a real browser, served from this process, with every wait bounded."""

import base64
import http.server
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[3]
WEB, SHADERS = ROOT / "render" / "web", ROOT / "render" / "shaders"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".json": "application/json",
    ".css": "text/css",
    ".glsl": "text/plain",
    ".mp4": "video/mp4",
}
EMPTY_PAGE = b"<!doctype html><html lang='en'><title>test</title><body></body></html>"
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
PATIENCE_MS = 60_000

# Runs a snippet in the page, with the engine at hand; typed arrays cross as base64.
PRELUDE = """
async ({body, given, patience}) => {
  const unpack = (value) => value?.base64 === undefined ? value
    : Uint8Array.from(atob(value.base64), (c) => c.charCodeAt(0));
  const pack = (value) => {
    if (!ArrayBuffer.isView(value)) return value;
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) {
      text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    }
    return {base64: btoa(text), kind: value.constructor.name};
  };
  const engine = (name) => import(`/engine/${name}.js`);
  const run = new Function("engine", "given", `return (async () => {${body}})()`);
  const entries = Object.entries(given).map(([key, value]) => [key, unpack(value)]);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${patience} ms`)), patience);
  });
  try {
    const result = await Promise.race([run(engine, Object.fromEntries(entries)), late]);
    const isPlain = result && typeof result === "object" && !ArrayBuffer.isView(result)
      && !Array.isArray(result);
    return {result: isPlain
      ? Object.fromEntries(Object.entries(result).map(([key, value]) => [key, pack(value)]))
      : pack(result)};
  } catch (error) {
    const {name, kind, message, stack} = error;
    return {error: {name, kind, message, stack}};
  } finally {
    clearTimeout(timer);
  }
}
"""
ARRAYS = {
    "Uint8Array": np.uint8,
    "Uint16Array": np.uint16,
    "Uint32Array": np.uint32,
    "Int32Array": np.int32,
    "Float32Array": np.float32,
}


class EngineError(Exception):
    """What the engine threw; ``kind`` is that of a `PlayerError`."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error["message"])
        self.name, self.kind, self.stack = error["name"], error.get("kind"), error.get("stack")


@dataclass
class Site:
    """An HTTP server on this machine: folders by address, and answers that a test made up.

    ``answers`` maps a path to a function that gets the number of the request and returns status and
    body; ``requests`` counts.
    """

    port: int
    folders: dict[str, Path] = field(default_factory=dict)
    answers: dict[str, Callable[[int], tuple[int, bytes]]] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def mount(self, name: str, folder: Path) -> str:
        """Serve a folder; its address."""
        self.folders[f"/{name}/"] = folder
        return f"{self.url}/{name}/"

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body of a request."""
        self.requests[path] = self.requests.get(path, 0) + 1
        if path in self.answers:
            return self.answers[path](self.requests[path])
        if path == "/empty.html":
            return 200, EMPTY_PAGE
        for prefix in sorted(self.folders, key=len, reverse=True):
            if path.startswith(prefix):
                file = self.folders[prefix] / path.removeprefix(prefix)
                return (200, file.read_bytes()) if file.is_file() else (404, b"")
        return 404, b""


class _Handler(http.server.BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        status, body = self.site.answer(path)
        self.send_response(status)
        self.send_header("Content-Type", TYPES.get(Path(path).suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """The web player's files, the shaders, and whatever a test mounts."""
    handler = type("Handler", (_Handler,), {})
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
        plain = {key: _to_page(value) for key, value in given.items()}
        answer = page.evaluate(PRELUDE, {"body": body, "given": plain, "patience": patience_ms})
        if "error" in answer:
            raise EngineError(answer["error"])
        result = answer.get("result")
        if isinstance(result, dict) and "base64" not in result:
            return {key: _from_page(value) for key, value in result.items()}
        return _from_page(result)

    return call


def _to_page(value: object) -> object:
    if isinstance(value, np.ndarray):
        value = np.ascontiguousarray(value).tobytes()
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    return json.loads(json.dumps(value))


def _from_page(value: Any) -> Any:  # noqa: ANN401 -- JSON or array
    if isinstance(value, dict) and "base64" in value:
        kind: Any = ARRAYS[value["kind"]]
        return np.frombuffer(base64.b64decode(value["base64"]), kind)
    return value
