"""``render-view`` as a user calls it: files, exit codes, one-line errors."""

import shutil
import sys

import cv2
import numpy as np
import pytest

from render.commands import orbit_pictures, render_view
from render.console import EXIT_DONE, EXIT_FAILED, EXIT_USAGE
from render.opengl import gl_absence
from render.scene import open_scene
from render.video import to_bytes
from render.views import orbit_around


@pytest.fixture
def package(baked_packages):  # noqa: ANN201
    return baked_packages["h264"]


def call(*words: object) -> int:
    return render_view([str(word) for word in words])


def read(path) -> np.ndarray:
    return np.asarray(cv2.imread(str(path)))[..., ::-1]


def test_one_view_of_one_frame_becomes_a_picture(package, tmp_path, capsys) -> None:
    out = tmp_path / "view.png"
    assert call(package, "--camera", 24, "--frame", 1, "--out", out) == EXIT_DONE
    assert capsys.readouterr() == (f"{out}\n", "")
    scene = open_scene(package)
    assert np.array_equal(read(out), to_bytes(scene.render(1, scene.cameras[24]).rgb))


def test_the_frame_is_the_first_unless_given(package, tmp_path) -> None:
    assert call(package, "--camera", 3, "--out", tmp_path / "a.png") == EXIT_DONE
    assert call(package, "--camera", 3, "--frame", 0, "--out", tmp_path / "b.png") == EXIT_DONE
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_folder_of_the_picture_is_made(package, tmp_path) -> None:
    out = tmp_path / "not" / "yet" / "view.png"
    assert call(package, "--camera", 0, "--out", out) == EXIT_DONE
    assert out.is_file()


def test_held_out_views_of_every_frame_go_into_a_folder(package, tmp_path) -> None:
    assert call(package, "--views", "test", "--out", tmp_path) == EXIT_DONE
    expected = [f"frame{f:05d}_view{v}.png" for f in range(3) for v in range(24, 30)]
    assert sorted(path.name for path in tmp_path.iterdir()) == expected


def test_chosen_views_of_one_frame_go_into_a_folder(package, tmp_path) -> None:
    assert call(package, "--views", "0,24", "--frame", 2, "--out", tmp_path / "new") == EXIT_DONE
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["frame00002_view00.png", "frame00002_view24.png"]
    call(package, "--camera", 24, "--frame", 2, "--out", tmp_path / "one.png")
    one, other = tmp_path / "one.png", tmp_path / "new" / names[1]
    assert one.read_bytes() == other.read_bytes()


def test_the_scale_changes_the_size_alone(package, tmp_path) -> None:
    out = tmp_path / "view.png"
    assert call(package, "--camera", 24, "--scale", 0.5, "--out", out) == EXIT_DONE
    assert read(out).shape == (16, 16, 3)


def test_an_orbit_is_a_clip_of_as_many_pictures_as_asked(package, tmp_path) -> None:
    out = tmp_path / "orbit.mp4"
    assert call(package, "--orbit", "--pictures", 5, "--out", out) == EXIT_DONE
    assert int(cv2.VideoCapture(str(out)).get(cv2.CAP_PROP_FRAME_COUNT)) == 5


def test_time_runs_and_starts_over_while_the_camera_walks(package) -> None:
    scene = open_scene(package)
    path = orbit_around(scene.record.grid.aabb, scene.cameras, 4)
    pictures = list(orbit_pictures(scene, path))
    for index, camera in enumerate(path):
        expected = to_bytes(scene.render(index % 3, camera).rgb)
        assert np.array_equal(pictures[index], expected)


def test_time_stands_still_when_a_frame_is_given(package) -> None:
    scene = open_scene(package)
    path = orbit_around(scene.record.grid.aabb, scene.cameras, 2)
    pictures = list(orbit_pictures(scene, path, frame=2))
    assert len(pictures) == 2
    assert np.array_equal(pictures[1], to_bytes(scene.render(2, path[1]).rgb))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--camera", 30), "expected 0..29"),
        (("--camera", -1), "expected 0..29"),
        (("--camera", 0, "--frame", 3), "expected 0..2"),
        (("--camera", 0, "--frame", -1), "expected 0..2"),
        (("--views", "0", "--frame", 99), "expected 0..2"),
        (("--orbit", "--frame", 3), "expected 0..2"),
        (("--views", "30"), "0..29"),
        (("--views", "front"), "0..29"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_range(
    package, tmp_path, capsys, words, said
) -> None:
    suffix = {"--camera": "view.png", "--views": "views", "--orbit": "orbit.mp4"}[words[0]]
    assert call(package, *words, "--out", tmp_path / suffix) == EXIT_USAGE
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "out"),
    [(("--camera", 0), "view.jpg"), (("--camera", 0), "view"), (("--orbit",), "orbit.gif")],
)
def test_files_of_another_kind_are_refused_before_work(package, tmp_path, words, out) -> None:
    assert call(package, *words, "--out", tmp_path / out) == EXIT_USAGE
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_a_matter_of_usage(tmp_path, capsys) -> None:
    missing = tmp_path / "nothing"
    assert call(missing, "--camera", 0, "--out", tmp_path / "a.png") == EXIT_USAGE
    assert "no package" in capsys.readouterr().err


