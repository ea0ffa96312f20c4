/**
 * Which texel of the atlas belongs to which vertex of the grid; the twin of `render/mapping.py`.
 */

import { PlayerError } from "./errors.js";
import { MARGIN } from "./occupancy.js";

/** A vertex without a texel. No texel has this position, as no atlas has 65536 rows. */
export const EMPTY_TEXEL = 0xffffffff;

/**
 * @typedef {object} Mapping
 * @property {Uint32Array} positions texel of each vertex of the occupancy's padded box, as
 *     `row << 16 | column` in the atlas, or `EMPTY_TEXEL`
 * @property {number} count occupied vertices
 * @property {number} rows of the atlas
 * @property {number} columns of the atlas
 */

/**
 * The mapping table of a group.
 *
 * @param {import("./occupancy.js").Occupancy} occupancy
 * @param {number} blockSize texels along one side of a block
 * @param {{rows: number, columns: number}} layout what the atlas must be
 * @returns {Mapping}
 * @throws {PlayerError} if the occupancy does not map to such an atlas
 */
export function buildMapping(occupancy, blockSize, layout) {
  const count = countBits(occupancy.bits);
  if (!count) {
    throw damaged("no vertex is occupied, expected at least one");
  }
  // A full box takes a few bytes; ordering its vertices could take gigabytes.
  if (count > layout.rows * layout.columns) {
    throw damaged(`${count} vertices are occupied, expected at most the `
      + `${layout.rows * layout.columns} texels of the layout`);
  }
  const { blockColumns, blockRows } = nearSquare(Math.ceil(count / blockSize ** 2), blockSize);
  const [rows, columns] = [blockRows * blockSize, blockColumns * blockSize];
  if (rows !== layout.rows || columns !== layout.columns) {
    throw damaged(`the occupancy maps to an atlas of ${rows}x${columns}, expected `
      + `${layout.rows}x${layout.columns} as in the layout`);
  }
  const positions = new Uint32Array(occupancy.bits.length).fill(EMPTY_TEXEL);
  const order = blockOrder(blockSize);
  const area = blockSize ** 2;
  let rank = 0;
  forEachInMortonOrder(occupancy, (at) => {
    const block = Math.floor(rank / area);
    const place = order[rank % area];
    const row = Math.floor(block / blockColumns) * blockSize + (place >>> 16);
    const column = (block % blockColumns) * blockSize + (place & 0xffff);
    positions[at] = ((row << 16) | column) >>> 0;
    rank += 1;
  });
  return { positions, count, rows, columns };
}

/**
 * Place in a block, as `row << 16 | column`, of its i-th vertex: 2D Morton order, row bit first.
 *
 * @param {number} blockSize a power of two
 * @returns {Uint32Array}
 */
export function blockOrder(blockSize) {
  return Uint32Array.from({ length: blockSize ** 2 }, (_, rank) => {
    let [row, column] = [0, 0];
    for (let bit = 0; 1 << bit < blockSize; bit++) {
      row |= ((rank >>> (2 * bit)) & 1) << bit;
      column |= ((rank >>> (2 * bit + 1)) & 1) << bit;
    }
    return (row << 16) | column;
  });
}

/**
 * Visits the occupied vertices by rising 3D Morton code (z bit least significant, then y, then x):
 * a walk down an octree whose children come in that order needs no sorting.
 *
 * @param {import("./occupancy.js").Occupancy} occupancy
 * @param {(at: number) => void} visit gets the vertex's place in the padded box
 */
function forEachInMortonOrder({ first, extent, padded, bits }, visit) {
  const [lowX, lowY, lowZ] = first;
  const [highX, highY, highZ] = first.map((low, axis) => low + extent[axis]);
  const [strideX, strideY] = [padded[1] * padded[2], padded[2]];
  const base = (MARGIN - lowX) * strideX + (MARGIN - lowY) * strideY + MARGIN - lowZ;

  /** @param {number} x @param {number} y @param {number} z @param {number} size */
  function walk(x, y, z, size) {
    if (x >= highX || y >= highY || z >= highZ) return;
    if (x + size <= lowX || y + size <= lowY || z + size <= lowZ) return;
    if (size === 1) {
      const at = base + x * strideX + y * strideY + z;
      if (bits[at]) visit(at);
      return;
    }
    const half = size >>> 1;
    for (let child = 0; child < 8; child++) {
      walk(x + (child >>> 2) * half, y + ((child >>> 1) & 1) * half, z + (child & 1) * half, half);
    }
  }

  let size = 1;
  while (size < Math.max(highX, highY, highZ)) size *= 2;
  walk(0, 0, 0, size);
}

/** @param {Uint8Array} bits */
function countBits(bits) {
  let count = 0;
  for (let i = 0; i < bits.length; i++) count += bits[i];
  return count;
}

/** @param {number} blockCount @param {number} blockSize */
function nearSquare(blockCount, blockSize) {
  const unit = Math.max(Math.floor(16 / blockSize), 1);
  const blockColumns = Math.ceil(Math.ceil(Math.sqrt(blockCount)) / unit) * unit;
  const rows = Math.ceil(blockCount / blockColumns);
  return { blockColumns, blockRows: Math.ceil(rows / unit) * unit };
}

/** @param {string} what */
function damaged(what) {
  return new PlayerError("damaged", `A group's tables cannot be built: ${what}; the package is `
    + "damaged, publish it again.");
}
