/**
 * Readers for single values of a JSON record; the twin of `hwcodec/records.py`.
 *
 * Each takes the name that a message should give the value and throws a plain `RangeError`; who
 * reads a file turns that into a `PlayerError` that says which file it was.
 */

import { PlayerError, shown } from "./errors.js";

/** Values end up in single precision. */
export const LARGEST = 3.4028234663852886e38;
/** Counts fit 31 bits. */
export const LARGEST_COUNT = 2 ** 31 - 1;

/**
 * A whole number in `low..high`.
 *
 * @param {string} name @param {unknown} value @param {number} [low] @param {number} [high]
 * @returns {number}
 */
export function wholeNumber(name, value, low = 0, high = LARGEST_COUNT) {
  if (typeof value !== "number" || !Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(`${name} is ${shown(value)}, expected a whole number in ${low}..${high}`);
  }
  return value;
}

/**
 * A number from `low` to `high`, both included.
 *
 * @param {string} name @param {unknown} value @param {number} [low] @param {number} [high]
 * @returns {number}
 */
export function finiteNumber(name, value, low = -LARGEST, high = LARGEST) {
  if (typeof value !== "number" || !(value >= low && value <= high)) {
    throw new RangeError(`${name} is ${shown(value)}, expected a number from ${low} to ${high}`);
  }
  return value;
}

/**
 * A number above zero.
 *
 * @param {string} name @param {unknown} value
 * @returns {number}
 */
export function positiveNumber(name, value) {
  if (typeof value !== "number" || !(value > 0 && value <= LARGEST)) {
    throw new RangeError(`${name} is ${shown(value)}, expected a positive number`);
  }
  return value;
}

/**
 * A text, which may be empty.
 *
 * @param {string} name @param {unknown} value
 * @returns {string}
 */
export function anyText(name, value) {
  if (typeof value !== "string") {
    throw new RangeError(`${name} is ${shown(value)}, expected a text`);
  }
  return value;
}

/**
 * A list, of `count` items if that is given.
 *
 * @param {string} name @param {unknown} value @param {number} [count]
 * @returns {unknown[]}
 */
export function several(name, value, count) {
  if (!Array.isArray(value) || (count !== undefined && value.length !== count)) {
    const wanted = count === undefined ? "" : ` of ${count} values`;
    throw new RangeError(`${name} is ${shown(value)}, expected a list${wanted}`);
  }
  return value;
}

/**
 * Three finite numbers.
 *
 * @param {string} name @param {unknown} value @param {number} [low] @param {number} [high]
 * @returns {number[]}
 */
export function triple(name, value, low, high) {
  return several(name, value, 3).map((number) => finiteNumber(name, number, low, high));
}

/**
 * An object that has all the given keys; others are ignored.
 *
 * @param {string} name @param {unknown} value @param {string} keys separated by blanks
 * @returns {Record<string, unknown>}
 */
export function namedValues(name, value, keys) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RangeError(`${name} is ${shown(value)}, expected an object`);
  }
  const missing = keys.split(" ").find((key) => !Object.hasOwn(value, key));
  if (missing !== undefined) {
    throw new RangeError(`${name} has no "${missing}", expected ${keys}`);
  }
  return /** @type {Record<string, unknown>} */ (value);
}

/**
 * Run a reader; what it refuses becomes a `PlayerError` of kind `damaged`.
 *
 * @template T
 * @param {string} what which file or record is read
 * @param {string} remedy what to do about damage
 * @param {() => T} read the reader
 * @returns {T}
 */
export function reading(what, remedy, read) {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new PlayerError("damaged", `${what} is damaged: ${error.message}; ${remedy}.`,
      { cause: error });
  }
}
