// Which frame is due. Time decides, not drawing: a slow machine shows fewer pictures, never a
// slower scene. Times are milliseconds of one monotonic clock, handed in by the caller.
//
// Positions count on over the end: with 10 frames, position 12 is frame 2 of the second round. That
// orders pictures without asking which round they belong to.

/**
 * A clock over the frames of a scene; it stands still while paused or held.
 *
 * It is held while pictures are missing: waiting for data stops time, slow drawing does not.
 */
export class PlaybackClock {
  /**
   * @param {{frameCount: number, frameRate: number, loop?: boolean}} options frames per second
   */
  constructor({ frameCount, frameRate, loop = true }) {
    this.frameCount = frameCount;
    this.frameRate = frameRate;
    this.loop = loop;
    this.playing = false;
    this.held = false;
    this.position = 0;
    this.startedAt = 0;
  }

  /** The nearest frame that exists. @param {number} frame @returns {number} */
  clamp(frame) {
    const whole = Number.isNaN(frame) ? 0 : Math.floor(frame);
    return Math.min(Math.max(whole, 0), this.frameCount - 1);
  }

  /** The frame at a position. @param {number} position @returns {number} */
  frameOf(position) {
    return this.loop ? position % this.frameCount : this.clamp(position);
  }

  /** Whether time passes. @returns {boolean} */
  get running() {
    return this.playing && !this.held;
  }

  /** The position that should be on screen. @param {number} now @returns {number} */
  dueAt(now) {
    if (!this.running) return this.position;
    const passed = (Math.max(now - this.startedAt, 0) * this.frameRate) / 1000;
    // A thousandth of a frame: frame 3 at 30 per second is due at 100 ms, however 3 * 33.3 rounds.
    const due = this.position + Math.floor(passed + 1e-3);
    return this.loop ? due : Math.min(due, this.frameCount - 1);
  }

  /**
   * Whether the last frame has been on screen for its time; never in a loop.
   *
   * @param {number} now
   */
  endedAt(now) {
    if (this.loop || !this.running) return false;
    const passed = (Math.max(now - this.startedAt, 0) * this.frameRate) / 1000;
    return this.position + passed + 1e-3 >= this.frameCount;
  }

  /** @param {number} now */
  play(now) {
    if (this.playing) return;
    this.playing = true;
    this.startedAt = now;
  }

  /** Stop at the position that is due. @param {number} now */
  pause(now) {
    this.position = this.dueAt(now);
    this.playing = false;
  }

  /** Go to a position, playing or not. @param {number} position @param {number} now */
  seek(position, now) {
    this.position = position;
    this.startedAt = now;
  }

  /** Stop time until `release`, for want of pictures. @param {number} now */
  hold(now) {
    if (this.held) return;
    this.position = this.dueAt(now);
    this.held = true;
  }

  /** Let time pass again, from a position. @param {number} position @param {number} now */
  release(position, now) {
    this.held = false;
    this.seek(position, now);
  }
}

/**
 * What to do with the pictures at hand: which one to show, and how many are too late.
 *
 * @param {{position: number}[]} queue decoded pictures, in order
 * @param {number} due the position that should be on screen
 * @returns {{show: number, late: number}} index of the picture to show or -1; how many lie before
 *   it
 */
export function pick(queue, due) {
  let show = -1;
  while (show + 1 < queue.length && queue[show + 1].position <= due) show++;
  return { show, late: Math.max(show, 0) };
}

/** Pictures may lag behind the clock this long before time is stopped for them. */
export const LAG_SECONDS = 1;

/**
 * Whether to stop time, to skip to a later group, or to carry on, when nothing is at hand to show.
 *
 * @param {{due: number, shown: number, groupEnd: number, loading: boolean, frameRate: number}} lag
 *   `groupEnd`: position behind the group being decoded; `loading`: its data is not there yet
 * @returns {"wait" | "skip" | "hold"}
 */
export function judgeLag({ due, shown, groupEnd, loading, frameRate }) {
  if (due <= shown) return "wait";
  if (loading) return "hold";
  if (due >= groupEnd) return "skip";
  return due - shown > LAG_SECONDS * frameRate ? "hold" : "wait";
}
