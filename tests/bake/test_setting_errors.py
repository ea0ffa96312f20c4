"""Wrong settings end with two and one line and touch no file; legal ones mean themselves."""

from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bake.commands import bake_sequence, encode_atlas
from bake.config import BakeCommand, ConfigError, load_command, load_config
from bake.pipeline import BakeConfig
from render.geometry import Aabb

WRONG = [
    "seed=1.5",
    "seed=-1",
    "seed=99999999999999999999999",
    f"seed={'9' * 5000}",
    "resolution=-1",
    "voxel_pixels=0",
    "voxel_pixels=.nan",
    "rate=tiny",
    "rate=0",
    "rate=-2M",
    "rate=3G",
    "encode.qp=52",
    "encode.bits_per_second=-1",
    "optimize.vertex_order=snake",
    "resolution=1",
    "resolution=100000",
    "+x=1",
    "++capture.x=1",
    "seed=",
    "resolution=big",
    "resolution=null",
    "optimize=1",
    "optimize.rays=many",
    "optimize.rays=-5",
    "optimize.density_rate=0",
    "optimize.initial_density=-9",
    "optimize.learning_rate=1",
    "optimize.block_size=3",
    "optimize.levels=1000000",
    "optimize.step=.nan",
    "optimize.step=1e-30",
    "optimize.density_rate=nan",
    "optimize.network_rate=inf",
    "optimize.final_factor=nan",
    "optimize.later_factor=1e300",
    "optimize.density_range=inf",
    "optimize.feature_range=nan",
    "optimize.feature_range=1e-30",
    "losses.spatial=1e300",
    "optimize.lifted_density=nan",
    "coarse.initial_density=nan",
    "coarse.density_rate=inf",
    "coarse.weight_threshold=nan",
    "shading.width=0",
    "shading.depth=0",
    "shading.feature_count=0",
    "coarse.resolution=3",
    "coarse.weight_threshold=1",
    "grouping.texel_capacity=1e9",
    "losses.target_qp=52",
    "losses.inter_bits=-0.1",
    "losses.inter_bits=.inf",
    "shading.width=wide",
    "capture.background=[1,1]",
    "capture.background=[red,1,1]",
    "capture.background=[0,0,256]",
    "capture.cache_bytes=-1",
    "capture.frames=",
    "capture.frames=1-3",
    f"capture.frames=0:{'9' * 5000}",
    "capture.scale=0",
    "capture.loader=colmap",
    "capture.path=",
    f"capture.path=procedural:{'9' * 5000}",
    "preset=../bake",
    "preset=",
    "device=gpu",
    "nothing",
    "=3",
    "capture.scale",
]


@pytest.mark.parametrize("word", WRONG)
def test_a_wrong_setting_ends_with_two_and_one_line(word, tmp_path, capsys) -> None:
    out = tmp_path / "scene"
    assert bake_sequence(["capture.path=procedural:1:16", f"out={out}", word]) == 2
    written = capsys.readouterr()
    errors = [line for line in written.err.splitlines() if line.startswith("error: ")]
    assert written.out == ""
    assert len(errors) == 1
    assert "Traceback" not in written.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("word", "wrong"),
    [
        ("optimize.iteratons=5", "optimize.iteratons is no setting, did you mean optimize.iter"),
        ("capture.pth=x", "capture.pth is no setting, did you mean capture.path?"),
        ("sed=1", "sed is no setting, did you mean seed?"),
        ("zzzzzzzz=1", "zzzzzzzz is no setting; see bake-sequence --help"),
        ("captur.scale=1", "captur is no setting"),
        ("capture.scale=abc", "capture.scale: Value 'abc' of type 'str' could not be converted"),
    ],
)
def test_a_misspelled_setting_is_repeated_in_the_complaint(word, wrong, capsys) -> None:
    assert bake_sequence([word]) == 2
    said = capsys.readouterr().err
    assert wrong in said
    assert "object_type" not in said


def test_the_last_of_two_values_wins() -> None:
    assert load_config(["seed=1", "seed=2"]).seed == 2
    assert load_command(["out=a", "out=b"]).out == "b"


def test_a_preset_is_overridden_wherever_it_stands_in_the_command() -> None:
    assert load_config(["resolution=20", "preset=paper"]).resolution == 20


