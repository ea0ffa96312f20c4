"""A bake is not baked over by one of other settings, unless that is wanted."""

import time
from pathlib import Path

import pytest

from bake.commands import bake_sequence
from bake.errors import FolderError
from bake.scene_folder import SCENE_FILE, STATUS_FILE
from bake.watching.earlier_bake import check_earlier
from bake.watching.process_mark import this_process
from bake.watching.status import BakeFacts, BakeStatus, write_status

ABOUT = BakeFacts("fox: 4 frames", "bake-sequence out=s", key="one")
OTHER = BakeFacts("fox: 4 frames", "bake-sequence out=s seed=3", key="two")


@pytest.fixture
def baked(tmp_path) -> Path:
    """Two frames of a bake."""
    (tmp_path / "atlas").mkdir()
    for frame in range(2):
        (tmp_path / f"atlas/{frame:05d}-abc.npy").write_bytes(b"values")
    now = time.time()
    write_status(tmp_path, BakeStatus(ABOUT, this_process(), now, now))
    return tmp_path


def test_the_same_bake_goes_on(baked) -> None:
    check_earlier(baked, ABOUT, may_replace=False)


def test_another_is_refused_with_how_the_earlier_was_made(baked) -> None:
    with pytest.raises(FolderError, match=r"2 frames of a bake .*fox: 4 frames; bake-sequence out"):
        check_earlier(baked, OTHER, may_replace=False)
    (baked / SCENE_FILE).write_text("{}")
    with pytest.raises(FolderError, match=r"holds a finished bake .*replace=true to bake over it"):
        check_earlier(baked, OTHER, may_replace=False)


def test_it_may_be_wanted(baked) -> None:
    check_earlier(baked, OTHER, may_replace=True)


def test_where_no_frame_is_lost_nothing_is_refused(baked, tmp_path) -> None:
    for path in (baked / "atlas").iterdir():
        path.unlink()
    check_earlier(baked, OTHER, may_replace=False)
    check_earlier(tmp_path / "new", OTHER, may_replace=False)


@pytest.mark.parametrize("text", [None, "{"])
def test_a_bake_without_a_record_of_itself_may_go_on(baked, text) -> None:
    (baked / STATUS_FILE).unlink()
    if text is not None:
        (baked / STATUS_FILE).write_text(text)
    check_earlier(baked, OTHER, may_replace=False)


def test_the_command_keeps_a_bake_of_other_settings(sphere_folder, tmp_path, capsys) -> None:
    words = [f"capture.path={sphere_folder}", "capture.frames=:1", f"out={tmp_path / 'scene'}"]
    words += ["resolution=10", "coarse.resolution=8", "coarse.iterations=4", "coarse.rays=64"]
    words += ["optimize.first_iterations=4", "optimize.iterations=3", "optimize.rays=64"]
    words += ["shading.feature_count=3", "shading.width=4", "loop.codec=rounding"]

    def result() -> dict[str, bytes]:
        paths = [*(tmp_path / "scene/atlas").iterdir(), tmp_path / "scene" / SCENE_FILE]
        return {path.name: path.read_bytes() for path in paths}

    assert bake_sequence(words) == 0
    before = result()
    assert bake_sequence([*words, "seed=3"]) == 2
    assert "finished bake of another capture or with other settings" in capsys.readouterr().err
    assert result() == before
    # How pictures are kept decides nothing.
    assert bake_sequence([*words, f"capture.cache_folder={tmp_path / 'views'}"]) == 0
    assert result() == before
    assert bake_sequence([*words, "seed=3", "replace=true"]) == 0
    assert result() != before
