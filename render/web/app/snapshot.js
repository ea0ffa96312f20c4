// The state of a player as plain values: for the page, the statistics and the test hook.

const NOTHING = Object.freeze({
  frame: 0,
  frameCount: 0,
  frameRate: 0,
  playing: false,
  waiting: false,
  ended: false,
  loop: true,
  drops: 0,
  fps: 0,
  errors: 0,
  buffered: 0,
  bitrate: 0,
  throughput: null,
  rung: "",
  rungIndex: null,
  rungHand: null,
  playable: [],
  group: null,
  route: "",
  routeChoice: "auto",
  mode: "color",
  size: { width: 0, height: 0 },
  scale: 1,
  sizeChoice: "auto",
  cost: null,
  atlas: null,
  camera: null,
  atStart: true,
  mark: null,
});

/**
 * What a player does now.
 *
 * @param {import("./player.js").Player | null} player
 * @param {number} now milliseconds
 * @returns {any} plain values; those of nothing while no scene is open
 */
export function snapshotOf(player, now) {
  const { scene, transport, rungs, stage, camera } = player ?? {};
  if (!player || !scene || !transport || !rungs || !stage || !camera) {
    return { ...NOTHING, errors: player?.errorCount ?? 0, routeChoice: player?.route ?? "auto" };
  }
  return {
    ...transportState(player, now),
    ...rungState(player),
    errors: player.errorCount,
    route: player.usedRoute,
    routeChoice: player.route,
    mode: stage.mode,
    size: { ...stage.drawn },
    scale: stage.shownScale,
    sizeChoice: stage.size,
    cost: stage.cost.value,
    camera: camera.preset,
    atStart: camera.goal === camera.start,
    mark: player.mark,
  };
}

/** @param {any} player @param {number} now */
function transportState({ transport, scene, frames }, now) {
  const { playing, loop } = transport.clock;
  const { frame, waiting, ended, drops } = transport;
  const { frameCount, frameRate } = scene;
  return {
    frame,
    frameCount,
    frameRate,
    playing,
    waiting,
    ended,
    loop,
    drops,
    fps: frames.rate(now),
  };
}

/** @param {any} player */
function rungState({ rungs, scene, item, transport }) {
  const index = rungs.current;
  const rung = index === null ? null : scene.rungs[index];
  return {
    rung: rung?.name ?? "",
    rungIndex: index,
    rungHand: rungs.hand,
    playable: [...rungs.playable],
    group: item?.group ?? null,
    buffered: rungs.bufferedSeconds(transport.frame),
    bitrate: rung?.bandwidth ?? 0,
    throughput: rungs.meter.bitsPerSecond,
    atlas: item ? `${item.tables.rows}\u00d7${item.tables.columns}` : null,
  };
}
