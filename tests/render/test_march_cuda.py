"""The CUDA march without a GPU: simulated, and compiled to PTX."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest
import torch
from numba import types

from render import draw_cuda, march_cuda
from render.cuda_threads import bound
from render.draw_cuda import Light, Pixels, ViewNumbers
from render.march_types import FieldArrays, RayArrays, RayGradients, RayResults
from render.shading import ShadingShape

SIMULATOR = Path(__file__).with_name("cuda_simulator.py")
CAPABILITIES = pytest.mark.parametrize("capability", [(8, 0), (9, 0)], ids=["8.0", "9.0"])
# Results are below 1; distances in voxels, below 12.
CLOSE, CLOSE_DISTANCE = 1e-5, 1e-4


@pytest.fixture(scope="module")
def simulated() -> dict[str, dict[str, float]]:
    """Largest differences, found in another process, since numba decides on loading."""
    environment = {**os.environ, "NUMBA_DISABLE_PERFORMANCE_WARNINGS": "1"}
    done = subprocess.run(
        [sys.executable, str(SIMULATOR)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found


def worst(simulated: dict[str, dict[str, float]], part: str, name: str) -> float:
    found = [values[name] for key, values in simulated.items() if key.startswith(part)]
    assert len(found) > 1
    return max(found)


@pytest.mark.parametrize("name", ["features", "half", "weights"])
def test_the_kernels_march_as_the_twin_does(simulated, name) -> None:
    assert worst(simulated, "march", name) < CLOSE


def test_distances_are_those_of_the_twin(simulated) -> None:
    assert worst(simulated, "march", "distance") < CLOSE_DISTANCE


def test_most_simulated_rays_meet_something_and_some_do_not(simulated) -> None:
    shares = [found["met"] for name, found in simulated.items() if name.startswith("march")]
    assert all(0.5 < share < 1 for share in shares)


@pytest.mark.parametrize("name", ["gradients", "compiled gradients"])
def test_gradients_are_those_of_automatic_differentiation(simulated, name) -> None:
    assert worst(simulated, "gradients", name) < CLOSE
    assert worst(simulated, "gradients", "steepest") > 0.1


def test_a_whole_view_in_one_kernel_has_the_colors_of_the_renderer(simulated) -> None:
    assert worst(simulated, "views", "colors") < CLOSE
    assert worst(simulated, "views", "depth") < CLOSE_DISTANCE
    assert worst(simulated, "views", "shown") > 0.1


@pytest.mark.parametrize("name", ["device adam", "plain adam"])
def test_all_three_updates_do_the_same(simulated, name) -> None:
    assert worst(simulated, "adam", name) < CLOSE


def test_training_through_the_kernels_goes_the_way_of_the_processor(simulated) -> None:
    found = simulated["training"]
    assert found["error"] < 1e-4 * found["whole error"]
    assert found["share of bits"] < 1e-4


# ----- PTX


def array(kind: Any, dimensions: int) -> Any:  # noqa: ANN401 - numba's types
    return types.Array(kind, dimensions, "C")


def named(kind: type, *members: Any) -> Any:  # noqa: ANN401 - numba's types
    return types.BaseTuple.from_types(members, kind)


F, D, INT, LONG = types.float32, types.float64, types.int32, types.int64
VECTOR, MATRIX = array(F, 1), array(F, 2)
RAYS = named(RayArrays, MATRIX, MATRIX)
FIELD = named(FieldArrays, array(INT, 3), array(INT, 2), VECTOR, array(LONG, 2))
RESULTS = named(RayResults, MATRIX, VECTOR, VECTOR)
GRADIENTS = named(RayGradients, MATRIX, VECTOR, MATRIX, VECTOR)
SIGNATURES = {
    "_forward": (RAYS, FIELD, F, RESULTS),
    "_backward": (RAYS, FIELD, F, GRADIENTS, VECTOR, MATRIX),
    "_weigh": (RAYS, FIELD, F, VECTOR, VECTOR),
}


@pytest.fixture
def compile_ptx(absent, monkeypatch) -> Callable[..., str]:
    """Compile a kernel for a device that need not be there."""
    from numba import cuda
    from numba.cuda import dispatcher
    from numba.cuda.cudadrv.nvvm import NVVM

    def ptx(body: FunctionType, signature: tuple[Any, ...], capability: tuple[int, int]) -> str:
        device = SimpleNamespace(compute_capability=capability)
        monkeypatch.setattr(dispatcher, "get_current_device", lambda: device)
        text, _ = cuda.compile_ptx(body, signature, cc=capability, fastmath=True)
        return str(text)

    try:
        NVVM()
        ptx(bound(_nothing, {}), (), (8, 0))
    except Exception as error:  # noqa: BLE001 - the libraries raise each their own
        reason = " ".join(str(error).split())[:80]
        absent("nvvm", f"numba-cuda cannot compile here ({type(error).__name__}: {reason})")
    return ptx


def _nothing() -> None: ...


def assemble(text: str, capability: tuple[int, int], folder: Path) -> str | None:
    """What the assembler says of registers and spills, where there is an assembler."""
    places = [os.environ.get("CUDA_HOME", ""), "/usr/local/cuda"]
    found = shutil.which("ptxas", path=os.pathsep.join(f"{place}/bin" for place in places))
    if found is None:
        return None
    source = folder / "kernel.ptx"
    source.write_text(text)
    architecture = f"-arch=sm_{capability[0]}{capability[1]}"
    command = [found, "-v", architecture, "-o", str(folder / "kernel.cubin"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stderr


@CAPABILITIES
@pytest.mark.parametrize("channels", [8, 12])
@pytest.mark.parametrize("name", list(SIGNATURES))
def test_kernels_compile_and_keep_everything_in_registers(
    compile_ptx, capability, channels, name, tmp_path
) -> None:
    precision = torch.float32 if name == "_backward" else torch.float16
    space = march_cuda.march_space(channels, precision)
    text = compile_ptx(bound(getattr(march_cuda, name), space), SIGNATURES[name], capability)
    assert f".target sm_{capability[0]}{capability[1]}" in text
    assert "__local_depot" not in text  # Sums and tuples never go to memory.
    assert not [line for line in text.splitlines() if ".f64 \t" in line]  # Single precision only.
    if name == "_forward":
        # Eight corners of two fetches of four channels, or of three.
        assert text.count("ld.global.u64") + text.count("ld.global.b64") == 2 * channels
    if name == "_backward":
        assert text.count(".add.f32") >= 8 * (channels + 1)
    said = assemble(text, capability, tmp_path)
    if said is not None:
        assert "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads" in said


@CAPABILITIES
def test_the_drawing_kernel_compiles(compile_ptx, capability) -> None:
    shape = ShadingShape(8, 32, 3, 2)
    more = draw_cuda._shading_functions(shape, [32, 32, 4])
    space = march_cuda.march_space(8, torch.float16, more)
    view = named(ViewNumbers, LONG, LONG, *[D] * 13, *[F] * 3)
    light, pixels = named(Light, VECTOR, VECTOR), named(Pixels, MATRIX, VECTOR, VECTOR)
    signature = (view, FIELD, F, light, pixels)
    text = compile_ptx(bound(draw_cuda._draw, space), signature, capability)
    assert "__local_depot" in text  # The activations, and nothing more than those.
    assert text.count("ld.global.u64") + text.count("ld.global.b64") >= 16