@settings(max_examples=12)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r"), min_size=1, max_size=12))
def test_any_text_is_a_path_that_means_itself(text) -> None:
    if text[0] in "'\"":
        return  # Quoted by the caller, who then follows the grammar.
    assert load_command([f"out={text}"]).out == text


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**43 - 1),
    rate=st.floats(1e-6, 10),
    threshold=st.floats(0, 0.99),
    color=st.tuples(*[st.floats(0, 1)] * 3),
)
def test_numbers_arrive_as_they_were_written(seed, rate, threshold, color) -> None:
    config = load_config(
        [
            f"seed={seed}",
            f"optimize.density_rate={rate!r}",
            f"coarse.weight_threshold={threshold!r}",
            f"capture.background=[{','.join(map(repr, color))}]",
        ]
    )
    assert (config.seed, config.optimize.density_rate) == (seed, rate)
    assert config.coarse.weight_threshold == threshold
    assert config.capture.background == color


def leaves(value: object, place: str = "") -> dict[str, object]:
    """Every setting by its dotted key."""
    if not is_dataclass(value) or isinstance(value, type):
        return {place: value}
    inner = {f.name: getattr(value, f.name) for f in fields(value)}
    return {
        k: v for name, item in inner.items() for k, v in leaves(item, f"{place}.{name}").items()
    }


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_every_setting_can_be_stated_and_stating_it_changes_nothing(preset) -> None:
    whole = load_command([f"preset={preset}"])
    words = [
        f"{key[1:]}={list(value) if isinstance(value, tuple) else value}"
        for key, value in leaves(whole).items()
    ]
    assert len(words) > 40
    assert load_command(words) == whole


def test_where_and_on_what_a_bake_runs_is_not_part_of_its_settings() -> None:
    first, second = load_command(["out=a", "device=cpu"]), load_command(["out=b"])
    assert first != second
    assert first.config == second.config == load_config()
    assert type(first.config) is BakeConfig
    assert isinstance(first, BakeCommand)


def test_a_failed_composition_leaves_the_next_one_alone() -> None:
    before = load_config(["seed=4"])
    with pytest.raises(ConfigError):
        load_config(["seed=4", "no.such=1"])
    assert load_config(["seed=4"]) == before


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["SCENE", "--qp", "20", "--crf", "20"],
        ["SCENE", "--bitrate", "0"],
        ["SCENE", "--bitrate", "-3k"],
        ["SCENE", "--bitrate", "nan"],
        ["SCENE", "--bitrate", "inf"],
        ["SCENE", "--bitrate", "1e400"],
        ["SCENE", "--bitrate", "1e300M"],
        ["SCENE", "--bitrate", "0.2"],
        ["SCENE", "--bitrate", "k"],
        ["SCENE", "--bitrate", "2G"],
        ["SCENE", "--codec", "libx266"],
        ["SCENE", "--profile", "best"],
        ["SCENE", "--qp", "2.5"],
    ],
)
def test_words_that_encode_atlas_does_not_know_end_with_two(words, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        encode_atlas(words)
    assert stop.value.code == 2
    assert "usage: encode-atlas" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["SCENE", "--out"])
def test_a_path_with_a_nul_ends_with_two(baked_sequence, tmp_path, capsys, place) -> None:
    scene = str(baked_sequence.root)
    words = [f"{scene}\0"] if place == "SCENE" else [scene, "--out", f"{tmp_path / 'a'}\0b"]
    assert encode_atlas([*words, "--codec", "raw"]) == 2
    assert "a path holds a NUL" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_largest_seed_gives_every_frame_a_random_stream() -> None:
    seed = load_config([f"seed={2**43 - 1}"]).seed
    # Frames are trained with these; torch takes no larger ones.
    torch.Generator().manual_seed(seed * 1_000_003 + 1_000_002)


def test_an_empty_out_means_the_folder_named_after_scene_and_codec(
    baked_sequence, tmp_path, capsys
) -> None:
    scene = tmp_path / "fox"
    scene.symlink_to(baked_sequence.root)
    assert encode_atlas([str(scene), "--codec", "raw"]) == 0
    assert (Path(f"{scene}-raw") / "manifest.json").is_file()
    assert f"{scene}-raw: " in capsys.readouterr().out


def test_a_box_too_long_for_any_grid_ends_with_two_and_no_work(sphere, tmp_path, capsys) -> None:
    long = replace(sphere, aabb=Aabb((0, 0, 0), (1e9, 1e-3, 1e-3)))
    folder = long.write(tmp_path / "capture", 1)
    assert bake_sequence([f"capture.path={folder}", f"out={tmp_path / 'scene'}"]) == 2
    assert "the aabb of 'capture' takes no grid: " in capsys.readouterr().err
    assert not list((tmp_path / "scene").iterdir())
