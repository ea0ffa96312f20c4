/**
 * Occupancy bits back from their arithmetic code; the twin of `render/occupancy_codec.py`, which
 * states the format.
 */

import { PlayerError } from "./errors.js";

const VERSION = 1;
const HEADER_BYTES = 19;
/** Offsets (x, y, z) from a context's vertices to the coded one, most significant bit first. */
const NEIGHBORS = [
  [0, 0, 1], [0, 1, 0], [1, 0, 0], [1, -1, -1], [2, 1, 1], [0, 1, -3], [1, 0, 1], [1, -2, 0],
  [0, 1, 1], [0, 1, -1], [1, 0, -1], [2, 1, -1], [1, -1, 0], [1, -1, 1],
];
/** No neighbor is farther along any axis, so this many empty vertices around save all checks. */
export const MARGIN = 3;
const ONE = 2 ** 22;
const MAX_COUNT = 254;

/**
 * @typedef {object} Occupancy which vertices of a grid carry a texel
 * @property {number[]} shape vertices of the grid along x, y, z
 * @property {number[]} first first vertex of the box that holds all occupied ones
 * @property {number[]} extent vertices of that box along x, y, z
 * @property {number[]} padded `extent` with `MARGIN` vertices more on every side
 * @property {Uint8Array} bits 1 where occupied, over the padded box, z fastest
 */

/**
 * The occupancy of a blob.
 *
 * @param {Uint8Array} data the blob
 * @param {number[]} shape vertices of the scene's grid along x, y, z
 * @returns {Occupancy}
 * @throws {PlayerError} if it is of another version or shape, truncated, too long or damaged
 */
export function decodeOccupancy(data, shape) {
  const { first, extent } = readHeader(data, shape);
  const padded = extent.map((count) => count + 2 * MARGIN);
  const bits = new Uint8Array(padded[0] * padded[1] * padded[2]);
  const payload = data.subarray(HEADER_BYTES);
  const used = extent[0] ? decodeBox(payload, bits, extent, padded) : 0;
  if (used !== payload.length) throw damaged(`of ${data.length} bytes does not decode to its end`);
  return { shape: [...shape], first, extent, padded, bits };
}

/** @param {Uint8Array} data @param {number[]} shape */
function readHeader(data, shape) {
  if (data.length < HEADER_BYTES) {
    throw damaged(`has ${data.length} bytes, expected at least ${HEADER_BYTES}`);
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data[0] !== VERSION) {
    throw new PlayerError("newer", `Occupancy data has version ${data[0]}, this player knows `
      + `${VERSION}; update the player, or publish the package again if it is damaged.`);
  }
  const numbers = Array.from({ length: 9 }, (_, i) => view.getUint16(1 + 2 * i, true));
  const [stored, first, extent] = [0, 3, 6].map((at) => numbers.slice(at, at + 3));
  if (stored.some((count, axis) => count !== shape[axis])) {
    throw damaged(`is for a grid of ${stored.join("x")}, expected ${shape.join("x")}`);
  }
  const isInside = first.every((low, axis) => low + extent[axis] <= stored[axis]);
  if (!isInside || extent.some(Boolean) !== extent.every(Boolean)) {
    throw damaged(`has a box at ${first} of ${extent} that leaves the grid of ${stored}`);
  }
  return { first, extent };
}

/**
 * Fills the bits of the box; `bits` is all zero before.
 *
 * @param {Uint8Array} data @param {Uint8Array} bits @param {number[]} extent
 * @param {number[]} padded
 * @returns {number} bytes it took; -1 if they did not suffice or something is left of the code
 */
function decodeBox(data, bits, extent, padded) {
  const [strideX, strideY] = [padded[1] * padded[2], padded[2]];
  const offsets = Int32Array.from(NEIGHBORS, ([x, y, z]) => x * strideX + y * strideY + z);
  const decoder = new Decoder(data, bits, offsets);
  if (!decoder.isStarted) return -1;
  for (let x = MARGIN; x < MARGIN + extent[0]; x++) {
    for (let y = MARGIN; y < MARGIN + extent[1]; y++) {
      decoder.decodeRow(x * strideX + y * strideY + MARGIN, extent[2]);
    }
    if (decoder.used > data.length) return -1;
  }
  return decoder.code === 0 ? decoder.used : -1;
}

class Decoder {
  /** @param {Uint8Array} data @param {Uint8Array} bits @param {Int32Array} offsets */
  constructor(data, bits, offsets) {
    this.data = data;
    this.bits = bits;
    this.offsets = offsets;
    this.p = new Int32Array(1 << NEIGHBORS.length).fill(ONE / 2);
    this.n = new Uint8Array(1 << NEIGHBORS.length);
    this.range = 0xffffffff;
    this.code = data.length < 4
      ? 0 : ((data[0] << 24) | (data[1] << 16) | (data[2] << 8) | data[3]) >>> 0;
    this.used = 4;
    // The code stays below the range. An encoder never writes one that starts at it.
    this.isStarted = data.length >= 4 && this.code < this.range;
  }

  /** @param {number} start where the row begins in `bits` @param {number} count its vertices */
  decodeRow(start, count) {
    const { data, bits, p, n } = this;
    const [o0, o1, o2, o3, o4, o5, o6, o7, o8, o9, o10, o11, o12, o13] = this.offsets;
    let { range, code, used } = this;
    for (let at = start; at < start + count; at++) {
      const context = (bits[at - o0] << 13) | (bits[at - o1] << 12) | (bits[at - o2] << 11)
        | (bits[at - o3] << 10) | (bits[at - o4] << 9) | (bits[at - o5] << 8)
        | (bits[at - o6] << 7) | (bits[at - o7] << 6) | (bits[at - o8] << 5)
        | (bits[at - o9] << 4) | (bits[at - o10] << 3) | (bits[at - o11] << 2)
        | (bits[at - o12] << 1) | bits[at - o13];
      const chance = p[context];
      const divisor = 2 * n[context] + 3;
      const bound = Math.imul(range >>> 15, Math.max(chance >>> 7, 1)) >>> 0;
      if (code < bound) {
        range = bound;
        bits[at] = 1;
        p[context] = chance + ((2 * (ONE - chance)) / divisor | 0);
      } else {
        range = (range - bound) >>> 0;
        code = (code - bound) >>> 0;
        p[context] = chance - ((2 * chance) / divisor | 0);
      }
      if (n[context] < MAX_COUNT) n[context] += 1;
      while (range < 0x1000000) {
        range = (range << 8) >>> 0;
        code = ((code << 8) | data[used]) >>> 0; // Past the end this is 0; `used` tells.
        used += 1;
      }
    }
    this.range = range;
    this.code = code;
    this.used = used;
  }
}

/** @param {string} what */
function damaged(what) {
  return new PlayerError("damaged", `Occupancy data ${what}; the package is damaged or belongs to `
    + "another scene, publish it again.");
}
