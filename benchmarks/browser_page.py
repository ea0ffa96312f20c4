"""A published scene in a headless browser, driven by Playwright; the only file that imports it.

Playwright is no dependency of a player: `pip install playwright` brings it, and the browser is the
one that the system has.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hwcodec import BackendUnavailable

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Quiet, and drawing through the system's OpenGL: with a GPU its driver, else Mesa on the processor.
_FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=gl-egl",
    "--ignore-gpu-blocklist",
)
_START_MS = 60_000

# The call ends by itself, because a page that hangs cannot be asked to.
_BOUNDED = """
async ({body, given, patience}) => {
  const load = (name) => import(new URL(`engine/${name}.js`, location.href).href);
  const late = new Promise((_, reject) => setTimeout(
    () => reject(new Error(`no answer within ${patience} ms`)), patience));
  const work = new Function("load", "given", `return (async () => {${body}})()`);
  return Promise.race([work(load, given), late]);
}
"""


class BrowserPage:
    """A page beside the engine of a published scene."""

    def __init__(self, page: Any, version: str) -> None:  # noqa: ANN401 -- Playwright's own
        self._page, self.version = page, version

    def call(self, body: str, given: Mapping[str, Any], patience_s: float) -> Any:  # noqa: ANN401
        """What the body of an async function returns, as JSON; it sees ``load`` and ``given``.

        Raises:
            BackendUnavailable: if it fails or takes too long.
        """
        from playwright.sync_api import Error

        words = {"body": body, "given": dict(given), "patience": round(1e3 * patience_s)}
        try:
            return self._page.evaluate(_BOUNDED, words)
        except Error as error:
            raise BackendUnavailable(
                f"the browser did not do what it was asked: {str(error).splitlines()[0]}; look at "
                "the scene in it with serve-package"
            ) from error


@contextmanager
def open_page(url: str) -> Iterator[BrowserPage]:
    """A page on a published scene's scene.json, so that nothing but the engine runs.

    Raises:
        BackendUnavailable: if Playwright or a browser is missing, or the browser does not start.
    """
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        raise BackendUnavailable(
            f"no browser is on the path, expected one of {', '.join(_BROWSERS)}; install Chromium"
        )
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise BackendUnavailable(
            "playwright is not installed, which drives the browser; pip install playwright"
        ) from error
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=program, args=list(_FLAGS), timeout=_START_MS
            )
            page = browser.new_page()
            page.goto(f"{url.rstrip('/')}/scene.json", timeout=_START_MS)
            yield BrowserPage(page, f"{browser.browser_type.name} {browser.version}")
            browser.close()
    except Error as error:
        raise BackendUnavailable(
            f"the browser {program} failed: {str(error).splitlines()[0]}; start it by hand to see "
            "why"
        ) from error
