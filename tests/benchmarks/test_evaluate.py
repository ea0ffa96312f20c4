"""Evaluation: which pictures are compared, what the numbers mean, and what is refused."""

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest

from bake.capture import Capture, CaptureOptions, open_capture
from bake.export import ExportOptions, export
from benchmarks import metrics
from benchmarks.evaluate import (
    EvaluateOptions,
    Evaluation,
    ViewScore,
    evaluate,
)
from benchmarks.output import aligned, decibel_text, number_text, write_json
from benchmarks.provenance import Commit, Environment, Machine
from benchmarks.report import (
    DEFINITIONS,
    bytes_by_kind,
    bytes_per_frame,
    evaluation_record,
    evaluation_table,
)
from benchmarks.stopwatch import Rate
from benchmarks.subject import EvaluationError, Subject, open_baked_capture
from hwcodec import ContainerError
from render.drawing import MARCH_ON_CPU
from render.gl_renderer import GlRenderer
from render.opengl import gl_absence
from render.scene import BakedScene, open_scene
from render.video import to_bytes

CAPTURE = "procedural:3:32"
PROMISED = {
    *("psnr", "psnr_foreground", "ssim", "temporal_psnr", "per_frame", "per_view"),
    *("bytes_total", "bytes_per_frame", "bytes_by_kind", "frame_count", "view_count"),
    *("decode_fps", "render_fps", "encode_fps", "codec", "backend", "encoder", "requested"),
    *("profile", "commit", "machine", "versions", "command", "definitions"),
}
RATES = {"atlas": Rate((10.0,)), "luma": Rate((20.0,))}
ENVIRONMENT = Environment(
    Commit("0" * 40, is_dirty=False), Machine("cpu", 2, None, None, "Linux"), {}, "evaluate", "now"
)


@pytest.fixture(scope="module")
def capture() -> Capture:
    return open_capture(CaptureOptions(CAPTURE))


@pytest.fixture(params=["raw", "h264"])
def scene(request, baked_packages) -> BakedScene:
    return open_scene(baked_packages[request.param])


@pytest.fixture
def subject(baked_packages, capture, baked_sequence) -> Subject:
    return Subject(open_scene(baked_packages["h264"]), capture, baked_sequence)


@pytest.fixture
def record(subject) -> dict:
    evaluation = evaluate(subject, EvaluateOptions())
    return evaluation_record(subject, evaluation, RATES, ENVIRONMENT, encode_fps=3.0)


def test_the_scores_are_those_of_the_views_rendered_one_by_one(scene, capture) -> None:
    evaluation = evaluate(Subject(scene, capture), EvaluateOptions())
    assert [(s.frame_index, s.view_index) for s in evaluation.scores] == [
        (frame, view) for frame in range(3) for view in range(24, 30)
    ]
    for score in evaluation.scores[::5]:
        camera = capture.cameras[score.view_index]
        image = to_bytes(scene.render(score.frame_index, camera).rgb)
        truth = capture.view(score.frame_index, score.view_index)
        assert score.psnr == metrics.psnr(image, truth.rgb)
        assert score.ssim == metrics.ssim(image, truth.rgb)
        assert score.psnr_foreground == metrics.psnr_foreground(image, truth.rgb, truth.alpha)
        assert score.psnr_bake is None


def test_the_temporal_metric_compares_neighboring_frames_of_one_view(scene, capture) -> None:
    evaluation = evaluate(Subject(scene, capture), EvaluateOptions(views=(24,)))
    images = [to_bytes(scene.render(t, capture.cameras[24]).rgb) for t in range(3)]
    truths = [capture.view(t, 24).rgb for t in range(3)]
    assert evaluation.scores[0].temporal_psnr is None
    assert evaluation.average("temporal_psnr") == metrics.temporal_psnr(images, truths)


def test_skipped_frames_leave_no_temporal_metric(subject) -> None:
    evaluation = evaluate(subject, EvaluateOptions(every=2, views=(25, 3)))
    assert evaluation.frames == (0, 2)
    assert {score.view_index for score in evaluation.scores} == {3, 25}
    assert evaluation.average("temporal_psnr") is None
    assert evaluation.average("psnr", view_index=7) is None


def test_before_encoding_a_lossless_package_differs_by_quantization_alone(
    baked_packages, baked_sequence, capture
) -> None:
    subject = Subject(open_scene(baked_packages["raw"]), capture, baked_sequence)
    evaluation = evaluate(subject, EvaluateOptions(every=3))
    for score in evaluation.scores:
        assert score.psnr_bake is not None
        assert abs(score.psnr_bake - score.psnr) < 0.5


