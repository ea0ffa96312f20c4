/** Marks in pictures; provisional. */

/** @typedef {{frameOf: (luma: Uint8Array | Uint16Array, width: number) => number | null}} Marks */

/** @param {Record<string, unknown> | null} record @returns {Marks | null} */
export function readMarks(record) {
  return record ? null : null;
}

/** Reads marks of elements. */
export class MarkReader {
  /** @param {HTMLVideoElement} element @returns {number | null} */
  frameOf(element) {
    return element ? null : null;
  }
}

/** Provisional. @param {any} marks @param {Uint8Array} pixels @returns {number[]} */
export function calibrate(marks, pixels) {
  return marks && pixels ? [1, 0] : [1, 0];
}
