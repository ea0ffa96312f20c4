"""A box whose first number is below zero, as both commands that have the option take it."""

import json

import pytest

from bake.box_words import with_box_joined
from bake.inspect_commands import inspect_capture

BOX = "-1,-1,0,1,1,2"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["DIR", "--box", BOX, "OUT"], ["DIR", f"--box={BOX}", "OUT"]),
        (["--box", "-.5,0,0,1,1,1"], ["--box=-.5,0,0,1,1,1"]),
        ([f"--box={BOX}"], [f"--box={BOX}"]),
        (["--box", f"[{BOX}]"], ["--box", f"[{BOX}]"]),
        (["--box", "--margin", "0"], ["--box", "--margin", "0"]),
        (["--box", "-h"], ["--box", "-h"]),
        (["--offset", BOX], ["--offset", BOX]),
        (["--", "--box", BOX], ["--", "--box", BOX]),
        (["--box"], ["--box"]),
        ([], []),
    ],
)
def test_only_numbers_after_the_option_are_joined_with_it(words, expected) -> None:
    before = list(words)
    assert with_box_joined(words) == expected
    assert words == before


def test_inspect_capture_takes_a_box_below_zero_as_a_word_of_its_own(
    sphere_folder, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--box", "-1,-1,-1,1,1,1", "--frame", "0", "--scale", "0.5", "--json", "-"]
    assert inspect_capture([str(sphere_folder), *words]) in {0, 1}
    found = json.loads(capsys.readouterr().out)["scene_box"]
    assert found["origin"] == "given"
