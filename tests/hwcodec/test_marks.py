"""Marks: read back from any picture that still shows them, and from no other."""

import json

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from hwcodec import (
    PROFILES,
    YUV420P8,
    BitstreamError,
    CodeRange,
    ConstantQp,
    ContainerError,
    EncoderSettings,
    Picture,
    PictureGeometry,
    PictureMarks,
    PlaneLayout,
    UnsupportedConfig,
    decode,
    encode,
)
from hwcodec.types import GopStructure

WEB8 = PROFILES["web8"]
LAYOUTS = st.builds(
    PlaneLayout.plan,
    st.integers(1, 20),
    st.integers(1, 120),
    st.integers(1, 300),
    st.integers(0, 20),
)
FRAMES = st.integers(0, 1 << 20)
LAYOUT = PlaneLayout.plan(9, 40, 72)


def planned(layout: PlaneLayout) -> PictureMarks:
    marks = PictureMarks.plan(layout, WEB8)
    assert marks is not None
    return marks


def marks_of(layout: PlaneLayout) -> PictureMarks:
    """Marks of a drawn layout; those without room are drawn again."""
    assume(PictureMarks.plan(layout, WEB8) is not None)
    return planned(layout)


def picture(layout: PlaneLayout) -> torch.Tensor:
    shape = (layout.channels, layout.rows, layout.columns)
    return layout.pack(torch.randint(16, 236, shape, dtype=torch.int32).to(torch.uint8))


@given(LAYOUTS, FRAMES)
def test_any_frame_number_comes_back_and_no_texel_changes(layout, frame) -> None:
    marks, luma = marks_of(layout), picture(layout)
    before = luma.clone()
    marked = marks.apply(luma, frame)
    assert torch.equal(luma, before)
    assert marks.read(marked) == frame % 65536
    assert torch.equal(layout.unpack(marked), layout.unpack(luma))
    fit = marks.calibration(marked)
    assert (fit.gain, fit.offset) == pytest.approx((1, 0), abs=1e-9)


@given(LAYOUTS, FRAMES, st.integers(0, 1 << 30))
def test_noise_of_six_codes_is_tolerated(layout, frame, seed) -> None:
    marks = marks_of(layout)
    marked = marks.apply(picture(layout), frame).int()
    generator = torch.Generator().manual_seed(seed)
    noisy = marked + torch.randint(-6, 7, marked.shape, generator=generator, dtype=torch.int32)
    assert marks.read(noisy) == frame % 65536
    codes = marks.calibration(noisy).codes(marked)
    assert float((codes - marked).abs().max()) < 6.5


@given(FRAMES, st.floats(0.55, 1.9), st.floats(-40, 40))
def test_a_gain_and_an_offset_are_undone(frame, gain, offset) -> None:
    marks = planned(LAYOUT)
    marked = marks.apply(picture(LAYOUT), frame)
    seen = marked.double() * gain + offset
    assert marks.read(seen) == frame % 65536
    assert torch.allclose(marks.calibration(seen).codes(seen), marked.double(), atol=1e-6)


@given(FRAMES)
def test_pictures_taken_for_limited_range_are_calibrated_to_the_exact_codes(frame) -> None:
    marks = planned(LAYOUT)
    marked = marks.apply(picture(LAYOUT), frame)
    # A stack that takes full range for limited shows 16 to 235 as 0 to 255.
    seen = ((marked.double() - 16) * 255 / 219).round().clamp(0, 255).to(torch.uint8)
    assert marks.read(seen) == frame % 65536
    codes = marks.calibration(seen).codes(seen).round()
    assert torch.equal(codes, marked.double())


@given(st.integers(0, 65534))
def test_one_block_changes_from_each_frame_to_the_next(frame) -> None:
    marks, luma = planned(LAYOUT), picture(LAYOUT)
    changed = marks.apply(luma, frame) != marks.apply(luma, frame + 1)
    assert int(changed.sum()) == marks.block_size**2


@given(LAYOUTS)
def test_marks_keep_to_the_code_range_and_survive_json(layout) -> None:
    marks = marks_of(layout)
    assert PictureMarks.from_json(json.loads(json.dumps(marks.to_json()))) == marks
    assert (marks.codes[0], marks.codes[-1]) == (16, 235)
    assert marks.fits(layout)


@given(LAYOUTS)
def test_marks_are_planned_wherever_a_guard_of_eight_and_the_width_allow(layout) -> None:
    has_room = layout.width >= 160 and layout.cell_rows - layout.rows >= 8
    assert (PictureMarks.plan(layout, WEB8) is not None) == has_room


@pytest.mark.parametrize("codes", [CodeRange(8, 0, 2), CodeRange(8, 100, 101)])
def test_a_range_of_too_few_codes_is_refused(codes) -> None:
    assert PictureMarks.plan(LAYOUT, codes) is None


