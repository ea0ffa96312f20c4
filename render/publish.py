"""A package becomes a folder that any web server or CDN serves: player, rungs, playlists, poster.

index.html, player.css, app/, engine/    the web player
shaders/                                 the GLSL that Python draws with, too
scene.json                               title, start view, rungs
poster.png
master.m3u8, rungs/NAME/media.m3u8       HLS playlists
rungs/NAME/                              one package folder each
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwcodec import Codec, Package, open_package, write_package
from hwcodec.files import staged_folder
from render.errors import OutputError, SceneError
from render.fragment import render_view
from render.playlists import MASTER, MEDIA, master_playlist, media_playlist
from render.rungs import (
    Rung,
    check_same_scene,
    describe_rung,
    is_for_every_player,
    rung_names,
    web_rung,
)
from render.scene import BakedScene, open_scene
from render.start_view import poster_camera, start_view
from render.video import to_bytes, write_png

SCENE_FILE, POSTER = "scene.json", "poster.png"
SCENE_FORMAT, SCENE_VERSION = "videorf-scene", 1
# Tests and notes may lie beside the player's files; browsers need none of them.
_PLAYER_SUFFIXES = {".html", ".css", ".js", ".svg", ".png", ".webmanifest", ".ico"}
_HERE = Path(__file__).resolve().parent
PLAYER_FOLDER, SHADER_FOLDER = _HERE / "web", _HERE / "shaders"


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """How a scene is published.

    Attributes:
        title: what the player shows; the capture's name unless given.
        qp: of the H.264 rung that is made where none of the packages is one.

    Raises:
        ValueError: if ``qp`` is none of H.264's.
    """

    title: str = ""
    qp: int = 22

    def __post_init__(self) -> None:
        """Refuse what the encoder would refuse, before any work."""
        if isinstance(self.qp, bool) or not 0 <= self.qp <= 51:
            raise ValueError(f"qp is {self.qp}, expected 0 to 51; 22 is a good start")


@dataclass(frozen=True, slots=True)
class Published:
    """What was published where, and what is worth telling about it."""

    folder: Path
    rungs: tuple[Rung, ...]
    notes: tuple[str, ...] = ()


def publish(packages: Sequence[str | Path], out: str | Path, options: PublishOptions) -> Published:
    """Write the folder ``out``, all of it or nothing; it may replace one published before.

    Packages of one capture become rungs of one scene. Without an H.264 package among them, which
    every browser decodes, one is made from the largest.

    Raises:
        SceneError: if there is no package, or they show different scenes.
        OutputError: if something else is at ``out`` or the disk refuses.
        ContainerError, BitstreamError: if a package is not usable.
        BackendUnavailable: if no H.264 encoder runs here and one is needed.
    """
    target = Path(out)
    scenes = [open_scene(package) for package in packages]
    _check_scenes(scenes)
    _check_target(target)
    try:
        with staged_folder(target) as folder:
            _copy_player(folder)
            rungs, notes = _write_rungs(folder, scenes, options)
            _write_scene(folder, scenes[0], rungs, options.title)
    except OSError as error:
        raise OutputError(
            f"cannot write {target}: {error.strerror or error}; free some space or choose another "
            "path, what was there before is untouched"
        ) from error
    return Published(target, rungs, notes)


def is_published(folder: Path) -> bool:
    """Whether a folder holds what `publish` wrote."""
    try:
        record = json.loads((folder / SCENE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("format") == SCENE_FORMAT


def _check_scenes(scenes: Sequence[BakedScene]) -> None:
    if not scenes:
        raise SceneError("got no package, expected at least one to publish")
    check_same_scene(scenes)


def _check_target(target: Path) -> None:
    """Never replace what this program did not write."""
    is_free = not target.exists() and not target.is_symlink()
    is_empty = target.is_dir() and not target.is_symlink() and not any(target.iterdir())
    if not (is_free or is_empty or is_published(target)):
        raise OutputError(
            f"{target} exists and is no published scene, expected a new folder or one to replace; "
            "remove it yourself or choose another path"
        )


def _copy_player(folder: Path) -> None:
    if not (PLAYER_FOLDER / "index.html").is_file():
        raise OutputError(
            f"the web player is missing from {PLAYER_FOLDER}, expected its index.html; "
            "install videorf again"
        )
    for source in sorted(PLAYER_FOLDER.rglob("*")):
        if source.is_file() and source.suffix in _PLAYER_SUFFIXES:
            _copy(source, folder / source.relative_to(PLAYER_FOLDER))
    for source in sorted(SHADER_FOLDER.glob("*.glsl")):
        _copy(source, folder / "shaders" / source.name)


def _copy(source: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)


def _write_rungs(
    folder: Path, scenes: Sequence[BakedScene], options: PublishOptions
) -> tuple[tuple[Rung, ...], tuple[str, ...]]:
    """Every package as a folder, and the H.264 one if it had to be made."""
    (folder / "rungs").mkdir()
    notes: list[str] = []
    playable = [scene for scene in scenes if scene.codec is not Codec.RAW]
    if len(playable) < len(scenes):
        notes.append("raw packages are not published: no browser decodes them")
    rungs = [
        _write_rung(folder, name, scene.package, scene.record.profile)
        for scene, name in zip(playable, rung_names(playable), strict=True)
    ]
    if not any(is_for_every_player(scene) for scene in scenes):
        name = f"h264-8bit-qp-{options.qp}"
        place = folder / "rungs" / name
        source = max(scenes, key=lambda scene: sum(scene.package.sizes().values()))
        write_package(place, web_rung(source, options.qp))
        made = open_package(place)
        rungs.append(_finish_rung(place, name, made, "web8"))
        notes.append(
            f"made the rung {name} from {source.package.path.name}, since not every browser "
            "decodes the others"
        )
    return tuple(sorted(rungs, key=lambda rung: rung.bandwidth)), tuple(notes)


def _write_rung(folder: Path, name: str, package: Package, profile: str) -> Rung:
    place = folder / "rungs" / name
    for file_name in package.sizes():
        path = place / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(package.file(file_name))
    return _finish_rung(place, name, package, profile)


def _finish_rung(place: Path, name: str, package: Package, profile: str) -> Rung:
    (place / MEDIA).write_text(media_playlist(package), encoding="utf-8")
    return describe_rung(name, package, profile)


def _write_scene(folder: Path, scene: BakedScene, rungs: Sequence[Rung], title: str) -> None:
    view = start_view(scene)
    field = scene.field(scene.atlas(0))
    write_png(
        folder / POSTER,
        to_bytes(render_view(field, scene.appearance, poster_camera(view, scene)).rgb),
    )
    rate = scene.record.frame_rate
    record: dict[str, Any] = {
        "format": SCENE_FORMAT,
        "version": SCENE_VERSION,
        "title": title or scene.record.capture.name,
        "poster": POSTER,
        "frame_count": scene.frame_count,
        "frame_rate": [rate.numerator, rate.denominator],
        "start_view": view.to_json(),
        "rungs": [rung.to_json() for rung in rungs],
    }
    text = json.dumps(record, indent=1, ensure_ascii=True, allow_nan=False)
    (folder / SCENE_FILE).write_text(f"{text}\n", encoding="utf-8")
    (folder / MASTER).write_text(master_playlist(rungs, rate), encoding="utf-8")
