"""`prepare-capture`: its words, what it says, and every fault as one sentence."""

import json
from fractions import Fraction

import numpy as np
import pytest

from bake.prepare_commands import prepare_capture
from tests.bake.preparation.conftest import COUNT, SIZE, Studio, write_movie


def refusal(studio: Studio, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """The one sentence that a run ends with."""
    assert studio.prepare(*more) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[-1].startswith("error: ")
    assert not any("Traceback" in line for line in told)
    assert not studio.out.exists()
    return told[-1]


def test_the_last_line_states_sizes_and_what_comes_next(studio, capsys) -> None:
    assert studio.prepare("--masks", str(studio.masks)) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"{studio.out}: 4 cameras, {COUNT} frames, ")
    assert " dB; next: bake-sequence capture.path=" in said.out
    assert "% of the pixels" in said.out
    assert "note: videos are decoded by software, as asked for" in said.err
    assert "camera 4/4" in said.err


def test_a_lossless_capture_says_so(studio, capsys) -> None:
    assert studio.prepare("--lossless") == 0
    assert "as read to the bit" in capsys.readouterr().out


def test_help_states_the_limits_of_the_masks(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        prepare_capture(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for words in ("evenly lit backdrop", "deep shadows stay", "--offset CAMERA=N", "poses_bounds"):
        assert words in text


def test_the_record_says_how_it_was_made(studio) -> None:
    assert studio.prepare("--offset", "cam1=1", "--masks", str(studio.masks)) == 0
    document = json.loads((studio.out / "capture.json").read_text())
    assert document["frame_count"] == COUNT - 1
    made = document["provenance"]
    assert made["command"].startswith("prepare-capture ")
    assert "--offset cam1=1" in made["command"]
    assert made["masks"] == "videos"
    assert {"videorf", "av", "opencv"} <= made["versions"].keys()
    sources = [camera["source"] for camera in document["cameras"]]
    assert [source["offset"] for source in sources] == [0, 1, 0, 0]
    assert [source["first_picture"] for source in sources] == [0, 1, 0, 0]
    assert sources[0]["decoder"] == "software"
    assert sources[2]["mask_file"] == "cam2.mp4"


def test_an_offset_joins_what_was_filmed_at_one_time(studio) -> None:
    from bake.capture import CaptureOptions, open_capture

    studio.film(1, [0, 0, *range(COUNT)])
    studio.mask(1, [0, 0, *range(COUNT)])
    words = ("--masks", str(studio.masks), "--no-crop", "--lossless")
    assert studio.prepare(*words, "--offset", "cam1=2") == 0
    capture = open_capture(CaptureOptions(str(studio.out)))
    assert capture.frame_count == COUNT
    for frame in (0, COUNT - 1):
        alpha = capture.view(frame, 1).alpha.astype(float)
        assert np.abs(alpha - studio.rgba(1, frame)[..., 3]).mean() < 2


@pytest.mark.parametrize("text", ["cam1=0.5", "cam1", "=2", "cam1=x", "cam1="])
def test_offsets_are_whole_frames_of_a_camera(studio, capsys, text) -> None:
    told = refusal(studio, capsys, "--offset", text)
    assert "expected CAMERA=FRAMES with a whole number, as in cam03=2" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--offset", "cam9=1"), "--offset names camera cam9, expected one of cam0, cam1"),
        (("--frames", "5"), "expected FIRST:LAST as in 0:300"),
        (("--frames", "0:99"), "expected a part of 0:6"),
        (("--frames", "a:b"), "expected FIRST:LAST"),
        (("--box", "1,2"), "capture box is [1.0, 2.0], expected six numbers"),
        (("--box", "a,b"), "--box is 'a,b', expected six numbers"),
        (("--box=5,5,5,6,6,6",), "not in the view of camera"),
        (("--test", "cam9"), "--test is cam9, expected some but not all of the cameras"),
        (("--test", "cam0,cam1,cam2,cam3"), "expected some but not all"),
        (("--chroma-key", "1,1,1"), "is almost gray"),
        (("--chroma-key", "pink"), "is 'pink', expected green, blue, or R,G,B in 0..255 as in 40"),
        (("--chroma-key", "1,2"), "--chroma-key is '1,2', expected green, blue, or R,G,B in"),
        (("--chroma-key", "0,256,0"), "--chroma-key is '0,256,0', expected green, blue, or"),
        (("--chroma-key", "0,nan,0"), "--chroma-key is '0,nan,0', expected green, blue, or"),
        (("--clean-plate", "nowhere"), "there is no folder nowhere"),
        (("--masks", "nowhere"), "has no mask video of camera cam0, cam1, cam2, cam3"),
        (("--decoder", "abacus"), "decoder is 'abacus', expected auto, software"),
    ],
)
def test_words_that_cannot_be_met_are_named(studio, capsys, words, told) -> None:
    assert told in refusal(studio, capsys, *words)


