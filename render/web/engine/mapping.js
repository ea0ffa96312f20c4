/**
 * Which texel of the atlas belongs to which vertex of the grid; the twin of `render/mapping.py`.
 */

import { PlayerError } from "./errors.js";
import { forEachVertex } from "./vertex_orders.js";

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
 * @param {import("./vertex_orders.js").AtlasOrder} order
 * @param {{rows: number, columns: number}} layout what the atlas must be
 * @returns {Mapping}
 * @throws {PlayerError} if the occupancy does not map to such an atlas
 */
export function buildMapping(occupancy, { blockSize, vertexOrder }, layout) {
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
  const places = blockOrder(blockSize);
  const area = blockSize ** 2;
  let rank = 0;
  forEachVertex(occupancy, vertexOrder, (at) => {
    const block = Math.floor(rank / area);
    const place = places[rank % area];
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
