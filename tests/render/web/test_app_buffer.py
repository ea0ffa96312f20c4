"""Which groups are fetched and dropped, and which rung is next: tried without a network."""

import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

PLAN = """
  const { planBuffer } = await import('/app/buffer_plan.js');
  const held = new Map(given.held);
  return planBuffer({ ...given.situation, held, duration: () => given.duration });
"""


def plan(run, held, **situation: object) -> dict:
    full = {"current": 0, "groupCount": 10, "loop": False, "seconds": 12, "bytes": 1000}
    full |= situation
    return run(PLAN, held=held, situation=full, duration=full.pop("duration", 4))


def test_the_current_group_comes_first_and_the_next_ones_in_order(run) -> None:
    assert plan(run, [])["fetch"] == 0
    assert plan(run, [[0, 10]])["fetch"] == 1
    assert plan(run, [[0, 10], [2, 10]])["fetch"] == 1


def test_fetching_stops_when_enough_seconds_lie_ahead(run) -> None:
    held = [[index, 10] for index in range(3)]
    assert plan(run, held)["fetch"] is None
    assert plan(run, held, seconds=13)["fetch"] == 3


def test_fetching_stops_at_the_byte_limit_but_never_starves_playback(run) -> None:
    assert plan(run, [[0, 2000]], bytes=1000)["fetch"] == 1
    assert plan(run, [[0, 2000], [1, 2000]], bytes=1000)["fetch"] is None


def test_a_loop_wraps_around_and_an_end_does_not(run) -> None:
    held = [[9, 10]]
    assert plan(run, held, current=9, loop=True)["fetch"] == 0
    assert plan(run, held, current=9, loop=False)["fetch"] is None


def test_what_is_needed_last_is_dropped_first(run) -> None:
    held = [[index, 300] for index in range(6)]
    assert plan(run, held, current=2, bytes=1000)["drop"] == [0, 1, 5]


def test_a_short_scene_is_kept_whole_so_that_a_loop_needs_no_network(run) -> None:
    held = [[index, 50] for index in range(10)]
    answer = plan(run, held, current=5, loop=True)
    assert answer == {"fetch": None, "drop": []}


def test_any_buffer_stays_within_its_bound_beside_the_two_groups_that_play(run) -> None:
    @settings(max_examples=25)
    @examples(
        st.dictionaries(st.integers(0, 9), st.integers(1, 600), max_size=10),
        st.integers(0, 9),
        st.booleans(),
    )
    def check(held: dict[int, int], current: int, loop: bool) -> None:
        answer = plan(run, list(held.items()), current=current, loop=loop)
        kept = {group for group in held if group not in answer["drop"]}
        playing = {current, (current + 1) % 10}
        assert sum(held[group] for group in kept - playing) <= 1000
        assert not set(answer["drop"]) & ({current} & set(held))
        assert answer["fetch"] is None or answer["fetch"] not in held

    check()


SECONDS = """
  const { bufferedSeconds } = await import('/app/buffer_plan.js');
  const groups = [0, 10, 20].map((firstFrame) => ({ firstFrame, frameCount: 10 }));
  return bufferedSeconds({ groups, frameRate: 10, groupCount: 3, held: new Set(given.held),
                           frame: given.frame, current: given.current, loop: given.loop });
"""


@pytest.mark.parametrize(
    ("held", "frame", "current", "loop", "seconds"),
    [
        ([], 0, 0, False, 0),
        ([0], 0, 0, False, 1.0),
        ([0], 4, 0, False, 0.6),
        ([0, 2], 4, 0, False, 0.6),
        ([0, 1, 2], 25, 2, False, 0.5),
        ([0, 1, 2], 25, 2, True, 2.5),
    ],
)
def test_the_buffer_is_what_plays_without_another_byte(
    run, held, frame, current, loop, seconds
) -> None:
    got = run(SECONDS, held=held, frame=frame, current=current, loop=loop)
    assert got == pytest.approx(seconds)


CHOOSE = """
  const { chooseRung } = await import('/app/rung_choice.js');
  const rungs = given.rungs.map((bandwidth) => ({ bandwidth: bandwidth * 1e6 }));
  const throughput = given.throughput === null ? null : given.throughput * 1e6;
  const playable = (index) => !given.excluded.includes(index);
  return chooseRung(rungs, { current: given.current, throughput, buffered: given.buffered,
                             playable });
"""


def choose(run, *, current=None, throughput=None, buffered=4.0, excluded=()) -> int:
    situation = {"current": current, "throughput": throughput, "buffered": buffered}
    return run(CHOOSE, rungs=[1, 4, 10], excluded=list(excluded), **situation)


def test_before_any_measurement_the_smallest_rung_starts(run) -> None:
    assert choose(run) == 0
    assert choose(run, current=1) == 1
    assert choose(run, excluded=[0]) == 1


@pytest.mark.parametrize(
    ("throughput", "rung"), [(0.1, 0), (4.9, 0), (5.0, 1), (12.4, 1), (12.5, 2)]
)
def test_a_fifth_of_the_network_stays_free(run, throughput, rung) -> None:
    assert choose(run, throughput=throughput) == rung


def test_climbing_needs_a_margin_and_a_buffer(run) -> None:
    assert choose(run, current=0, throughput=5.1) == 0
    assert choose(run, current=0, throughput=6.3) == 1
    assert choose(run, current=0, throughput=100, buffered=0.5) == 0
    assert choose(run, current=0, throughput=100) == 2