@pytest.mark.parametrize(
    "words",
    [
        ("--frame-rate", "0"),
        ("--frame-rate", "x"),
        ("--margin", "2"),
        ("--align", "maybe"),
        ("--masks", "a", "--chroma-key", "green"),
    ],
)
def test_words_that_are_none_end_with_usage(studio, capsys, words) -> None:
    with pytest.raises(SystemExit) as ended:
        studio.prepare(*words)
    assert ended.value.code == 2
    assert "usage: prepare-capture VIDEOS" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["abc", "2", "nan", ""])
def test_a_margin_that_is_no_share_is_one_sentence(studio, capsys, text) -> None:
    with pytest.raises(SystemExit):
        studio.prepare(f"--margin={text}")
    told = capsys.readouterr().err
    assert f"argument --margin: it is '{text}', expected a share from 0 to 1, as 0.05" in told
    assert "_share" not in told


def test_names_that_differ_only_in_case_are_paired(studio, capsys) -> None:
    for number in (1, 3):
        (studio.videos / f"cam{number}.mp4").rename(studio.videos / f"CAM{number}.mp4")
    told = refusal(studio, capsys)
    assert "CAM1 and cam1, CAM3 and cam3 differ only in case; rename the videos or the" in told
    assert "give --subset" not in refusal(studio, capsys, "--subset")


def test_an_unknown_camera_is_listed_on_its_side(studio, capsys) -> None:
    (studio.videos / "cam3.mp4").rename(studio.videos / "left.mp4")
    told = refusal(studio, capsys)
    assert "videos without a camera: left; cameras without a video: cam3" in told
    (studio.videos / "left.mp4").unlink()
    assert "give --subset" in refusal(studio, capsys)
    assert studio.prepare("--subset") == 0


def test_a_wrong_rate_is_named(studio, capsys) -> None:
    studio.film(2, times=[20 * index for index in range(COUNT)])
    assert "camera cam2 has 30 pictures per second and the others 25" in refusal(studio, capsys)


def test_dropped_pictures_are_named_and_may_be_matched_by_time(studio, capsys) -> None:
    studio.film(2, [0, 1, 4, 5], times=[0, 24, 96, 120])
    told = refusal(studio, capsys)
    assert "camera cam2 dropped about 2 pictures (gaps after picture 1)" in told
    assert studio.prepare("--align", "times") == 0
    assert "2 of 24 are repetitions" in capsys.readouterr().err
    document = json.loads((studio.out / "capture.json").read_text())
    assert document["provenance"]["greatest_time_error_s"] == pytest.approx(0.04)


def test_a_late_first_time_is_named_and_both_alignments_help(studio, capsys) -> None:
    studio.film(2, times=[240 + 24 * index for index in range(COUNT)])
    told = refusal(studio, capsys)
    assert "another time than the others'" in told
    assert studio.prepare("--align", "first") == 0


def test_a_truncated_video_is_named(studio, capsys) -> None:
    video = studio.videos / "cam2.mp4"
    whole = video.read_bytes()
    video.write_bytes(whole[: len(whole) // 2])
    assert "cam2" in refusal(studio, capsys)


def test_a_much_shorter_video_names_the_frames_that_all_have(studio, capsys) -> None:
    for number in range(4):
        studio.film(number, [0] * 20)
    studio.film(2, [0] * 8)
    told = refusal(studio, capsys)
    assert "camera cam2 has 8 pictures and others have 20" in told
    assert studio.prepare("--frames", "0:8") == 0


def test_a_trailing_picture_is_cut_and_told(studio, capsys) -> None:
    studio.film(2, range(COUNT + 1))
    assert studio.prepare() == 0
    assert "1 trailing pictures of 1 cameras (cam2) are cut" in capsys.readouterr().err


def test_another_shape_than_the_calibration_is_named(studio, capsys) -> None:
    write_movie(studio.videos / "cam1.mp4", [np.zeros((48, SIZE, 3), np.uint8)] * COUNT)
    told = refusal(studio, capsys)
    assert "camera cam1 was calibrated with pictures of 64x64 and its video has 64x48" in told


def test_masks_that_do_not_fit_their_video_are_named(studio, capsys) -> None:
    studio.mask(1, range(COUNT - 1))
    told = refusal(studio, capsys, "--masks", str(studio.masks))
    assert "the masks of camera cam1 are 5 pictures of 64x64, expected 6 of 64x64" in told
    (studio.masks / "cam1.mp4").unlink()
    told = refusal(studio, capsys, "--masks", str(studio.masks))
    assert "no mask video of camera cam1" in told


def test_one_video_is_no_capture(studio, capsys) -> None:
    words = [str(studio.videos / "cam0.mp4"), "--cameras", str(studio.cameras), str(studio.out)]
    assert prepare_capture(words) == 2
    told = capsys.readouterr().err
    assert "there is one video, of camera cam0, expected those of at least 2 cameras; give" in told


def test_a_rate_may_be_stated(studio) -> None:
    assert studio.prepare("--frame-rate", "30000/1001", "--align", "first") == 0
    document = json.loads((studio.out / "capture.json").read_text())
    assert Fraction(*document["frame_rate"]) == Fraction(30000, 1001)
    assert document["frame_count"] == 7
