/** The capture's cameras as a package stores them; the twin of `render/rig.py`. */

import { PlayerError } from "./errors.js";

const RECORD_BYTES = 68;

/**
 * @typedef {object} Camera a pinhole camera, OpenCV axes (x right, y down, z forward)
 * @property {number} width in pixels
 * @property {number} height in pixels
 * @property {number} focalX in pixels
 * @property {number} focalY in pixels
 * @property {number} centerX in pixels
 * @property {number} centerY in pixels
 * @property {number[]} worldToCamera upper three rows of the pose, row by row, 12 numbers
 */

/**
 * All cameras of the blob.
 *
 * @param {Uint8Array} bytes the blob `rig`
 * @returns {Camera[]}
 * @throws {PlayerError} if it is not a whole number of usable cameras
 */
export function decodeRig(bytes) {
  if (bytes.length % RECORD_BYTES) {
    throw damaged(`takes ${bytes.length} bytes, expected a multiple of ${RECORD_BYTES}`);
  }
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / RECORD_BYTES }, (_, index) => {
    const at = index * RECORD_BYTES;
    const floats = Array.from({ length: 16 }, (_, i) => data.getFloat32(at + 4 + 4 * i, true));
    const [focalX, focalY, centerX, centerY, ...worldToCamera] = floats;
    const width = data.getUint16(at, true);
    const height = data.getUint16(at + 2, true);
    if (!(width && height && focalX > 0 && focalY > 0) || !floats.every(Number.isFinite)) {
      throw damaged(`holds a camera of ${width}x${height} pixels that cannot exist`);
    }
    return { width, height, focalX, focalY, centerX, centerY, worldToCamera };
  });
}

/** @param {string} what */
function damaged(what) {
  return new PlayerError("damaged", `The camera rig ${what}; the package is damaged, publish it `
    + "again.");
}
