/**
 * Marks in the guard band of a picture: known codes to calibrate luma by, and the frame's number;
 * the reading half of `hwcodec/marks.py`.
 *
 * Four calibration blocks of rising codes and sixteen counter blocks lie side by side. Where a
 * browser gives a picture only as colors, they tell how its codes were changed and which frame the
 * picture shows.
 */

import { PlayerError } from "./errors.js";
import { several, wholeNumber } from "./values.js";

const BLOCK_SIZE = 8;
const CALIBRATION_COUNT = 4;
const COUNTER_BITS = 16;
const BLOCK_COUNT = CALIBRATION_COUNT + COUNTER_BITS;
/** Deblocking and chroma scaling reach two codes into a block; what lies deeper is averaged. */
const MARGIN = 2;
const LARGEST_RESIDUAL = 0.08;
const GAINS = [0.5, 2];
/** Farthest that a counter block may be from 0 or 1. */
const LARGEST_DOUBT = 0.25;

/**
 * Gain and offset of the conversions that happen: none; full range taken for limited; limited
 * range made of full. A strip went through a codec, so a line through it is a few codes off; one of
 * these that lies that close is what really happened.
 *
 * @type {[number, number][]}
 */
const CONVERSIONS = [[1, 0], [219 / 255, 16], [255 / 219, (-16 * 255) / 219]];
/** In codes. */
const CLOSE = 4;

/** Where the strip lies and which codes it is made of. */
export class Marks {
  /**
   * @param {number} row @param {number} column of the strip in the luma plane
   * @param {number[]} codes the four calibration codes, rising
   */
  constructor(row, column, codes) {
    this.row = row;
    this.column = column;
    this.codes = codes;
  }

  /** @returns {{row: number, column: number, rows: number, columns: number}} in the luma plane */
  get strip() {
    return {
      row: this.row, column: this.column, rows: BLOCK_SIZE, columns: BLOCK_COUNT * BLOCK_SIZE,
    };
  }

  /**
   * The frame that a luma plane shows, modulo 65536.
   *
   * @param {Uint8Array | Uint16Array} luma
   * @param {number} width of the plane
   * @returns {number | null} null if no strip can be read
   */
  frameOf(luma, width) {
    const start = this.row * width + this.column;
    return this.count(blockMeans((row, column) => luma[start + row * width + column]));
  }

  /**
   * The frame that a strip of colors shows, modulo 65536.
   *
   * @param {Uint8Array | Uint8ClampedArray} pixels of `strip`, four numbers each, row by row
   * @returns {number | null} null if no strip can be read
   */
  frameOfColors(pixels) {
    return this.count(colorMeans(pixels));
  }

  /** @param {number[]} means @returns {number | null} */
  count(means) {
    const fit = this.fit(means);
    if (!fit) return null;
    const [low, high] = [this.codes[0], this.codes[CALIBRATION_COUNT - 1]];
    let gray = 0;
    for (const mean of means.slice(CALIBRATION_COUNT)) {
      const level = (mean * fit[0] + fit[1] - low) / (high - low);
      const bit = level > 0.5 ? 1 : 0;
      if (!(Math.abs(level - bit) <= LARGEST_DOUBT)) return null;
      gray = (gray << 1) | bit;
    }
    for (const shift of [8, 4, 2, 1]) gray ^= gray >>> shift;
    return gray;
  }

  /**
   * The straight line from seen values to codes, if the calibration blocks lie on one.
   *
   * @param {number[]} means of all blocks
   * @returns {[number, number] | null} gain and offset
   */
  fit(means) {
    const seen = means.slice(0, CALIBRATION_COUNT);
    const { codes } = this;
    const middle = seen.reduce((sum, value) => sum + value, 0) / CALIBRATION_COUNT;
    const center = codes.reduce((sum, code) => sum + code, 0) / CALIBRATION_COUNT;
    const spread = seen.reduce((sum, value) => sum + (value - middle) ** 2, 0);
    const along = seen.reduce((sum, value, i) => sum + (value - middle) * codes[i], 0);
    const gain = spread > 0 ? along / spread : 0;
    const offset = center - gain * middle;
    const worst = Math.max(...seen.map((value, i) => Math.abs(gain * value + offset - codes[i])));
    const isLine = gain >= GAINS[0] && gain <= GAINS[1]
      && worst / (codes[CALIBRATION_COUNT - 1] - codes[0]) <= LARGEST_RESIDUAL;
    return isLine ? [gain, offset] : null;
  }
}

