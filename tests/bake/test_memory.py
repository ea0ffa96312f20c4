"""A lack of memory ends in a sentence that says what takes less; other errors stay as they are."""

import numpy as np
import pytest
import torch

from bake import pipeline
from bake.commands import bake_sequence
from bake.errors import CapacityError
from bake.memory import memory_named
from bake.status_commands import report_on

HUGE = 1 << 50


@pytest.mark.parametrize(
    "ask",
    [
        lambda: np.zeros(HUGE, np.uint8),
        lambda: torch.empty(HUGE, dtype=torch.uint8),
        lambda: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory")),
        lambda: (_ for _ in ()).throw(MemoryError()),
    ],
    ids=["numpy", "torch", "device", "Python"],
)
def test_whoever_has_no_memory_left_is_told_what_takes_less(ask) -> None:
    message = r"memory ran out \(.+\).* lower capture.scale"
    with pytest.raises(CapacityError, match=message), memory_named():
        ask()


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), ValueError("no")], ids=str)
def test_other_errors_stay_as_they_are(error) -> None:
    with pytest.raises(type(error), match=str(error)), memory_named():
        raise error


def test_a_bake_without_memory_exits_with_a_sentence_and_can_be_resumed(
    tmp_path, monkeypatch, capsys
) -> None:
    words = ["capture.path=procedural:1:16", "resolution=8", "coarse.resolution=8"]
    words += ["coarse.iterations=1", "optimize.first_iterations=1", "optimize.rays=16"]

    def refuse(*_: object) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "build_group", refuse)
        assert bake_sequence([*words, f"out={tmp_path / 's'}"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: memory ran out (Unable to allocate 9 TiB)")
    assert report_on(tmp_path / "s").state == "failed"
    assert bake_sequence([*words, f"out={tmp_path / 's'}"]) == 0
