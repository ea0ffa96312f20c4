"""Play, pause, seek and loop against a made-up decoder: no scene, no graphics, no waiting."""

import pytest

# Groups of 4 frames at 10 per second. The clock is a number that the test moves on; decoding takes
# no time unless a gate is shut.
TRANSPORT = """
  const { Transport } = await import('/app/transport.js');
  const size = given.size ?? 4;
  const groups = Array.from({ length: given.groups ?? 3 },
    (_, i) => ({ firstFrame: size * i, frameCount: size }));
  const log = { open: 0, made: 0, errors: [], loads: [] };
  const broken = new Set(given.broken ?? []);
  const slow = new Set();
  let gate = Promise.resolve();
  const settle = async () => { for (let i = 0; i < 60; i++) await Promise.resolve();
                               await new Promise((resolve) => setTimeout(resolve, 0));
                               for (let i = 0; i < 60; i++) await Promise.resolve(); };
  const store = { load: async (group) => {
    log.loads.push(group);
    if (slow.has(group)) await gate;
    if (broken.has(group)) throw new Error(`group ${group} is broken`);
    return { data: {}, tables: { group } };
  } };
  const source = {
    choose: async (frame) =>
      ({ rung: 0, pkg: { groups }, group: Math.floor(frame / size), store }),
    async* decode({ group, frame }) {
      for (let index = frame; index < size * (group + 1); index++) {
        if (given.stuck !== undefined && index >= given.stuck) await new Promise(() => {});
        log.open += 1;
        log.made += 1;
        let isOpen = true;
        yield { frameIndex: index, luma: [], close: () => {
          if (!isOpen) throw new Error('closed twice');
          isOpen = false;
          log.open -= 1;
        } };
      }
    },
    onError: async (error, where) => {
      log.errors.push(error.message);
      return log.errors.length >= (given.patience ?? 10) ? 'stop' : 'skip';
    },
  };
  const transport = new Transport(source, { frameCount: size * groups.length, frameRate: 10,
    loop: given.loop ?? true, onReady: () => {} });
  let now = 0;
  const seen = [];
  const turn = () => {
    const item = transport.tick(now);
    if (!item) return null;
    if (item.tables.group !== Math.floor(item.frame / size)) throw new Error('wrong tables');
    item.picture.close();
    transport.confirm(item);
    seen.push(item.frame);
    return item.frame;
  };
  const pass = async (ms, step = 100) => {
    for (let left = ms; left > 0; left -= step) { now += step; turn(); await settle(); }
  };
  const begin = async (frame = 0) => {
    const arrival = transport.seek(frame, now);
    arrival.catch(() => {});
    await settle();
    turn();
    await settle();
    return arrival;
  };
"""


def play(run, body: str, **given: object) -> object:
    return run(TRANSPORT + body, **given)


def test_every_frame_is_shown_once_in_order_when_drawing_keeps_up(run) -> None:
    body = "await begin(); transport.play(now); await pass(1100); return [seen, transport.drops];"
    assert play(run, body, loop=False) == [list(range(12)), 0]


def test_a_loop_goes_on_from_the_start_without_a_stop(run) -> None:
    body = "await begin(); transport.play(now); await pass(3000); return [seen, transport.drops];"
    seen, drops = play(run, body)
    assert seen == [frame % 12 for frame in range(31)]
    assert drops == 0


def test_slow_drawing_drops_pictures_and_never_slows_down(run) -> None:
    body = """await begin(); transport.play(now); await pass(2400, 300);
              return [seen, transport.drops, log.open - transport.feed.queue.length];"""
    seen, drops, leaked = play(run, body)
    assert seen == [frame % 12 for frame in range(0, 25, 3)]
    assert drops == 16
    assert leaked == 0


def test_without_a_loop_the_end_stops_and_play_begins_again(run) -> None:
    body = """
      await begin(); transport.play(now); await pass(1500);
      const atEnd = [transport.clock.playing, transport.ended, transport.frame];
      transport.play(now); await settle(); await pass(300);
      return [...atEnd, seen.slice(12)];"""
    assert play(run, body, loop=False) == [False, True, 11, [0, 1, 2]]


@pytest.mark.parametrize("frame", [0, 3, 4, 7, 11])
def test_a_seek_resolves_with_exactly_that_frame_on_screen(run, frame) -> None:
    body = "await begin(); return [await begin(given.frame), seen.at(-1), transport.waiting];"
    assert play(run, body, frame=frame) == [frame, frame, False]


