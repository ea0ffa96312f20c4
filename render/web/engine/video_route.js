/**
 * Pictures from a `<video>` element: for browsers and pages without WebCodecs.
 *
 * The element plays a group's file and shows whichever picture it likes; the marks in the picture
 * say which frame it is and how the browser changed its codes. Where a `VideoFrame` of the element
 * gives its luma, the codes are exact and need no calibration.
 */

import { mediaSourceClass } from "./capabilities.js";
import { PlayerError, checkAborted } from "./errors.js";
import { MarkReader, unwrapped } from "./marks.js";
import { copyLuma, hasLuma, lumaPicture } from "./pictures.js";

/** An element that shows nothing new for this long has stopped. */
const PATIENCE_MS = 10000;
/** An element whose pictures nobody takes rests after this long. */
const IDLE_MS = 150;
/** Without a callback per picture the element is looked at this often. */
const LOOK_MS = 8;

/**
 * @typedef {object} VideoWork
 * @property {import("./package.js").FetchedGroup} fetched
 * @property {number} first first picture of the file that is wanted
 * @property {import("./marks.js").Marks | null} marks
 * @property {number} framesPerSecond
 */

/**
 * The pictures of a group as the element shows them, in order; some may be left out.
 *
 * @param {VideoWork} work
 * @param {import("./pictures.js").BufferPool} pool
 * @param {AbortSignal} [signal]
 * @returns {AsyncGenerator<import("./pictures.js").DecodedPicture>}
 * @throws {PlayerError} if the element refuses the stream or stops
 */
export async function* playPictures(work, pool, signal) {
  const { fetched, first, framesPerSecond } = work;
  const last = fetched.group.frame_count - 1;
  const player = new ElementPlayer(framesPerSecond, signal);
  try {
    await player.open(fetched);
    await player.seek(first);
    let shown = first - 1;
    for (;;) {
      const number = await player.nextPicture(shown, last);
      if (number === null) return;
      const picture = await grab(player, number, work, pool);
      shown = picture.frameIndex - fetched.group.first_frame;
      const timer = setTimeout(() => player.element.pause(), IDLE_MS);
      yield picture;
      clearTimeout(timer);
      if (shown >= last) return;
      // After a rest the element has run ahead of what was taken; it goes back.
      if (player.isStarted && player.element.paused) await player.seek(shown + 1);
      else player.play();
    }
  } finally {
    player.close();
  }
}

/**
 * @param {ElementPlayer} player @param {number} number by the element's clock
 * @param {VideoWork} work @param {import("./pictures.js").BufferPool} pool
 * @returns {Promise<import("./pictures.js").DecodedPicture>}
 */
async function grab(player, number, { fetched, marks }, pool) {
  const { group, stream } = fetched;
  const { width, height } = stream;
  const base = { width, height, route: /** @type {const} */ ("video") };
  const near = group.first_frame + number;
  const frame = frameOf(player.element);
  if (frame && hasLuma(frame)) {
    try {
      const copied = await copyLuma(frame, stream, pool);
      const counted = marks ? marks.frameOf(copied.luma, width) : null;
      const frameIndex = counted === null ? near : unwrapped(counted, near);
      return lumaPicture({ ...base, frameIndex }, copied, pool);
    } finally {
      frame.close();
    }
  }
  frame?.close();
  if (!marks) {
    throw new PlayerError("unsupported", "This browser gives pictures only as colors, and the "
      + "package has no marks to tell codes from colors; export it with the profile web8, or use "
      + "a browser with WebCodecs.");
  }
  player.reader ??= new MarkReader(marks);
  const counted = player.reader.frameOf(player.element);
  const frameIndex = counted === null ? near : unwrapped(counted, near);
  return { ...base, frameIndex, luma: null, source: player.element, close: () => {} };
}

/** @param {HTMLVideoElement} element @returns {VideoFrame | null} */
function frameOf(element) {
  if (typeof VideoFrame !== "function") return null;
  try {
    return new VideoFrame(element, { timestamp: 0 });
  } catch {
    return null;
  }
}

/** A muted element outside the visible page that plays one file. */
class ElementPlayer {
  /** @param {number} framesPerSecond @param {AbortSignal} [signal] */
  constructor(framesPerSecond, signal) {
    this.framesPerSecond = framesPerSecond;
    this.signal = signal;
    /** @type {MarkReader | null} */
    this.reader = null;
    /** @type {number | null} */
    this.shown = null;
    /** @type {any} why the element does not play */
    this.refusal = null;
    this.wake = () => {};
    this.callback = 0;
    this.isStarted = false;
    this.element = hiddenVideo();
    this.url = "";
    for (const event of ["error", "ended", "seeked", "loadeddata"]) {
      this.element.addEventListener(event, () => this.wake());
    }
    this.watch();
  }

