// Which rung to fetch next: as much quality as the network carries, without running dry or
// flapping.

/** Share of the measured throughput that a rung may use. */
export const SAFE_SHARE = 0.8;
/** A higher rung has to fit this many times, so that a measurement at the edge does not flap. */
export const CLIMB_MARGIN = 1.25;
/** Seconds of pictures that must lie ready before climbing. */
export const CLIMB_BUFFER = 1.5;
/** With this many seconds in hand a slow spell is ridden out on the current rung. */
export const PATIENT_BUFFER = 8;

/**
 * Throughput from the last transfers: two averages, the lower one counts.
 *
 * The quick one reacts to a drop within a transfer or two; the slow one keeps one lucky transfer
 * from raising the rung.
 */
export class ThroughputMeter {
  constructor() {
    this.quick = new HalfLife(1);
    this.slow = new HalfLife(4);
  }

  /**
   * Count a transfer. Tiny ones measure the latency alone and are ignored.
   *
   * @param {number} bytes
   * @param {number} seconds
   */
  add(bytes, seconds) {
    if (!(bytes >= 1024) || !(seconds > 0)) return;
    const rate = (bytes * 8) / seconds;
    this.quick.add(rate, seconds);
    this.slow.add(rate, seconds);
  }

  /** Bits per second, or null before the first transfer. @returns {number | null} */
  get bitsPerSecond() {
    if (this.quick.weight === 0) return null;
    return Math.min(this.quick.value, this.slow.value);
  }
}

/** An average in which what lies `seconds` of transfer time back counts half. */
class HalfLife {
  /** @param {number} seconds */
  constructor(seconds) {
    this.seconds = seconds;
    this.sum = 0;
    this.weight = 0;
  }

  /** @param {number} value @param {number} weight seconds that it was measured over */
  add(value, weight) {
    // Short transfers count at least a little, or a fast network would never fill the average.
    const share = Math.max(weight, 0.05);
    const kept = 0.5 ** (share / this.seconds);
    this.sum = this.sum * kept + value * (1 - kept);
    this.weight = this.weight * kept + (1 - kept);
  }

  get value() {
    return this.sum / this.weight;
  }
}

/**
 * The rung for the next group.
 *
 * @param {{bandwidth: number}[]} rungs sorted by bandwidth, bits per second, lowest first
 * @param {{current: number | null, throughput: number | null, buffered: number,
 *   playable?: (index: number) => boolean}} situation `buffered` in seconds
 * @returns {number} its index, or -1 if none is playable
 */
export function chooseRung(rungs, { current, throughput, buffered, playable = () => true }) {
  const candidates = rungs.map((_, index) => index).filter(playable);
  if (candidates.length === 0) return -1;
  const here = current !== null && candidates.includes(current) ? current : null;
  if (throughput === null) return here ?? candidates[0];
  const fits = (/** @type {number} */ index, /** @type {number} */ margin) =>
    rungs[index].bandwidth * margin <= throughput * SAFE_SHARE;
  const best = highest(candidates, (index) => fits(index, 1));
  if (here === null || best === here) return best;
  if (best < here) return buffered >= PATIENT_BUFFER ? here : best;
  if (buffered < CLIMB_BUFFER) return here;
  return Math.max(
    here,
    highest(candidates, (index) => fits(index, CLIMB_MARGIN)),
  );
}

/**
 * The last candidate that passes, or the first one if none does.
 *
 * @param {number[]} candidates
 * @param {(index: number) => boolean} passes
 */
function highest(candidates, passes) {
  return candidates.filter(passes).at(-1) ?? candidates[0];
}
