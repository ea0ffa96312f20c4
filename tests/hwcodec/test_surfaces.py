"""Semi-planar surfaces: golden bytes of NV12 and P010, and the way there and back."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import YUV420P8, YUV420P10, Picture, PictureGeometry, PixelFormat
from hwcodec.surfaces import StreamOrder, planes_of, surface_name, surface_of

CPU = torch.device("cpu")
both_depths = pytest.mark.parametrize("known", [YUV420P8, YUV420P10], ids=lambda one: one.name)


def plane(rows: list[list[int]], known: PixelFormat) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.int32).to(known.dtype)


def test_surfaces_have_the_vendors_names() -> None:
    assert [surface_name(known) for known in (YUV420P8, YUV420P10)] == ["NV12", "P010"]


@pytest.mark.parametrize(
    ("known", "factor"), [(YUV420P8, 1), (YUV420P10, 64)], ids=["NV12", "P010"]
)
def test_chroma_lies_below_luma_in_pairs(known, factor) -> None:
    luma = plane([[1, 2, 3, 4], [5, 6, 7, known.max_code]], known)
    picture = Picture((luma, plane([[10, 11]], known), plane([[20, 21]], known)), known, 0)
    surface = surface_of(picture, PictureGeometry(known, 4, 2), CPU)
    expected = [[1, 2, 3, 4], [5, 6, 7, known.max_code], [10, 20, 11, 21]]
    assert surface.to(torch.int32).tolist() == [[factor * code for code in row] for row in expected]
    assert surface.is_contiguous()
    assert surface.dtype is known.dtype


@both_depths
def test_missing_chroma_is_neutral(known) -> None:
    picture = Picture((plane([[0] * 6] * 4, known),), known, 0)
    surface = surface_of(picture, PictureGeometry(known, 6, 4), CPU).to(torch.int32)
    # Half of the range in either type: P010 shifts its codes up.
    assert torch.equal(surface[4:], torch.full((2, 6), 0x80 if known is YUV420P8 else 0x8000))
    assert not surface[:4].any()


@both_depths
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**31), st.booleans())
def test_planes_come_back_from_their_surface(known, half_rows, half_columns, seed, whole) -> None:
    geometry = PictureGeometry(known, 2 * half_columns, 2 * half_rows)
    source = torch.Generator().manual_seed(seed)
    codes = [
        torch.randint(0, known.max_code + 1, shape, generator=source, dtype=torch.int32)
        for shape in geometry.plane_shapes
    ]
    picture = Picture(tuple(one.to(known.dtype) for one in codes), known, 0)
    surface = surface_of(picture, geometry, CPU)
    parts = (surface[: geometry.height], surface[geometry.height :])
    found = planes_of(parts if whole else parts[:1], known)
    assert [one.to(torch.int32).tolist() for one in found] == [
        one.tolist() for one in (codes if whole else codes[:1])
    ]
    assert all(one.dtype is known.dtype and one.is_contiguous() for one in found)


@both_depths
def test_planes_outlive_their_surface_and_leave_its_padding_behind(known) -> None:
    factor = 1 if known is YUV420P8 else 64
    padded = plane([[7 * factor] * 4 + [255] * 4] * 3, known)
    found = planes_of((padded[:2, :4], padded[2:, :4]), known)
    padded.zero_()
    assert [one.shape for one in found] == [(2, 4), (1, 2), (1, 2)]
    assert all(set(one.flatten().tolist()) == {7} for one in found)


def test_bits_below_the_ten_of_p010_are_dropped() -> None:
    surface = torch.tensor([[0xFFFF, 0x8000 | 63, 63, 64]], dtype=torch.int32).to(torch.uint16)
    (luma,) = planes_of((surface,), YUV420P10)
    assert luma.tolist() == [[1023, 512, 0, 1]]


def test_on_the_processor_there_is_nothing_to_order() -> None:
    order = StreamOrder(CPU, on_default=True)
    order.before_reading()
    order.hand_over([torch.zeros(2)])
    order.after_reading()
    assert order.handle == 0
