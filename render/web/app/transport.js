// Play, pause, seek, loop: the clock and the feed together. Knows nothing of pages or graphics.

import { PictureFeed } from "./picture_feed.js";
import { PlaybackClock, judgeLag, pick } from "./playback_clock.js";

/** Pictures that must lie ready before time goes on after a wait. */
const READY = 2;

/** @typedef {import("./picture_feed.js").Item} Item */

/**
 * Decides at every turn of the drawing loop which picture to show.
 *
 * A turn is `tick`, then drawing, then `confirm`. Times are milliseconds, handed in.
 */
export class Transport {
  /**
   * @param {import("./picture_feed.js").Source} source
   * @param {{frameCount: number, frameRate: number, loop: boolean, onReady: () => void}} options
   */
  constructor(source, { frameCount, frameRate, loop, onReady }) {
    this.source = source;
    this.onReady = onReady;
    this.clock = new PlaybackClock({ frameCount, frameRate, loop });
    /** @type {PictureFeed | null} */
    this.feed = null;
    this.shown = -1;
    this.drops = 0;
    /** @type {number | null} position of a seek under way */
    this.target = null;
    /** @type {{resolve: (frame: number) => void, reject: (error: Error) => void} | null} */
    this.waiter = null;
    this.ended = false;
  }

  /** The frame on screen, or the one asked for while none is. @returns {number} */
  get frame() {
    return this.clock.frameOf(Math.max(this.target ?? this.shown, 0));
  }

  /** Whether time stands still for want of pictures. @returns {boolean} */
  get waiting() {
    return this.target !== null || (this.clock.playing && this.clock.held);
  }

  /** @param {number} now */
  play(now) {
    const atEnd = !this.clock.loop && this.shown >= this.clock.frameCount - 1;
    if (atEnd && this.target === null) this.seek(0, now).catch(() => {});
    this.ended = false;
    this.clock.play(now);
    this.onReady();
  }

  /** @param {number} now */
  pause(now) {
    this.clock.pause(now);
    // What is on screen is where we are, even if drawing lagged behind the clock.
    if (this.shown >= 0 && this.target === null) this.clock.release(this.shown, now);
    this.onReady();
  }

  /**
   * Go to a frame.
   *
   * @param {number} frame the nearest one that exists is taken
   * @param {number} now
   * @returns {Promise<number>} the frame on screen once it is drawn: another one only where that
   *   one cannot be played; rejects with an AbortError if another seek follows
   */
  seek(frame, now) {
    const position = this.clock.clamp(frame);
    this.settle(null, new DOMException("Another seek followed.", "AbortError"));
    this.ended = false;
    this.target = position;
    this.clock.hold(now);
    this.clock.seek(position, now);
    if (!this.reuse(position)) this.restart(position);
    this.onReady();
    return new Promise((resolve, reject) => {
      this.waiter = { resolve, reject };
    });
  }

  /** Loop, or stop at the end. @param {boolean} loop @param {number} now */
  setLoop(loop, now) {
    if (loop === this.clock.loop) return;
    const frame = this.frame;
    this.clock.loop = loop;
    this.clock.seek(frame, now);
    // Positions count from the present round again, and a feed that stopped at the end goes on.
    this.seek(frame, now).catch(() => {});
  }

  /**
   * Fetch and decode again from the frame on screen, such as after a change of rung.
   *
   * @param {number} now
   */
  refresh(now) {
    const frame = this.frame;
    this.shown = -1;
    this.feed?.stop();
    this.feed = null;
    return this.seek(frame, now);
  }

  /** Stop everything and free the pictures. */
  close() {
    this.feed?.stop();
    this.feed = null;
    this.clock.playing = false;
    this.settle(null, new DOMException("The player was closed.", "AbortError"));
  }

  /**
   * The picture to show now, if it is another one than before; `confirm` it once it is drawn.
   *
   * @param {number} now
   * @returns {Item | null} the caller closes its picture
   */
  tick(now) {
    if (!this.feed) return null;
    if (this.target !== null) return this.arrive(now);
    if (!this.clock.playing) return null;
    if (this.clock.held && !this.resume(now)) return null;
    const due = this.clock.dueAt(now);
    const { queue } = this.feed;
    if (queue.length > 0 && queue[0].position > due && due > this.shown) {
      // A stretch that cannot be played lies between; there is nothing to wait for.
      this.clock.seek(queue[0].position, now);
      return this.tick(now);
    }
    const { show, late } = pick(queue, due);
    if (show >= 0) return this.present(show, late);
    this.starve(due, now);
    return null;
  }

  /** Say that the picture from `tick` is on screen. @param {Item} item */
  confirm(item) {
    this.settle(item.frame, null);
  }

  /** @param {number} show @param {number} late */
  present(show, late) {
    const items = /** @type {PictureFeed} */ (this.feed).take(show + 1);
    const item = /** @type {Item} */ (items.pop());
    for (const missed of items) missed.picture.close();
    this.drops += late;
    this.shown = item.position;
    return item;
  }

  /** @param {number} now */
  arrive(now) {
    const feed = /** @type {PictureFeed} */ (this.feed);
    if (feed.queue.length > 0) {
      const item = this.present(0, 0);
      this.target = null;
      this.clock.release(item.position, now);
      return item;
    }
    if (feed.ended) this.giveUp(now);
    return null;
  }

  /** @param {number} now @returns {boolean} whether time goes on */
  resume(now) {
    const feed = /** @type {PictureFeed} */ (this.feed);
    const enough = feed.queue.length >= READY || (feed.ended && feed.queue.length > 0);
    if (enough) this.clock.release(feed.queue[0].position, now);
    else if (feed.ended) this.giveUp(now);
    return enough;
  }

  /** @param {number} due @param {number} now */
  starve(due, now) {
    const feed = /** @type {PictureFeed} */ (this.feed);
    if (feed.ended) {
      const isEnd = !this.clock.loop && this.shown >= this.clock.frameCount - 1;
      if (!isEnd ? due > this.shown : this.clock.endedAt(now)) this.giveUp(now);
      return;
    }
    const { groupEnd, loading } = feed;
    const { frameRate } = this.clock;
    const verdict = judgeLag({ due, shown: this.shown, groupEnd, loading, frameRate });
    if (verdict === "hold") this.clock.hold(now);
    if (verdict !== "skip") return;
    this.drops += groupEnd - this.shown - 1;
    this.shown = groupEnd - 1;
    feed.skipTo(due);
  }

  /** Nothing more will come: the end, or nothing that can be played. @param {number} now */
  giveUp(now) {
    this.clock.pause(now);
    this.clock.release(Math.max(this.shown, 0), now);
    this.target = null;
    this.ended = true;
    this.settle(null, new Error("This frame cannot be played."));
  }

  /** Whether the feed's next pictures can serve a seek. @param {number} position */
  reuse(position) {
    if (!this.feed) return false;
    const index = this.feed.queue.findIndex((item) => item.position === position);
    if (index < 0) return false;
    for (const item of this.feed.take(index)) item.picture.close();
    return true;
  }

  /** @param {number} position */
  restart(position) {
    this.feed?.stop();
    const { frameCount, loop } = this.clock;
    const feed = new PictureFeed(this.source, { frameCount, loop, onReady: this.onReady });
    this.feed = feed;
    feed.start(position);
  }

  /** @param {number | null} frame @param {Error | null} error */
  settle(frame, error) {
    const waiter = this.waiter;
    this.waiter = null;
    if (error) waiter?.reject(error);
    else if (frame !== null) waiter?.resolve(frame);
  }
}
