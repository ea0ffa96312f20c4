"""The command ``render-view``: pictures and clips of a package from any camera."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

from render.cameras import Camera
from render.console import UsageError, note, run, say
from render.drawing import Renderer, SceneMarch
from render.errors import OutputError
from render.renderers import AUTO, DEVICES, MARCH, RENDERERS, open_renderer
from render.scene import BakedScene, FeatureAtlas, open_scene
from render.video import Picture8, make_folder, to_bytes, write_mp4, write_png
from render.views import orbit_around, select_views

_EXAMPLE = """examples:
  render-view PACKAGE --camera 24 --frame 3 --out view.png
  render-view PACKAGE --views test --out views           (every frame of the held-out cameras)
  render-view PACKAGE --orbit --out orbit.mp4            (once around, while time runs)
"""
_ORBIT_PICTURES = 120


@dataclass(frozen=True, slots=True)
class _Request:
    """What was asked for, checked against nothing yet."""

    package: Path
    out: Path
    frame: int | None
    scale: float


def render_view(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``render-view``; returns the exit code."""
    arguments = _parser().parse_args(sys.argv[1:] if argv is None else argv)
    request = _Request(arguments.package, arguments.out, arguments.frame, arguments.scale)

    def work() -> None:
        scene = open_package_for_use(request.package)
        _check_frame(scene, request.frame)
        with closing(chosen_renderer(scene, arguments)) as renderer:
            if arguments.orbit:
                _render_orbit(scene, renderer, request, arguments.pictures)
            elif arguments.views is not None:
                _render_views(scene, renderer, request, arguments.views)
            else:
                _render_one(scene, renderer, request, arguments.camera)

    return run(work)


def open_package_for_use(path: Path) -> BakedScene:
    """Open a package that the user named.

    Raises:
        UsageError: if nothing is there.
        ContainerError: if it is not a usable package.
        SceneError: if its scene record is not usable.
    """
    if not path.exists():
        raise UsageError(
            f"there is no package at {path}, expected a folder or .vrf file written by "
            "encode-atlas; check the path"
        )
    return open_scene(path)


def prepare_folder(folder: Path, option: str = "") -> None:
    """Make the folder of a result before the work whose result goes there.

    ``option`` is the word that chooses another, for folders that nobody has asked for.

    Raises:
        UsageError: if it cannot be made or written to.
    """
    try:
        make_folder(folder)
    except OutputError as error:
        raise UsageError(f"{error}{f' with {option}' if option else ''}") from error


def add_renderer_words(parser: argparse.ArgumentParser) -> None:
    """The words ``--renderer`` and ``--device``, as `chosen_renderer` reads them."""
    parser.add_argument(
        "--renderer",
        choices=RENDERERS,
        default=MARCH,
        help="march (default), gl (OpenGL), or auto: the fastest here",
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        help="where the march runs; cpu unless given, and with --renderer auto the fastest here",
    )


def chosen_renderer(scene: BakedScene, arguments: argparse.Namespace) -> Renderer:
    """The renderer that the words of `add_renderer_words` ask for; a free choice is told.

    Raises:
        UnsupportedConfig, BackendUnavailable, RenderError: if it cannot draw here.
    """
    name = arguments.renderer
    device = arguments.device or ("cpu" if name == MARCH else AUTO)
    renderer = open_renderer(scene, name, device)
    if AUTO in {name, arguments.device}:
        note(f"drawn by {renderer.describe()}")
    return renderer


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="render-view",
        description="Render views of a baked package.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("package", type=Path, metavar="PACKAGE", help="folder or .vrf file")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--camera", type=int, metavar="N", help="one of the capture's cameras")
    what.add_argument(
        "--views", metavar="WHICH", help="test, train, all, or camera numbers such as 0,24"
    )
    what.add_argument("--orbit", action="store_true", help="a clip from a camera that walks around")
    parser.add_argument(
        "--frame",
        type=int,
        metavar="T",
        help="frame, counted from 0 (--camera: "
        "0 unless given; --views and --orbit: all unless given)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="PATH",
        help="PNG file (--camera), folder (--views) or MP4 file (--orbit)",
    )
    parser.add_argument(
        "--scale",
        type=_positive,
        default=1.0,
        metavar="S",
        help="picture size relative to the baked pictures, default 1",
    )
    parser.add_argument(
        "--pictures",
        type=_count,
        default=_ORBIT_PICTURES,
        metavar="N",
        help=f"pictures of the orbit, default {_ORBIT_PICTURES}",
    )
    add_renderer_words(parser)
    return parser


