/** Boxes of the ISO base media file format; the twin of `hwcodec/boxes.py`. */

import { PlayerError } from "./errors.js";

/**
 * @typedef {object} Box where one box lies
 * @property {string} kind four characters
 * @property {number} start of its header
 * @property {number} body of its content
 * @property {number} end past it
 */

/**
 * Boxes that lie back to back.
 *
 * @param {Uint8Array} data the file
 * @param {number} [start] @param {number} [end]
 * @returns {Generator<Box>}
 * @throws {PlayerError} if one does not fit
 */
export function* children(data, start = 0, end = data.length) {
  const view = viewOf(data);
  let position = start;
  while (position < end) {
    if (position + 8 > end) {
      throw broken(`${end - position} stray bytes at offset ${position}`);
    }
    let size = view.getUint32(position);
    const kind = String.fromCharCode(...data.subarray(position + 4, position + 8));
    let header = 8;
    if (size === 1 && position + 16 <= end) {
      size = Number(view.getBigUint64(position + 8));
      header = 16;
    }
    if (size < header || position + size > end) {
      throw broken(`a box "${kind}" of ${size} bytes at offset ${position}`);
    }
    yield { kind, start: position, body: position + header, end: position + size };
    position += size;
  }
}

/**
 * The first box down a path of kinds.
 *
 * @param {Uint8Array} data the file
 * @param {Box} parent where the path begins
 * @param {...string} path
 * @returns {Box}
 * @throws {PlayerError} if a step is missing
 */
export function find(data, parent, ...path) {
  let here = parent;
  for (const kind of path) {
    const match = [...children(data, here.body, here.end)].find((box) => box.kind === kind);
    if (!match) throw broken(`no "${kind}" box inside "${here.kind}"`);
    here = match;
  }
  return here;
}

/** A cursor over the fields of one box that refuses to read past its end. */
export class Reader {
  /** @param {Uint8Array} data @param {Box} box */
  constructor(data, box) {
    this.view = viewOf(data);
    this.position = box.body;
    this.end = box.end;
  }

  /** @param {number} count @returns {number} where those bytes were */
  skip(count) {
    const at = this.position;
    if (at + count > this.end) throw broken(`a box that ends at ${this.end} inside a field`);
    this.position += count;
    return at;
  }

  /** @returns {number} the next 32 bits, unsigned */
  u32() {
    return this.view.getUint32(this.skip(4));
  }

  /** @returns {number} the next 32 bits, signed */
  i32() {
    return this.view.getInt32(this.skip(4));
  }

  /** @returns {number} the next 64 bits, as close as a number gets */
  u64() {
    return Number(this.view.getBigUint64(this.skip(8)));
  }

  /** @returns {{version: number, flags: number}} what opens a full box */
  versionAndFlags() {
    const word = this.u32();
    return { version: word >>> 24, flags: word & 0xffffff };
  }
}

/** @param {Uint8Array} data */
function viewOf(data) {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * The error for a stream file that cannot be read.
 *
 * @param {string} what was found
 * @param {unknown} [cause]
 * @returns {PlayerError}
 */
export function broken(what, cause) {
  return new PlayerError("damaged", `A stream file is not readable: it has ${what}; it is `
    + "truncated or damaged, load it again or publish it again.", { cause });
}
