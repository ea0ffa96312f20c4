"""Block gradients in torch operations, as on a device, against the compiled ones."""

import pytest
import torch
from torch import Tensor

from bake.block_loss import BlockWeights, add_compiled, add_plainly

ONLY = {
    "spatial": BlockWeights(0.3, 0, 0, 0.5),
    "temporal": BlockWeights(0, 0.2, 0, 0.5),
    "bits": BlockWeights(0, 0, 0.7, 0.5),
    "all": BlockWeights(0.3, 0.2, 0.7, 0.1),
    "none": BlockWeights(0, 0, 0, 0.5),
}


def both(side: int, channels: int, weights: BlockWeights, *, is_intra: bool) -> tuple[Tensor, ...]:
    blocks = torch.randn(6, side * side, channels)
    before = None if is_intra else blocks + 0.3 * torch.randn_like(blocks)
    start = torch.randn_like(blocks)
    found = start.clone(), start.clone()
    for add, slopes in zip((add_compiled, add_plainly), found, strict=True):
        add(blocks, before, slopes, weights)
    return start, *found


@pytest.mark.parametrize("is_intra", [True, False], ids=["intra", "inter"])
@pytest.mark.parametrize(("side", "channels"), [(4, 1), (8, 9), (16, 3)])
@pytest.mark.parametrize("name", ["spatial", "bits", "all"])
def test_both_ways_add_the_same(name, side, channels, is_intra) -> None:
    weights = ONLY[name]
    if is_intra:
        weights = BlockWeights(weights.spatial, 0, weights.per_bit, weights.step)
    start, compiled, plain = both(side, channels, weights, is_intra=is_intra)
    assert not torch.equal(start, compiled)
    # Both add up the same terms in another order.
    assert (plain - compiled).abs().max() < 1e-5 * compiled.abs().max()


def test_temporal_differences_need_a_frame_before() -> None:
    start, compiled, plain = both(8, 4, ONLY["temporal"], is_intra=False)
    torch.testing.assert_close(plain, compiled)
    assert ((plain - start).abs() - 0.2).abs().max() < 1e-6


def test_weights_of_zero_add_nothing() -> None:
    start, compiled, plain = both(8, 4, ONLY["none"], is_intra=False)
    assert torch.equal(start, compiled)
    assert torch.equal(start, plain)


def test_texels_without_change_have_no_slope() -> None:
    blocks = torch.full((3, 64, 2), 0.7)
    for add in (add_compiled, add_plainly):
        slopes = torch.zeros_like(blocks)
        add(blocks, blocks.clone(), slopes, ONLY["all"])
        # Equal neighbors pull nowhere, and a difference of zero costs no bits.
        assert slopes.abs().max() < 1e-6


def test_blocks_do_not_see_each_other() -> None:
    blocks = torch.randn(4, 64, 3)
    before = torch.randn_like(blocks)
    whole, alone = torch.zeros_like(blocks), torch.zeros(1, 64, 3)
    add_plainly(blocks, before, whole, ONLY["all"])
    add_plainly(blocks[2:3], before[2:3], alone, ONLY["all"])
    torch.testing.assert_close(whole[2:3], alone)
