"""Marks in exported packages: there where they are promised, and nowhere else."""

from pathlib import Path

import pytest
import torch

from bake.export import ExportOptions, export
from bake.profiles import EXPORT_PROFILES, find_profile, make_quantizer
from bake.sequence import BakedSequence
from hwcodec import ConstantQp, decode, open_package
from render.scene import open_scene


def test_the_eight_bit_profile_alone_has_marks() -> None:
    assert [name for name, profile in EXPORT_PROFILES.items() if profile.has_marks] == ["web8"]


@pytest.mark.parametrize("encoder", ["libx264", "libx265", "raw"])
def test_every_picture_shows_its_frame_in_the_scene(wide_sequence, tmp_path, encoder) -> None:
    export(wide_sequence, tmp_path / "p", ExportOptions(encoder, "web8", ConstantQp(30)))
    scene, seen = open_scene(tmp_path / "p"), []
    for group in scene.record.groups:
        assert group.marks is not None
        for picture in decode(scene.package.bitstream(group.stream)):
            seen.append(group.marks.read(picture.luma))
            assert abs(group.marks.calibration(picture.luma).gain - 1) < 0.03
    assert seen == [0, 1, 2]


def test_marks_change_no_code_of_an_atlas(wide_sequence: BakedSequence, tmp_path: Path) -> None:
    export(wide_sequence, tmp_path / "p", ExportOptions("raw", "web8"))
    scene = open_scene(tmp_path / "p")
    quantizer = make_quantizer(wide_sequence, find_profile("web8"))
    for span, group in zip(wide_sequence.groups, scene.record.groups, strict=True):
        pictures = list(decode(scene.package.bitstream(group.stream)))
        for frame, picture in zip(group.frames, pictures, strict=True):
            image = wide_sequence.mapping(span).to_image(wide_sequence.texels(frame))
            assert torch.equal(group.layout.unpack(picture.luma), quantizer.quantize(image))


@pytest.mark.parametrize("profile", ["hq10", "lossless"])
def test_other_profiles_have_no_marks(wide_sequence, tmp_path, profile) -> None:
    export(wide_sequence, tmp_path / "p", ExportOptions("raw", profile))
    assert all("marks" not in group for group in open_package(tmp_path / "p").scene["groups"])


def test_pictures_too_narrow_for_marks_go_without(baked_packages) -> None:
    for path in baked_packages.values():
        groups = open_scene(path).record.groups
        assert all(group.layout.width < 160 and group.marks is None for group in groups)