def test_a_slow_spell_is_ridden_out_on_a_long_buffer_and_followed_on_a_short_one(run) -> None:
    assert choose(run, current=2, throughput=3, buffered=10) == 2
    assert choose(run, current=2, throughput=3, buffered=2) == 0


def test_a_steady_network_never_flaps(run) -> None:
    for throughput in (1.3, 5.0, 5.5, 6.2, 12.4, 13.0, 15.5, 40):
        rung, seen = 0, []
        for _ in range(6):
            rung = choose(run, current=rung, throughput=throughput)
            seen.append(rung)
        assert seen[0] == seen[-1]


def test_rungs_that_do_not_play_here_are_never_chosen(run) -> None:
    assert choose(run, throughput=100, excluded=[2]) == 1
    assert choose(run, current=2, throughput=100, excluded=[2, 1]) == 0
    assert choose(run, throughput=100, excluded=[0, 1, 2]) == -1


METER = """
  const { ThroughputMeter } = await import('/app/rung_choice.js');
  const meter = new ThroughputMeter();
  const before = meter.bitsPerSecond;
  for (const [bytes, seconds] of given.transfers) meter.add(bytes, seconds);
  return [before, meter.bitsPerSecond];
"""


def measured(run, transfers) -> float | None:
    before, after = run(METER, transfers=transfers)
    assert before is None
    return after


def test_throughput_is_that_of_a_steady_network(run) -> None:
    assert measured(run, [[125_000, 0.5]] * 5) == pytest.approx(2e6)


def test_a_drop_counts_at_once_and_a_lucky_transfer_does_not(run) -> None:
    assert measured(run, [[1_000_000, 1]] * 8 + [[100_000, 1]] * 3) < 3e6
    assert measured(run, [[100_000, 1]] * 8 + [[1_000_000, 0.1]]) < 4e6  # of 80e6


def test_transfers_that_measure_nothing_are_ignored(run) -> None:
    assert measured(run, [[10, 0.001], [0, 1], [5000, 0], [5000, -1]]) is None


STORE = """
  const { GroupStore } = await import('/app/group_store.js');
  const fetched = [];
  const fetchGroup = async (group, { signal }) => {
    fetched.push(group);
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (signal.aborted) throw new DOMException('stopped', 'AbortError');
    if ((given.broken ?? []).includes(group)) throw new Error(`group ${group} is broken`);
    return { bytes: 10, seconds: 0.01 };
  };
  const groups = Array.from({ length: 5 }, (_, i) => ({ firstFrame: 10 * i, frameCount: 10 }));
  const pkg = { groups, frameRate: 10, fetchGroup };
  const built = [];
  const build = async (_, group) => { built.push(group); return { group }; };
  let transfers = 0;
  const store = new GroupStore({ pkg, build, onTransfer: () => { transfers += 1; } });
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const signal = new AbortController().signal;
"""


def test_a_store_fetches_one_group_after_another_until_enough_lie_ahead(run) -> None:
    body = STORE + "store.prefetch(0, true); await pause(120); return [fetched, store.bytes];"
    assert run(body) == [[0, 1, 2, 3, 4], 50]


def test_loading_a_group_goes_before_what_was_fetched_ahead(run) -> None:
    body = (
        STORE
        + """
      store.prefetch(0, true);
      const { tables } = await store.load(3, signal);
      return [tables.group, fetched.slice(0, 2), transfers];"""
    )
    assert run(body) == [3, [0, 3], 1]


def test_two_callers_of_one_group_share_its_transfer_and_its_tables(run) -> None:
    body = (
        STORE
        + """
      await Promise.all([store.load(2, signal), store.load(2, signal)]);
      return [fetched.filter((group) => group === 2).length, built];"""
    )
    assert run(body) == [1, [2]]


def test_a_group_that_fails_tells_its_player_and_is_left_alone_by_prefetching(run) -> None:
    body = (
        STORE
        + """
      const errors = [];
      await store.load(1, signal).catch((error) => errors.push(error.message));
      store.prefetch(1, true);
      await pause(60);
      return [errors, fetched.filter((group) => group === 1).length];"""
    )
    assert run(body, broken=[1]) == [["group 1 is broken"], 1]


def test_tables_of_two_groups_are_kept_and_no_more(run) -> None:
    body = (
        STORE
        + """
      for (const group of [0, 1, 2, 3]) await store.load(group, signal);
      return [[...store.tables.keys()], store.data.size];"""
    )
    kept, _ = run(body)
    assert kept == [2, 3]


def test_waiting_ends_at_once_when_it_is_no_longer_needed(run) -> None:
    body = (
        STORE
        + """
      const { isAbort } = await import('/app/group_store.js');
      const control = new AbortController();
      const waiting = store.load(0, control.signal).then(() => 'loaded', isAbort);
      control.abort();
      const early = await waiting;
      await pause(30);
      return [early, store.data.has(0)];"""
    )
    assert run(body) == [True, True]


def test_a_closed_store_holds_nothing_and_fetches_nothing(run) -> None:
    body = (
        STORE
        + """
      store.prefetch(0, true);
      await pause(20);
      store.close();
      const count = fetched.length;
      store.prefetch(0, true);
      await pause(30);
      return [store.bytes, fetched.length - count, store.tables.size];"""
    )
    assert run(body) == [0, 0, 0]