/**
 * The marks of a group's record.
 *
 * @param {unknown} record `marks` of a group, or null
 * @returns {Marks | null} null where there are none
 * @throws {RangeError} if they are out of limits
 */
export function readMarks(record) {
  if (record === null || record === undefined) return null;
  const { row, column, block_size: size, codes: listed } = /** @type {any} */ (record);
  const codes = several("codes", listed, CALIBRATION_COUNT)
    .map((code) => wholeNumber("codes", code, 0, 65535));
  const isRising = codes.every((code, i) => i === 0 || codes[i - 1] < code);
  const at = [wholeNumber("row", row), wholeNumber("column", column)];
  if (size !== BLOCK_SIZE || !isRising || at.some((place) => place % BLOCK_SIZE)) {
    throw new RangeError(`marks are not rising codes in blocks of ${BLOCK_SIZE} at multiples of it`);
  }
  return new Marks(at[0], at[1], codes);
}

/**
 * What leads colors back to codes: `code = gain * red + offset`, red from 0 to 255.
 *
 * @param {Marks} marks
 * @param {Uint8Array | Uint8ClampedArray} pixels of `marks.strip`, four numbers each, row by row
 * @returns {[number, number]} gain and offset
 * @throws {PlayerError} if the strip does not tell
 */
export function calibrate(marks, pixels) {
  const means = colorMeans(pixels);
  const fit = marks.fit(means);
  if (!fit) {
    const seen = means.slice(0, CALIBRATION_COUNT).map(Math.round).join(", ");
    throw new PlayerError("unsupported", "This browser changes the colors of pictures in a way that "
      + `cannot be undone (marks are at ${seen}, expected ${marks.codes.join(", ")} or a line `
      + "through them); use another browser.");
  }
  const isClose = (/** @type {[number, number]} */ [gain, offset]) => [marks.codes[0], marks.codes[CALIBRATION_COUNT - 1]]
    .every((code) => {
      const seen = (code - offset) / gain;
      return Math.abs(fit[0] * seen + fit[1] - code) <= CLOSE;
    });
  return CONVERSIONS.find(isClose) ?? fit;
}

/**
 * A frame's full number from its counter, which wraps at 65536.
 *
 * @param {number} counter
 * @param {number} near a number that is at most 32767 off
 * @returns {number}
 */
export function unwrapped(counter, near) {
  const period = 2 ** COUNTER_BITS;
  const off = (((counter - near) % period) + period) % period;
  return near + (off < period / 2 ? off : off - period);
}

/** Reads the frame's number off elements that cannot be copied as luma. */
export class MarkReader {
  /** @param {Marks} marks */
  constructor(marks) {
    this.marks = marks;
    const { columns, rows } = marks.strip;
    const canvas = document.createElement("canvas");
    canvas.width = columns;
    canvas.height = rows;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    if (this.context) this.context.imageSmoothingEnabled = false;
  }

  /**
   * @param {CanvasImageSource} source
   * @returns {number | null} modulo 65536; null if no strip can be read
   */
  frameOf(source) {
    const { row, column, rows, columns } = this.marks.strip;
    if (!this.context) return null;
    this.context.drawImage(source, column, row, columns, rows, 0, 0, columns, rows);
    return this.marks.frameOfColors(this.context.getImageData(0, 0, columns, rows).data);
  }
}

/** @param {Uint8Array | Uint8ClampedArray} pixels @returns {number[]} */
function colorMeans(pixels) {
  const width = BLOCK_COUNT * BLOCK_SIZE;
  return blockMeans((row, column) => pixels[4 * (row * width + column)]);
}

/**
 * Mean of every block of the strip without its border.
 *
 * @param {(row: number, column: number) => number} valueAt a place in the strip
 * @returns {number[]}
 */
function blockMeans(valueAt) {
  return Array.from({ length: BLOCK_COUNT }, (_, block) => {
    let sum = 0;
    for (let row = MARGIN; row < BLOCK_SIZE - MARGIN; row++) {
      for (let column = MARGIN; column < BLOCK_SIZE - MARGIN; column++) {
        sum += valueAt(row, block * BLOCK_SIZE + column);
      }
    }
    return sum / (BLOCK_SIZE - 2 * MARGIN) ** 2;
  });
}
