"""README's rates come from result files alone."""

import json

import pytest

from benchmarks.speed_table import speed_rows, speed_table

VIEWS = {"view_size": [256, 128], "device": "Mesa llvmpipe 15", "mean_difference": 6.3e-8}
DECODED = {
    "codec": "hevc",
    "bit_depth": 10,
    "width": 64,
    "height": 32,
    "decode_fps": 12.6,
    "ratio_to_ffmpeg": 0.987,
}
RECORDS = {
    "decode-matrix": (
        {"rows": [DECODED]},
        ("decode hevc 10-bit 64x32", "13 fps", "0.99 x `ffmpeg`"),
    ),
    "encode-benchmark": (
        {"rows": [{**DECODED, "encoder": "libx265", "encode_fps": 3.14}]},
        ("encode libx265 10-bit 64x32", "3.1 fps", "0.99 x `ffmpeg`"),
    ),
    "march-benchmark": (
        {"compiled_rays_per_s": 12_345.0, "ratio": 5.02},
        ("march, forward and backward", "12 k rays/s", "5.0 x torch"),
    ),
    "drawing-benchmark": (
        {**VIEWS, "ms_per_view": 20.0, "ratio": 1.885},
        ("OpenGL on llvmpipe, 256x128", "50 views/s", "1.89 x march; mean difference 6e-08"),
    ),
    "browser-benchmark": (
        {**VIEWS, "device": "A card", "ms_per_view": 10.0, "luma_differing": 0},
        (
            "Chromium on A card, 256x128",
            "100 views/s",
            "0 luma bytes differ; mean difference 6e-08",
        ),
    ),
    "playback-benchmark": (
        {**VIEWS, "renderer": "gl", "shown_fps": 27.44, "render_fps": 54.7},
        ("`Player`, gl, 256x128", "27.4 fps", "drawing alone 54.7 fps"),
    ),
}


@pytest.mark.parametrize("kind", RECORDS)
def test_a_known_file_is_a_row(tmp_path, kind) -> None:
    record, row = RECORDS[kind]
    (tmp_path / "a.json").write_text(json.dumps({"format": f"videorf-{kind}", **record}))
    assert speed_rows(tmp_path) == [row]
    assert "| " + " | ".join(row) + " |" in speed_table(tmp_path)


def test_other_files_are_passed_over(tmp_path) -> None:
    (tmp_path / "a.json").write_text('{"format": "videorf-evaluation"}')
    (tmp_path / "b.json").write_text("{}")
    assert speed_rows(tmp_path) == []
