"""Hints at late cameras: right where motion tells, silent where it does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.preparation.offsets import hints_of, offset_hints
from bake.preparation.recordings import find_videos, open_recordings
from tests.bake.preparation.conftest import SIZE, Studio, write_movie

COUNT = 40


def told(energies: dict[str, np.ndarray]) -> dict[str, int]:
    """Cameras of which it is sure that they are late, and by how much."""
    hints = hints_of(energies)
    return {label: hint.frames for label, hint in hints.items() if hint.is_sure and hint.frames}


def motion(seed: int) -> np.ndarray:
    """Uneven motion over more frames than are looked at."""
    return np.random.default_rng(seed).normal(0, 1, COUNT + 20)


def seen(series: np.ndarray, late: int, noise: float, seed: int) -> np.ndarray:
    """What a camera sees of it, at its own scale and with noise of its own."""
    generator = np.random.default_rng(seed)
    part = series[10 - late : 10 - late + COUNT]
    return generator.uniform(0.5, 2) * (part + generator.normal(0, noise, COUNT)) - 3


@given(st.integers(0, 50), st.integers(-5, 5), st.integers(0, 4))
def test_a_camera_that_is_late_is_found_with_its_frames(seed, late, which) -> None:
    series = motion(seed)
    energies = {f"cam{n}": seen(series, late if n == which else 0, 0.3, seed + n) for n in range(5)}
    assert told(energies) == ({f"cam{which}": late} if late else {})
    assert hints_of(energies)[f"cam{which}"] == (late, True)


@given(st.integers(0, 100))
def test_cameras_that_see_nothing_in_common_are_left_alone(seed) -> None:
    generator = np.random.default_rng(seed)
    energies = {f"cam{n}": generator.normal(0, 1, COUNT) for n in range(6)}
    assert not any(hint.is_sure for hint in hints_of(energies).values())


@given(st.floats(-5, 5), st.integers(3, 8))
def test_even_motion_tells_nothing(level, cameras) -> None:
    hints = hints_of({str(n): np.full(COUNT, level) for n in range(cameras)})
    assert not any(hint.is_sure for hint in hints.values())


def test_slow_waves_are_no_proof() -> None:
    wave = np.sin(np.arange(COUNT + 20) / 15)
    energies = {str(n): seen(wave, 2 if n == 1 else 0, 0.1, n) for n in range(5)}
    assert told(energies) == {}
    assert not hints_of(energies)["1"].is_sure


def test_motion_that_lasts_some_frames_is_told_although_the_next_shift_fits_nearly_as_well() -> (
    None
):
    smooth = np.convolve(motion(3), (1, 1, 1), "same")
    energies = {str(n): seen(smooth, -3 if n == 1 else 0, 0.1, n) for n in range(5)}
    assert told(energies) == {"1": -3}


@pytest.mark.parametrize(("cameras", "frames"), [(2, COUNT), (5, 15), (0, 0)])
def test_too_few_cameras_or_frames_tell_nothing(cameras, frames) -> None:
    series = motion(1)
    energies = {str(n): seen(series, 2 * (n == 1), 0.1, n)[:frames] for n in range(cameras)}
    assert hints_of(energies) == {}


def film_jumping(studio: Studio, late: int) -> None:
    """A sphere that jumps at random; one camera sees it later."""
    steps = np.random.default_rng(6).integers(0, 4, 40)
    frames = [int(frame) for frame in np.cumsum(steps) % 6]
    for number in range(4):
        shift = late if number == 2 else 0
        studio.film(number, [*frames[:1] * shift, *frames][: len(frames)])


def test_the_command_tells_of_a_late_camera_and_of_none(studio, capsys) -> None:
    film_jumping(studio, 2)
    assert studio.prepare("--check-sync", "--no-crop") == 0
    said = capsys.readouterr().err
    assert "camera cam2 seems 2 frames late; look at it, and give --offset cam2=2" in said
    assert said.count("seems") == 1
    studio.out.rename(studio.folder / "first")
    assert studio.prepare("--check-sync", "--no-crop", "--offset", "cam2=2") == 0
    assert "no camera seems late or early" in capsys.readouterr().err
    studio.out.rename(studio.folder / "second")
    assert studio.prepare("--check-sync", "--no-crop", "--offset", "cam1=1") == 0
    said = capsys.readouterr().err
    assert "camera cam1 seems 1 frame early; look at it, and give --offset cam1=0" in said


def test_an_encoders_rhythm_is_no_motion(studio) -> None:
    """Noise that comes and goes at the same frames everywhere would fit best without a shift."""
    generator = np.random.default_rng(8)
    steps = np.cumsum(generator.integers(0, 4, 40))
    for number in range(4):
        late = 2 if number == 2 else 0
        pictures = []
        for frame in range(40):
            noise = generator.normal(0, (1, 4, 2, 3)[frame % 4], (SIZE, SIZE, 3))
            picture = 100 + noise
            place = int(steps[max(0, frame - late)]) % 40
            picture[20:44, place : place + 20] = 220
            pictures.append(picture.clip(0, 255).astype(np.uint8))
        write_movie(studio.videos / f"cam{number}.mp4", pictures, crf=4)
    recordings = open_recordings(find_videos([studio.videos]), "software")
    assert offset_hints(recordings, dict.fromkeys(recordings, range(40)))["cam2"] == (2, True)


def test_a_camera_whose_motion_tells_nothing_is_named(studio, capsys) -> None:
    film_jumping(studio, 0)
    studio.film(2, [0] * 40)
    assert studio.prepare("--check-sync", "--no-crop") == 0
    said = capsys.readouterr().err
    assert "motion does not tell whether these cameras are late: cam2" in said
    assert "no camera seems" not in said