def test_the_codecs_loss_is_the_difference_before_and_after(record) -> None:
    assert record["codec_loss_db"] == record["psnr_bake"] - record["psnr"]


def test_a_perfect_scene_reaches_the_cap(subject, monkeypatch) -> None:
    """With the truth in place of the render, every metric says so."""
    truths = iter([subject.capture.view(t, v).rgb for t in range(3) for v in (24, 25)])
    monkeypatch.setattr("benchmarks.evaluate.to_bytes", lambda _: next(truths))
    alone = Subject(subject.scene, subject.capture)
    evaluation = evaluate(alone, EvaluateOptions(views=(24, 25)))
    for name in ("psnr", "psnr_foreground", "temporal_psnr"):
        assert evaluation.average(name) == metrics.PSNR_CAP_DB
    assert evaluation.average("ssim") == 1


def test_the_record_has_every_promised_key_and_is_plain_json(record) -> None:
    promised = [
        "psnr",
        "psnr_foreground",
        "ssim",
        "temporal_psnr",
        "per_frame",
        "per_view",
        "bytes_total",
        "bytes_per_frame",
        "bytes_by_kind",
        "frame_count",
        "view_count",
        "decode_fps",
        "render_fps",
        "encode_fps",
        "codec",
        "backend",
        "encoder",
        "requested",
        "profile",
        "commit",
        "machine",
        "versions",
        "command",
        "definitions",
    ]
    assert not set(promised) - record.keys()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert (record["codec"], record["encoder"], record["profile"]) == ("h264", "libx264", "web8")
    assert (record["frame_count"], record["view_count"]) == (3, 6)
    assert (record["decode_fps"], record["encode_fps"]) == (10.0, 3.0)
    assert set(record["definitions"]) == set(DEFINITIONS)


def test_means_are_means_over_all_pictures(record) -> None:
    for name in ("psnr", "psnr_foreground", "ssim"):
        for part in ("per_frame", "per_view"):
            values = [entry[name] for entry in record[part]]
            assert math.isclose(record[name], sum(values) / len(values))
    assert [entry["frame"] for entry in record["per_frame"]] == [0, 1, 2]
    assert [entry["view"] for entry in record["per_view"]] == list(range(24, 30))


def test_every_byte_on_disk_is_counted_once(subject, record) -> None:
    files = [path for path in subject.scene.package.path.rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in files)
    assert record["bytes_total"] == total
    assert sum(record["bytes_by_kind"].values()) == total
    assert math.isclose(sum(entry["bytes"] for entry in record["per_frame"]), total)
    assert record["bytes_per_frame"] == total / 3
    streams = sum(path.stat().st_size for path in files if path.suffix == ".mp4")
    assert record["bytes_by_kind"]["pictures"] == streams
    assert record["bits_per_second"] == pytest.approx(8 * 30 * total / 3)


def test_the_bytes_of_an_archive_add_up_too(baked_sequence, capture, tmp_path) -> None:
    export(baked_sequence, tmp_path / "one.vrf", ExportOptions("raw", "web8"))
    subject = Subject(open_scene(tmp_path / "one.vrf"), capture)
    total = (tmp_path / "one.vrf").stat().st_size
    kinds = bytes_by_kind(subject.scene.package, subject.scene)
    assert sum(kinds.values()) == total
    assert kinds["container"] > 0
    assert math.isclose(sum(bytes_per_frame(subject)), total)


def test_the_capture_is_opened_as_it_was_baked(scene, capture) -> None:
    opened = open_baked_capture(scene, CAPTURE)
    assert opened.background == (1, 1, 1)
    assert opened.frame_count == 3
    assert np.array_equal(opened.view(1, 24).rgb, capture.view(1, 24).rgb)


@pytest.mark.parametrize(
    ("path", "said"),
    [("procedural:4:32", "has 4 frames"), ("procedural:3:48", "are not the 30")],
)
def test_another_capture_is_refused_before_work(scene, path, said) -> None:
    with pytest.raises(EvaluationError, match=said):
        Subject(scene, open_baked_capture(scene, path))


def test_moved_cameras_and_other_lenses_are_another_capture(scene) -> None:
    capture = open_capture(CaptureOptions(CAPTURE))
    moved = np.array(capture.cameras[3].world_to_camera)
    moved[0, 3] += 0.01
    for change in ({"world_to_camera": moved}, {"focal_x": 99.0}, {"center_y": 1.0}):
        cameras = list(open_capture(CaptureOptions(CAPTURE)).cameras)
        cameras[3] = replace(cameras[3], **change)
        capture.cameras = tuple(cameras)
        with pytest.raises(EvaluationError, match="cameras"):
            Subject(scene, capture)


