"""Pictures that were read before: the latest ones in memory, and all of them in a folder.

In memory there are those of this run, within a bound. A folder is kept from bake to bake: what was
decoded, straightened, composited and shrunk once is read from there by every later bake of
the same pictures at the same size.
"""

import hashlib
from collections import OrderedDict
from pathlib import Path
from threading import Lock

import cv2
import numpy as np

from bake.captures.pictures import decode_picture
from bake.captures.views import View
from bake.errors import CaptureError
from hwcodec import replace_file

# Changes whenever the same files would give other pictures than an older version has kept.
_RECIPE = "videorf-view 1"
# Level 1 of zlib: written and read in the time that decoding a camera's file takes. A choice.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)


class ViewCache:
    """Least recently used pictures, bounded in bytes; a picture beyond the bound is not kept."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self._views: OrderedDict[tuple[int, int], View] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[int, int]) -> View | None:
        """The picture, or None if it is not kept."""
        with self._lock:
            if key in self._views:
                self._views.move_to_end(key)
            return self._views.get(key)

    def put(self, key: tuple[int, int], view: View) -> None:
        """Keep a picture, in the place of those that were not asked for longest."""
        with self._lock:
            if key in self._views or view.size_bytes > self.limit_bytes:
                return
            self._views[key] = view
            self.size_bytes += view.size_bytes
            while self.size_bytes > self.limit_bytes:
                self.size_bytes -= self._views.popitem(last=False)[1].size_bytes


class ViewFolder:
    """Pictures in a folder, one PNG each, named by everything that they depend on.

    Nothing is ever wrong there for long: another file, date, lens, size or background is another
    name, and what cannot be read is made anew. Several bakes may share it; it may be
    deleted at any time.

    Raises:
        CaptureError: if the folder cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise CaptureError(
                f"capture cache_folder {root} cannot be made: {error}; name another folder"
            ) from error

    def path(self, *parts: object) -> Path:
        """Where a picture lies that depends on these parts, told by what they are printed as."""
        text = "\n".join([_RECIPE, *map(repr, parts)])
        name = hashlib.sha256(text.encode()).hexdigest()[:40]
        return self._root / name[:2] / f"{name}.png"

    def load(self, path: Path, size: tuple[int, int], *, has_alpha: bool) -> View | None:
        """The picture (width, height), or None if it is not there, or damaged."""
        if not path.is_file():
            return None
        try:
            pixels = decode_picture(path)
        except CaptureError:
            return None
        expected = (size[1], size[0], 4 if has_alpha else 3)
        if pixels.shape != expected or pixels.dtype != np.uint8:
            return None
        rgb = np.ascontiguousarray(pixels[..., :3])
        return View(rgb, np.ascontiguousarray(pixels[..., 3]) if has_alpha else None)

    def store(self, path: Path, view: View) -> None:
        """Write a picture, whole or not at all.

        Raises:
            CaptureError: if the disk refuses.
        """
        joined = view.rgb if view.alpha is None else np.dstack([view.rgb, view.alpha])
        order = cv2.COLOR_RGB2BGR if view.alpha is None else cv2.COLOR_RGBA2BGRA
        data = cv2.imencode(".png", cv2.cvtColor(joined, order), _PNG)[1]
        try:
            path.parent.mkdir(exist_ok=True)
            replace_file(path, data.tobytes())
        except OSError as error:
            raise CaptureError(
                f"a picture cannot be kept in {self._root}: {error.strerror or error}; make space, "
                "or leave capture.cache_folder out, and run again"
            ) from error
