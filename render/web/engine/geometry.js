/**
 * The acceleration structure of a group: active cells, their corners, and the distance to them;
 * the twin of `build_geometry` in `render/field.py`.
 */

import { EMPTY_TEXEL } from "./mapping.js";
import { MARGIN } from "./occupancy.js";

/** Longest jump, in cells, that the distance table promises. */
export const MAX_JUMP = 64;

/**
 * @typedef {object} Geometry
 * @property {number[]} cellShape cells along x, y, z: one less than vertices
 * @property {Int32Array} cells z fastest: the number of an active cell, or minus the Chebyshev
 *     distance in cells to the nearest active one
 * @property {Uint32Array} corners eight per active cell, z fastest: `row << 16 | column` in the
 *     atlas, or `EMPTY_TEXEL`
 */

/**
 * Number the active cells, list their corners and measure the distance to them elsewhere.
 *
 * @param {import("./occupancy.js").Occupancy} occupancy
 * @param {import("./mapping.js").Mapping} mapping
 * @returns {Geometry}
 */
export function buildGeometry(occupancy, mapping) {
  const cellShape = occupancy.shape.map((count) => count - 1);
  const { cells, count } = numberCells(occupancy, cellShape);
  const corners = listCorners(occupancy, mapping, cells, { cellShape, count });
  fillDistances(cells, cellShape);
  return { cellShape, cells, corners };
}

/**
 * Calls `visit` for every cell that can have an occupied corner, z fastest.
 *
 * @param {import("./occupancy.js").Occupancy} occupancy @param {number[]} cellShape
 * @param {(cell: number, at: number) => void} visit gets the cell's index and the place of its
 *     lowest corner in the padded box
 */
function forEachNearCell({ first, extent, padded }, cellShape, visit) {
  const low = first.map((start) => Math.max(start - 1, 0));
  const high = first.map((start, axis) => Math.min(start + extent[axis], cellShape[axis]));
  const [strideX, strideY] = [padded[1] * padded[2], padded[2]];
  for (let x = low[0]; x < high[0]; x++) {
    for (let y = low[1]; y < high[1]; y++) {
      const row = (x * cellShape[1] + y) * cellShape[2];
      const line = (x - first[0] + MARGIN) * strideX + (y - first[1] + MARGIN) * strideY
        + MARGIN - first[2];
      for (let z = low[2]; z < high[2]; z++) visit(row + z, line + z);
    }
  }
}

/** @param {number[]} padded @returns {number[]} eight, z fastest */
function cornerOffsets(padded) {
  const [strideX, strideY] = [padded[1] * padded[2], padded[2]];
  return Array.from({ length: 8 },
    (_, k) => (k >>> 2) * strideX + ((k >>> 1) & 1) * strideY + (k & 1));
}

/** @param {import("./occupancy.js").Occupancy} occupancy @param {number[]} cellShape */
function numberCells(occupancy, cellShape) {
  const { bits, padded } = occupancy;
  const cells = new Int32Array(cellShape[0] * cellShape[1] * cellShape[2]).fill(-MAX_JUMP);
  const [o0, o1, o2, o3, o4, o5, o6, o7] = cornerOffsets(padded);
  let count = 0;
  forEachNearCell(occupancy, cellShape, (cell, at) => {
    const isActive = bits[at + o0] | bits[at + o1] | bits[at + o2] | bits[at + o3]
      | bits[at + o4] | bits[at + o5] | bits[at + o6] | bits[at + o7];
    if (isActive) {
      cells[cell] = count;
      count += 1;
    }
  });
  return { cells, count };
}

/**
 * @param {import("./occupancy.js").Occupancy} occupancy
 * @param {import("./mapping.js").Mapping} mapping
 * @param {Int32Array} cells
 * @param {{cellShape: number[], count: number}} sizes
 */
function listCorners(occupancy, mapping, cells, { cellShape, count }) {
  const corners = new Uint32Array(8 * count).fill(EMPTY_TEXEL);
  const { positions } = mapping;
  const offsets = cornerOffsets(occupancy.padded);
  forEachNearCell(occupancy, cellShape, (cell, at) => {
    const number = cells[cell];
    if (number < 0) return;
    for (let k = 0; k < 8; k++) corners[8 * number + k] = positions[at + offsets[k]];
  });
  return corners;
}

/**
 * Replaces every negative entry by minus the Chebyshev distance to the nearest other one, capped.
 *
 * Two sweeps over the 26 neighbors measure this distance exactly: the first carries it from cells
 * that come before, the second from those behind.
 *
 * Source: Rosenfeld and Pfaltz (1968), whose chessboard distance this is in three dimensions.
 *
 * @param {Int32Array} cells @param {number[]} shape
 */
function fillDistances(cells, shape) {
  const padded = shape.map((count) => count + 2);
  // With a rim that is never near, so that no neighbor needs a check.
  const distance = new Uint8Array(padded[0] * padded[1] * padded[2]).fill(MAX_JUMP);
  forEachRow(shape, (row, line) => {
    for (let z = 0; z < shape[2]; z++) if (cells[row + z] >= 0) distance[line + z] = 0;
  });
  sweep(distance, shape, 1);
  sweep(distance, shape, -1);
  forEachRow(shape, (row, line) => {
    for (let z = 0; z < shape[2]; z++) if (cells[row + z] < 0) cells[row + z] = -distance[line + z];
  });
}

/**
 * @param {number[]} shape
 * @param {(row: number, line: number) => void} visit gets where a row of cells begins in the grid,
 *     and where in the grid with a rim
 * @param {1 | -1} [direction] of the walk over the rows
 */
function forEachRow([countX, countY, countZ], visit, direction = 1) {
  const rows = countX * countY;
  for (let i = 0; i < rows; i++) {
    const row = direction > 0 ? i : rows - 1 - i;
    const [x, y] = [Math.floor(row / countY), row % countY];
    visit(row * countZ, ((x + 1) * (countY + 2) + y + 1) * (countZ + 2) + 1);
  }
}

/**
 * @param {Uint8Array} distance with a rim @param {number[]} shape without the rim
 * @param {1 | -1} direction
 */
function sweep(distance, shape, direction) {
  const [a, b, c, d, e, f, g, h, i, j, k, l, m] = offsetsBefore(shape, direction);
  const [begin, end] = direction > 0 ? [0, shape[2]] : [shape[2] - 1, -1];
  forEachRow(shape, (_, line) => {
    for (let at = line + begin; at !== line + end; at += direction) {
      const here = distance[at];
      if (here === 0) continue;
      const near = Math.min(
        distance[at + a], distance[at + b], distance[at + c], distance[at + d], distance[at + e],
        distance[at + f], distance[at + g], distance[at + h], distance[at + i], distance[at + j],
        distance[at + k], distance[at + l], distance[at + m]);
      if (near + 1 < here) distance[at] = near + 1;
    }
  }, direction);
}

/**
 * The 13 neighbors that a walk in this direction meets first.
 *
 * @param {number[]} shape without the rim @param {1 | -1} direction
 * @returns {number[]}
 */
function offsetsBefore(shape, direction) {
  const [strideX, strideY] = [(shape[1] + 2) * (shape[2] + 2), shape[2] + 2];
  const steps = [-1, 0, 1];
  return steps
    .flatMap((x) => steps.flatMap((y) => steps.map((z) => x * strideX + y * strideY + z)))
    .filter((offset) => offset < 0)
    .map((offset) => offset * direction);
}