def test_views_that_exist_in_no_chosen_frame_are_refused(scene, monkeypatch) -> None:
    capture = open_capture(CaptureOptions(CAPTURE))
    for split in ("train_views", "test_views"):
        monkeypatch.setattr(capture, split, lambda frame_index: (0,))
    with pytest.raises(EvaluationError, match=r"none of the views \[5\] exists"):
        evaluate(Subject(scene, capture), EvaluateOptions(views=(5,)))


@pytest.mark.parametrize("views", [(), (30,), (-1, 2)])
def test_views_that_do_not_exist_are_refused(scene, capture, views) -> None:
    with pytest.raises(EvaluationError, match=r"0\.\.29"):
        evaluate(Subject(scene, capture), EvaluateOptions(views=views))


def test_a_step_of_zero_is_refused() -> None:
    with pytest.raises(EvaluationError, match="every"):
        EvaluateOptions(every=0)


def test_another_bake_is_refused(scene, capture, baked_sequence) -> None:
    shorter = replace(baked_sequence, atlas_files=baked_sequence.atlas_files[:2])
    with pytest.raises(EvaluationError, match="encoded from"):
        Subject(scene, capture, shorter)


def test_texels_of_another_mapping_are_refused(scene, capture, baked_sequence) -> None:
    swapped = replace(baked_sequence, atlas_files=baked_sequence.atlas_files[::-1])
    subject = Subject(scene, capture, swapped)
    with pytest.raises(EvaluationError, match="texels"):
        evaluate(subject, EvaluateOptions(views=(24,)))


def test_a_truncated_stream_is_an_error_not_a_low_number(baked_packages, capture, tmp_path) -> None:
    copy = shutil.copytree(baked_packages["h264"], tmp_path / "copy")
    stream = sorted((copy / "streams").iterdir())[-1]
    stream.write_bytes(stream.read_bytes()[:-20])
    with pytest.raises(ContainerError, match=stream.name):
        evaluate(Subject(open_scene(copy), capture), EvaluateOptions())


def test_scores_without_masks_average_without_them() -> None:
    scores = (
        ViewScore(0, 0, 30.0, 0.9, None, None, None),
        ViewScore(0, 1, 32.0, 0.7, 20.0, None, None),
    )
    evaluation = Evaluation((0,), (0, 1), scores, (0.5, 0.25), (0.1,))
    assert evaluation.average("psnr") == 31
    assert evaluation.average("psnr_foreground") == 20
    assert evaluation.average("psnr_bake") is None
    assert evaluation.average("ssim", view_index=1) == 0.7
    assert evaluation.render_fps == pytest.approx(2 / 0.75)
    assert evaluation.field_fps == pytest.approx(10)


def test_the_table_leaves_out_what_is_not_known(record) -> None:
    text = evaluation_table(record)
    assert f"{record['psnr']:.2f} dB" in text
    assert "PSNR before encoding" in text
    without = evaluation_table({**record, "psnr_bake": None, "psnr_foreground": None})
    assert "PSNR before encoding" not in without
    assert "foreground" not in without


def test_columns_are_aligned_and_ragged_rows_allowed() -> None:
    assert aligned([("a", "bb", "c"), ("ddd", "e"), ("f",)]) == "a    bb  c\nddd  e\nf"
    assert (number_text(None, 2), number_text(1.239, 2)) == ("-", "1.24")
    assert (decibel_text(None), decibel_text(30.0)) == ("-", "30.00 dB")


def test_json_that_no_one_can_read_is_not_written(tmp_path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"psnr": math.nan})
    assert list(tmp_path.iterdir()) == []
    write_json(tmp_path / "a.json", {"psnr": 1.5})
    assert json.loads((tmp_path / "a.json").read_text()) == {"psnr": 1.5}


def test_opengl_gives_the_same_scores_and_is_named(subject, absent) -> None:
    if (reason := gl_absence()) is not None:
        absent("egl", reason)
    options = EvaluateOptions(views=(24, 3))
    marched = evaluate(subject, options)
    with GlRenderer(subject.scene) as renderer:
        drawn = evaluate(subject, options, renderer=renderer)
        assert drawn.drawn_by == renderer.describe()
    assert marched.drawn_by == MARCH_ON_CPU
    for one, other in zip(marched.scores, drawn.scores, strict=True):
        assert other.psnr == pytest.approx(one.psnr, abs=0.01)
        assert other.psnr_bake == one.psnr_bake
    record = evaluation_record(subject, drawn, RATES, ENVIRONMENT)
    assert record["renderer"] == "gl"
    assert record["device"] == drawn.drawn_by.device
    assert record["renderer_reason"] == "requested"
    assert f"by gl on {record['device']}" in evaluation_table(record)
