/** A group's tables from its occupancy bytes: everything that is computed once per group. */

import { buildGeometry } from "./geometry.js";
import { buildMapping } from "./mapping.js";
import { decodeOccupancy } from "./occupancy.js";

/**
 * @typedef {object} TableRequest what the tables are built from; plain data
 * @property {Uint8Array} occupancyBytes the blob
 * @property {number[]} grid vertices along x, y, z
 * @property {import("./vertex_orders.js").AtlasOrder} order
 * @property {{rows: number, columns: number}} layout of the atlas
 *
 * @typedef {object} GroupTables plain data, ready for textures
 * @property {Int32Array} cells as in `geometry.js`
 * @property {number[]} cellShape cells along x, y, z
 * @property {Uint32Array} corners as in `geometry.js`
 * @property {number} vertexCount occupied vertices
 * @property {number} rows of the atlas
 * @property {number} columns of the atlas
 * @property {number} seconds that building took
 */

/**
 * Build the tables on this thread.
 *
 * @param {TableRequest} request
 * @returns {GroupTables}
 * @throws {import("./errors.js").PlayerError} if the occupancy is damaged
 */
export function buildTables({ occupancyBytes, grid, order, layout }) {
  const started = performance.now();
  const occupancy = decodeOccupancy(occupancyBytes, grid);
  const mapping = buildMapping(occupancy, order, layout);
  const { cells, cellShape, corners } = buildGeometry(occupancy, mapping);
  return {
    cells, cellShape, corners,
    vertexCount: mapping.count,
    rows: mapping.rows,
    columns: mapping.columns,
    seconds: (performance.now() - started) / 1000,
  };
}
