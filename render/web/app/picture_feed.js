// Decoded pictures ahead of playback: a short queue, filled group by group.

import { isAbort } from "./group_store.js";

/** Pictures decoded ahead. More would hide longer hiccups and hold megabytes each. */
export const QUEUE_LENGTH = 6;
/** Pictures that still are frames of the decoder: hardware owns few of those. */
export const FRAME_QUEUE_LENGTH = 2;

/**
 * One decoded picture and what it takes to draw it.
 *
 * @typedef {object} Item
 * @property {number} position counts on over the end, see playback_clock.js
 * @property {number} frame
 * @property {any} picture of the engine; whoever takes the item closes it
 * @property {any} tables
 * @property {any} pkg
 * @property {number} rung
 * @property {number} group
 */

/**
 * Where a feed gets its groups from.
 *
 * @typedef {object} Source
 * @property {(frame: number) => Promise<{rung: number, pkg: any, group: number, store: any}>}
 *   choose which rung and group hold a frame; asked between groups
 * @property {(job: {pkg: any, group: number, data: any, tables: any, frame: number, signal:
 *   AbortSignal}) => AsyncIterable<any>} decode pictures from that frame to the group's end, in
 *   order
 * @property {(error: any, where: {frame: number, next: number | null, rung: number, group: number})
 *   => Promise<"skip" | "stop" | "retry">} onError what to do about a group that cannot be played
 */

/** Runs from a position until it is stopped, the scene ends, or nothing can be played. */
export class PictureFeed {
  /**
   * @param {Source} source
   * @param {{frameCount: number, loop: boolean, onReady: () => void}} options
   */
  constructor(source, { frameCount, loop, onReady }) {
    this.source = source;
    this.frameCount = frameCount;
    this.loop = loop;
    this.onReady = onReady;
    /** @type {Item[]} */
    this.queue = [];
    this.control = new AbortController();
    this.groupControl = new AbortController();
    /** @type {(() => void) | null} */
    this.wake = null;
    this.loading = false;
    this.ended = false;
    this.groupEnd = 0;
    this.skipTarget = 0;
    /** @type {Promise<void>} */
    this.finished = Promise.resolve();
  }

  /** Begin at a position. @param {number} position */
  start(position) {
    this.groupEnd = position;
    this.loading = true;
    this.finished = this.run(position);
  }

  /** End for good and free the pictures. */
  stop() {
    this.control.abort();
    this.groupControl.abort();
    this.wake?.();
    this.clear();
  }

  /**
   * Give up the current group and go on with the one that holds a later position.
   *
   * @param {number} position
   */
  skipTo(position) {
    this.skipTarget = position;
    this.groupControl.abort();
    this.clear();
    this.wake?.();
  }

  /**
   * Take pictures off the front; the caller closes them.
   *
   * @param {number} count
   * @returns {Item[]}
   */
  take(count) {
    const taken = this.queue.splice(0, count);
    this.wake?.();
    return taken;
  }

  /** The first picture that is drawn with other tables. @param {any} tables @returns {Item | null} */
  change(tables) {
    return this.queue.find((item) => item.tables !== tables) ?? null;
  }

  clear() {
    for (const item of this.queue.splice(0)) item.picture.close();
  }

  /** @param {number} position */
  async run(position) {
    let at = position;
    while (!this.control.signal.aborted && (this.loop || at < this.frameCount)) {
      const next = await this.playGroup(at);
      if (next === null) break;
      at = Math.max(next, this.skipTarget);
    }
    this.loading = false;
    this.ended = true;
    this.onReady();
  }

  /**
   * Decode one group into the queue.
   *
   * @param {number} position
   * @returns {Promise<number | null>} where the next one begins, or null if there is nothing to
   *   play
   */
  async playGroup(position) {
    const frame = position % this.frameCount;
    this.groupControl = new AbortController();
    const signal = this.groupControl.signal;
    if (this.control.signal.aborted) return null;
    const where = { frame, next: /** @type {number | null} */ (null), rung: -1, group: -1 };
    this.loading = true;
    try {
      const { rung, pkg, group, store } = await this.source.choose(frame);
      const { firstFrame, frameCount } = pkg.groups[group];
      this.groupEnd = position + firstFrame + frameCount - frame;
      Object.assign(where, { rung, group, next: this.groupEnd });
      const { data, tables } = await store.load(group, signal);
      this.loading = false;
      const job = { pkg, group, data, tables, frame, signal };
      await this.decodeGroup(job, { position, rung });
    } catch (error) {
      if (this.control.signal.aborted) return null;
      if (!(signal.aborted && isAbort(error))) return this.judge(error, where, position);
    }
    return this.groupEnd;
  }

  /** @param {any} job @param {{position: number, rung: number}} start */
  async decodeGroup(job, { position, rung }) {
    const { pkg, group, tables, frame, signal } = job;
    for await (const picture of this.source.decode(job)) {
      const offset = picture.frameIndex - frame;
      if (signal.aborted) {
        picture.close();
        return;
      }
      if (offset < 0) {
        picture.close();
        continue;
      }
      const item = {
        position: position + offset,
        frame: picture.frameIndex,
        picture,
        tables,
        pkg,
        rung,
        group,
      };
      this.queue.push(item);
      this.onReady();
      await this.room(picture.luma ? QUEUE_LENGTH : FRAME_QUEUE_LENGTH, signal);
    }
  }

  /** @param {any} error @param {any} where @param {number} position */
  async judge(error, where, position) {
    const answer = await this.source.onError(error, where);
    if (this.control.signal.aborted) return null;
    if (answer === "retry") return position;
    return answer === "skip" ? where.next : null;
  }

  /** Wait until the queue is shorter. @param {number} length @param {AbortSignal} signal */
  async room(length, signal) {
    while (this.queue.length >= length && !signal.aborted) {
      await new Promise((resolve) => {
        this.wake = () => resolve(undefined);
      });
    }
    this.wake = null;
  }
}
