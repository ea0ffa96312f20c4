"""Which renderer draws: what was named or an error, and under ``auto`` the best with its reason."""

import pytest
import torch

from hwcodec import BackendUnavailable, UnsupportedConfig
from render import renderers
from render.drawing import MARCH_ON_CPU, RendererChoice, SceneMarch
from render.errors import GraphicsError, SceneError
from render.fragment import render_view
from render.renderers import (
    DEVICES,
    RENDERERS,
    MarchDevice,
    add_march_device,
    march_absence,
    march_devices,
    open_renderer,
)
from render.scene import BakedScene, open_scene


class FakeRenderer:
    """Stands for a renderer; only says what it is."""

    def __init__(self, name: str, device: str, reason: str) -> None:
        self.choice = RendererChoice(name, device, reason)

    def describe(self) -> RendererChoice:
        return self.choice


@pytest.fixture
def scene(baked_packages) -> BakedScene:
    return open_scene(baked_packages["h264"])


@pytest.fixture
def machine(monkeypatch):  # noqa: ANN201
    """Sets what this machine has: reasons why CUDA and OpenGL are absent, or None."""

    def has(*, cuda: str | None, gl: str | Exception | None) -> None:
        absence = gl if isinstance(gl, str) else None

        def open_gl(_scene: BakedScene, reason: str) -> FakeRenderer:
            if isinstance(gl, Exception):
                raise gl
            if absence is not None:
                raise BackendUnavailable(absence)
            return FakeRenderer("gl", "fake driver", reason)

        def open_cuda(_scene: BakedScene, reason: str) -> FakeRenderer:
            return FakeRenderer("march", "cuda", reason)

        devices = {
            "cpu": MarchDevice(lambda: None, SceneMarch),
            "cuda": MarchDevice(lambda: cuda, open_cuda),
        }
        monkeypatch.setattr(renderers, "_march_devices", devices)
        monkeypatch.setattr(renderers, "gl_absence", lambda: absence)
        monkeypatch.setattr(renderers, "GlRenderer", open_gl)

    return has


def choice(scene: BakedScene, *words: str) -> tuple[str, str, str]:
    found = open_renderer(scene, *words).describe()
    return found.renderer, found.device, found.reason


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("march", "cpu"), ("march", "cpu", "requested")),
        (("march", "cuda"), ("march", "cuda", "requested")),
        (("gl",), ("gl", "fake driver", "requested")),
        (("auto", "cpu"), ("march", "cpu", "requested")),
        (("auto", "cuda"), ("march", "cuda", "requested")),
        (("auto",), ("march", "cuda", "the fastest here")),
        (("march",), ("march", "cuda", "the fastest here")),
    ],
)
def test_with_everything_there_what_was_asked_for_draws(scene, machine, words, expected) -> None:
    machine(cuda=None, gl=None)
    assert choice(scene, *words) == expected


def test_without_cuda_auto_takes_opengl_and_says_why(scene, machine) -> None:
    machine(cuda="no GPU", gl=None)
    assert choice(scene) == ("gl", "fake driver", "no march on cuda: no GPU")
    assert choice(scene, "march") == ("march", "cpu", "no march on cuda: no GPU")


def test_without_either_auto_takes_the_march_on_the_cpu_and_says_why(scene, machine) -> None:
    machine(cuda="no GPU", gl="no driver")
    reason = "no march on cuda: no GPU; no OpenGL: no driver"
    assert choice(scene) == ("march", "cpu", reason)


@pytest.mark.parametrize("error", [SceneError("too large"), GraphicsError("refused")])
def test_a_scene_that_opengl_cannot_draw_is_marched_under_auto_only(scene, machine, error) -> None:
    machine(cuda="no GPU", gl=error)
    assert choice(scene)[2].endswith(f"no OpenGL: {error}")
    with pytest.raises(type(error), match=str(error)):
        open_renderer(scene, "gl")


@pytest.mark.parametrize("name", ["march", "auto"])
def test_a_device_that_was_named_is_used_or_missed(scene, machine, name) -> None:
    machine(cuda="the driver is too old", gl=None)
    with pytest.raises(BackendUnavailable, match=r"on cuda here: the driver is too old; use"):
        open_renderer(scene, name, "cuda")


def test_opengl_that_was_named_is_used_or_missed(scene, machine) -> None:
    machine(cuda=None, gl="no driver")
    with pytest.raises(BackendUnavailable, match="no driver"):
        open_renderer(scene, "gl")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_opengl_takes_no_device(scene, machine, device) -> None:
    machine(cuda=None, gl=None)
    with pytest.raises(UnsupportedConfig, match="leave the device out"):
        open_renderer(scene, "gl", device)


@pytest.mark.parametrize("words", [("vulkan", "auto"), ("march", "tpu"), ("", ""), ("GL", "auto")])
def test_other_names_are_refused_with_those_that_exist(scene, words) -> None:
    with pytest.raises(UnsupportedConfig, match=r"'march', 'gl', 'auto'.*'auto', 'cpu', 'cuda'"):
        open_renderer(scene, *words)


def test_devices_can_be_added_once(monkeypatch) -> None:
    monkeypatch.setattr(renderers, "_march_devices", {"cpu": march_devices()["cpu"]})
    assert march_absence("cuda") == "there is no march on cuda"
    device = MarchDevice(lambda: None, SceneMarch)
    add_march_device("cuda", device)
    assert march_devices()["cuda"] is device
    assert march_absence("cuda") is None
    for name in ("cuda", "cpu", "auto", "tpu"):
        with pytest.raises(ValueError, match=f"march device is '{name}'"):
            add_march_device(name, device)


def test_the_table_of_devices_cannot_be_changed_from_outside() -> None:
    with pytest.raises(TypeError):
        march_devices()["cpu"] = None  # type: ignore[index]
    assert march_absence("cpu") is None


def test_the_names_are_those_of_the_commands() -> None:
    assert set(RENDERERS) == {"march", "gl", "auto"}
    assert set(DEVICES) == {"auto", "cpu", "cuda"}


def test_the_march_as_a_renderer_draws_what_the_scene_draws(scene) -> None:
    march = SceneMarch(scene)
    assert march.describe() == MARCH_ON_CPU
    assert str(march.describe()) == "march on cpu (requested)"
    for frame, view in ((0, 0), (0, 1), (2, 0)):
        camera = scene.cameras[view]
        expected = render_view(scene.field(scene.atlas(frame)), scene.appearance, camera)
        assert torch.equal(march.render(frame, camera).rgb, expected.rgb)


def test_the_march_decodes_a_frame_once_for_all_its_views(scene, monkeypatch) -> None:
    asked: list[int] = []
    atlas = scene.atlas
    monkeypatch.setattr(scene, "atlas", lambda index: asked.append(index) or atlas(index))
    march = SceneMarch(scene)
    for frame, view in ((1, 0), (1, 1), (2, 0), (2, 3), (1, 0)):
        march.render(frame, scene.cameras[view])
    assert asked == [1, 2, 1]
    march.close()
    march.render(1, scene.cameras[0])
    assert asked == [1, 2, 1, 1]


def test_frames_that_do_not_exist_are_refused(scene) -> None:
    with pytest.raises(SceneError, match=r"expected 0\.\.2"):
        SceneMarch(scene).render(7, scene.cameras[0])
