"""The whole way from videos to a capture that opens: colors, masks, crops, resuming, atomicity."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest

from bake.capture import Capture, CaptureOptions, open_capture
from bake.captures.registry import detect_loader
from bake.folder_lock import locked
from bake.preparation import prepare as preparation
from bake.preparation import writing
from hwcodec import MovieWriter
from tests.bake.preparation.conftest import COUNT, GREEN, SIZE, Studio, write_movie


def opened(studio: Studio, **options: object) -> Capture:
    assert detect_loader(str(studio.out)) == "compact"
    return open_capture(CaptureOptions(str(studio.out), **options))


def true_view(studio: Studio, number: int, frame: int) -> np.ndarray:
    """RGBA as it is, over white, as floats."""
    rgba = studio.rgba(number, frame).astype(float)
    alpha = rgba[..., 3:] / 255
    return rgba[..., :3] * alpha + 255 * (1 - alpha)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(((one - other) ** 2).mean(), 1e-9)))


def test_whole_pictures_come_back_as_the_subject_without_its_backdrop(studio) -> None:
    assert studio.prepare("--masks", str(studio.masks), "--no-crop") == 0
    capture = opened(studio)
    assert (capture.frame_count, capture.frame_rate, capture.has_masks) == (COUNT, 25, True)
    assert capture.labels == tuple(studio.labels)
    assert capture.aabb == studio.scene.aabb
    for number, frame in ((0, 0), (1, 3), (3, COUNT - 1)):
        view = capture.view(frame, number)
        assert psnr(view.rgb, true_view(studio, number, frame)) > 30
        assert np.abs(view.alpha - studio.rgba(number, frame)[..., 3].astype(float)).mean() < 2


def test_a_crop_shows_the_same_at_the_place_its_camera_says(studio) -> None:
    assert studio.prepare("--masks", str(studio.masks), "--box=-0.7,-0.6,-0.6,0.9,0.6,0.6") == 0
    capture = opened(studio)
    document = json.loads((studio.out / "capture.json").read_text())
    for number, entry in enumerate(document["cameras"]):
        camera, whole = capture.cameras[number], studio.scene.cameras[number]
        left, top = entry["filmed"]["window"]
        assert camera.width % 2 == camera.height % 2 == 0
        assert camera.width * camera.height < 0.8 * SIZE * SIZE
        point = [[0.2, 0.1, -0.3]]
        moved = camera.project(point)[0][0] + (left, top)
        assert moved == pytest.approx(whole.project(point)[0][0])
        seen = capture.view(2, number).rgb
        true = true_view(studio, number, 2)[top : top + camera.height, left : left + camera.width]
        assert psnr(seen, true) > 29
    assert capture.aabb.minimum == (-0.7, -0.6, -0.6)


def test_lossless_pictures_without_masks_are_those_that_were_read(studio) -> None:
    from bake.captures.videos import open_video

    assert studio.prepare("--lossless", "--no-crop") == 0
    capture = opened(studio)
    assert not capture.has_masks
    assert not (studio.out / "mask").exists()
    with open_video(studio.videos / "cam2.mp4") as movie:
        for frame in range(COUNT):
            assert np.array_equal(capture.view(frame, 2).rgb, movie.read(frame))


def test_held_out_cameras_are_those_named_or_stated_or_every_eighth(studio) -> None:
    assert studio.prepare("--test", "cam1,cam3", "--no-crop") == 0
    assert opened(studio).split.test == (1, 3)
    (studio.out / "capture.json").rename(studio.folder / "earlier.json")
    again = Studio(studio.folder, studio.scene)
    for path in sorted(studio.out.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    again.write_cameras(lambda d: d.update(test_filenames=["pictures/cam2.png"]))
    assert again.prepare("--no-crop") == 0
    assert opened(again).split.test == (2,)


def test_an_earlier_capture_gives_cameras_as_they_filmed(studio) -> None:
    box = "--box=-0.7,-0.6,-0.6,0.9,0.6,0.6"
    assert studio.prepare("--masks", str(studio.masks), box, "--test", "cam3") == 0
    first = studio.out.rename(studio.folder / "first")
    studio.cameras.unlink()
    words = [str(studio.videos), "--cameras", str(first), "--no-crop", str(studio.out)]
    assert preparation_command(words) == 0
    capture = opened(studio)
    assert capture.split.test == (3,)
    for camera, whole in zip(capture.cameras, studio.scene.cameras, strict=True):
        assert (camera.width, camera.height) == (SIZE, SIZE)
        assert (camera.center_x, camera.center_y) == (whole.center_x, whole.center_y)


def preparation_command(words: list[str]) -> int:
    from bake.prepare_commands import prepare_capture

    return prepare_capture(["--decoder", "software", *words])


def test_a_box_is_found_from_masks_where_none_is_stated(studio, capsys) -> None:
    studio.write_cameras(lambda document: document.pop("aabb"))
    assert studio.prepare("--masks", str(studio.masks)) == 0
    assert "box is around what all masks show" in capsys.readouterr().err
    box = opened(studio).aabb
    # The sphere of radius 0.5 moves from -0.2 to 0.55 along x; four cameras leave room around it.
    assert (np.array(box.minimum) <= [-0.7, -0.45, -0.5]).all()
    assert (np.array(box.maximum) >= [1.05, 0.55, 0.5]).all()


def test_without_a_box_and_masks_the_remedy_is_named(studio, capsys) -> None:
    studio.write_cameras(lambda document: document.pop("aabb"))
    assert studio.prepare() == 2
    assert "--box=x,y,z,x,y,z; --no-crop keeps" in capsys.readouterr().err
    assert not studio.out.exists()
    assert studio.prepare("--no-crop") == 0
    assert opened(studio, box=(-1, -1, -1, 1, 1, 1)).aabb.minimum == (-1, -1, -1)


def test_a_key_and_a_plate_find_the_subject_too(studio) -> None:
    studio.is_warm = True
    for number in range(4):
        studio.film(number, backdrop=GREEN)
    assert studio.prepare("--chroma-key", "40,170,70", "--no-crop") == 0
    check_masks(studio, 0.88)
    texture = np.random.default_rng(5).uniform(60, 220, (SIZE, SIZE, 3))
    texture = np.repeat(np.repeat(texture[::8, ::8], 8, 0), 8, 1)
    for number in range(4):
        studio.film(number, backdrop=texture)
        plate = np.rint(texture).astype(np.uint8)
        write_movie(studio.folder / f"plates/cam{number}.mp4", [plate] * 3)
    studio.out.rename(studio.folder / "keyed")
    assert studio.prepare("--clean-plate", str(studio.folder / "plates"), "--no-crop") == 0
    check_masks(studio, 0.8)


def check_masks(studio: Studio, least: float) -> None:
    capture = opened(studio)
    for number in range(4):
        true = studio.rgba(number, 2)[..., 3] > 127
        found = capture.view(2, number).alpha > 127
        assert (true & found).sum() / (true | found).sum() > least


def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(studio, monkeypatch, capsys) -> None:
    words = ("--masks", str(studio.masks))
    assert studio.prepare(*words) == 0
    whole = {p.name: p.read_bytes() for p in studio.out.glob("*/*.mp4")}
    studio.out.rename(studio.folder / "whole")
    write, seen = writing.MovieWriter.write, []

    def stop(self: MovieWriter, pixels: np.ndarray) -> None:
        seen.append(1)
        if len(seen) == 30:
            raise KeyboardInterrupt
        write(self, pixels)

    monkeypatch.setattr(MovieWriter, "write", stop)
    assert studio.prepare(*words) == 130
    assert "run the command again" in capsys.readouterr().err
    assert not studio.out.exists()
    monkeypatch.setattr(MovieWriter, "write", write)
    assert studio.prepare(*words) == 0
    told = capsys.readouterr().err
    assert told.count("taken over from an earlier run") == 2
    assert {p.name: p.read_bytes() for p in studio.out.glob("*/*.mp4")} == whole
    assert not list(studio.folder.glob(".*"))
    assert sorted(p.name for p in studio.out.iterdir()) == ["capture.json", "mask", "video"]


def test_other_settings_and_changed_videos_are_not_taken_over(studio, monkeypatch, capsys) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(preparation, "replace_file", refuse)
        assert studio.prepare() == 1
    assert "make room and run the command again" in capsys.readouterr().err
    studio.film(1, range(1, COUNT + 1))
    assert studio.prepare() == 0
    assert capsys.readouterr().err.count("taken over from an earlier run") == 3
    studio.out.rename(studio.folder / "first")
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "replace_file", refuse)
        studio.prepare()
    capsys.readouterr()
    assert studio.prepare("--lossless") == 0
    assert "taken over" not in capsys.readouterr().err


def test_a_full_disk_is_one_sentence_and_nothing_is_put_in_place(
    studio, monkeypatch, capsys
) -> None:
    replace = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if target.suffix == ".mp4":
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        assert studio.prepare() == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("error: video ")
    assert "No space left on device; free some space" in told
    assert not studio.out.exists()
    assert not list(studio.folder.rglob("*.part"))
    assert studio.prepare() == 0


def test_what_is_there_already_is_never_replaced(studio, capsys) -> None:
    studio.out.mkdir()
    (studio.out / "mine.txt").write_text("keep")
    assert studio.prepare() == 2
    told = capsys.readouterr().err
    assert "exists already and is no capture of prepare-capture, expected a new or empty" in told
    assert (studio.out / "mine.txt").read_text() == "keep"
    (studio.out / "mine.txt").unlink()
    assert studio.prepare() == 0


def test_labels_that_are_no_safe_file_names_are_kept_as_labels(studio) -> None:
    for number in range(4):
        path = studio.videos / f"cam{number}.mp4"
        path.rename(path.with_name(f"GOPRO {number} (2).mp4"))
    studio.write_cameras(
        lambda document: [
            entry.update(file_path=f"p/GOPRO {number} (2).png")
            for number, entry in enumerate(document["frames"])
        ]
    )
    assert studio.prepare() == 0
    assert opened(studio).labels[1] == "GOPRO 1 (2)"
    assert (studio.out / "video/camera001.mp4").is_file()


def test_a_lens_is_straightened_once_and_straight_cameras_are_written(studio) -> None:
    import cv2

    from bake.captures.lens import Distortion

    coefficients = (-0.25, 0.08, 0.002, -0.001)
    studio.write_cameras(
        lambda d: d.update(
            camera_model="OPENCV", **dict(zip(("k1", "k2", "p1", "p2"), coefficients, strict=True))
        )
    )
    whole = studio.scene.cameras[0]
    # A dot where the lens shows a known point.
    point = np.array([[0.3, 0.2, 0.4]])
    matrix = np.array([[SIZE, 0, SIZE / 2 - 0.5], [0, SIZE, SIZE / 2 - 0.5], [0, 0, 1.0]])
    rotation, _ = cv2.Rodrigues(whole.world_to_camera[:3, :3])
    bent, _ = cv2.projectPoints(
        point, rotation, whole.world_to_camera[:3, 3], matrix, np.array(coefficients)
    )
    column, row = np.rint(bent[0, 0]).astype(int)
    picture = np.full((SIZE, SIZE, 3), 60, np.uint8)
    picture[row - 1 : row + 2, column - 1 : column + 2] = 250
    write_movie(studio.videos / "cam0.mp4", [picture] * COUNT)
    assert studio.prepare() == 0
    capture = opened(studio)
    expected = capture.cameras[0].project(point)[0][0]
    gray = capture.view(0, 0).rgb.astype(float).mean(2) - 60
    gray[gray < 60] = 0
    rows, columns = np.mgrid[0 : gray.shape[0], 0 : gray.shape[1]]
    center = np.array([(columns * gray).sum(), (rows * gray).sum()]) / gray.sum() + 0.5
    assert np.abs(center - expected).max() < 0.9
    entry = json.loads((studio.out / "capture.json").read_text())["cameras"][0]["filmed"]
    assert Distortion(tuple(entry["distortion"][:4])).coefficients == coefficients


def test_a_second_run_does_not_take_over_what_the_first_is_writing(studio, capsys) -> None:
    work = studio.out.with_name(f".{studio.out.name}.preparing")
    work.mkdir()
    (work / "mine").write_text("")
    with locked(work):
        assert studio.prepare() == 1
    said = capsys.readouterr().err
    assert "another prepare-capture is writing" in said
    assert "wait until it ends, stop it, or choose another folder" in said
    assert [path.name for path in work.iterdir()] == ["mine"]
    assert studio.prepare() == 0
