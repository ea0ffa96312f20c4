"""A package holds the bake's codes, exactly where that is promised, whatever the encoder."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bake.capture import CaptureOptions, open_capture
from bake.errors import ArtifactError
from bake.export import ExportOptions, export
from bake.grouping import GroupingConfig
from bake.pipeline import bake
from bake.profiles import EXPORT_PROFILES, default_profile, find_profile, make_quantizer
from bake.progress import SilentProgress
from bake.sequence import BakedSequence
from hwcodec import (
    BackendUnavailable,
    ConstantQp,
    ConstantQuality,
    ContainerError,
    Tuning,
    UnsupportedConfig,
    decode,
    open_package,
    probe,
)
from render.field import make_field
from render.fragment import render_view
from render.scene import BakedScene, open_scene

QUICK = Tuning(preset="veryfast", thread_count=1)
PLAIN = Tuning(thread_count=1)


def has_hardware() -> bool:
    return any("hevc_nvenc" in getattr(able, "encodes", ()) for able in probe().values())


no_hardware = pytest.mark.skipif(has_hardware(), reason="hevc_nvenc runs here, nothing falls back")


def options(encoder: str, profile: str | None = None, **changes: object) -> ExportOptions:
    tuning = QUICK if encoder.startswith("libx26") else PLAIN
    return replace(ExportOptions(encoder, profile, ConstantQp(22), tuning=tuning), **changes)


@pytest.fixture(scope="module")
def sequence(sphere_folder, tiny_config, tmp_path_factory) -> BakedSequence:
    """Three frames in two groups."""
    config = tiny_config(grouping=GroupingConfig(texel_capacity=2000, max_length=2))
    capture = open_capture(CaptureOptions(str(sphere_folder), frames=":3"))
    return bake(capture, config, tmp_path_factory.mktemp("bake"), SilentProgress())


def test_a_wider_range_makes_codes_of_density_coarser_and_of_features_not(sequence, out) -> None:
    def steps(spread: float | None) -> torch.Tensor:
        export(sequence, out, options("raw", density_spread=spread))
        quantizer = open_scene(out).record.groups[0].quantizer
        return quantizer.maximum - quantizer.minimum

    usual, even, wide = steps(None), steps(1.0), steps(3.0)
    assert torch.allclose(usual, even * torch.tensor([1.5] + [1.0] * (len(even) - 1)))
    assert torch.allclose(wide, even * torch.tensor([3.0] + [1.0] * (len(even) - 1)))


@pytest.mark.parametrize("spread", [0.99, 0.0, -1.0, float("nan"), float("inf")])
def test_a_range_of_density_that_cuts_values_off_is_refused(spread) -> None:
    with pytest.raises(UnsupportedConfig, match="density_spread"):
        ExportOptions(density_spread=spread)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "package"


def decoded_codes(scene: BakedScene) -> list[torch.Tensor]:
    """Codes (channels, rows, columns) of every frame, as a player has them before values."""
    return [
        group.layout.unpack(picture.luma).int()
        for group in scene.record.groups
        for picture in decode(scene.package.bitstream(group.stream))
    ]


def baked_codes(sequence: BakedSequence, profile: str) -> list[torch.Tensor]:
    quantizer = make_quantizer(sequence, find_profile(profile))
    return [
        quantizer.quantize(sequence.mapping(group).to_image(sequence.texels(frame))).int()
        for group in sequence.groups
        for frame in range(group.first_frame, group.first_frame + group.frame_count)
    ]


@pytest.mark.parametrize(
    ("encoder", "profile"),
    [("raw", "web8"), ("raw", "hq10"), ("raw", "lossless"), ("libx265", "lossless")],
)
def test_codes_survive_exactly_where_that_is_promised(sequence, out, encoder, profile) -> None:
    export(sequence, out, options(encoder, profile))
    found, expected = decoded_codes(open_scene(out)), baked_codes(sequence, profile)
    assert len(found) == len(expected) == 3
    assert all(map(torch.equal, found, expected))
    assert len(torch.unique(torch.stack([codes.float().std() for codes in found]))) == 3


@pytest.mark.parametrize("profile", EXPORT_PROFILES)
def test_raw_texels_are_within_half_a_quantizer_step(sequence, out, profile) -> None:
    export(sequence, out, options("raw", profile))
    scene = open_scene(out)
    codes = find_profile(profile).codes
    ranges = torch.tensor([8.0 * find_profile(profile).density_spread, 4.0, 4.0, 4.0])
    half = ranges / (codes.highest_code - codes.lowest_code)
    for atlas in scene.all_atlases():
        group = scene.group_of(atlas.frame_index)
        texels = scene.geometry(group).mapping.from_image(atlas.values)
        error = (texels - sequence.texels(atlas.frame_index)).abs().amax(0)
        # float32 values of up to 8 are good to a millionth.
        assert (error <= half + 2e-6).all()


CODED = [("libx264", "web8"), ("libx265", "web8"), ("libx265", "hq10"), ("libsvtav1", "hq10")]


@pytest.mark.parametrize(("encoder", "profile"), CODED)
def test_coded_packages_open_and_are_close_to_the_bake(sequence, out, encoder, profile) -> None:
    choice = export(sequence, out, options(encoder, profile))
    assert (choice.encoder, choice.is_fallback) == (encoder, False)
    scene = open_scene(out)
    assert scene.record.profile == profile
    codes = find_profile(profile).codes
    errors = [
        (found - expected).abs().float().mean() / (codes.highest_code - codes.lowest_code)
        for found, expected in zip(
            decoded_codes(scene), baked_codes(sequence, profile), strict=True
        )
    ]
    # At this QP a code is off by a few percent of the range at worst; a misplaced plane is far off.
    assert max(errors) < 0.03


def test_better_quality_takes_more_bytes(sequence, tmp_path) -> None:
    sizes = []
    for qp in (40, 20):
        export(sequence, tmp_path / str(qp), options("libx265", rate=ConstantQp(qp)))
        package = open_package(tmp_path / str(qp))
        sizes.append(sum(stream["bytes"] for stream in package.streams))
    assert sizes[0] < sizes[1]


def test_a_package_tells_everything_a_player_needs(sequence, out) -> None:
    export(sequence, out, options("raw"))
    scene = open_scene(out)
    record = scene.record
    assert [(g.first_frame, g.frame_count) for g in record.groups] == [(0, 2), (2, 1)]
    assert record.grid == sequence.grid
    assert record.shading == sequence.shading
    assert record.frame_rate == sequence.frame_rate == 25
    assert record.constants.step == sequence.settings.step
    assert record.constants.empty_density == -sequence.settings.density_range
    assert record.constants.background == tuple(sequence.settings.background)
    assert record.capture.test_views == sequence.rig.test
    assert record.capture.scale == 1.0
    assert len(scene.cameras) == len(sequence.rig.cameras)


def test_a_package_renders_what_was_baked(sequence, sphere, out) -> None:
    export(sequence, out, options("raw", "hq10"))
    scene = open_scene(out)
    field = make_field(
        scene.geometry(scene.group_of(2)).geometry,
        sequence.texels(2),
        empty_density=-sequence.settings.density_range,
        step=sequence.settings.step,
    )
    found = scene.render(2, scene.cameras[0])
    expected = render_view(field, scene.appearance, sequence.rig.cameras[0])
    # Ten bits leave a thousandth of the range, and cameras are stored in single precision.
    torch.testing.assert_close(found.rgb, expected.rgb, rtol=0, atol=0.02)
    torch.testing.assert_close(found.opacity, expected.opacity, rtol=0, atol=0.02)
    covered = torch.from_numpy(sphere.view(sequence.rig.cameras[0], 2).alpha) > 0
    assert found.opacity[covered].mean() > 2 * found.opacity[~covered].mean()


def test_one_file_holds_the_same_as_a_folder(sequence, tmp_path) -> None:
    export(sequence, tmp_path / "folder", options("raw"))
    export(sequence, tmp_path / "file.vrf", options("raw"))
    packages = [open_package(tmp_path / name) for name in ("folder", "file.vrf")]
    assert packages[0].digest() == packages[1].digest()


def test_exporting_twice_gives_the_same_package(sequence, tmp_path) -> None:
    digests = set()
    for name in ("a", "b"):
        export(sequence, tmp_path / name, options("libx265", "hq10"))
        digests.add(open_package(tmp_path / name).digest())
    assert len(digests) == 1


def test_every_group_is_reported(sequence, out) -> None:
    lines: list[str] = []

    class Progress(SilentProgress):
        def start(self, stage: str, total: int) -> None:
            lines.append(f"{stage} {total}")

        def advance(self, message: str = "", **figures: object) -> None:
            lines.append(message)

    export(sequence, out, options("raw"), progress=Progress())
    assert lines[0] == "encode 2"
    assert len(lines) == 3
    assert all("KiB/frame" in line for line in lines[1:])


@no_hardware
def test_a_fallback_is_recorded_with_its_reason(sequence, out) -> None:
    choice = export(sequence, out, options("hevc_nvenc", "hq10", tuning=PLAIN))
    assert (choice.requested, choice.encoder) == ("hevc_nvenc", "libx265")
    for stream in open_package(out).streams:
        assert (stream["requested"], stream["encoder"]) == ("hevc_nvenc", "libx265")
        assert stream["reason"] == choice.reason != "requested"


@no_hardware
def test_without_fallback_missing_hardware_is_an_error_and_nothing_is_written(
    sequence, out
) -> None:
    with pytest.raises(BackendUnavailable, match="allow the fallback"):
        export(sequence, out, options("hevc_nvenc", allow_fallback=False, tuning=PLAIN))
    assert not out.exists()


@pytest.mark.parametrize(
    ("encoder", "profile", "message"),
    [
        ("libx265", "web9", r"profile is 'web9', expected one of .*web8 plays everywhere"),
        ("libx999", None, r"encoder is 'libx999', expected one of"),
        ("libx264", "lossless", "libx264"),
        ("h264_nvenc", "hq10", "h264_nvenc"),
        ("libsvtav1", "lossless", "Lossless"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_written(
    sequence, out, encoder, profile, message
) -> None:
    with pytest.raises(UnsupportedConfig, match=message):
        export(sequence, out, options(encoder, profile, tuning=PLAIN))
    assert not out.exists()


def test_a_preset_of_another_encoder_is_refused(sequence, out) -> None:
    with pytest.raises(UnsupportedConfig, match="preset"):
        export(sequence, out, options("libx265", tuning=Tuning(preset="p5")))
    assert not out.exists()


def test_a_lossless_profile_ignores_the_rate(sequence, tmp_path) -> None:
    for name, rate in (("a", ConstantQp(50)), ("b", ConstantQuality(51.0))):
        export(sequence, tmp_path / name, options("libx265", "lossless", rate=rate))
    assert open_package(tmp_path / "a").digest() == open_package(tmp_path / "b").digest()


@pytest.mark.parametrize("encoder", ["libx264", "h264_nvenc"])
def test_h264_defaults_to_eight_bits(encoder) -> None:
    assert default_profile(encoder) == "web8"


@pytest.mark.parametrize("encoder", ["libx265", "hevc_nvenc", "libsvtav1", "av1_nvenc", "raw"])
def test_newer_standards_default_to_ten_bits(encoder) -> None:
    assert default_profile(encoder) == "hq10"


def test_the_default_profile_is_used_and_recorded(sequence, out) -> None:
    export(sequence, out, options("libx264"))
    assert open_scene(out).record.profile == "web8"


@pytest.mark.parametrize("name", EXPORT_PROFILES)
def test_the_quantizer_spans_the_limits_of_training_and_the_density_more(sequence, name) -> None:
    profile = find_profile(name)
    quantizer = make_quantizer(sequence, profile)
    assert quantizer.maximum.tolist() == [8.0 * profile.density_spread, 4.0, 4.0, 4.0]
    assert (profile.density_spread > 1) is (not profile.is_lossless)
    assert torch.equal(quantizer.minimum, -quantizer.maximum)
    ends = quantizer.quantize(torch.tensor([[-99.0, 99.0]] * 4)).int()
    assert ends[0].tolist() == [profile.codes.lowest_code, profile.codes.highest_code]


def test_an_existing_package_is_replaced_only_if_allowed(sequence, out) -> None:
    export(sequence, out, options("raw", "web8"))
    with pytest.raises(ContainerError):
        export(sequence, out, options("raw", "hq10"), overwrite=False)
    assert open_scene(out).record.profile == "web8"
    export(sequence, out, options("raw", "hq10"))
    assert open_scene(out).record.profile == "hq10"


def test_a_bake_with_a_missing_atlas_is_refused_and_nothing_is_written(sequence, out) -> None:
    broken = replace(sequence, atlas_files=("atlas/gone.npy",) * 3)
    with pytest.raises(ArtifactError, match="bake the scene again"):
        export(broken, out, options("raw"))
    assert not out.exists()
