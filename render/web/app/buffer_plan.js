// Which groups to fetch, keep and drop: a bounded window that runs ahead of playback.

/** Seconds of scene that prefetching aims for. */
export const AHEAD_SECONDS = 12;
/** Bytes of packed groups kept at most, whatever they hold. */
export const BYTE_LIMIT = 96 * 2 ** 20;

/**
 * Groups in the order in which playback will need them, the current one first.
 *
 * @param {number} current
 * @param {{groupCount: number, loop: boolean}} options
 * @returns {number[]}
 */
export function upcoming(current, { groupCount, loop }) {
  const ahead = [];
  for (let step = 0; step < groupCount; step++) {
    const group = current + step;
    if (group >= groupCount && !loop) break;
    ahead.push(group % groupCount);
  }
  return ahead;
}

/**
 * What the buffer should do next.
 *
 * Fetching goes on while less than `seconds` lie ahead and the bytes fit; the current group and the
 * next one are fetched in any case, or playback would stop. Dropping takes what will be needed
 * last.
 *
 * @param {{current: number, groupCount: number, loop: boolean, held: Map<number, number>,
 *   duration: (group: number) => number, seconds?: number, bytes?: number}} situation `held`: group
 *   to bytes of what is fetched; `duration`: seconds of a group
 * @returns {{fetch: number | null, drop: number[]}}
 */
export function planBuffer(situation) {
  const { current, held, duration, seconds = AHEAD_SECONDS, bytes = BYTE_LIMIT } = situation;
  const order = upcoming(current, situation);
  let time = 0;
  let size = 0;
  let fetch = null;
  const kept = new Set();
  for (const [rank, group] of order.entries()) {
    const weight = held.get(group);
    const needed = rank < 2;
    if (weight === undefined) {
      if (fetch === null && (needed || (time < seconds && size < bytes))) fetch = group;
    } else if (needed || size + weight <= bytes) {
      kept.add(group);
      size += weight;
    }
    time += duration(group);
  }
  // Groups behind are worth keeping while they fit: people step back and loop.
  for (const group of [...held.keys()].filter((index) => !order.includes(index)).reverse()) {
    const weight = held.get(group) ?? 0;
    if (size + weight > bytes) continue;
    kept.add(group);
    size += weight;
  }
  return { fetch, drop: [...held.keys()].filter((group) => !kept.has(group)) };
}

/**
 * Seconds that play without another byte: the rest of the current group and what follows unbroken.
 *
 * @param {{frame: number, current: number, groupCount: number, loop: boolean,
 *   held: {has: (group: number) => boolean}, groups: {firstFrame: number, frameCount: number}[],
 *   frameRate: number}} situation
 * @returns {number}
 */
export function bufferedSeconds(situation) {
  const { frame, current, held, groups, frameRate } = situation;
  let frames = 0;
  for (const group of upcoming(current, situation)) {
    if (!held.has(group)) break;
    const { firstFrame, frameCount } = groups[group];
    const skipped = group === current ? Math.min(Math.max(frame - firstFrame, 0), frameCount) : 0;
    frames += frameCount - skipped;
  }
  return frames / frameRate;
}
