"""What is decided, told and refused before the first picture is written."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bake.errors import CaptureError
from bake.preparation import plan as planning
from bake.preparation.plan import PreparationPlan, PrepareOptions, make_plan
from bake.preparation.recordings import Recording, open_recordings
from bake.preparation.timeline import TimelineOptions
from hwcodec import MovieDecoder
from tests.bake.preparation.conftest import COUNT, SIZE, Studio


def planned(studio: Studio, **changes: object) -> tuple[PreparationPlan, list[str]]:
    told: list[str] = []
    options = replace(PrepareOptions(studio.cameras, decoder="software"), **changes)
    return make_plan([studio.videos], options, told.append), told


def test_a_plan_has_a_window_and_picks_for_every_recording(studio) -> None:
    plan, told = planned(studio)
    assert list(plan.recordings) == list(plan.windows) == list(plan.timeline.picks)
    assert plan.timeline.frame_count == COUNT
    assert plan.box == studio.scene.aabb
    assert plan.masks.method == "none"
    assert told == [
        "the scene's box is stated by the capture: (-1.0, -1.0, -1.0) to (1.0, 1.0, 1.0)",
        "videos are decoded by software, as asked for",
    ]


def test_a_lens_that_is_scaled_to_its_video_is_told(studio) -> None:
    document = json.loads(studio.cameras.read_text())
    sizes = ("w", "h", "fl_x", "fl_y", "cx", "cy")
    stated = {key: 2 * value if key in sizes else value for key, value in document.items()}
    for frame in stated["frames"]:
        frame.update({key: 2 * frame[key] for key in sizes if key in frame})
    studio.cameras.write_text(json.dumps(stated))
    plan, told = planned(studio)
    assert told[0].startswith(f"lenses are scaled to their videos: cam0 {2 * SIZE}x{2 * SIZE} to ")
    assert plan.windows["cam0"].camera.width == SIZE


def test_every_decision_about_time_is_told(studio) -> None:
    studio.film(1, range(COUNT + 1))
    _, told = planned(studio)
    assert told[0] == "up to 1 trailing pictures of 1 cameras (cam1) are cut, as others end earlier"


@pytest.mark.parametrize(
    ("devices", "note"),
    [
        (
            ("vaapi", None),
            "software and vaapi; hwcodec doctor tells why no hardware does",
        ),
        ((None, None), "software; hwcodec doctor tells why no hardware does"),
        (("cuda", "cuda"), "cuda"),
    ],
)
def test_decoders_are_told_in_one_short_note(studio, monkeypatch, devices, note) -> None:
    def opened(files: dict[str, Path], decoder: str) -> dict[str, Recording]:
        real = open_recordings(files, "software")
        return {
            label: Recording(label, each.movie, MovieDecoder(devices[number % 2], "it said a lot"))
            for number, (label, each) in enumerate(real.items())
        }

    monkeypatch.setattr(planning, "open_recordings", opened)
    _, told = planned(studio, decoder="auto")
    assert told[-1] == f"videos are decoded by {note}"


@pytest.mark.parametrize(
    "changes", [{"cameras": Path("nowhere")}, {"masks": Path("nowhere")}, {"test": ("cam9",)}]
)
def test_nothing_is_told_of_decoders_before_the_inputs_are_known_good(studio, changes) -> None:
    told: list[str] = []
    options = replace(PrepareOptions(studio.cameras, decoder="software"), **changes)
    with pytest.raises(CaptureError):
        make_plan([studio.videos], options, told.append)
    assert told == []


def test_nothing_is_written_while_planning(studio) -> None:
    before = sorted(studio.folder.rglob("*"))
    planned(studio, masks=studio.masks)
    assert sorted(studio.folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("test", "stated", "expected"),
    [
        (("cam1",), (), {"cam1"}),
        ((), ("cam2",), {"cam2"}),
        (("cam3",), ("cam2",), {"cam3"}),
        ((), (), {"cam0"}),
        ((), ("cam0", "cam1", "cam2", "cam3"), {"cam0"}),
    ],
)
def test_held_out_are_the_named_else_the_stated_else_every_eighth(
    studio, test, stated, expected
) -> None:
    names = [f"pictures/{label}.png" for label in stated]
    studio.write_cameras(lambda document: document.update(test_filenames=names))
    assert planned(studio, test=test)[0].held_out == expected


def test_a_camera_that_sees_the_box_nowhere_stops_the_plan(studio) -> None:
    with pytest.raises(CaptureError, match="not in the view of camera cam"):
        planned(studio, box=(40.0, 40.0, 40.0, 41.0, 41.0, 41.0))
    plan, _ = planned(studio, box=(40.0, 40.0, 40.0, 41.0, 41.0, 41.0), allow_crop=False)
    assert plan.windows["cam0"].camera.width == SIZE


def test_offsets_and_frames_reach_the_timeline(studio) -> None:
    options = TimelineOptions(offsets={"cam2": 1}, first=1, last=4)
    plan, _ = planned(studio, timeline=options)
    assert plan.timeline.picks["cam2"] == (2, 3, 4)
    assert plan.timeline.picks["cam0"] == (1, 2, 3)


def test_looking_for_late_cameras_needs_enough_frames_and_says_what_it_found(studio) -> None:
    _, told = planned(studio, looks_for_offsets=True)
    assert "whether a camera is late cannot be told: that takes 23 pictures of 3 cameras" in told
