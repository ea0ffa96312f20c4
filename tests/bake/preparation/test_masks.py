"""Keys, plates and what they share: what they find, what they leave out, and where they end."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from bake.errors import CaptureError
from bake.preparation.chroma_key import ChromaKey, parse_key
from bake.preparation.clean_plate import CleanPlate, open_plate, plates_in
from bake.preparation.masks import VideoMasker, sharpened, to_rgba, without_specks
from hwcodec import MovieForm, MovieWriter, open_movie

SIDE = 128
SKIN = np.array([190.0, 120.0, 100.0])
GREEN = np.array([50.0, 165.0, 75.0])


def disk(radius: float = 40.0) -> np.ndarray:
    row, column = np.mgrid[0:SIDE, 0:SIDE]
    distance = np.hypot(row - SIDE / 2, column - SIDE / 2)
    return np.clip(radius - distance + 0.5, 0, 1).astype(np.float32)


def scene(subject: np.ndarray, behind: np.ndarray, noise: float = 2.0, seed: int = 1) -> np.ndarray:
    alpha = disk()[..., None]
    clean = subject * alpha + behind * (1 - alpha)
    noisy = clean + np.random.default_rng(seed).normal(0, noise, clean.shape)
    return np.rint(noisy.clip(0, 255)).astype(np.uint8)


def overlap(alpha: np.ndarray) -> float:
    """Intersection over union with the disk."""
    true, found = disk() > 0.5, alpha > 0.5
    return float((true & found).sum() / (true | found).sum())


def texture(seed: int = 3) -> np.ndarray:
    coarse = np.random.default_rng(seed).normal(0, 25, (16, 16, 3)).astype(np.float32)
    return (np.array([125.0, 115.0, 105.0]) + cv2.resize(coarse, (SIDE, SIDE))).clip(0, 255)


@pytest.mark.parametrize("subject", [SKIN, [30.0] * 3, [128.0] * 3, [230.0] * 3, [60, 70, 140]])
@pytest.mark.parametrize("key", ["50,165,75", "green"])
def test_a_key_cuts_out_subjects_of_other_hues(subject, key) -> None:
    shown = to_rgba(scene(np.array(subject), GREEN), parse_key(key), 0)
    assert overlap(shown[..., 3] / 255) > 0.97
    solid = cv2.erode((disk() == 1).astype(np.uint8), np.ones((5, 5))) > 0
    assert np.abs(shown[solid][:, :3].astype(float) - subject).mean() < 6


def test_a_key_works_under_uneven_light() -> None:
    row, column = np.mgrid[0:SIDE, 0:SIDE]
    light = 1 - 0.25 * ((row - 64) ** 2 + (column - 64) ** 2)[..., None] / (2 * 64**2)
    alpha = parse_key("50,165,75").alpha(scene(SKIN, GREEN * light).astype(np.float32), 0)
    assert overlap(alpha) > 0.97


def test_spill_of_the_backdrop_is_taken_off_the_subject() -> None:
    gray = np.array([120.0, 120.0, 120.0])
    spilled = gray + 0.12 * (GREEN - GREEN.mean())
    shown = to_rgba(scene(spilled, GREEN, noise=0), parse_key("50,165,75"), 0)
    color = shown[60:68, 60:68, :3].reshape(-1, 3).mean(0)
    assert np.ptp(color) < 0.4 * np.ptp(spilled)
    assert color.mean() == pytest.approx(120, abs=8)


def test_clothes_of_the_keys_hue_become_holes() -> None:
    """A limit that --help states."""
    assert overlap(parse_key("green").alpha(scene(0.8 * GREEN, GREEN).astype(np.float32), 0)) < 0.1


@pytest.mark.parametrize("text", ["red", "1,2", "1,2,3,4", "300,0,0", "-1,0,0", "nan,0,0", ""])
def test_what_is_no_color_is_refused(text) -> None:
    with pytest.raises(CaptureError, match="--chroma-key is"):
        parse_key(text)


@pytest.mark.parametrize("color", [(128.0, 128.0, 128.0), (0.0, 0.0, 0.0), (250.0, 255.0, 245.0)])
def test_a_gray_key_is_refused_for_a_plate(color) -> None:
    with pytest.raises(CaptureError, match=r"is almost gray.*--clean-plate"):
        ChromaKey(color)


def plate_of(background: np.ndarray, noise: float = 2.0) -> CleanPlate:
    return CleanPlate(background.astype(np.float32), max(noise, 2.0))


@pytest.mark.parametrize("subject", [SKIN, [20.0] * 3, [245.0] * 3, [60, 70, 160]])
def test_a_plate_tells_the_subject_from_a_textured_stage(subject) -> None:
    shown = scene(np.array(subject), texture())
    assert overlap(plate_of(texture()).alpha(shown.astype(np.float32), 0)) > 0.93


def test_a_soft_shadow_is_background() -> None:
    shade = cv2.GaussianBlur(np.where(disk(50) > 0, 0.8, 1.0), (0, 0), 6)[..., None]
    shaded = texture() * shade + np.random.default_rng(1).normal(0, 2, (SIDE, SIDE, 3))
    alpha = plate_of(texture()).alpha(shaded.clip(0, 255).astype(np.float32), 0)
    assert (alpha > 0.5).mean() < 0.01


def test_the_empty_stage_has_no_subject() -> None:
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(0, 2, (SIDE, SIDE, 3))
        alpha = plate_of(texture()).alpha((texture() + noise).astype(np.float32), 0)
        assert (alpha > 0.5).sum() == 0


def test_a_plate_of_another_size_is_refused() -> None:
    with pytest.raises(CaptureError, match="clean plate is 128x128, expected 64x64"):
        plate_of(texture()).alpha(np.zeros((64, 64, 3), np.float32), 0)


def write_plate(path: Path, count: int, noise: float) -> Path:
    generator = np.random.default_rng(9)
    with MovieWriter(path, Fraction(25), MovieForm.EXACT) as writer:
        for _ in range(count):
            picture = texture() + generator.normal(0, noise, (SIDE, SIDE, 3))
            writer.write(np.rint(picture.clip(0, 255)).astype(np.uint8))
    return path


def test_a_plate_video_gives_its_median_and_its_noise(tmp_path) -> None:
    plate = open_plate(write_plate(tmp_path / "cam0.mp4", 12, 6.0), lambda picture: picture)
    assert np.abs(plate.plate - texture()).mean() < 3
    assert 4 < plate.noise < 12
    picture = np.rint(texture()).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "cam1.png"), picture[..., ::-1])
    still = open_plate(tmp_path / "cam1.png", lambda picture: picture[:64])
    assert np.array_equal(still.plate, picture[:64])
    assert still.noise == 2.0


def test_sixteen_bit_plates_are_read_at_eight(tmp_path) -> None:
    picture = np.full((8, 8, 3), 200 * 257, np.uint16)
    cv2.imwrite(str(tmp_path / "cam1.png"), picture)
    assert open_plate(tmp_path / "cam1.png", lambda p: p).plate == pytest.approx(200)


def test_plates_are_found_by_camera_and_doubled_ones_are_named(tmp_path) -> None:
    for name in ("a.png", "b.mp4", "notes.txt"):
        (tmp_path / name).touch()
    assert list(plates_in(tmp_path)) == ["a", "b"]
    (tmp_path / "a.jpg").touch()
    with pytest.raises(CaptureError, match="are both plates of camera a"):
        plates_in(tmp_path)
    with pytest.raises(CaptureError, match=r"no folder .*nowhere.*--clean-plate"):
        plates_in(tmp_path / "nowhere")


def test_damaged_plates_are_named(tmp_path) -> None:
    for name in ("a.png", "b.mp4"):
        (tmp_path / name).write_bytes(b"nothing")
        with pytest.raises(CaptureError, match=name.replace(".", r"\.")):
            open_plate(tmp_path / name, lambda p: p)


def test_a_mask_video_loses_its_coding_noise_at_both_ends(tmp_path) -> None:
    levels = np.array([0, 8, 128, 247, 255], np.uint8)
    with MovieWriter(tmp_path / "m.mp4", Fraction(25), MovieForm.GRAY) as writer:
        writer.write(np.repeat(np.repeat(levels[None], 16, 0), 8, 1))
    with open_movie(tmp_path / "m.mp4") as movie:
        masker = VideoMasker(movie, lambda picture: picture[:4])
        alpha = masker.alpha(np.zeros((4, 40, 3), np.float32), 0)
        assert alpha.shape == (4, 40)
        assert alpha[0, ::8] == pytest.approx([0, 0, 0.502, 1, 1], abs=0.01)
        with pytest.raises(CaptureError, match="has no picture 1"):
            masker.alpha(np.zeros((4, 40, 3), np.float32), 1)


def test_specks_go_and_pinholes_close_while_the_edge_stays_soft() -> None:
    alpha = disk()
    dirty = alpha.copy()
    dirty[4, 4] = dirty[100:102, 9] = 1
    dirty[60, 60] = dirty[70:72, 70] = 0
    assert without_specks(dirty) == pytest.approx(alpha)
    holed = disk()
    holed[50:62, 50:62] = 0
    assert without_specks(holed)[55, 55] == 0


def test_a_coarse_mask_is_sharpened_to_the_edges_of_luma() -> None:
    true = disk()
    coarse = cv2.resize(
        cv2.resize(true, (SIDE // 2,) * 2, interpolation=cv2.INTER_AREA),
        (SIDE, SIDE),
        interpolation=cv2.INTER_NEAREST,
    )
    luma = 40 + 120 * true
    sharp = sharpened(coarse, luma)
    assert np.abs(sharp - true).mean() < 0.85 * np.abs(coarse - true).mean()
    flat = sharpened(coarse, np.full_like(luma, 90))
    assert np.abs(flat - coarse).max() < 0.6
