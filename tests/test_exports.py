"""Each package says what it offers in ``__all__``; here that list is held to the truth."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
every_package = pytest.mark.parametrize("package", ["hwcodec", "render", "bake", "benchmarks"])


def exported(package: str) -> list[str]:
    module = importlib.import_module(package)
    assert hasattr(module, "__all__"), f"{package}/__init__.py has no __all__"
    return list(module.__all__)


def sort_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, each by name: the order the linter keeps."""
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, name


@every_package
def test_exported_names_are_sorted_and_unique(package: str) -> None:
    names = exported(package)
    assert names == sorted(set(names), key=sort_key)


@every_package
def test_every_exported_name_exists(package: str) -> None:
    module = importlib.import_module(package)
    assert not [name for name in exported(package) if not hasattr(module, name)]


@every_package
def test_every_public_name_of_the_package_file_is_exported(package: str) -> None:
    module = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in module.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == package
        for alias in node.names
    }
    assert not {name for name in imported if not name.startswith("_")} - set(exported(package))


@every_package
def test_what_a_package_exports_is_its_own_and_documented(package: str) -> None:
    module = importlib.import_module(package)
    for name in exported(package):
        thing = getattr(module, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert thing.__module__.partition(".")[0] == package, name
            assert inspect.getdoc(thing), name
