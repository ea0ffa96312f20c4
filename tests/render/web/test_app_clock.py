"""Which frame is due, which pictures are late, and when to wait: tried without a scene."""

import pytest

CLOCK = """
  const { PlaybackClock } = await import('/app/playback_clock.js');
  const clock = new PlaybackClock({ frameCount: given.frames, frameRate: given.rate,
                                    loop: given.loop });
"""


def positions(run, times, *, frames: int = 10, rate: float = 30, loop: bool = True) -> list[int]:
    body = CLOCK + "clock.play(1000); return given.times.map((time) => clock.dueAt(1000 + time));"
    return run(body, frames=frames, rate=rate, loop=loop, times=times)


def test_a_frame_is_due_at_its_time_and_not_before(run) -> None:
    assert positions(run, [0, 33, 34, 66, 67, 99.9, 100]) == [0, 0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("rate", [23.976, 24, 25, 29.97, 30, 59.94, 60, 120])
def test_no_rate_skips_or_repeats_a_frame_at_its_exact_time(run, rate) -> None:
    times = [1000 * frame / rate for frame in range(300)]
    assert positions(run, times, frames=1000, rate=rate) == list(range(300))


def test_positions_count_on_over_the_end_of_a_loop(run) -> None:
    assert positions(run, [10_000], frames=10, rate=30) == [300]
    body = CLOCK + "return [0, 9, 10, 25].map((position) => clock.frameOf(position));"
    assert run(body, frames=10, rate=30, loop=True) == [0, 9, 0, 5]
    assert run(body, frames=10, rate=30, loop=False) == [0, 9, 9, 9]


def test_without_a_loop_the_last_frame_stays_for_its_time_and_then_the_end_is_reached(run) -> None:
    assert positions(run, [10_000], loop=False) == [9]
    body = CLOCK + "clock.play(0); return [299, 333, 334].map((time) => clock.endedAt(time));"
    assert run(body, frames=10, rate=30, loop=False) == [False, False, True]
    assert run(body, frames=10, rate=30, loop=True) == [False, False, False]


def test_time_stands_still_while_paused_or_held(run) -> None:
    body = (
        CLOCK
        + """
      const seen = [];
      clock.play(0); clock.pause(100); seen.push(clock.dueAt(5000));
      clock.play(5000); seen.push(clock.dueAt(5100));
      clock.hold(5100); seen.push(clock.dueAt(9000));
      clock.release(4, 9000); seen.push(clock.dueAt(9000), clock.dueAt(9100));
      return seen;"""
    )
    assert run(body, frames=100, rate=30, loop=True) == [3, 6, 6, 4, 7]


@pytest.mark.parametrize(
    ("asked", "got"), [(-5, 0), (0, 0), (3.9, 3), (9, 9), (10, 9), (1e12, 9), ("NaN", 0)]
)
def test_any_number_becomes_a_frame_that_exists(run, asked, got) -> None:
    body = CLOCK + "return clock.clamp(Number(given.asked));"
    assert run(body, frames=10, rate=30, loop=True, asked=asked) == got


def test_infinity_asks_for_the_last_frame(run) -> None:
    body = CLOCK + "return [clock.clamp(Infinity), clock.clamp(-Infinity)];"
    assert run(body, frames=10, rate=30, loop=True) == [9, 0]


PICK = "const { pick } = await import('/app/playback_clock.js');"


@pytest.mark.parametrize(
    ("queue", "due", "show", "late"),
    [([], 5, -1, 0), ([6, 7], 5, -1, 0), ([5], 5, 0, 0), ([3, 4, 5, 6], 5, 2, 2), ([1], 9, 0, 0)],
)
def test_the_newest_picture_that_is_due_is_shown_and_older_ones_are_late(
    run, queue, due, show, late
) -> None:
    body = PICK + "return pick(given.queue.map((position) => ({ position })), given.due);"
    assert run(body, queue=queue, due=due) == {"show": show, "late": late}


JUDGE = "const { judgeLag } = await import('/app/playback_clock.js'); return judgeLag(given.lag);"


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"due": 4}, "wait"),  # Nothing is due yet.
        ({"due": 6}, "wait"),  # A little late: the decoder will catch up.
        ({"due": 6, "loading": True}, "hold"),  # Data is missing: waiting is no slowness.
        ({"due": 20}, "skip"),  # The next group is due already.
        ({"due": 40, "groupEnd": 90}, "hold"),  # Hopelessly late inside a long group.
    ],
)
def test_lateness_waits_skips_a_group_or_stops_time(run, change, verdict) -> None:
    lag = {"due": 5, "shown": 4, "groupEnd": 20, "loading": False, "frameRate": 30, **change}
    assert run(JUDGE, lag=lag) == verdict


def test_rates_are_measured_over_the_last_seconds_alone(run) -> None:
    body = """
      const { RateMeter } = await import('/app/meters.js');
      const meter = new RateMeter(2000);
      const empty = meter.rate(0);
      for (let frame = 0; frame < 100; frame++) meter.add(frame * 40);
      return [empty, meter.rate(3960), meter.rate(9000), meter.times.length];"""
    assert run(body) == [0, 25, 0, 0]


@pytest.mark.parametrize(
    ("seconds", "tenths", "text"),
    [(0, False, "0:00"), (59.99, False, "0:59"), (61, True, "1:01.0"), (599.96, True, "9:59.9")],
)
def test_times_are_written_as_people_read_them(run, seconds, tenths, text) -> None:
    body = """const { clockText } = await import('/app/meters.js');
              return clockText(given.seconds, given.tenths);"""
    assert run(body, seconds=seconds, tenths=tenths) == text


def test_times_and_rates_that_make_no_sense_are_written_all_the_same(run) -> None:
    body = """const { clockText, rateText, bytesText } = await import('/app/meters.js');
              return [clockText(NaN), clockText(-3), rateText(null), rateText(Infinity),
                      rateText(999_400), rateText(3_250_000), rateText(2.5e8), bytesText(5e6)];"""
    assert run(body) == [
        "0:00", "0:00", "\u2013", "\u2013", "999 kbit/s", "3.3 Mbit/s", "250 Mbit/s", "5.0 MB",
    ]  # fmt: skip
