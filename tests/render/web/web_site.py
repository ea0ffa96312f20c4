"""An HTTP server on this machine that a test decides over: folders, made-up answers, counts."""

import contextlib
import http.server
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

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


class SiteHandler(http.server.BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        status, body = self.site.answer(path)
        # A page that asked to stop has hung up.
        with contextlib.suppress(ConnectionError):
            self.send(path, status, body)

    def send(self, path: str, status: int, body: bytes) -> None:
        """One whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", TYPES.get(Path(path).suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""