def test_a_seek_while_playing_goes_on_from_there(run) -> None:
    body = """await begin(); transport.play(now); await pass(200);
              await begin(9); await pass(200); return seen;"""
    assert play(run, body) == [0, 1, 2, 9, 10, 11]


def test_a_later_seek_replaces_an_earlier_one(run) -> None:
    body = """
      await begin();
      const first = transport.seek(5, now).then(() => 'shown', (error) => error.name);
      const second = transport.seek(8, now);
      await settle(); turn();
      return [await first, await second, seen];"""
    assert play(run, body) == ["AbortError", 8, [0, 8]]


def test_the_next_frame_needs_no_decoding_from_the_start(run) -> None:
    body = """await begin(); const made = log.loads.length;
              const frames = [];
              for (const frame of [1, 2, 3, 4]) frames.push(await begin(frame));
              return [frames, log.loads.filter((group) => group === 0).length];"""
    assert play(run, body) == [[1, 2, 3, 4], 1]


def test_missing_data_stops_time_and_nothing_is_dropped(run) -> None:
    body = """
      let open; gate = new Promise((resolve) => { open = resolve; }); slow.add(1);
      await begin(); transport.play(now); await pass(2000);
      const waiting = [transport.waiting, seen.at(-1)];
      open(); await settle(); await pass(300);
      return [...waiting, seen, transport.drops];"""
    waiting, last, seen, drops = play(run, body)
    assert (waiting, last) == (True, 3)
    assert seen[:6] == [0, 1, 2, 3, 4, 5]
    assert drops == 0


def test_a_broken_group_is_left_out_and_the_next_one_plays_at_once(run) -> None:
    body = """await begin(); transport.play(now); await pass(700);
              return [seen, log.errors, transport.drops];"""
    seen, errors, drops = play(run, body, broken=[1], loop=False)
    assert seen == [0, 1, 2, 3, 8, 9, 10, 11]
    assert errors == ["group 1 is broken"]
    assert drops == 0


def test_a_seek_into_a_broken_group_arrives_at_the_next_one(run) -> None:
    body = "await begin(); return [await begin(5), transport.frame];"
    assert play(run, body, broken=[1]) == [8, 8]


def test_when_nothing_plays_the_wait_ends_with_an_error(run) -> None:
    body = """const answer = begin().then(() => 'shown', (error) => error.message);
              for (let i = 0; i < 6; i++) { await settle(); turn(); }
              return [await answer, transport.clock.playing, transport.waiting];"""
    answer = play(run, body, broken=[0, 1, 2], patience=3)
    assert answer == ["This frame cannot be played.", False, False]


def test_pausing_stays_at_the_picture_on_screen(run) -> None:
    body = """await begin(); transport.play(now); await pass(300);
              now += 250; transport.pause(now); await pass(1000);
              const still = seen.at(-1);
              transport.play(now); await pass(200); return [still, transport.drops, seen];"""
    still, drops, seen = play(run, body)
    assert still == 3
    assert drops == 0
    assert seen == [0, 1, 2, 3, 4, 5]


def test_the_loop_can_be_switched_while_playing(run) -> None:
    body = """
      await begin(); transport.play(now); await pass(1500);
      transport.setLoop(false, now); await settle(); await pass(1500);
      const stopped = [transport.ended, seen.at(-1)];
      transport.setLoop(true, now); await settle(); transport.play(now); await pass(500);
      return [...stopped, transport.ended, seen.at(-1)];"""
    ended, last, again, frame = play(run, body)
    assert (ended, last, again) == (True, 11, False)
    assert frame < 8


def test_a_dead_decoder_holds_time_instead_of_running_away(run) -> None:
    body = """await begin(); transport.play(now); await pass(3000);
              return [seen, transport.waiting];"""
    assert play(run, body, stuck=2, size=40) == [[0, 1], True]


def test_every_picture_is_closed_in_the_end(run) -> None:
    body = """
      await begin(); transport.play(now); await pass(800, 300);
      await begin(2); await begin(11); transport.refresh(now).catch(() => {}); await settle();
      transport.close(); await settle();
      return [log.open, log.made > 8];"""
    assert play(run, body) == [0, True]