  /** @param {import("./package.js").FetchedGroup} fetched */
  async open({ streamBytes, stream }) {
    const type = `video/mp4; codecs="${stream.codec_string}"`;
    const source = mediaSourceClass();
    if (source?.isTypeSupported(type)) {
      await this.openSource(new source(), type, streamBytes);
    } else {
      this.url = URL.createObjectURL(new Blob([/** @type {BlobPart} */ (streamBytes)], { type: "video/mp4" }));
      this.element.src = this.url;
    }
    await this.until(() => this.element.readyState >= 2, "opened the stream");
  }

  /** @param {MediaSource} source @param {string} type @param {Uint8Array} bytes */
  async openSource(source, type, bytes) {
    this.element.disableRemotePlayback = true; // Safari asks for this with its managed source.
    this.url = URL.createObjectURL(source);
    this.element.src = this.url;
    source.addEventListener("sourceopen", () => this.wake());
    await this.until(() => source.readyState === "open", "opened a media source");
    const buffer = source.addSourceBuffer(type);
    buffer.addEventListener("updateend", () => this.wake());
    buffer.appendBuffer(/** @type {BufferSource} */ (bytes));
    await this.until(() => !buffer.updating, "taken the stream");
    if (source.readyState === "open") source.endOfStream();
  }

  /** @param {number} picture shows this one, paused */
  async seek(picture) {
    this.isStarted = false;
    this.shown = null;
    this.element.currentTime = (picture + 0.5) / this.framesPerSecond;
    await this.until(() => !this.element.seeking, "found the frame");
    if (!this.element.requestVideoFrameCallback) this.look();
    await this.until(() => this.shown !== null, "shown the frame");
  }

  play() {
    if (!this.element.paused) return;
    this.isStarted = true;
    this.element.play().catch((error) => {
      this.refusal ??= error;
      this.wake();
    });
  }

  /**
   * Waits for a picture past `shown`.
   *
   * @param {number} shown @param {number} last
   * @returns {Promise<number | null>} its number by the element's clock; null at the end
   */
  async nextPicture(shown, last) {
    const isNew = () => this.shown !== null && this.shown > shown;
    await this.until(() => isNew() || this.element.ended, "shown another frame");
    if (!isNew() && this.element.ended && shown < last) this.shown = last;
    return isNew() ? Math.min(/** @type {number} */ (this.shown), last) : null;
  }

  /** Note what is on show, whenever that changes. */
  watch() {
    const { element } = this;
    if (!element.requestVideoFrameCallback) {
      this.callback = window.setInterval(() => this.look(), LOOK_MS);
      return;
    }
    const note = (/** @type {number} */ _, /** @type {VideoFrameCallbackMetadata} */ data) => {
      this.shown = Math.round(data.mediaTime * this.framesPerSecond);
      this.callback = element.requestVideoFrameCallback(note);
      this.wake();
    };
    this.callback = element.requestVideoFrameCallback(note);
  }

  look() {
    if (this.element.readyState < 2 || this.element.seeking) return;
    this.shown = Math.floor(this.element.currentTime * this.framesPerSecond + 1e-3);
    this.wake();
  }

  /**
   * @param {() => boolean} isDone @param {string} what the element should have done
   * @returns {Promise<void>}
   */
  async until(isDone, what) {
    const deadline = performance.now() + PATIENCE_MS;
    while (!isDone()) {
      checkAborted(this.signal);
      const failure = this.element.error ?? this.refusal;
      if (failure || performance.now() > deadline) {
        const why = failure ? failure.message || `code ${failure.code}` : "no answer in time";
        throw new PlayerError("decoder", `The video element has not ${what} (${why}); choose `
          + "another quality, or use a browser with WebCodecs.", { cause: failure });
      }
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, 50);
        this.wake = () => {
          clearTimeout(timer);
          resolve(undefined);
        };
      });
    }
  }

  close() {
    const { element } = this;
    if ("requestVideoFrameCallback" in element) element.cancelVideoFrameCallback(this.callback);
    else clearInterval(this.callback);
    element.pause();
    element.removeAttribute("src");
    element.load();
    element.remove();
    if (this.url) URL.revokeObjectURL(this.url);
  }
}

/** @returns {HTMLVideoElement} */
function hiddenVideo() {
  const element = document.createElement("video");
  element.muted = true;
  element.playsInline = true;
  element.preload = "auto";
  element.setAttribute("aria-hidden", "true");
  // Some browsers decode nothing for an element that is not on the page.
  element.style.cssText = "position:fixed;left:0;top:0;width:1px;height:1px;opacity:0.01;"
    + "pointer-events:none;z-index:-1";
  document.body.append(element);
  return element;
}
