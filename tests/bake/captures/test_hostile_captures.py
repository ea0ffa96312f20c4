"""No file of a capture, whatever it holds, does more than make opening it an error that says so."""

import json
import resource
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from bake.capture import CaptureOptions, open_capture
from bake.errors import CaptureError
from tests.bake.captures import attacks
from tests.bake.captures import layout_writers as write
from tests.bake.captures.attacks import ATTACKS
from tests.bake.captures.conftest import footage

BOX = (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0)
# Far above what a miniature takes, far below what its files promise: bytes and seconds.
MOST_MEMORY, MOST_TIME = 700 << 20, 60
SEEDS = 8


def _blender(folder: Path) -> Path:
    shots = {"train": [(0.0, 0, 0), (0.5, 1, 0)], "test": [(0.25, 1, 1)]}
    return write.write_blender(folder, footage(), shots)


def _colmap(form: str) -> Callable[[Path], Path]:
    shown = footage()
    plain = replace(shown, pictures=write.on_white(shown.pictures))
    return lambda folder: write.write_colmap(folder, plain, form)


# By loader and variant.
FORMS: dict[str, Callable[[Path], Path]] = {
    "nerfstudio": lambda folder: write.write_nerfstudio(folder, footage()),
    "blender": _blender,
    "frame-folders": lambda folder: write.write_frame_folders(folder, footage()),
    "colmap bin": _colmap("bin"),
    "colmap txt": _colmap("txt"),
    "easyvolcap": lambda folder: write.write_easyvolcap(folder, footage()),
    "actorshq": lambda folder: write.write_actorshq(folder / "4x", footage()).parent,
    "neural3d": lambda folder: write.write_neural3d(folder, footage()),
    "rerf": lambda folder: write.write_rerf(folder, footage()),
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every form, written once."""
    root = tmp_path_factory.mktemp("whole")
    return {form: writer(root / form) for form, writer in FORMS.items()}


@pytest.fixture
def damaged(originals: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a form, to be damaged."""

    def copy(form: str) -> Path:
        folder = tmp_path / "scene"
        shutil.rmtree(folder, ignore_errors=True)
        return shutil.copytree(originals[form], folder)

    return copy


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """Fail where a file makes this process grow, or wait for what never comes."""

    def late(*_: object) -> None:
        raise TimeoutError("reading a capture takes too long")

    before, handler = _peak(), signal.signal(signal.SIGALRM, late)
    signal.alarm(MOST_TIME)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, handler)
    assert _peak() - before < MOST_MEMORY


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def is_read(folder: Path, form: str) -> bool:
    """Open a capture and read all of it; False if it is refused as it should be."""
    loader = form.split()[0]
    place = folder / "4x" if loader == "actorshq" else folder
    try:
        capture = open_capture(CaptureOptions(str(place), loader=loader, box=BOX))
        for frame in range(min(capture.frame_count, 3)):
            capture.validate_frame(frame)
    except CaptureError as error:
        text = str(error)
        assert len(text) < 2000
        text.encode()
        return False
    return True


