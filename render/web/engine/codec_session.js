/**
 * One run of WebCodecs over packets: a bounded queue, frames closed, failures as sentences.
 */

import { PlayerError, checkAborted } from "./errors.js";
import { copyLuma, hasLuma, lumaPicture } from "./pictures.js";

/** Packets that wait inside the decoder. */
const MAX_QUEUED = 4;
/** Pictures that wait for the player; hardware decoders own few, so no more are held. */
const MAX_READY = 3;
/** A decoder that neither takes nor gives anything for this long has died. */
const PATIENCE_MS = 10000;
/** Not every browser announces that the queue has shrunk, so it is looked at this often. */
const LOOK_MS = 15;

/**
 * @typedef {object} CodecWork
 * @property {import("./segments.js").Packet[]} packets in decoding order, from a key packet on
 * @property {number} from first picture of the file that is wanted
 * @property {number} until picture of the file past the last one
 * @property {number} firstFrame frame of the scene that picture 0 of the file shows
 * @property {number} framesPerSecond
 * @property {number} width @property {number} height of the luma plane
 * @property {VideoDecoderConfig} config
 * @property {boolean} mayUpload whether a frame itself may be given where its luma is out of reach
 */

/** Decodes packets to pictures, on demand. */
export class CodecSession {
  /**
   * @param {CodecWork} work
   * @param {import("./pictures.js").BufferPool} pool
   * @param {{signal?: AbortSignal, copyClock: {add: (ms: number) => void, isSlow: boolean}}} options
   */
  constructor(work, pool, { signal, copyClock }) {
    this.work = work;
    this.pool = pool;
    this.signal = signal;
    this.copyClock = copyClock;
    this.position = 0;
    this.expected = work.from;
    /** @type {Promise<import("./pictures.js").DecodedPicture>[]} */
    this.ready = [];
    /** @type {unknown} */
    this.failure = null;
    this.isFlushed = false;
    this.isFlushing = false;
    this.isEnded = false;
    this.lastMove = performance.now();
    this.wake = () => {};
    this.decoder = new VideoDecoder({
      output: (frame) => this.receive(frame),
      error: (error) => this.fail(error),
    });
    this.decoder.addEventListener?.("dequeue", () => this.wake());
    this.decoder.configure(work.config);
  }

  /**
   * The next picture.
   *
   * @returns {Promise<import("./pictures.js").DecodedPicture | null>} null behind the last one
   * @throws {PlayerError} if the decoder fails or stops answering, or the signal says so
   */
  async next() {
    for (;;) {
      checkAborted(this.signal);
      const picture = this.ready.shift();
      if (picture) {
        this.feed();
        return picture;
      }
      if (this.failure) throw this.failure;
      if (this.isFlushed) return this.finish();
      this.feed();
      if (performance.now() - this.lastMove > PATIENCE_MS) {
        throw this.broken(`has not answered for ${PATIENCE_MS / 1000} seconds`);
      }
      await this.look();
    }
  }

  /** Close the decoder and every picture that nobody took. */
  end() {
    this.isEnded = true;
    if (this.decoder.state !== "closed") this.decoder.close();
    for (const picture of this.ready) picture.then((one) => one.close(), () => {});
    this.ready = [];
  }

  /** Give the decoder as much as the bounds allow. */
  feed() {
    const { packets, framesPerSecond } = this.work;
    if (this.isEnded || this.decoder.state !== "configured") return;
    while (this.position < packets.length && this.ready.length < MAX_READY
      && this.decoder.decodeQueueSize < MAX_QUEUED) {
      const { data, frame, isKey } = packets[this.position];
      this.position += 1;
      this.lastMove = performance.now();
      this.decoder.decode(new EncodedVideoChunk({
        type: isKey ? "key" : "delta",
        timestamp: Math.round((frame * 1e6) / framesPerSecond),
        duration: Math.round(1e6 / framesPerSecond),
        data,
      }));
    }
    if (this.position === packets.length && !this.isFlushing) {
      this.isFlushing = true;
      this.decoder.flush().then(() => {
        this.isFlushed = true;
        this.wake();
      }, (error) => this.fail(error));
    }
  }

  /** @param {VideoFrame} frame */
  receive(frame) {
    this.lastMove = performance.now();
    const number = Math.round((frame.timestamp * this.work.framesPerSecond) / 1e6);
    if (this.isEnded || number < this.work.from || number >= this.work.until) {
      frame.close();
    } else if (number !== this.expected) {
      frame.close();
      this.failure ??= this.broken(`gave picture ${number} where ${this.expected} was due`);
    } else {
      this.expected += 1;
      const picture = this.toPicture(frame, this.work.firstFrame + number);
      picture.catch(() => {}); // Who takes it from the queue sees the failure.
      this.ready.push(picture);
    }
    this.wake();
  }

  /**
   * @param {VideoFrame} frame @param {number} frameIndex
   * @returns {Promise<import("./pictures.js").DecodedPicture>}
   */
  async toPicture(frame, frameIndex) {
    const { width, height, mayUpload } = this.work;
    if (mayUpload && (!hasLuma(frame) || this.copyClock.isSlow)) {
      const close = () => frame.close();
      return { frameIndex, luma: null, source: frame, width, height, route: "texture", close };
    }
    try {
      if (!hasLuma(frame)) {
        throw this.broken(`gives pictures as "${frame.format}", whose codes cannot be read exactly`);
      }
      const started = performance.now();
      const copied = await copyLuma(frame, this.work, this.pool);
      this.copyClock.add(performance.now() - started);
      return lumaPicture({ frameIndex, width, height, route: "copyTo" }, copied, this.pool);
    } finally {
      frame.close();
    }
  }

  /** @param {unknown} error */
  fail(error) {
    if (!this.isEnded) this.failure ??= this.broken(`failed (${error})`, error);
    this.wake();
  }

  finish() {
    if (this.expected < this.work.until) {
      throw this.broken(`ended at picture ${this.expected} of ${this.work.until}`);
    }
    return null;
  }

  /** @returns {Promise<void>} until something moves, or for a moment */
  look() {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** @param {string} what @param {unknown} [cause] */
  broken(what, cause) {
    return new PlayerError("decoder", `The video decoder ${what}; try another quality, or another `
      + "browser.", { cause });
  }
}
