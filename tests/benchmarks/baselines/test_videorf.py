"""Ours, the plain recipe and its ablations as methods of the comparison."""

import pytest
import torch

from bake.config import experiment_names, rate_names, with_experiment, with_rate
from benchmarks.baselines.per_sample import PER_SAMPLE, SampledFrame
from benchmarks.baselines.raster_order import RASTER_ORDER, raster_image, texels_of
from benchmarks.baselines.videorf import PLAIN, SHARED, TUNED, ablation
from benchmarks.rd.method import ABLATION, ablation_names, find_method
from benchmarks.rd.training import fresh_shading
from hwcodec import open_package
from render.cameras import Rays, pixel_rays
from render.field import make_field
from render.fragment import Appearance, render_rays_reference


@pytest.mark.parametrize(
    "method", [TUNED, PLAIN, RASTER_ORDER, PER_SAMPLE], ids=lambda method: method.name
)
def test_more_bytes_bring_the_decoded_frames_nearer_to_the_bake(
    method, tiny_footage, fitted, coded, quality
) -> None:
    # Rates of one fit: what is coded twice must have one quality before that.
    of_one = [r for r in method.rates if method.fit_name(r) == method.fit_name(method.rates[-1])]
    rates = of_one[0], of_one[-1]
    packages = [coded(method, rate) for rate in rates]
    sizes = [path.stat().st_size for path in packages]
    decoded = [quality(tiny_footage, method.decode(open_package(path))) for path in packages]
    uncoded = quality(tiny_footage, method.uncoded(tiny_footage, fitted(method, rates[0])))
    assert sizes[0] < sizes[1]
    assert decoded[0] < decoded[1] <= uncoded + 0.05
    assert decoded[1] > uncoded - 0.5


def test_a_sample_shaded_alone_has_the_color_that_its_ray_has_when_it_is_the_only_one(
    tiny_footage,
) -> None:
    """One opaque sample per ray: the sum over samples and the shaded sum are the same thing."""
    group = tiny_footage.groups[0]
    network, _ = fresh_shading(tiny_footage)
    generator = torch.Generator().manual_seed(1)
    texels = torch.randn(group.scene.mapping.texel_count, 9, generator=generator)
    texels[:, 0] = 60.0  # So dense that the first sample stops everything.
    field = make_field(group.scene.geometry, texels, empty_density=60.0, step=0.5)
    frame = SampledFrame(field, network, tiny_footage.background)
    camera = tiny_footage.capture.cameras[0]
    rays = pixel_rays(camera)
    some = Rays(rays.origins[600:900], rays.directions[600:900])
    appearance = Appearance(network, tiny_footage.background)
    expected = render_rays_reference(field, appearance, some)
    with torch.no_grad():
        assert torch.allclose(frame.shade(some), expected, atol=1e-5)


@pytest.mark.parametrize("name", experiment_names())
def test_an_experiment_changes_the_plain_recipe_and_nothing_else(name, tiny_footage) -> None:
    plain = with_experiment(tiny_footage.config, "plain")
    changed = with_experiment(tiny_footage.config, name)
    assert changed.losses.intra_bits == changed.losses.inter_bits == 0
    assert (changed == plain) == (name in {"plain", "group-20"})
    assert changed.capture == plain.capture
    assert changed.optimize.iterations == plain.optimize.iterations
    assert find_method(f"{ABLATION}{name}") == ablation(name)


def test_ours_bakes_for_each_rate_and_codes_each_bake_at_its_qps() -> None:
    fits = [TUNED.fit_name(rate) for rate in TUNED.rates]
    assert list(dict.fromkeys(fits)) == [f"bake-{name}" for name in rate_names()]
    for rate in TUNED.rates:
        assert rate.label.endswith(f"-qp{rate.value:.0f}")
    assert not set(fits) & {PLAIN.fit_label, SHARED.fit_label}


def test_a_rate_changes_grid_network_and_weights_and_nothing_else(tiny_footage) -> None:
    for name in rate_names():
        config = with_rate(tiny_footage.config, name)
        assert config.resolution == 0
        assert config.optimize == tiny_footage.config.optimize
        assert config.capture == tiny_footage.config.capture
        assert config.losses.target_qp == tiny_footage.config.losses.target_qp
    with pytest.raises(ValueError, match="'huge', expected one of low, medium, high"):
        with_rate(tiny_footage.config, "huge")


def test_ablations_are_found_by_name_and_the_plain_one_shares_its_fit() -> None:
    names = ablation_names()
    assert "ablation-no-spatial" in names
    assert "ablation-per-sample" in names
    rate = PLAIN.rates[0]
    assert ablation("plain").fit_name(rate) == PLAIN.fit_name(rate)
    # Raster order packs the plain recipe's fit.
    assert len({find_method(name).fit_name(rate) for name in names}) == len(names) - 1


def test_raster_order_is_undone_for_every_texel_with_a_vertex(tiny_footage) -> None:
    mapping = tiny_footage.groups[0].scene.mapping
    texels = torch.randn(mapping.texel_count, 3)
    image = raster_image(texels, mapping)
    assert tuple(image.shape) == (3, mapping.rows, mapping.columns)
    used = torch.from_numpy(mapping.texels).long()
    assert torch.equal(texels_of(image, mapping)[used], texels[used])


def test_an_unknown_experiment_is_refused_with_the_known_ones(tiny_footage) -> None:
    with pytest.raises(ValueError, match=r"'fog', expected one of .*no-spatial"):
        with_experiment(tiny_footage.config, "fog")
