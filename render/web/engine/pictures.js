/**
 * Decoded pictures as the renderer takes them, and exact luma out of video frames.
 */

import { PlayerError } from "./errors.js";

/** Formats whose first plane is luma alone, tightly packed by `copyTo`. */
const PLANAR = /^(I420|I422|I444|NV12)(P10|P12)?$/;

/**
 * @typedef {object} DecodedPicture
 * @property {number} frameIndex frame of the scene
 * @property {Uint8Array | Uint16Array | null} luma codes row by row, `width * height`; null where
 *     only a texture upload can read them
 * @property {VideoFrame | HTMLVideoElement | null} source what to upload instead of luma
 * @property {number} width of the luma plane
 * @property {number} height of the luma plane
 * @property {"copyTo" | "texture" | "video"} route how it came here
 * @property {() => void} close MUST be called once, after drawing; frees buffer or frame
 */

/** Buffers of one size, used over and over: a picture of four megabytes is no garbage. */
export class BufferPool {
  constructor() {
    /** @type {ArrayBuffer[]} */
    this.free = [];
  }

  /** @param {number} byteLength @returns {ArrayBuffer} */
  take(byteLength) {
    const found = this.free.findIndex((buffer) => buffer.byteLength === byteLength);
    return found < 0 ? new ArrayBuffer(byteLength) : this.free.splice(found, 1)[0];
  }

  /** @param {ArrayBuffer} buffer */
  give(buffer) {
    if (this.free.length < 4) this.free.push(buffer);
  }
}

/**
 * Whether `copyTo` gives this frame's luma as the stream holds it.
 *
 * @param {VideoFrame} frame
 * @returns {boolean}
 */
export function hasLuma(frame) {
  return PLANAR.test(frame.format ?? "");
}

/**
 * The exact luma of a frame for which `hasLuma` holds; the frame stays open.
 *
 * @param {VideoFrame} frame
 * @param {{width: number, height: number}} size that the picture must have
 * @param {BufferPool} pool
 * @returns {Promise<{luma: Uint8Array | Uint16Array, buffer: ArrayBuffer}>}
 * @throws {PlayerError} if the picture has another size
 */
export async function copyLuma(frame, { width, height }, pool) {
  const rect = frame.visibleRect;
  if (!rect || rect.width !== width || rect.height !== height) {
    throw new PlayerError("decoder", `The decoder gave a picture of ${rect?.width}x${rect?.height}, `
      + `expected ${width}x${height}; try another quality or another browser.`);
  }
  const buffer = pool.take(frame.allocationSize());
  const [{ offset, stride }] = await frame.copyTo(buffer);
  const isWide = PLANAR.exec(frame.format ?? "")?.[2] !== undefined;
  const luma = isWide
    ? tight(new Uint16Array(buffer, offset), stride / 2, width, height)
    : tight(new Uint8Array(buffer, offset), stride, width, height);
  return { luma, buffer };
}

/**
 * Rows without gaps between them; moved inside their own memory where there are gaps.
 *
 * @template {Uint8Array | Uint16Array} T
 * @param {T} plane @param {number} stride @param {number} width @param {number} height
 * @returns {T}
 */
function tight(plane, stride, width, height) {
  if (stride !== width) {
    for (let row = 1; row < height; row++) {
      plane.copyWithin(row * width, row * stride, row * stride + width);
    }
  }
  return /** @type {T} */ (plane.subarray(0, width * height));
}

/**
 * A picture with luma of its own.
 *
 * @param {{frameIndex: number, width: number, height: number, route: DecodedPicture["route"]}} what
 * @param {{luma: Uint8Array | Uint16Array, buffer: ArrayBuffer}} copied
 * @param {BufferPool} pool gets the buffer back
 * @returns {DecodedPicture}
 */
export function lumaPicture(what, { luma, buffer }, pool) {
  let isOpen = true;
  const close = () => {
    if (isOpen) pool.give(buffer);
    isOpen = false;
  };
  return { ...what, luma, source: null, close };
}
