"""The known capture formats; each is imported on first use only."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from bake.captures.source import Source
from bake.captures.videos import VIDEO_ENDINGS
from bake.errors import CaptureError


class Loader(NamedTuple):
    """A capture format: ``"module:function"``, and the files that mark its folders.

    A folder is of the format if it holds any of the markers, in which * stands for anything.
    Without markers the format is a built-in capture, opened by its own name.
    """

    target: str
    markers: tuple[str, ...]


# In this order: what a folder was converted to comes before what it was converted from.
_LOADERS: dict[str, Loader] = {
    "compact": Loader("bake.captures.compact:open_source", ("capture.json",)),
    "nerfstudio": Loader("bake.captures.nerfstudio:open_source", ("transforms.json",)),
    "blender": Loader("bake.captures.blender:open_source", ("transforms_train.json",)),
    "colmap": Loader(
        "bake.captures.colmap:open_source",
        tuple(
            f"{folder}/images.{form}"
            for folder in ("sparse/0", "sparse", "colmap/sparse/0")
            for form in ("bin", "txt")
        ),
    ),
    "neural3d": Loader("bake.captures.neural3d:open_source", ("poses_bounds.npy",)),
    "rerf": Loader("bake.captures.rerf:open_source", ("CamPose.inf",)),
    "easyvolcap": Loader("bake.captures.easyvolcap:open_source", ("extri.yml",)),
    "actorshq": Loader("bake.captures.actorshq:open_source", ("calibration.csv",)),
    "frame-folders": Loader(
        "bake.captures.frame_folders:open_source", ("0/transforms.json", "[0-9]*/transforms.json")
    ),
    "procedural": Loader("bake.captures.procedural:open_source", ()),
}


def register_loader(name: str, target: str, marker: str | None) -> None:
    """Add a format; ``target`` takes the path and returns a `Source`, and is imported on first use.

    ``marker`` is the file whose presence in a folder marks it, if the format has one.

    Raises:
        CaptureError: if the name is taken.
    """
    if name in _LOADERS:
        raise CaptureError(
            f"capture loader {name!r} is already {_LOADERS[name].target}; choose another name"
        )
    _LOADERS[name] = Loader(target, () if marker is None else (marker,))


def load_loader(name: str) -> Callable[[str], Source]:
    """Import the function that opens a format.

    Raises:
        CaptureError: if no format has this name.
    """
    if name not in _LOADERS:
        raise CaptureError(
            f"capture loader is {name!r}, expected auto or one of {sorted(_LOADERS)}; "
            "register_loader() adds more"
        )
    module, _, attribute = _LOADERS[name].target.partition(":")
    opened: Callable[[str], Source] = getattr(import_module(module), attribute)
    return opened


def detect_loader(path: str) -> str:
    """Name the format of a folder by its marker file, or a built-in capture by its name.

    What follows a colon in a built-in capture's path is left to the capture.

    Raises:
        CaptureError: if there is no such folder or nothing in it is recognized.
    """
    builtins = [name for name, loader in _LOADERS.items() if not loader.markers]
    if path.partition(":")[0] in builtins:
        return path.partition(":")[0]
    if not Path(path).is_dir():
        raise CaptureError(
            f"capture path {path!r} is no folder, expected one or a built-in capture "
            f"({', '.join(builtins)}); check the path"
        )
    for name, loader in _LOADERS.items():
        found = (each for marker in loader.markers for each in Path(path).glob(marker))
        if any(each.is_file() for each in found):
            return name
    known = [loader.markers[0] for loader in _LOADERS.values() if loader.markers]
    remedy = "convert the capture to transforms.json"
    if any(each.suffix.lower() in VIDEO_ENDINGS for each in Path(path).iterdir()):
        remedy = "its videos become a capture with prepare-capture, given their cameras"
    raise CaptureError(
        f"capture folder {path!r} holds no known format, expected one of {known} in it; {remedy}"
    )
