"""The codec in the loop: what comes back of texels, when it runs, and what rays then see."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from bake.codec_loop import (
    CODECS,
    CodecLoop,
    Correction,
    EncoderChain,
    LoopConfig,
    RoundingChain,
    chain_of,
)
from bake.pipeline import bake
from bake.progress import SilentProgress
from bake.value_range import ValueRange
from render.geometry import Aabb
from render.mapping import MappingTable, build_mapping
from render.occupancy import OccupancyGrid, VoxelGrid

LIMITS = ValueRange(8.0, 2.5, 0)


@pytest.fixture(scope="module")
def mapping() -> MappingTable:
    generator = np.random.default_rng(5)
    grid = VoxelGrid(Aabb((0, 0, 0), (1, 1, 1)), 0.1, (16, 16, 16))
    return build_mapping(OccupancyGrid(grid, generator.random(grid.shape) < 0.6))


def values(mapping: MappingTable, seed: int = 0) -> Tensor:
    """Smooth enough to be worth coding: a ramp over the atlas with some noise."""
    generator = torch.Generator().manual_seed(seed)
    ramp = torch.linspace(-1, 1, mapping.texel_count)[:, None].expand(-1, 4)
    return ramp + 0.3 * torch.randn(mapping.texel_count, 4, generator=generator)


def loop(mapping: MappingTable, config: LoopConfig) -> CodecLoop:
    chain = chain_of(config)
    assert chain is not None
    return CodecLoop(mapping, LIMITS, 3, chain)


codecs = pytest.mark.parametrize("codec", ["rounding", "libx265"])


@codecs
def test_a_finer_quantizer_shows_values_closer_to_the_trained_ones(mapping, codec) -> None:
    texels = values(mapping)
    errors = [
        float((loop(mapping, LoopConfig(codec, qp)).decoded(texels) - texels).square().mean())
        for qp in (8, 24, 40)
    ]
    assert errors == sorted(errors)
    assert errors[0] < 1e-3


@codecs
def test_a_frame_that_repeats_the_one_before_is_shown_no_worse(mapping, codec) -> None:
    chain, texels = loop(mapping, LoopConfig(codec, 30)), values(mapping)
    chain.follow(texels)
    errors = [
        float((shown - texels).square().mean()) for shown in (chain.shown, chain.decoded(texels))
    ]
    assert errors[1] <= errors[0] * 1.01


@codecs
def test_trying_a_frame_leaves_no_trace(mapping, codec) -> None:
    chains = [loop(mapping, LoopConfig(codec, 30)) for _ in range(2)]
    chains[0].decoded(values(mapping, 1))
    for chain in chains:
        chain.follow(values(mapping))
        chain.follow(values(mapping, 2))
    assert torch.equal(chains[0].shown, chains[1].shown)


def test_a_change_too_small_for_its_bits_is_never_shown(mapping) -> None:
    chain, texels = loop(mapping, LoopConfig("rounding", 36)), values(mapping)
    chain.follow(texels)
    assert torch.equal(chain.decoded(chain.shown + 0.01), chain.shown)
    assert not torch.equal(chain.decoded(chain.shown + 0.6), chain.shown)


def test_a_configuration_names_its_codec() -> None:
    assert chain_of(LoopConfig()) is None
    assert isinstance(chain_of(LoopConfig("rounding")), RoundingChain)
    assert isinstance(chain_of(LoopConfig("libx265")), EncoderChain)
    assert CODECS[0] == "none"


@pytest.mark.parametrize(
    "change", [{"codec": "vp9"}, {"qp": 0}, {"qp": 52}, {"every": 0}, {"start": 1.1}], ids=str
)
def test_what_is_no_loop_is_refused(change) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        replace(LoopConfig(), **change)


def test_it_runs_every_so_many_steps_once_it_has_begun(mapping) -> None:
    config = LoopConfig("rounding", every=10, start=0.5)
    correction = Correction(loop(mapping, config), config)
    assert [i for i in range(60) if correction.is_due(i, 60)] == [30, 40, 50]


def test_a_correction_leads_from_trained_values_to_decoded_ones(mapping) -> None:
    config = LoopConfig("rounding")
    chain, texels = loop(mapping, config), values(mapping)
    correction = Correction(chain, config)
    assert torch.allclose(texels + correction.of(texels), chain.decoded(texels), atol=1e-6)


class Content(dict[str, bytes]):
    """Files of a bake by name."""

    @classmethod
    def of(cls, folder: Path) -> "Content":
        files = (path for path in folder.rglob("*") if path.is_file())
        return cls({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})


def test_a_bake_with_a_codec_in_the_loop_resumes_to_the_same_bytes(
    open_sphere, tiny_config, tmp_path
) -> None:
    capture = open_sphere(":4")
    config = tiny_config(loop=LoopConfig("rounding", every=2))
    whole = bake(capture, config, tmp_path / "whole", SilentProgress())
    shutil.copytree(tmp_path / "whole", tmp_path / "again")
    for name in whole.atlas_files[2:]:
        (tmp_path / "again" / name).unlink()
    bake(capture, config, tmp_path / "again", SilentProgress())
    assert Content.of(tmp_path / "again") == Content.of(tmp_path / "whole")


def test_the_loop_is_part_of_what_a_bake_is_made_from(open_sphere, tiny_config, tmp_path) -> None:
    capture = open_sphere(":2")
    files = [
        bake(
            capture, tiny_config(loop=loop_config), tmp_path / str(n), SilentProgress()
        ).atlas_files
        for n, loop_config in enumerate((LoopConfig(), LoopConfig("rounding", every=2)))
    ]
    assert files[0] != files[1]
