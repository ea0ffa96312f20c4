"""Which device is chosen, and why, on machines of every kind."""

from types import SimpleNamespace

import pytest
import torch

from hwcodec import BackendUnavailable, UnsupportedConfig
from render import cuda_threads, devices
from render.devices import ON_CPU, DeviceChoice, choose_device, cuda_absence


@pytest.fixture(autouse=True)
def asked_anew():  # noqa: ANN201
    """Answers are kept; every test asks for itself and leaves none behind."""
    cuda_absence.cache_clear()
    yield
    cuda_absence.cache_clear()


@pytest.fixture
def machine(monkeypatch):  # noqa: ANN201
    """A machine with a GPU where everything works; keywords take something away."""

    def make(
        *, build: str | None = "13.0", found: bool = True, compiler: str | None = None
    ) -> None:
        monkeypatch.setattr(torch.version, "cuda", build)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: found)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Test GPU")
        monkeypatch.setattr(cuda_threads, "compiler_absence", lambda: compiler)

    return make


def test_auto_takes_the_gpu_where_it_works(machine) -> None:
    machine()
    assert choose_device() == DeviceChoice("cuda", "found: Test GPU")
    assert choose_device("cuda") == DeviceChoice("cuda", "requested: Test GPU")
    assert str(choose_device()) == "cuda (found: Test GPU)"


def test_the_processor_can_always_be_asked_for(machine) -> None:
    machine()
    assert choose_device("cpu") == ON_CPU


@pytest.mark.parametrize(
    ("lack", "reason"),
    [
        ({"build": None}, "knows no CUDA"),
        ({"found": False}, "finds no CUDA device"),
        ({"compiler": "numba-cuda cannot run: no NVVM"}, "no NVVM"),
    ],
    ids=["build", "device", "compiler"],
)
def test_what_is_missing_is_the_reason_and_names_its_remedy(machine, lack, reason) -> None:
    machine(**lack)
    found = choose_device("auto")
    assert found.device == "cpu"
    assert reason in found.reason
    with pytest.raises(BackendUnavailable, match=reason) as refusal:
        choose_device("cuda")
    assert 'pip install -e ".[cuda]"' in str(refusal.value)
    assert "device=cpu" in str(refusal.value)


def test_a_library_that_does_not_load_is_a_reason(machine, monkeypatch) -> None:
    machine()
    monkeypatch.delattr(cuda_threads, "compiler_absence")
    assert "cannot be loaded" in choose_device().reason


@pytest.mark.parametrize("name", ["", "gpu", "CUDA", "cuda:0", "tpu"])
def test_other_devices_are_refused(name) -> None:
    with pytest.raises(UnsupportedConfig, match="auto, cpu or cuda"):
        choose_device(name)


def driver(**methods: object) -> SimpleNamespace:
    return SimpleNamespace(**{"cuda_error": lambda: None, **methods})


def test_the_compiler_is_there_if_the_driver_and_nvvm_are(monkeypatch) -> None:
    monkeypatch.setattr(cuda_threads, "cuda", driver(is_available=lambda: True))
    monkeypatch.setattr(cuda_threads, "NVVM", lambda: None)
    assert cuda_threads.compiler_absence() is None


def test_a_missing_nvvm_is_named(monkeypatch) -> None:
    def absent() -> None:
        raise OSError("libnvvm.so\nis not here")

    monkeypatch.setattr(cuda_threads, "cuda", driver(is_available=lambda: True))
    monkeypatch.setattr(cuda_threads, "NVVM", absent)
    said = cuda_threads.compiler_absence()
    assert said == "numba-cuda cannot run: OSError: libnvvm.so is not here"


@pytest.mark.parametrize("said", [None, "no driver"])
def test_a_missing_driver_is_named(monkeypatch, said) -> None:
    fake = driver(is_available=lambda: False, cuda_error=lambda: said)
    monkeypatch.setattr(cuda_threads, "cuda", fake)
    assert (said or "finds no device") in str(cuda_threads.compiler_absence())


def test_asking_is_done_once(machine, monkeypatch) -> None:
    machine()
    count = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(count.append(1)) or True)
    assert devices.cuda_absence() is None
    assert devices.cuda_absence() is None
    assert len(count) == 1
