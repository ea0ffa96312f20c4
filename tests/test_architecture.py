"""Layers, sizes and manners, as tests: what a reviewer would otherwise have to remember."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ("hwcodec", "render", "bake", "benchmarks")  # lowest first
SOURCES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# Each of these libraries may be imported by these files alone.
DOORS = {
    "av": {"hwcodec/backends/libav.py"},
    "PyNvVideoCodec": {"hwcodec/backends/pynv.py"},
    "moderngl": {"render/opengl.py"},
    "segno": {"render/qr.py"},
    "playwright": {"benchmarks/browser_page.py"},
    "bjontegaard": {"benchmarks/rd/bd_rate.py"},
    "hydra": {"bake/config.py", "bake/commands.py"},
    "omegaconf": {"bake/config.py", "bake/commands.py"},
    "numba.cuda": {"render/cuda_threads.py"},
    "torch.utils": {"bake/watching/tensorboard.py"},
    "yaml": {"bake/captures/easyvolcap.py"},
}
FILE_LINES = 320
FUNCTION_LINES = 60
USUAL_FUNCTION_LINES = 25  # for nine functions in ten
# What importing a package may not load: device libraries, and in the lowest layer anything heavy.
NOT_LOADED = {
    layer: {"av", "PyNvVideoCodec", "hydra", "omegaconf", "moderngl", "segno", "playwright"}
    for layer in LAYERS
}
NOT_LOADED["hwcodec"] |= {"cv2", "numba", "skimage"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
every_source = pytest.mark.parametrize(
    "path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix()
)
every_layer = pytest.mark.parametrize("layer", LAYERS)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_modules(module: ast.Module) -> set[str]:
    """Dotted names imported anywhere in the file, functions included; `from a import b` is a.b."""
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported_names(module: ast.Module) -> set[str]:
    """As `imported_modules`, with the package or module that something is imported from."""
    bases = {
        node.module
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.module is not None
    }
    return imported_modules(module) | bases


def imported_packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported_modules(tree(path))}


@every_source
def test_imports_point_down(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    above = set(LAYERS[LAYERS.index(layer) + 1 :]) | {"tests"}
    assert not imported_packages(path) & above


@every_source
def test_each_vendor_library_has_its_door(path: Path) -> None:
    here = path.relative_to(ROOT).as_posix()
    named = {(*name.split("."), "")[:2] for name in imported_modules(tree(path))}
    doors = {name for first, second in named for name in (first, f"{first}.{second}")}
    strangers = {name for name in doors & DOORS.keys() if here not in DOORS[name]}
    assert not strangers, f"{here} imports {strangers}, expected only in {DOORS}"


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def module_graph() -> dict[str, set[str]]:
    """Module -> modules of ours that it names in an import, at any depth of the file."""
    modules = {module_name(path): tree(path) for path in SOURCES}
    graph = {}
    for name, module in modules.items():
        # `from a.b import c` runs a.b, and a.b.c where that is a module.
        named = imported_names(module)
        graph[name] = {target for target in named if target in modules and target != name}
    return graph


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected groups of more than one node, or of one that points at itself.

    Two nodes are in one group if each reaches the other; with a few hundred modules, asking that
    directly is quick enough.
    """
    reached = {start: reachable(graph, start) for start in graph}
    found = {
        tuple(sorted(other for other in reached[start] if start in reached[other]))
        for start in graph
    }
    return [list(group) for group in sorted(found) if group]


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """Nodes at the end of a path of one step or more."""
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(graph[node])
    return seen


def test_the_cycle_finder_finds_cycles() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]
    assert cycles({"a": {"a"}}) == [["a"]]
    assert cycles({"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"c"}}) == [["a", "b"], ["c", "d"]]


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert cycles(module_graph()) == []


def functions(module: ast.Module) -> Iterator[Function]:
    yield from (node for node in ast.walk(module) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Lines from the first statement to the last; the docstring is free."""
    body = function.body
    if ast.get_docstring(function, clean=False) is not None:
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize(
    "path", [*SOURCES, ROOT / "start.py", *TESTS], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_a_file_fits_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES


@every_source
def test_no_function_is_long(path: Path) -> None:
    sizes = {function.name: body_lines(function) for function in functions(tree(path))}
    assert not {name: size for name, size in sizes.items() if size > FUNCTION_LINES}


@every_layer
def test_nine_functions_in_ten_are_short(layer: str) -> None:
    paths = [path for path in SOURCES if path.is_relative_to(ROOT / layer)]
    sizes = sorted(body_lines(function) for path in paths for function in functions(tree(path)))
    assert sizes, f"no functions in {layer}/"
    assert sizes[int(0.9 * (len(sizes) - 1))] <= USUAL_FUNCTION_LINES


def public(scope: ast.Module | ast.ClassDef) -> Iterator[Function | ast.ClassDef]:
    """Public functions and classes of a module, and the public methods of those classes."""
    for node in scope.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


def decorators(node: Function | ast.ClassDef) -> set[str]:
    return {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}


@every_source
def test_everything_public_is_documented(path: Path) -> None:
    module = tree(path)
    assert ast.get_docstring(module), "no module docstring"
    # These repeat a signature whose meaning is stated elsewhere.
    excused = {"overload", "override", "setter"}
    bare = [
        node.name
        for node in public(module)
        if not ast.get_docstring(node) and not decorators(node) & excused
    ]
    assert not bare


@every_source
def test_everything_public_is_annotated(path: Path) -> None:
    bare = []
    for node in public(tree(path)):
        if isinstance(node, ast.ClassDef):
            continue
        spec = node.args
        named = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
        loose = [
            a.arg for a in named if a and a.annotation is None and a.arg not in {"self", "cls"}
        ]
        if loose or node.returns is None:
            bare.append(node.name)
    assert not bare


@every_source
def test_nothing_prints(path: Path) -> None:
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    printed = [c.lineno for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
    assert not printed


@every_source
def test_no_note_to_self_is_left(path: Path) -> None:
    assert not re.findall(r"\b(?:TODO|FIXME|XXX|HACK)\b", path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """Top-level modules loaded after importing each package in turn, in one new interpreter."""
    script = (
        "import importlib, json, sys\n"
        "loaded = {}\n"
        f"for layer in {LAYERS!r}:\n"
        "    importlib.import_module(layer)\n"
        "    loaded[layer] = sorted({name.partition('.')[0] for name in sys.modules})\n"
        "torch = sys.modules.get('torch')\n"
        "loaded['device'] = ['cuda'] if torch and torch.cuda.is_initialized() else []\n"
        "print(json.dumps(loaded))\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    answer: dict[str, list[str]] = json.loads(child.stdout)
    return answer


@every_layer
def test_importing_a_package_loads_no_device_library(
    layer: str, loaded: dict[str, list[str]]
) -> None:
    assert not set(loaded[layer]) & NOT_LOADED[layer]


def test_importing_the_packages_touches_no_device(loaded: dict[str, list[str]]) -> None:
    assert loaded["device"] == []


def written_lines(paths: list[Path]) -> int:
    return sum(
        bool(line.strip()) for p in paths for line in p.read_text(encoding="utf-8").splitlines()
    )


# The aim is one line of test for every line of source; this floor only ever rises.
LEAST_TEST_SHARE = 1.0


@pytest.mark.slow  # Not for its time: while a part is being written its tests may still be behind.
def test_tests_do_not_fall_further_behind_the_source() -> None:
    assert written_lines(TESTS) >= LEAST_TEST_SHARE * written_lines(SOURCES)
