"""README's Python example does what it says, as it is written there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def example() -> str:
    found = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(found) == 1
    return found[0]


def test_the_example_is_python() -> None:
    compile(example(), "README.md", "exec")


@pytest.mark.slow
def test_the_example_runs_as_written(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(example(), "README.md", "exec"), names)
    assert (tmp_path / "out" / "fox.vrf").is_file()
    assert tuple(names["image"].shape) == (256, 256, 3)  # type: ignore[attr-defined]
    assert capsys.readouterr().out.count("torch.Size([7, ") == 10