@pytest.mark.parametrize(
    ("row", "column"), [(0, 0), (32, 0), (LAYOUT.height, 0), (40, LAYOUT.width - 152)]
)
def test_marks_on_texels_or_outside_do_not_fit(row, column) -> None:
    assert not PictureMarks(row, column, (16, 89, 162, 235)).fits(LAYOUT)


@given(LAYOUTS, st.integers(0, 1 << 30))
def test_pictures_without_marks_are_refused(layout, seed) -> None:
    marks = marks_of(layout)
    torch.manual_seed(seed)
    luma = torch.randint(16, 236, (layout.height, layout.width)).to(torch.uint8)
    with pytest.raises(BitstreamError, match="expected"):
        marks.read(luma)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_flat_picture_is_refused(value) -> None:
    luma = torch.full((LAYOUT.height, LAYOUT.width), value, dtype=torch.uint8)
    with pytest.raises(BitstreamError, match="calibration blocks"):
        planned(LAYOUT).calibration(luma)


@pytest.mark.parametrize("block", range(4, 20))
def test_a_counter_block_between_its_two_codes_is_refused(block) -> None:
    marks = planned(LAYOUT)
    luma = marks.apply(picture(LAYOUT), 5)
    luma[marks.row :, 8 * block : 8 * block + 8] = 125
    with pytest.raises(BitstreamError, match="counter blocks"):
        marks.read(luma)


def test_a_picture_upside_down_is_refused() -> None:
    marks = planned(LAYOUT)
    with pytest.raises(BitstreamError):
        marks.read(255 - marks.apply(picture(LAYOUT), 3).int())


def test_a_plane_that_is_too_small_or_a_negative_frame_is_refused() -> None:
    marks = planned(LAYOUT)
    small = torch.zeros(LAYOUT.height - 1, LAYOUT.width, dtype=torch.uint8)
    for use in (marks.read, marks.calibration, lambda plane: marks.apply(plane, 0)):
        with pytest.raises(UnsupportedConfig, match="expected at least"):
            use(small)
    with pytest.raises(UnsupportedConfig, match="expected 0 or more"):
        marks.apply(picture(LAYOUT), -1)


SOUND = {"row": 40, "column": 0, "block_size": 8, "codes": [16, 89, 162, 235]}


@pytest.mark.parametrize(
    "change",
    [
        {"row": -8},
        {"row": 4},
        {"row": 8.0},
        {"column": True},
        {"column": 3},
        {"block_size": 0},
        {"block_size": 16},
        {"codes": [16, 89, 162]},
        {"codes": [16, 162, 89, 235]},
        {"codes": "wxyz"},
        {"codes": [1, 2, 3, None]},
    ],
)
def test_damaged_records_are_refused(change) -> None:
    with pytest.raises(ContainerError, match="marks record is not usable"):
        PictureMarks.from_json(SOUND | change)


@pytest.mark.parametrize("key", SOUND)
def test_records_without_a_key_are_refused(key) -> None:
    with pytest.raises(ContainerError, match="marks record is not usable"):
        PictureMarks.from_json({name: value for name, value in SOUND.items() if name != key})


@pytest.mark.parametrize("record", [None, 3, [], "marks"])
def test_what_is_no_record_is_refused(record) -> None:
    with pytest.raises(ContainerError):
        PictureMarks.from_json(record)


def smooth_pictures(layout: PlaneLayout, count: int) -> list[torch.Tensor]:
    shape = (layout.channels, layout.rows, layout.columns)
    waves = torch.linspace(0, 9, shape[0] * shape[1] * shape[2]).reshape(shape)
    return [
        layout.pack((125 + 90 * torch.sin(waves + 0.1 * frame)).to(torch.uint8))
        for frame in range(count)
    ]


def coded(planes: list[torch.Tensor], encoder: str, qp: int) -> tuple[int, list[torch.Tensor]]:
    rows, columns = planes[0].shape
    geometry = PictureGeometry(YUV420P8, columns, rows)
    settings = EncoderSettings(encoder, geometry, ConstantQp(qp), GopStructure())
    stream = encode([Picture((luma,), YUV420P8, i) for i, luma in enumerate(planes)], settings)
    return stream.size_bytes, [picture.luma for picture in decode(stream)]


@pytest.mark.parametrize(
    ("encoder", "qp"), [("libx264", 20), ("libx264", 44), ("libx265", 24), ("libx265", 44)]
)
def test_marks_survive_a_codec_and_cost_few_bytes(encoder, qp) -> None:
    layout = PlaneLayout.plan(9, 40, 72)
    marks, plain = planned(layout), smooth_pictures(layout, 12)
    marked = [marks.apply(luma, 500 + index) for index, luma in enumerate(plain)]
    plain_bytes, _ = coded(plain, encoder, qp)
    marked_bytes, decoded = coded(marked, encoder, qp)
    assert [marks.read(luma) for luma in decoded] == list(range(500, 512))
    assert (marked_bytes - plain_bytes) / 12 <= 30
