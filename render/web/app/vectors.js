// Three numbers at a time.

/** @typedef {readonly [number, number, number]} Vector */

/** @param {Vector} a @param {Vector} b @returns {Vector} */
export const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];

/** @param {Vector} a @param {Vector} b @returns {Vector} */
export const subtract = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];

/** @param {Vector} a @param {number} factor @returns {Vector} */
export const scale = (a, factor) => [a[0] * factor, a[1] * factor, a[2] * factor];

/** @param {Vector} a @param {Vector} b @returns {number} */
export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/** @param {Vector} a @param {Vector} b @returns {Vector} */
export const cross = (a, b) => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

/** @param {Vector} a @returns {number} */
export const length = (a) => Math.hypot(a[0], a[1], a[2]);

/**
 * The direction of a vector, or `fallback` where it has none.
 *
 * @param {Vector} a
 * @param {Vector} [fallback]
 * @returns {Vector}
 */
export function unit(a, fallback = [0, 0, 1]) {
  const size = length(a);
  return size > 1e-12 && Number.isFinite(size) ? scale(a, 1 / size) : fallback;
}
