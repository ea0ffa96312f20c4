/** The capture's cameras as a package stores them; the twin of `render/rig.py`. */

import { PlayerError } from "./errors.js";

const [COUNTS_BYTES, LENS_BYTES, POSE_BYTES] = [4, 20, 28];

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
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const hasCounts = bytes.length >= COUNTS_BYTES;
  const count = hasCounts ? data.getUint16(0, true) : 0;
  const lensCount = hasCounts ? data.getUint16(2, true) : 0;
  const numberBytes = lensCount > 1 ? 2 : 0;
  const first = COUNTS_BYTES + lensCount * LENS_BYTES;
  const expected = first + count * (numberBytes + POSE_BYTES);
  if (bytes.length !== expected) {
    throw damaged(`takes ${bytes.length} bytes, expected ${expected} for ${count} cameras with `
      + `${lensCount} lenses`);
  }
  const lenses = Array.from({ length: lensCount }, (_, index) => (
    readLens(data, COUNTS_BYTES + index * LENS_BYTES)));
  return Array.from({ length: count }, (_, index) => {
    const at = first + index * (numberBytes + POSE_BYTES);
    const number = numberBytes ? data.getUint16(at, true) : 0;
    if (number >= lensCount) {
      throw damaged(`names lens ${number}, expected one of ${lensCount}`);
    }
    return { ...lenses[number], worldToCamera: readPose(data, at + numberBytes) };
  });
}

/** @param {DataView} data @param {number} at */
function readLens(data, at) {
  const [width, height] = [data.getUint16(at, true), data.getUint16(at + 2, true)];
  const floats = readFloats(data, at + 4, 4);
  const [focalX, focalY, centerX, centerY] = floats;
  if (!(width && height && focalX > 0 && focalY > 0) || !floats.every(Number.isFinite)) {
    throw damaged(`holds a camera of ${width}x${height} pixels that cannot exist`);
  }
  return { width, height, focalX, focalY, centerX, centerY };
}

/**
 * Upper three rows of a pose: a quaternion x y z w, which is made a unit one, and a translation.
 *
 * @param {DataView} data @param {number} at
 */
function readPose(data, at) {
  const floats = readFloats(data, at, 7);
  const length = Math.hypot(...floats.slice(0, 4));
  if (!floats.every(Number.isFinite) || !(length > 0.5 && length < 2)) {
    throw damaged("holds a camera with a rotation that cannot exist");
  }
  const [x, y, z, w] = floats.slice(0, 4).map((part) => part / length);
  const [tx, ty, tz] = floats.slice(4);
  return [
    1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), tx,
    2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), ty,
    2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), tz,
  ];
}

/** @param {DataView} data @param {number} at @param {number} count */
function readFloats(data, at, count) {
  return Array.from({ length: count }, (_, index) => data.getFloat32(at + 4 * index, true));
}

/** @param {string} what */
function damaged(what) {
  return new PlayerError("damaged", `The camera rig ${what}; the package is damaged, publish it `
    + "again.");
}
