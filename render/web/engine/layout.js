/** Where each channel lies in a luma plane; the twin of `hwcodec/planes.py`. */

import { wholeNumber } from "./values.js";

const ALIGNMENT = 16;
const SIDE_LIMIT = 4096;
const BLOCK_LIMIT = 36864;

/**
 * @typedef {object} Layout a group's `layout` with what follows from it
 * @property {number} channels
 * @property {number} rows of the atlas
 * @property {number} columns of the atlas
 * @property {number} guard
 * @property {number} tileColumns
 * @property {number} cellRows distance of channels above each other
 * @property {number} cellColumns distance of channels side by side
 * @property {number} width of the luma plane
 * @property {number} height of the luma plane
 */

/**
 * The layout of a record.
 *
 * @param {Record<string, unknown>} record `layout` of a group
 * @returns {Layout}
 * @throws {RangeError} if it is out of limits
 */
export function readLayout(record) {
  const channels = wholeNumber("channels", record.channels, 1);
  const rows = wholeNumber("rows", record.rows, 1);
  const columns = wholeNumber("columns", record.columns, 1);
  const guard = wholeNumber("guard", record.guard, 0);
  const tileColumns = wholeNumber("tile_columns", record.tile_columns, 1);
  const cellRows = Math.ceil((rows + guard) / ALIGNMENT) * ALIGNMENT;
  const cellColumns = Math.ceil((columns + guard) / ALIGNMENT) * ALIGNMENT;
  const width = tileColumns * cellColumns;
  const height = Math.ceil(channels / tileColumns) * cellRows;
  if (Math.max(width, height) > SIDE_LIMIT || (width * height) / ALIGNMENT ** 2 > BLOCK_LIMIT) {
    throw new RangeError(`the luma plane would be ${width}x${height}, expected at most `
      + `${SIDE_LIMIT} on a side and ${BLOCK_LIMIT} blocks of 16x16`);
  }
  return { channels, rows, columns, guard, tileColumns, cellRows, cellColumns, width, height };
}