def test_something_else_than_a_package_fails(tmp_path, capsys) -> None:
    (tmp_path / "file.vrf").write_bytes(b"something else")
    code = call(tmp_path / "file.vrf", "--camera", 0, "--out", tmp_path / "a.png")
    assert code == EXIT_FAILED
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_truncated_stream_fails_and_writes_nothing(package, tmp_path, capsys) -> None:
    copy = shutil.copytree(package, tmp_path / "copy")
    stream = next((copy / "streams").iterdir())
    stream.write_bytes(stream.read_bytes()[:-50])
    assert call(copy, "--camera", 0, "--out", tmp_path / "a.png") == EXIT_FAILED
    error = capsys.readouterr().err
    assert stream.name in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "a.png").exists()


def test_a_folder_that_cannot_be_made_is_reported(package, tmp_path, capsys) -> None:
    (tmp_path / "file").write_bytes(b"")
    out = tmp_path / "file" / "views"
    assert call(package, "--views", "24", "--frame", 0, "--out", out) == EXIT_USAGE
    assert "cannot create the folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("PACKAGE",),
        ("PACKAGE", "--camera", "0"),
        ("PACKAGE", "--camera", "zero", "--out", "a.png"),
        ("PACKAGE", "--camera", "0", "--orbit", "--out", "a.png"),
        ("PACKAGE", "--camera", "0", "--out", "a.png", "--scale", "0"),
        ("PACKAGE", "--orbit", "--out", "a.mp4", "--pictures", "0"),
    ],
)
def test_wrong_words_end_with_two(words, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        render_view(words)
    assert stop.value.code == EXIT_USAGE
    assert "usage: render-view" in capsys.readouterr().err


def test_help_shows_an_example(capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        render_view(["--help"])
    assert stop.value.code == EXIT_DONE
    assert "render-view PACKAGE --camera 24" in capsys.readouterr().out


def views_of(package, folder, *words: object) -> list[np.ndarray]:
    """Pictures by each of the three ways: one view, views of all frames, an orbit's first."""
    assert call(package, "--camera", 3, "--frame", 2, "--out", folder / "one.png", *words) == 0
    assert call(package, "--views", "0,5", "--out", folder / "views", *words) == 0
    orbit = ("--orbit", "--pictures", 2, "--scale", 0.5, "--out", folder / "orbit.mp4")
    assert call(package, *orbit, *words) == 0
    clip = cv2.VideoCapture(str(folder / "orbit.mp4"))
    _, first = clip.read()
    clip.release()
    return [read(path) for path in sorted(folder.rglob("*.png"))] + [first[..., ::-1]]


def test_opengl_draws_the_same_pictures_as_the_march(package, tmp_path, capsys, absent) -> None:
    if (reason := gl_absence()) is not None:
        absent("egl", reason)
    marched = views_of(package, tmp_path / "march", "--renderer", "march", "--device", "cpu")
    drawn = views_of(package, tmp_path / "gl", "--renderer", "gl")
    assert capsys.readouterr().err == ""
    assert len(marched) == len(drawn) == 1 + 2 * 3 + 1
    for one, other in zip(marched, drawn, strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1


@pytest.mark.parametrize("words", [("--renderer", "auto"), ("--device", "auto")])
def test_a_free_choice_is_told_beside_the_results(package, tmp_path, capsys, words) -> None:
    out = tmp_path / "view.png"
    assert call(package, "--camera", 0, "--out", out, *words) == EXIT_DONE
    said, told = capsys.readouterr()
    assert said == f"{out}\n"
    assert told.startswith("note: drawn by ")


def test_opengl_that_is_missing_ends_with_the_remedy(
    package, tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "moderngl", None)
    words = ("--camera", 0, "--out", tmp_path / "view.png", "--renderer", "gl")
    assert call(package, *words) == EXIT_USAGE
    assert "pip install" in capsys.readouterr().err
    assert not (tmp_path / "view.png").exists()


def test_renderer_and_device_that_exclude_each_other_are_refused(package, tmp_path, capsys) -> None:
    words = ("--camera", 0, "--out", tmp_path / "view.png", "--renderer", "gl", "--device", "cpu")
    assert call(package, *words) == EXIT_USAGE
    assert "leave the device out" in capsys.readouterr().err
