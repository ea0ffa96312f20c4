"""The renderer on a CUDA device, as far as a machine without one can tell."""

import pytest
import torch

from render import cuda_renderer, renderers
from render.cuda_renderer import CudaMarch
from render.drawing import SceneMarch
from render.fragment import ShadedImage, render_view
from render.renderers import MarchDevice, open_renderer
from render.scene import BakedScene, open_scene


@pytest.fixture(scope="module")
def scene(baked_packages) -> BakedScene:
    return open_scene(baked_packages["raw"])


@pytest.fixture
def drawn(monkeypatch, scene):  # noqa: ANN201
    """Fields that were drawn, by the march of the processor instead of the kernel."""
    fields = []

    def draw_view(field, light, shape, camera) -> ShadedImage:
        fields.append(field)
        assert light.background.tolist() == list(scene.record.constants.background)
        assert shape == scene.record.shading
        whole = type(field)(field.geometry, field.density, field.features.float(), field.step)
        return render_view(whole, scene.appearance, camera)

    monkeypatch.setattr(cuda_renderer, "draw_view", draw_view)
    return fields


def test_it_draws_what_the_march_of_the_processor_draws(drawn, scene) -> None:
    renderer = CudaMarch(scene, device="cpu")
    camera = scene.cameras[0]
    found = renderer.render(0, camera)
    expected = SceneMarch(scene).render(0, camera)
    assert (found.rgb - expected.rgb).abs().max() < 1e-3
    assert torch.equal(found.opacity, expected.opacity)
    assert renderer.render(0, camera).depth.shape == expected.depth.shape
    assert drawn[0] is drawn[1]  # The latest frame is kept.
    renderer.close()


def test_features_are_halved_and_density_keeps_its_bits(drawn, scene) -> None:
    atlas = scene.atlas(1)
    found, whole = CudaMarch(scene, device="cpu").prepare(atlas), scene.field(atlas)
    assert found.features.dtype == torch.float16
    assert torch.equal(found.features, whole.features.half())
    assert torch.equal(found.density, whole.density)


def test_it_says_what_it_is(scene) -> None:
    choice = CudaMarch(scene, "the fastest here", "cpu").describe()
    assert (choice.renderer, choice.reason) == ("march", "the fastest here")


@pytest.mark.parametrize("asked", ["auto", "cuda"])
def test_it_is_opened_where_a_device_works(monkeypatch, scene, asked) -> None:
    opened = MarchDevice(lambda: None, lambda scene, reason: CudaMarch(scene, reason, "cpu"))
    assert renderers.march_devices()["cuda"].open is renderers._open_cuda
    monkeypatch.setitem(renderers._march_devices, "cuda", opened)
    assert isinstance(open_renderer(scene, "auto", asked), CudaMarch)
