"""Rows of the decode matrix: what is measured, what is null, and what is compared with what."""

import pytest

from benchmarks import decode_rows
from benchmarks.decode_rows import DecodePlan, DecodeRow, decode_table, measure_stream
from benchmarks.stopwatch import Rate, Repeats
from benchmarks.stream_matrix import StoredStream, StreamSpec, stored_stream
from benchmarks.yardsticks import Yardsticks
from hwcodec import Codec, DecoderChoice, UnsupportedConfig

SPEC = StreamSpec(Codec.H264, 8, 192, 128, 4)
QUICK = DecodePlan(thread_count=1, repeats=Repeats(2, 0.0))
FIELDS = {
    *("codec", "bit_depth", "width", "height", "frame_count", "sessions", "thread_count"),
    *("device", "backend", "reason", "demux_fps", "decode_fps", "dequantize_fps"),
    *("ms_per_frame", "ffmpeg_fps", "ratio_to_ffmpeg", "bare_fps", "ratio_to_bare"),
    *("torchcodec_fps", "limit_fps", "limit_source", "ratio_to_limit"),
    *("speedup_over_one_session", "note", "ffmpeg_software_fps", "ratio_to_ffmpeg_software"),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> StoredStream:
    return stored_stream(SPEC, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def alone(monkeypatch) -> None:
    """Nothing else on this machine decodes."""
    found = Yardsticks(notes=("not compared: alone",))
    monkeypatch.setattr(decode_rows, "yardsticks", lambda _: found)


def row(backend: str = "ffmpeg", sessions: int = 1, **rates: float) -> DecodeRow:
    choice = DecoderChoice("cpu" if backend == "ffmpeg" else "cuda", backend, "because")
    measured = {name: Rate((value,)) for name, value in rates.items()}
    return DecodeRow(SPEC, choice, 1, sessions, measured, "a note", 1.0)


@pytest.mark.usefixtures("alone")
def test_every_number_of_sessions_is_a_row_and_one_is_always_there(stored) -> None:
    rows = measure_stream(stored, QUICK, sessions=(2, 3))
    assert [row.sessions for row in rows] == [1, 2, 3]
    assert rows[0].speedup == 1.0
    for one in rows:
        record = one.to_json()
        assert record.keys() == FIELDS
        assert (record["backend"], record["device"]) == ("ffmpeg", "cpu")
        assert record["decode_fps"] == pytest.approx(1000 / record["ms_per_frame"])
        assert record["dequantize_fps"] > 0
        assert record["demux_fps"] > 0
        assert record["note"] == "not compared: alone"
        nulls = ("ffmpeg_fps", "ratio_to_ffmpeg", "bare_fps", "limit_fps", "torchcodec_fps")
        assert all(record[name] is None for name in nulls)
    assert rows[2].speedup == rows[2].rates["luma"].fps / rows[0].rates["luma"].fps


def test_stages_count_the_frames_of_all_sessions(stored) -> None:
    played = decode_rows.Played((stored.bitstream,), (), thread_count=1, sessions=3)
    seen: list[int] = []
    luma, atlas = decode_rows.decode_stages(played, lambda number, _: seen.append(number))
    assert luma.work(2) == atlas.work(2) == 4 * 2 * 3
    assert set(seen) == {0}


def test_the_stream_that_is_unpacked_is_named_by_its_number(stored) -> None:
    played = decode_rows.Played((stored.bitstream, stored.bitstream), (), thread_count=1)
    seen: list[int] = []
    _, atlas = decode_rows.decode_stages(played, lambda number, _: seen.append(number))
    assert atlas.work(2) == 16
    assert seen == [0] * 8 + [1] * 8


def test_ratios_are_ours_over_theirs() -> None:
    one = row(luma=300.0, atlas=200.0, ffmpeg=150.0, bare=400.0)
    assert (one.ratio("ffmpeg"), one.ratio("bare"), one.ratio("torchcodec")) == (2, 0.75, None)


def test_limits_are_for_hardware_and_count_the_engines_in_use(monkeypatch) -> None:
    monkeypatch.setattr(decode_rows, "engine_count", lambda *_, **__: 2)
    assert row(luma=1.0).limit_fps is None
    one, two, seven = (row("nvidia", n, luma=100.0, atlas=1.0) for n in (1, 2, 7))
    assert two.limit_fps == seven.limit_fps == 2 * one.limit_fps
    record = one.to_json()
    assert record["ratio_to_limit"] == 100 / one.limit_fps
    assert "recalled" in record["limit_source"]


def test_the_table_shows_limits_where_there_is_hardware(monkeypatch) -> None:
    monkeypatch.setattr(decode_rows, "engine_count", lambda *_, **__: 1)
    plain = decode_table([row(luma=300.0, atlas=200.0, ffmpeg=150.0)])
    assert "2.00" in plain
    assert "limit" not in plain
    assert "limit" in decode_table([row("nvidia", luma=300.0, atlas=200.0)])


@pytest.mark.usefixtures("alone")
def test_a_device_that_is_not_there_is_refused(stored) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("cuda: this machine has it")
    with pytest.raises(UnsupportedConfig, match="cuda"):
        measure_stream(stored, DecodePlan("cuda", repeats=Repeats(1, 0.0)))
