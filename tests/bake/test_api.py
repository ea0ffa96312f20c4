"""The bake from a program: the same results as the commands, and errors instead of exit codes."""

import io
import json

import pytest

from bake import bake_capture, encode_scene
from bake.commands import bake_sequence
from bake.config import ConfigError
from bake.errors import BakeError, CaptureError
from bake.progress import LineProgress, SilentProgress
from bake.scene_folder import LOG_FILE, STATUS_FILE
from bake.sequence import BakedSequence, open_sequence
from hwcodec import ContainerError, UnsupportedConfig, open_package
from render.scene import open_scene

PATH = "procedural:2:16"
SMALL = (
    "resolution=10",
    "coarse.resolution=8",
    "coarse.iterations=2",
    "coarse.rays=32",
    "optimize.first_iterations=2",
    "optimize.iterations=2",
    "optimize.rays=32",
    "shading.feature_count=3",
    "shading.width=4",
)


@pytest.fixture(scope="module")
def sequence(tmp_path_factory) -> BakedSequence:
    return bake_capture(PATH, tmp_path_factory.mktemp("api") / "scene", SMALL, SilentProgress())


def files(folder) -> dict[str, bytes]:
    """The result, without what the bake tells of itself."""
    found = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    return {name: data for name, data in named.items() if name not in {STATUS_FILE, LOG_FILE}}


def test_the_program_and_the_command_bake_the_same_bytes(sequence, tmp_path) -> None:
    assert bake_sequence([f"capture.path={PATH}", f"out={tmp_path}", *SMALL]) == 0
    assert files(tmp_path) == files(sequence.root)


def test_what_is_returned_is_what_the_folder_holds(sequence) -> None:
    opened = open_sequence(sequence.root)
    assert (opened.groups, opened.atlas_files) == (sequence.groups, sequence.atlas_files)
    assert (opened.grid, opened.settings) == (sequence.grid, sequence.settings)
    assert opened.provenance == json.loads(json.dumps(dict(sequence.provenance)))


def test_settings_after_the_path_win_and_the_folder_may_be_text(sequence, tmp_path) -> None:
    settings = [*SMALL, "capture.frames=1"]
    found = bake_capture(PATH, str(tmp_path / "deep" / "scene"), settings, SilentProgress())
    assert found.provenance["frame_indices"] == [1]
    assert found.root == tmp_path / "deep" / "scene"


def test_progress_goes_where_it_is_asked_to_and_otherwise_to_the_error_stream(
    sequence, capsys
) -> None:
    stream = io.StringIO()
    bake_capture(PATH, sequence.root, SMALL, LineProgress(stream))
    assert [line.split()[0] for line in stream.getvalue().splitlines()] == [
        *["occupancy"] * 2,
        *["atlas"] * 2,
    ]
    assert capsys.readouterr() == ("", "")
    bake_capture(PATH, sequence.root, SMALL)
    written = capsys.readouterr()
    assert written.out == ""
    assert "atlas 2/2" in written.err


@pytest.mark.parametrize(
    ("path", "settings", "error"),
    [
        ("procedural:2:9", (), CaptureError),
        ("nowhere at all", (), CaptureError),
        (PATH, ("no.such.key=1",), ConfigError),
        (PATH, ("capture.frames=7",), CaptureError),
    ],
)
def test_a_request_that_cannot_be_met_raises_before_a_folder_exists(
    tmp_path, path, settings, error
) -> None:
    with pytest.raises(error) as caught:
        bake_capture(path, tmp_path / "scene", settings)
    assert isinstance(caught.value, BakeError)
    assert list(tmp_path.iterdir()) == []


def test_one_bake_becomes_a_folder_or_a_file_that_render_the_same(sequence, tmp_path) -> None:
    choices = [encode_scene(sequence, tmp_path / name, "raw") for name in ("a", "b.vrf")]
    assert [(choice.encoder, choice.is_fallback) for choice in choices] == [("raw", False)] * 2
    scenes = [open_scene(tmp_path / name) for name in ("a", "b.vrf")]
    pictures = [scene.render(1, scene.cameras[3]).rgb for scene in scenes]
    assert pictures[0].equal(pictures[1])


def test_the_default_is_hevc_at_the_qp_that_the_bake_was_made_for(sequence, tmp_path) -> None:
    encode_scene(sequence, tmp_path / "default")
    encode_scene(sequence, str(tmp_path / "stated"), encoder="libx265", qp=28)
    packages = [open_package(tmp_path / name) for name in ("default", "stated")]
    assert packages[0].digest() == packages[1].digest()
    assert packages[0].scene["rate"] == "qp 28"


@pytest.mark.parametrize(("encoder", "qp"), [("libx265", 52), ("libx264", -1), ("libx266", 24)])
def test_an_encoder_or_qp_that_does_not_exist_leaves_no_package(
    sequence, tmp_path, encoder, qp
) -> None:
    with pytest.raises(UnsupportedConfig, match="expected"):
        encode_scene(sequence, tmp_path / "package", encoder, qp)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_a_package_folder_is_an_error(sequence, tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(ContainerError):
        encode_scene(sequence, tmp_path / "file" / "package", "raw")
    assert (tmp_path / "file").read_bytes() == b"mine"
