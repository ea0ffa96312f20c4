"""The codec ladder on the tiny footage: every row codes the same bake."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bake.errors import ArtifactError
from bake.export import ExportOptions, export
from bake.profiles import EXPORT_PROFILES
from bake.sequence import BakedSequence, open_sequence
from benchmarks.baselines import vvenc
from benchmarks.baselines.foreign_streams import (
    KIND,
    STREAM_KINDS,
    CodedGroup,
    pack_group,
    pictures_blob,
    stream_kind,
    write_foreign,
)
from benchmarks.baselines.ladder import (
    AV1,
    GRAY12,
    H264,
    HEVC8,
    HEVC10,
    LOSSLESS,
    MJPEG,
    V3,
    VVC,
)
from benchmarks.baselines.videorf import SHARED
from benchmarks.rd.method import find_method
from benchmarks.rd.stream_note import stream_note
from benchmarks.rd.stream_record import OpenStream, StreamBody, write_stream
from benchmarks.rd.symbols import join_chunks, split_chunks
from hwcodec import (
    BackendUnavailable,
    HwcodecError,
    PackageContent,
    UnsupportedConfig,
    decode,
    open_package,
    write_package,
)
from hwcodec.verify import verify_path
from render.errors import RenderError
from render.scene import BakedScene
from render.shading import weights_from_bytes

LADDER = (MJPEG, H264, HEVC8, HEVC10, AV1, VVC, LOSSLESS, V3, GRAY12)
FOREIGN = (MJPEG, VVC, V3, GRAY12)
no_vvenc = pytest.mark.skipif(not find_spec("imageio_ffmpeg"), reason="no imageio-ffmpeg")


def every(rows: tuple) -> pytest.MarkDecorator:
    """The rows as parameters; that of VVC needs a program."""
    marked = [pytest.param(row, marks=no_vvenc if row is VVC else ()) for row in rows]
    return pytest.mark.parametrize("row", marked, ids=lambda row: row.name)


@pytest.fixture(scope="module")
def bake(fitted) -> BakedSequence:
    return open_sequence(fitted(H264, H264.rates[0]))


@pytest.fixture(scope="module")
def smallest(coded) -> Callable[[Any], Path]:
    """The package of a row at its first rate, made once."""
    return cache(lambda row: coded(row, row.rates[0]))


def changed(path: Path, out: Path, blobs: dict[str, bytes], own: dict | None = None) -> Path:
    """A copy of a package with other contents, its checksums mended."""
    package = open_package(path)
    scene = package.scene | ({} if own is None else {"own": own})
    kept = {name: package.blob(name) for name in package.manifest["blobs"]}
    write_package(out, PackageContent(scene, kept | blobs), overwrite=True)
    return out


@every(LADDER)
def test_a_row_is_found_by_its_name_and_shares_the_bake_of_videorf(row) -> None:
    assert find_method(row.name) is row
    assert {row.fit_name(rate) for rate in row.rates} == {"bake-tuned"}
    assert row.version == SHARED.version
    assert len(row.rates) == (1 if row is LOSSLESS else 5)
    assert len({rate.label for rate in row.rates}) == len(row.rates)


@every(LADDER)
def test_more_bytes_bring_the_decoded_frames_nearer_to_the_bake(
    row, tiny_footage, fitted, coded, quality, tmp_path
) -> None:
    rates = list(dict.fromkeys((row.rates[0], row.rates[len(row.rates) // 2], row.rates[-1])))
    sizes, decibels = [], []
    for rate in rates:
        alone = shutil.copy(coded(row, rate), tmp_path / f"{rate.label}.vrf")
        sizes.append(alone.stat().st_size)
        decibels.append(quality(tiny_footage, row.decode(open_package(alone))))
    uncoded = quality(tiny_footage, row.uncoded(tiny_footage, fitted(row, rates[0])))
    assert sizes == sorted(sizes)
    assert all(later > before - 0.05 for before, later in pairwise(decibels))
    assert decibels[-1] == pytest.approx(uncoded, abs=0.3)
    if row is not LOSSLESS:
        assert decibels[0] < uncoded - 0.3


@every(LADDER)
def test_coding_twice_gives_the_same_bytes(row, tiny_footage, fitted, smallest, tmp_path) -> None:
    rate = row.rates[0]
    row.encode(tiny_footage, rate, fitted(row, rate), tmp_path / "again.vrf")
    assert (tmp_path / "again.vrf").read_bytes() == smallest(row).read_bytes()


@pytest.mark.parametrize(("kind", "profile"), [("mjpeg", "web8"), ("vvc", "hq10")])
def test_foreign_rows_code_the_very_pictures_of_an_export(kind, profile, bake, tmp_path) -> None:
    export(bake, tmp_path / "raw.vrf", ExportOptions("raw", profile))
    package = open_package(tmp_path / "raw.vrf")
    for number, span in enumerate(bake.groups):
        (planes,) = pack_group(bake, span, STREAM_KINDS[kind]).streams
        exported = [picture.luma for picture in decode(package.bitstream(number))]
        assert len(planes) == len(exported)
        assert all(torch.equal(a.int(), b.int()) for a, b in zip(planes, exported, strict=True))


def test_lossless_keeps_every_code(bake, coded) -> None:
    scene = BakedScene(open_package(coded(LOSSLESS, LOSSLESS.rates[0])))
    group = scene.record.groups[0]
    mapping = scene.geometry(group).mapping
    for index, atlas in zip(group.frames, scene.atlases(group), strict=True):
        image = mapping.to_image(bake.texels(index))
        assert torch.equal(
            atlas.values, group.quantizer.dequantize(group.quantizer.quantize(image))
        )


def test_v3_uses_all_codes_of_every_channel_in_a_group_and_gray12_four_times_those_of_hq10(
    bake,
) -> None:
    packed = pack_group(bake, bake.groups[0], STREAM_KINDS["h264-444"])
    assert len(packed.streams) == packed.quantizer.channel_count == 1 + bake.shading.feature_count
    for planes in packed.streams:
        codes = torch.stack(list(planes))
        assert (int(codes.min()), int(codes.max())) == (0, 255)
    steps = [
        pack_group(bake, bake.groups[0], STREAM_KINDS[kind]).quantizer.step
        for kind in ("vvc", "hevc-gray12")
    ]
    assert torch.allclose(steps[0], steps[1] * (4095 / 1023))
    assert EXPORT_PROFILES["hq10"].density_spread > 1


@every(FOREIGN)
def test_decoded_values_are_near_the_bake(row, bake, smallest) -> None:
    package = open_package(smallest(row))
    stream, kind = OpenStream(package, row.name), stream_kind(package)
    assert kind is STREAM_KINDS[row.kind]
    group = CodedGroup.read(stream, 0, kind)
    for index, image in enumerate(group.images(kind)):
        error = group.mapping.from_image(image) - bake.texels(index)
        assert float(error[:, 1:].square().mean().sqrt()) < 0.2


@every(FOREIGN)
@pytest.mark.parametrize("damage", ["cut", "none", "halves", "ranges", "noise"])
def test_damaged_pictures_are_refused_with_an_error_of_ours(
    row, damage, smallest, tmp_path
) -> None:
    path = smallest(row)
    blob = pictures_blob(0)
    data = open_package(path).blob(blob)
    count = 2 if STREAM_KINDS[row.kind].is_tiled else 10
    ranges, *streams = split_chunks(data, count)
    bad = {
        "cut": data[: len(data) // 2],
        "none": join_chunks([ranges, *(b"" for _ in streams)]),
        "halves": join_chunks([ranges, *(stream[: len(stream) // 2] for stream in streams)]),
        "ranges": join_chunks([np.full(len(ranges) // 4, np.nan, "<f4").tobytes(), *streams]),
        "noise": join_chunks([ranges, *(bytes(reversed(stream)) for stream in streams)]),
    }[damage]
    package = open_package(changed(path, tmp_path / "bad.vrf", {blob: bad}))
    with pytest.raises((HwcodecError, RenderError)):
        list(row.decode(package))


@pytest.mark.parametrize("own", [{}, {KIND: "film"}, {KIND: ["mjpeg"]}])
def test_an_unknown_kind_of_streams_is_refused(own, smallest, tmp_path) -> None:
    path = changed(smallest(MJPEG), tmp_path / "bad.vrf", {}, own)
    with pytest.raises(RenderError, match="names no kind of streams, expected one of mjpeg"):
        list(MJPEG.decode(open_package(path)))
    assert stream_note(path).is_verified is None


def test_the_bake_of_other_footage_is_refused(tiny_footage, bake, tmp_path) -> None:
    source = tiny_footage, replace(bake, groups=())
    with pytest.raises(ArtifactError, match=r"has 0 groups .* delete the fit"):
        write_foreign(tmp_path / "out.vrf", ("mjpeg", "mjpeg"), source, lambda *_: b"")


@pytest.mark.parametrize(
    ("row", "profile"),
    [
        (H264, "H.264 High, 4:2:0 8-bit"),
        (HEVC8, "HEVC Main, 4:2:0 8-bit"),
        (HEVC10, "HEVC Main 10, 4:2:0 10-bit"),
        (AV1, "AV1 Main, 4:2:0 10-bit"),
        (LOSSLESS, "HEVC Main 10, 4:2:0 10-bit"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_exported_rows_are_verified_and_named(row, profile, smallest) -> None:
    path = smallest(row)
    note = stream_note(path)
    assert note.is_verified is verify_path(path).passed is True
    assert note.profile == profile
    assert row.provenance.decoder == "hardware"


@pytest.mark.parametrize(
    ("row", "profile", "reason"),
    [
        (MJPEG, "Motion JPEG", "container: sample entries are ['mp4v']"),
        pytest.param(VVC, "VVC Main 10", "container: sample entries are ['vvc1']", marks=no_vvenc),
        (V3, "H.264 High 4:4:4 Predictive", "profile: stream is H.264 High 4:4:4 Predictive"),
        (GRAY12, "HEVC RExt", "profile: stream is HEVC RExt"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_foreign_rows_say_why_they_are_not_verified(row, profile, reason, smallest) -> None:
    note = stream_note(smallest(row))
    assert note.is_verified is False
    assert note.profile.startswith(profile)
    assert note.reason.startswith(reason)
    assert row.provenance.decoder != "hardware"


def test_a_package_without_video_says_so(tiny_footage, bake, tmp_path) -> None:
    network = weights_from_bytes(bake.network_bytes(), bake.shading)
    write_stream(tmp_path / "x.vrf", "rerf", tiny_footage, StreamBody({}, {}, network))
    note = stream_note(tmp_path / "x.vrf")
    assert (note.profile, note.is_verified) == ("no video stream", None)


def test_a_package_whose_streams_are_refused_says_why(bake, tmp_path) -> None:
    export(bake, tmp_path / "raw.vrf", ExportOptions("raw", "hq10"))
    note = stream_note(tmp_path / "raw.vrf")
    assert note.is_verified is False
    assert note.reason.startswith("profile: not an interchange profile: raw")


def test_without_the_program_vvc_is_unavailable(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    plane = torch.zeros(64, 64, dtype=torch.uint16)
    with pytest.raises(BackendUnavailable, match=r"pip install 'videorf\[rd\]'"):
        vvenc.encode_vvc([plane], 30, Fraction(30))


def test_a_program_that_fails_or_has_no_vvc_is_unavailable(monkeypatch, tmp_path) -> None:
    plane = torch.zeros(64, 64, dtype=torch.uint16)
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho Unknown encoder libvvenc >&2\nexit 1\n")
    program.chmod(0o755)
    for path in (program, tmp_path / "nowhere"):
        monkeypatch.setattr(vvenc, "_program", lambda path=path: str(path))
        with pytest.raises(BackendUnavailable, match="libvvenc"):
            vvenc.encode_vvc([plane], 30, Fraction(30))


def test_vvc_refuses_planes_that_it_cannot_code() -> None:
    with pytest.raises(UnsupportedConfig, match="no planes"):
        vvenc.encode_vvc([], 30, Fraction(30))
    with pytest.raises(UnsupportedConfig, match=r"expected torch\.uint16"):
        vvenc.encode_vvc([torch.zeros(64, 64, dtype=torch.uint8)], 30, Fraction(30))