def _render_one(
    scene: BakedScene, renderer: Renderer, request: _Request, camera_index: int
) -> None:
    camera = _scaled(_camera(scene, camera_index), request)
    _check_suffix(request.out, ".png")
    prepare_folder(request.out.absolute().parent)
    write_png(request.out, to_bytes(renderer.render(request.frame or 0, camera).rgb))
    say(f"{request.out}")


def _render_views(scene: BakedScene, renderer: Renderer, request: _Request, which: str) -> None:
    """One PNG per frame and view; every group is decoded once."""
    test_views = scene.record.capture.test_views
    views = select_views(which, len(scene.cameras), test_views)
    cameras = {view: _scaled(scene.cameras[view], request) for view in views}
    prepare_folder(request.out)
    for atlas in _chosen_atlases(scene, request.frame):
        frame = renderer.prepare(atlas)
        for view, camera in cameras.items():
            path = request.out / f"frame{atlas.frame_index:05d}_view{view:02d}.png"
            write_png(path, to_bytes(renderer.draw(frame, camera).rgb))
            say(f"{path}")


def _render_orbit(scene: BakedScene, renderer: Renderer, request: _Request, count: int) -> None:
    _check_suffix(request.out, ".mp4")
    prepare_folder(request.out.absolute().parent)
    path = tuple(
        _scaled(camera, request)
        for camera in orbit_around(scene.record.grid.aabb, scene.cameras, count)
    )
    pictures = orbit_pictures(scene, path, request.frame, renderer)
    write_mp4(request.out, pictures, scene.record.frame_rate)
    say(f"{request.out}")


def orbit_pictures(
    scene: BakedScene,
    cameras: Sequence[Camera],
    frame: int | None = None,
    renderer: Renderer | None = None,
) -> Iterator[Picture8]:
    """One uint8 picture per camera while time runs and starts over; ``frame`` stops time."""
    drawn = renderer or SceneMarch(scene)
    frames: Iterator[Any] = map(drawn.prepare, _endless_atlases(scene, frame))
    if frame is not None:
        frames = repeat(next(frames))
    for camera, prepared in zip(cameras, frames, strict=False):
        yield to_bytes(drawn.draw(prepared, camera).rgb)


def _endless_atlases(scene: BakedScene, frame: int | None) -> Iterator[FeatureAtlas]:
    if frame is not None:
        yield scene.atlas(frame)
        return
    while True:
        yield from scene.all_atlases()


def _chosen_atlases(scene: BakedScene, frame: int | None) -> Iterator[FeatureAtlas]:
    return scene.all_atlases() if frame is None else iter([scene.atlas(frame)])


def _camera(scene: BakedScene, index: int) -> Camera:
    count = len(scene.cameras)
    if not 0 <= index < count:
        raise UsageError(
            f"camera {index} does not exist, expected 0..{count - 1}; "
            f"the held-out ones are {list(scene.record.capture.test_views)}"
        )
    return scene.cameras[index]


def _scaled(camera: Camera, request: _Request) -> Camera:
    return camera if request.scale == 1 else camera.scaled(request.scale)


def _check_frame(scene: BakedScene, frame: int | None) -> None:
    if frame is not None and not 0 <= frame < scene.frame_count:
        raise UsageError(
            f"frame {frame} does not exist, expected 0..{scene.frame_count - 1}; "
            "frames count from 0 within the package"
        )


def _check_suffix(path: Path, suffix: str) -> None:
    if path.suffix.lower() != suffix or path.is_dir():
        raise UsageError(f"--out is {path}, expected a file name that ends with {suffix}")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 16:
        raise argparse.ArgumentTypeError(f"{text} is not in (0, 16]")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value
