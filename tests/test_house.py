"""The documents and the project files, held to what the code and each other say."""

import importlib
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("hwcodec", "render", "bake", "benchmarks")
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "GLOSSARY.md", "CONTRIBUTING.md", "CHANGELOG.md")
# Endings by which a word in a document is taken for one of our files; .json and .mp4 are left out,
# as documents speak of such files inside packages and captures too.
ENDINGS = r"(?:py|md|toml|ya?ml|js|glsl|frag|vert|html|sh|txt|cff)"
# What tools leave in a checkout.
GENERATED = {".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", "__pycache__", "build"}
GENERATED |= {"videorf.egg-info", ".hypothesis", ".nbi", ".nbc"}


@cache
def project() -> dict[str, Any]:
    return tomllib.loads(read("pyproject.toml"))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def is_generated(path: Path) -> bool:
    return bool(GENERATED & {*path.relative_to(ROOT).parts, path.suffix})


@cache
def project_files() -> tuple[Path, ...]:
    """What git tracks or would offer to; a checkout without git is searched instead."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        found = [ROOT / name for name in listed.stdout.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        found = [path for path in ROOT.rglob("*") if not is_generated(path)]
    return tuple(path for path in found if path.is_file())


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return "" if b"\0" in data else data.decode("utf-8", errors="replace")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_document_exists_and_is_not_empty(name: str) -> None:
    assert read(name).strip()


def named_paths(text: str) -> set[str]:
    """Words with a folder and a known ending, and words in backticks that end in a slash."""
    files = re.findall(rf"(?<![\w/.:-])((?:[\w.-]+/)+[\w.-]+\.{ENDINGS})\b", text)
    folders = re.findall(r"`((?:[\w.-]+/)+)`", text)
    return {*files, *folders}


def test_named_paths_are_recognized() -> None:
    text = "see `bake/config.py`, render/viewer/main.js and `hwcodec/`; https://a.org/b/c.html no"
    assert named_paths(text) == {"bake/config.py", "render/viewer/main.js", "hwcodec/"}


@pytest.mark.parametrize(
    "name", ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md", "bake/CAPTURES.md"]
)
def test_every_path_a_document_names_exists(name: str) -> None:
    assert not {path for path in named_paths(read(name)) if not (ROOT / path).exists()}


def test_every_bare_file_name_in_the_architecture_exists_somewhere() -> None:
    names = set(re.findall(rf"`([\w.-]+\.{ENDINGS})`", read("ARCHITECTURE.md")))
    assert not names - {path.name for path in project_files()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_between_documents_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", read(name))
    assert not [link for link in links if not (ROOT / link).exists()]


def test_the_newest_change_is_that_of_the_project_version() -> None:
    versions = re.findall(r"^## \[(\d[^\]]*)\]", read("CHANGELOG.md"), flags=re.MULTILINE)
    assert versions[0] == project()["project"]["version"]


def glossary_rows() -> list[list[str]]:
    """Cells of the glossary's table; the header and the rule below it are left out."""
    lines = [line for line in read("GLOSSARY.md").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_glossary_identifier_exists_in_the_source() -> None:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    words = {word for path in paths for word in re.findall(r"\w+", text_of(path))}
    identifiers = {
        word
        for row in glossary_rows()
        for code in re.findall(r"`([^`]+)`", row[2])
        for word in re.findall(r"[A-Za-z_]\w+", code.partition("(")[0])
    }
    assert identifiers
    assert not identifiers - words


def test_the_glossary_is_complete_and_in_order() -> None:
    rows = glossary_rows()
    assert all(len(row) == 4 and row[0] and row[1] for row in rows)
    terms = [row[0].lower() for row in rows]
    assert terms == sorted(set(terms))


# Written in halves, so that this file does not contain what it looks for.
PRIVATE = [
    "/" + "home/",
    "/" + "root/",
    "/" + "Users/",
    "\\" + "Users\\",
    "/" + "tmp/",
    "pypi" + ".org",
    "python" + "hosted",
    "conda" + ".org",
    "anaconda" + ".com",
    "download." + "pytorch",
    "npm" + "js",
    "index-" + "url",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_no_file_names_a_place_on_one_machine_or_a_registry(text: str) -> None:
    assert not [str(p.relative_to(ROOT)) for p in project_files() if text in text_of(p)]


@pytest.mark.parametrize("command", sorted(project()["project"]["scripts"]))
def test_the_console_command_resolves(command: str) -> None:
    module, _, name = project()["project"]["scripts"][command].partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def test_the_conda_environment_installs_what_the_project_declares() -> None:
    *_, pip = yaml.safe_load(read("environment.yml"))["dependencies"]
    *requirements, checkout = pip["pip"]
    assert sorted(requirements) == sorted(project()["project"]["dependencies"])
    assert checkout == "-e ."


def test_every_line_of_the_conda_environment_says_who_needs_it() -> None:
    lines = [line for line in read("environment.yml").splitlines() if line.lstrip().startswith("-")]
    assert not [line for line in lines if "#" not in line]


def required_names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~\[ ]", line)[0].lower().replace("_", "-") for line in requirements}


def test_the_constraints_pin_every_declared_dependency() -> None:
    lines = [line for line in read("constraints.txt").splitlines() if line[0] != "#"]
    assert not [line for line in lines if "==" not in line]
    declared = project()["project"]
    extras = declared["optional-dependencies"]
    own, *tools = extras["dev"]
    named = own.removeprefix("videorf[").removesuffix("]").split(",")
    wanted = declared["dependencies"] + tools + [line for name in named for line in extras[name]]
    assert not required_names(wanted) - required_names(lines)


def test_the_continuous_check_is_the_contributors_check() -> None:
    assert read(".ci/run").rstrip().endswith("python3 start.py check")
    assert "python3 start.py check" in read("CONTRIBUTING.md")
