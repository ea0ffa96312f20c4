"""Ours, the plain recipe and its ablations as methods of the comparison."""

from collections import Counter
from dataclasses import fields, replace

import pytest
import torch

from bake.config import experiment_names, with_experiment
from bake.sequence import open_sequence
from benchmarks.baselines.encoder_settings import NO_B
from benchmarks.baselines.layered import LAYERED
from benchmarks.baselines.mixed_features import KLT, RANGES, rotated, weighed
from benchmarks.baselines.per_sample import PER_SAMPLE, SampledFrame
from benchmarks.baselines.raster_order import RASTER_ORDER, raster_image, texels_of
from benchmarks.baselines.videorf import PLAIN, TUNED, ablation, rated
from benchmarks.rd.method import ABLATION, ablation_names, find_method
from benchmarks.rd.training import fresh_shading
from hwcodec import GopStructure, Tuning, open_package
from render.cameras import Rays, pixel_rays
from render.field import make_field
from render.fragment import Appearance, render_rays_reference
from render.shading import weights_from_bytes


@pytest.mark.parametrize(
    "method",
    [TUNED, PLAIN, RASTER_ORDER, PER_SAMPLE, LAYERED, KLT, RANGES, NO_B],
    ids=lambda method: method.name,
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


MEDIUM = [name for name in experiment_names() if name.partition("-")[0] == "medium"]


@pytest.mark.parametrize("name", sorted({*experiment_names()} - {*MEDIUM}))
def test_an_experiment_changes_the_plain_recipe_and_nothing_else(name, tiny_footage) -> None:
    plain = with_experiment(tiny_footage.config, "plain")
    changed = with_experiment(tiny_footage.config, name)
    assert changed.losses.intra_bits == changed.losses.inter_bits == 0
    assert (changed == plain) == (name in {"plain", "group-20"})
    assert changed.capture == plain.capture
    assert changed.optimize.iterations == plain.optimize.iterations
    assert find_method(f"{ABLATION}{name}") == ablation(name)


@pytest.mark.parametrize("name", MEDIUM)
def test_an_experiment_changes_one_part_of_the_recipe_of_rate_medium(name, tiny_footage) -> None:
    medium = with_experiment(tiny_footage.config, "medium")
    changed = with_experiment(tiny_footage.config, name)
    different = [
        f.name for f in fields(medium) if getattr(medium, f.name) != getattr(changed, f.name)
    ]
    assert len(different) == (name != "medium")
    assert changed.optimize.iterations == medium.optimize.iterations
    assert ablation(name).fit_name(TUNED.rates[0]) == f"bake-{name}"


def test_the_recipe_of_rate_medium_is_that_of_the_rate_and_shares_its_fit(tiny_footage) -> None:
    recipe = with_experiment(tiny_footage.config, "medium")
    assert recipe == replace(rated(tiny_footage.config, "medium"), encode=recipe.encode)
    fit = ablation("medium").fit_label, ablation("medium").version
    assert fit == ("bake-medium", TUNED.version)


@pytest.mark.parametrize(
    ("name", "part", "expected"),
    [
        ("no-b", "gop", GopStructure(b_frame_count=0)),
        ("flat", "gop", GopStructure(intra_ratio=1.0, bidirectional_ratio=1.0)),
        ("one-reference", "gop", GopStructure(reference_count=1)),
        ("quick", "tuning", Tuning(preset="medium")),
        ("even-density", "density_spread", 1.0),
        ("psychovisual", "tuning", Tuning(options={"psy-rd": 2, "psy-rdoq": 1})),
        ("adaptive", "tuning", Tuning(options={"aq-mode": 2})),
    ],
)
def test_an_ablation_of_the_encoder_changes_one_setting(name, part, expected) -> None:
    method = find_method(f"{ABLATION}medium-{name}")
    usual = ablation("medium")
    rate = usual.rates[0]
    changed, plain = method.options(rate), usual.options(rate)
    assert getattr(changed, part) == expected
    assert replace(changed, **{part: getattr(plain, part)}) == plain
    assert method.rates == usual.rates


def test_ablations_are_found_by_name_and_the_plain_one_shares_its_fit() -> None:
    names = ablation_names()
    assert "ablation-no-spatial" in names
    assert "ablation-per-sample" in names
    rate = PLAIN.rates[0]
    assert ablation("plain").fit_name(rate) == PLAIN.fit_name(rate)
    fits = Counter(find_method(name).fit_name(rate) for name in names)
    # Raster order packs the plain recipe's fit; ten others are of how rate=medium is encoded.
    assert {name: count for name, count in fits.items() if count > 1} == {
        "bake-plain": 2,
        "bake-medium": 11,
    }


def test_a_rotation_of_the_features_changes_no_picture_before_coding(tiny_footage, fitted) -> None:
    baked = open_sequence(fitted(KLT, KLT.rates[0]))
    turned_bake = rotated(baked)
    features, turned = baked.texels(0)[:, 1:], turned_bake.texels(0)[:, 1:]
    assert torch.allclose(features.square().sum(1), turned.square().sum(1), atol=1e-4)
    directions = torch.nn.functional.normalize(torch.randn(len(features), 3), dim=1)
    with torch.no_grad():
        colors = [
            weights_from_bytes(each.network_bytes(), each.shading)(values, directions)
            for each, values in ((baked, features), (turned_bake, turned))
        ]
    # Weights are rounded to half precision again.
    assert torch.allclose(*colors, atol=5e-3)


def test_ranges_by_the_network_fill_the_common_one_and_change_no_picture(fitted) -> None:
    baked = open_sequence(fitted(RANGES, RANGES.rates[0]))
    scaled = weighed(baked)
    values = [scaled.texels(index)[:, 1:] for index in range(scaled.frame_count)]
    assert max(each.abs().max() for each in values) == pytest.approx(
        baked.settings.feature_range, rel=1e-5
    )
    first = [
        next(iter(weights_from_bytes(each.network_bytes(), each.shading).parameters()))
        for each in (baked, scaled)
    ]
    count = baked.shading.feature_count
    sizes = first[1][:, :count].norm(dim=0)
    assert torch.allclose(sizes, sizes.mean().expand(count), rtol=1e-2), "steps mean as much"
    shown = [
        each.texels(0)[:, 1:] @ weights[:, :count].T
        for each, weights in zip((baked, scaled), first, strict=True)
    ]
    assert torch.allclose(*shown, atol=5e-3)
    assert torch.equal(baked.texels(0)[:, 0], scaled.texels(0)[:, 0])


def test_a_layered_package_shows_its_base_where_nothing_adds_the_rest(
    tiny_footage, coded, quality
) -> None:
    alone, both = (open_package(coded(LAYERED, LAYERED.rates[place])) for place in (0, -1))
    shown = [quality(tiny_footage, method.decode(both)) for method in (TUNED, LAYERED)]
    base = quality(tiny_footage, LAYERED.decode(alone))
    assert abs(shown[0] - base) < 1e-6
    assert shown[1] > base


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