def files_of(folder: Path) -> list[Path]:
    """What describes the capture, and one of every kind of picture and video."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    pictures = [path for path in files if path.suffix in {".png", ".mp4"}]
    kinds = {path.relative_to(folder).parts[0]: path for path in reversed(pictures)}
    return [*(path for path in files if path not in pictures), *kinds.values()]


forms = pytest.mark.parametrize("form", FORMS)


@forms
def test_what_is_whole_is_read(damaged, form) -> None:
    assert is_read(damaged(form), form)


@forms
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_damaged_file_is_refused_or_read(damaged, form, attack) -> None:
    random = Random(f"{form} {attack}")
    folder = damaged(form)
    ATTACKS[attack](random.choice(files_of(folder)), random)
    is_read(folder, form)


@pytest.mark.slow
@forms
@pytest.mark.parametrize("attack", ATTACKS)
def test_every_file_may_be_damaged(damaged, form, attack) -> None:
    for number in range(len(files_of(damaged(form)))):
        for seed in range(SEEDS):
            random = Random(f"{form} {attack} {number} {seed}")
            folder = damaged(form)
            ATTACKS[attack](files_of(folder)[number], random)
            is_read(folder, form)


DOCUMENTS = {
    "nerfstudio": "transforms.json",
    "blender": "transforms_train.json",
    "frame-folders": "1/transforms.json",
}


@pytest.mark.parametrize("form", DOCUMENTS)
def test_documents_of_wrong_values_are_refused_or_read(damaged, form) -> None:
    folder = damaged(form)
    path = folder / DOCUMENTS[form]
    document = json.loads(path.read_text())
    refused = 0
    for text in attacks.wrong_documents(document):
        path.write_text(text)
        refused += not is_read(folder, form)
    assert refused > 100


@pytest.mark.parametrize("form", DOCUMENTS)
@pytest.mark.parametrize("name", attacks.ESCAPES)
@pytest.mark.parametrize("key", ["file_path", "mask_path"])
def test_names_that_lead_out_of_the_folder_are_refused(damaged, form, name, key) -> None:
    folder = damaged(form)
    path = folder / DOCUMENTS[form]
    document = json.loads(path.read_text())
    document["frames"][0][key] = name
    path.write_text(json.dumps(document))
    # D-NeRF knows no masks.
    assert is_read(folder, form) == (form == "blender" and key == "mask_path")


def _of(form: str, name: str, contents: tuple[str | bytes, ...]) -> list[tuple[str, str, bytes]]:
    return [(form, name, each.encode() if isinstance(each, str) else each) for each in contents]


_COUNT = struct.pack("<Q", 1 << 60) + bytes(200)
CONTENTS = [
    *_of("nerfstudio", "transforms.json", attacks.DEEP),
    *_of("blender", "transforms_test.json", attacks.DEEP),
    *_of("frame-folders", "0/transforms.json", attacks.DEEP),
    *_of("colmap bin", "sparse/0/cameras.bin", (_COUNT,)),
    *_of("colmap bin", "sparse/0/images.bin", (_COUNT,)),
    *_of("colmap bin", "sparse/0/points3D.bin", (_COUNT,)),
    *_of("colmap txt", "sparse/0/images.txt", ("1 " * 9, "1 1 0 0 0 1e308 0 0 7 a.png\n\n")),
    *_of("colmap txt", "sparse/0/points3D.txt", ("1 nan 0 0", "1e30 0 0 0", "x")),
    *_of("neural3d", "poses_bounds.npy", attacks.ARRAYS),
    *_of("neural3d", "cam.mp4", attacks.VIDEOS),
    *_of("rerf", "image/000.mp4", attacks.VIDEOS),
    *_of("rerf", "CamPose.inf", attacks.LINES_OF_NUMBERS),
    *_of("rerf", "Intrinsic.inf", attacks.LINES_OF_NUMBERS),
    *_of("rerf", "bbox.json", attacks.BOXES),
    *_of("easyvolcap", "intri.yml", attacks.TABLES_OF_YAML),
    *_of("easyvolcap", "extri.yml", attacks.TABLES_OF_YAML[1:4]),
    *_of("easyvolcap", "masks/Cam000/000000.png", attacks.PICTURES),
    *_of("easyvolcap", "images/Cam001/000001.png", attacks.PICTURES),
    *_of("nerfstudio", "cam0/0000.png", attacks.PICTURES),
    *_of("colmap bin", "images/Cam000/0000.png", attacks.PICTURES),
    *_of("actorshq", "4x/calibration.csv", attacks.TABLES_OF_COMMAS),
]


@pytest.mark.parametrize("number", range(len(CONTENTS)))
def test_contents_that_are_made_to_hurt_are_refused(damaged, number) -> None:
    form, name, content = CONTENTS[number]
    folder = damaged(form)
    (folder / name).write_bytes(content)
    assert not is_read(folder, form)


def test_two_folders_of_one_frame_are_refused(damaged) -> None:
    folder = damaged("frame-folders")
    shutil.copytree(folder / "1", folder / "01")
    with pytest.raises(CaptureError, match="are the same frame, expected one folder"):
        open_capture(CaptureOptions(str(folder), box=BOX))


_COMMAND = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
from bake.commands import bake_sequence
code = bake_sequence(sys.argv[1:])
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10)
sys.exit(code)
"""
BRUTAL = [
    ("nerfstudio", "transforms.json", attacks.DEEP[0].encode()),
    ("colmap bin", "sparse/0/points3D.bin", _COUNT),
    ("neural3d", "poses_bounds.npy", attacks.ARRAYS[0]),
    ("easyvolcap", "intri.yml", attacks.TABLES_OF_YAML[1].encode()),
    ("easyvolcap", "intri.yml", b"names: [\xff\xfe]"),
    ("actorshq", "4x/rgbs/Cam000/Cam000_rgb000001.png", attacks.PICTURES[1]),
    ("rerf", "mask/001.mp4", attacks.VIDEOS[0]),
    ("frame-folders", "0/images/0.png", None),
]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(BRUTAL)))
def test_the_command_says_what_is_wrong_in_one_line(damaged, tmp_path, number) -> None:
    form, name, content = BRUTAL[number]
    folder = damaged(form)
    if content is None:
        ATTACKS["a pipe"](folder / name, Random(0))
    else:
        (folder / name).write_bytes(content)
    place = folder / "4x" if form == "actorshq" else folder
    words = [f"capture.path={place}", f"out={tmp_path / 'out'}", "capture.box=[-1,-1,-1,1,1,1]"]
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, *words], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")
    assert int(done.stdout.split()[-1]) < 1 << 30
    assert not (tmp_path / "out/scene.json").exists()
