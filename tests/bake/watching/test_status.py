"""The record of a bake: kept whole, read strictly, and judged by whether its process lives."""

import json
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.errors import ArtifactError
from bake.scene_folder import STATUS_FILE
from bake.watching.process_mark import ProcessMark, this_process
from bake.watching.status import BakeFacts, BakeStatus, read_status, write_status

HERE = this_process()
GONE = replace(HERE, start="1")
FACTS = BakeFacts("fox: 300 frames", "bake-sequence out=s", "folder", "cpu", "0123")
STATUS = BakeStatus(
    FACTS, HERE, time.time() - 60, time.time(), "running", "", "atlas", 16, 300, 900.0, {"psnr": 31}
)

words = st.text(max_size=8)
numbers = st.floats(0, 1e9, allow_nan=False)
statuses = st.builds(
    BakeStatus,
    st.builds(BakeFacts, words, words, words, words, words),
    st.builds(ProcessMark, st.integers(0, 1 << 22), words, words, words, words),
    numbers,
    numbers,
    st.sampled_from(["running", "finished", "stopped", "failed"]),
    words,
    words,
    st.integers(0, 1000),
    st.integers(0, 1000),
    st.none() | numbers,
    st.dictionaries(words, numbers, max_size=3),
)


@given(statuses)
def test_every_record_survives_its_file(status) -> None:
    text = json.dumps(status.to_json(), allow_nan=False)
    assert BakeStatus.from_json(json.loads(text)) == status


def test_a_record_is_read_from_the_folder_it_was_written_to(tmp_path) -> None:
    assert read_status(tmp_path) is None
    write_status(tmp_path, STATUS)
    assert read_status(tmp_path) == STATUS
    assert [path.name for path in tmp_path.iterdir()] == [STATUS_FILE]


DAMAGES = [
    {"format": "scene"},
    {"version": 2},
    {"version": 0},
    {"state": "sleeping"},
    {"began": -1},
    {"updated": "now"},
    {"done": 1.5},
    {"total": -1},
    {"left": "long"},
    {"figures": []},
    {"figures": {"psnr": "good"}},
    {"figures": {"psnr": None}},
    {"about": {}},
    {"process": 7},
]


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_a_damaged_field_is_named_with_the_file_and_a_remedy(tmp_path, damage) -> None:
    (tmp_path / STATUS_FILE).write_text(json.dumps(STATUS.to_json() | damage))
    with pytest.raises(ArtifactError, match=next(iter(damage))) as caught:
        read_status(tmp_path)
    assert STATUS_FILE in str(caught.value)
    assert "the next bake-sequence writes it anew" in str(caught.value)


@given(st.integers(0, len(json.dumps(STATUS.to_json())) - 1))
def test_a_truncated_record_is_refused(tmp_path_factory, length) -> None:
    folder = tmp_path_factory.mktemp("cut")
    (folder / STATUS_FILE).write_text(json.dumps(STATUS.to_json())[:length])
    with pytest.raises(ArtifactError, match="is no status of a bake"):
        read_status(folder)


def test_a_record_that_cannot_be_opened_is_an_error_too(tmp_path) -> None:
    (tmp_path / STATUS_FILE).mkdir()
    with pytest.raises(ArtifactError, match="cannot read"):
        read_status(tmp_path)


def test_the_place_is_the_frame_under_way() -> None:
    assert STATUS.place == "frame 17 of 300 (atlas)"
    assert replace(STATUS, done=0).place == "frame 1 of 300 (atlas)"
    assert replace(STATUS, done=300).place == "frame 300 of 300 (atlas)"
    assert replace(STATUS, done=0, total=0).place == "the start"


def test_a_living_bake_is_running_and_its_time_left_passes() -> None:
    judged = replace(STATUS, updated=time.time() - 100).judged()
    assert judged.state == "running"
    assert judged.left == pytest.approx(800, abs=5)
    assert replace(STATUS, updated=time.time() - 5000).judged().left == 0
    assert replace(STATUS, left=None).judged().left is None


def test_a_bake_whose_process_is_gone_has_stopped() -> None:
    judged = replace(STATUS, process=GONE).judged()
    assert (judged.state, judged.left) == ("stopped", None)
    assert "ended without a word" in judged.reason


def test_a_bake_elsewhere_is_neither_said_to_run_nor_to_have_stopped() -> None:
    assert replace(STATUS, process=replace(HERE, host="elsewhere")).judged().state == "unknown"


@pytest.mark.parametrize("state", ["finished", "failed", "stopped"])
def test_what_a_bake_said_at_its_end_stands(state) -> None:
    ended = replace(STATUS, state=state, process=GONE)
    assert ended.judged() == ended
