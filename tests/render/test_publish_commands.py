"""``publish-package`` as a user calls it."""

import pytest

from render.console import EXIT_DONE, EXIT_FAILED, EXIT_USAGE
from render.publish_commands import publish_package


def run(*words: object) -> int:
    return publish_package([str(word) for word in words])


def test_it_writes_the_folder_and_tells_the_rungs(baked_packages, tmp_path, capsys) -> None:
    assert run(baked_packages["h264"], "--out", tmp_path / "site", "--title", "A") == EXIT_DONE
    said = capsys.readouterr()
    assert "avc1." in said.out
    assert "Mbit/s" in said.out
    assert "note" not in said.err
    assert (tmp_path / "site" / "index.html").is_file()


def test_a_rung_that_was_made_is_told_on_the_error_stream(baked_packages, tmp_path, capsys) -> None:
    assert run(baked_packages["raw"], "--out", tmp_path / "site", "--qp", 30) == EXIT_DONE
    assert "note: made the rung h264-8bit-qp-30" in capsys.readouterr().err


def test_a_package_that_is_not_there_is_a_users_mistake(tmp_path, capsys) -> None:
    assert run(tmp_path / "none", "--out", tmp_path / "site") == EXIT_USAGE
    assert "no package" in capsys.readouterr().err
    assert not (tmp_path / "site").exists()


def test_something_else_in_the_way_is_a_failure_that_touches_nothing(
    baked_packages, tmp_path, capsys
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert run(baked_packages["h264"], "--out", tmp_path) == EXIT_FAILED
    assert "is no published scene" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("words", [(), ("--out", "x"), ("p", "--out", "x", "--qp", "52")])
def test_words_that_do_not_fit_end_with_the_usage(words, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        run(*words)
    assert stop.value.code == EXIT_USAGE
    assert "usage: " in capsys.readouterr().err
