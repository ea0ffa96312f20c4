/** The curves along which atlases lay vertices out; the twin of `render/hilbert.py` and `morton3`. */

import { MARGIN } from "./occupancy.js";

/** Names of the curves, as scene records have them. */
export const VERTEX_ORDERS = ["morton", "hilbert"];

const [OCTANTS, AXES] = [8, 3];

/**
 * @typedef {object} AtlasOrder how vertices come to lie in an atlas
 * @property {number} blockSize texels along one side of a block
 * @property {string} vertexOrder one of `VERTEX_ORDERS`
 */

/**
 * @typedef {object} Curve a walk down an octree whose children come in the curve's order
 * @property {Uint8Array} octants `x << 2 | y << 1 | z` of each step of each state, 8 per state
 * @property {Uint8Array} following the state within that octant
 */

/**
 * Visits the occupied vertices along a curve; walking down an octree needs no sorting.
 *
 * @param {import("./occupancy.js").Occupancy} occupancy
 * @param {string} vertexOrder one of `VERTEX_ORDERS`
 * @param {(at: number) => void} visit gets the vertex's place in the padded box
 */
export function forEachVertex({ shape, first, extent, padded, bits }, vertexOrder, visit) {
  const { octants, following } = vertexOrder === "hilbert" ? hilbertCurve() : mortonCurve();
  const [lowX, lowY, lowZ] = first;
  const [highX, highY, highZ] = first.map((low, axis) => low + extent[axis]);
  const [strideX, strideY] = [padded[1] * padded[2], padded[2]];
  const base = (MARGIN - lowX) * strideX + (MARGIN - lowY) * strideY + MARGIN - lowZ;

  /** @param {number} x @param {number} y @param {number} z @param {number} size @param {number} state */
  function walk(x, y, z, size, state) {
    if (x >= highX || y >= highY || z >= highZ) return;
    if (x + size <= lowX || y + size <= lowY || z + size <= lowZ) return;
    if (size === 1) {
      const at = base + x * strideX + y * strideY + z;
      if (bits[at]) visit(at);
      return;
    }
    const half = size >>> 1;
    for (let step = state * OCTANTS; step < (state + 1) * OCTANTS; step++) {
      const octant = octants[step];
      walk(x + (octant >>> 2) * half, y + ((octant >>> 1) & 1) * half, z + (octant & 1) * half,
        half, following[step]);
    }
  }

  let size = 1;
  while (size < Math.max(...shape)) size *= 2;
  walk(0, 0, 0, size, 0);
}

/** @returns {Curve} Morton's: children by rising number, in every cube alike */
function mortonCurve() {
  return {
    octants: Uint8Array.from({ length: OCTANTS }, (_, step) => step),
    following: new Uint8Array(OCTANTS),
  };
}

/**
 * Hilbert's, by the entry points and directions of Hamilton and Rau-Chaplin (2008); a state is
 * `entry * 3 + direction`.
 *
 * @returns {Curve}
 */
function hilbertCurve() {
  const octants = new Uint8Array(OCTANTS * AXES * OCTANTS);
  const following = new Uint8Array(octants.length);
  octants.forEach((_, at) => {
    const [state, step] = [Math.floor(at / OCTANTS), at % OCTANTS];
    const [entry, direction] = [Math.floor(state / AXES), state % AXES];
    octants[at] = rotated(step ^ (step >>> 1), direction + 1) ^ entry;
    const nextEntry = entry ^ rotated(entryOf(step), direction + 1);
    following[at] = nextEntry * AXES + (direction + directionOf(step) + 1) % AXES;
  });
  return { octants, following };
}

/** Corner where the curve enters the child of a step. @param {number} step */
function entryOf(step) {
  const even = Math.max(2 * Math.floor((step - 1) / 2), 0);
  return even ^ (even >>> 1);
}

/** Axis along which the curve crosses the child of a step. @param {number} step */
function directionOf(step) {
  if (step === 0) return 0;
  const odd = step % 2 ? step : step - 1;
  return (31 - Math.clz32(~odd & (odd + 1))) % AXES;
}

/** Three bits rotated left. @param {number} bits @param {number} by */
function rotated(bits, by) {
  const count = by % AXES;
  return ((bits << count) | (bits >>> (AXES - count))) & (OCTANTS - 1);
}
