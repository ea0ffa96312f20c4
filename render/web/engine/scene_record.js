/**
 * What a package says about the scene in it, checked; the twin of `render/scene_record.py`.
 *
 * The record keeps the names of `render/SCENE.md`, so that one document describes both.
 */

import { PlayerError } from "./errors.js";
import { readLayout } from "./layout.js";
import { readMarks } from "./marks.js";
import {
  LARGEST, LARGEST_COUNT, anyText, finiteNumber, namedValues, positiveNumber, reading, several,
  triple, wholeNumber,
} from "./values.js";
import { VERTEX_ORDERS } from "./vertex_orders.js";

const SCENE_VERSION = 1;
const KEYS = "version aabb voxel_size grid block_size step empty_density background shading "
  + "frame_rate profile capture groups";
const GROUP_KEYS = "first_frame frame_count occupancy stream layout quantizer";
const BLOCK_SIZES = [4, 8, 16, 32];
const LARGEST_RATE_TERM = 2 ** 32 - 1;
const MAX_VERTICES_PER_AXIS = 65535;
const MAX_VERTICES = 2 ** 28;

/**
 * @typedef {object} Quantizer
 * @property {number[]} minimum
 * @property {number[]} maximum
 * @property {number} bit_depth
 * @property {number} lowest_code
 * @property {number} highest_code
 *
 * @typedef {object} GroupRecord
 * @property {number} first_frame
 * @property {number} frame_count
 * @property {string} occupancy
 * @property {number} stream
 * @property {import("./layout.js").Layout} layout with the derived sizes
 * @property {Quantizer} quantizer
 * @property {Record<string, unknown> | null} marks as `marks.js` reads them
 *
 * @typedef {object} SceneRecord
 * @property {[number[], number[]]} aabb
 * @property {number} voxel_size
 * @property {[number, number, number]} grid
 * @property {number} block_size
 * @property {string} vertex_order one of `VERTEX_ORDERS`
 * @property {number} step
 * @property {number} empty_density
 * @property {number[]} background
 * @property {{feature_count: number, width: number, depth: number, frequency_count: number}} shading
 * @property {[number, number]} frame_rate
 * @property {string} profile
 * @property {{name: string}} capture
 * @property {GroupRecord[]} groups
 * @property {number} frame_count of all groups together
 */

/**
 * The record of a manifest's `scene` object.
 *
 * @param {Record<string, unknown>} scene
 * @returns {SceneRecord}
 * @throws {PlayerError} if it is damaged or newer than this player
 */
export function readSceneRecord(scene) {
  if (typeof scene.version === "number" && scene.version > SCENE_VERSION) {
    throw new PlayerError("newer", `The scene has version ${scene.version}, this player knows `
      + `${SCENE_VERSION} at most; update the player.`);
  }
  return reading("The scene's record", "export the package again", () => readFields(scene));
}

/** @param {Record<string, unknown>} scene @returns {SceneRecord} */
function readFields(scene) {
  namedValues("the scene", scene, KEYS);
  wholeNumber("version", scene.version, 1);
  const shading = readShading(scene.shading);
  const groups = several("groups", scene.groups).map(readGroup);
  checkGroups(groups, 1 + shading.feature_count);
  const last = groups[groups.length - 1];
  const capture = namedValues("capture", scene.capture, "name scale frames test_views");
  return {
    aabb: readBox(scene.aabb),
    voxel_size: positiveNumber("voxel_size", scene.voxel_size),
    grid: readGrid(scene.grid),
    block_size: readBlockSize(scene.block_size),
    vertex_order: readVertexOrder(scene.vertex_order ?? "morton"),
    step: finiteNumber("step", scene.step, 1e-3, 1e3),
    empty_density: finiteNumber("empty_density", scene.empty_density),
    background: triple("background", scene.background, 0, 1),
    shading,
    frame_rate: readRate(scene.frame_rate),
    profile: anyText("profile", scene.profile),
    capture: { name: anyText("name", capture.name) },
    groups,
    frame_count: last.first_frame + last.frame_count,
  };
}

/** @param {unknown} value @returns {[number[], number[]]} */
function readBox(value) {
  const [minimum, maximum] = several("aabb", value, 2).map((end) => triple("aabb", end));
  if (!minimum.every((low, axis) => low < maximum[axis])) {
    throw new RangeError("aabb has a minimum that is not below its maximum");
  }
  return [minimum, maximum];
}

/** @param {unknown} value @returns {[number, number, number]} */
function readGrid(value) {
  const [x, y, z] = several("grid", value, 3)
    .map((count) => wholeNumber("grid", count, 2, MAX_VERTICES_PER_AXIS));
  if (x * y * z > MAX_VERTICES) {
    throw new RangeError(`grid has ${x * y * z} vertices, expected at most ${MAX_VERTICES}`);
  }
  return [x, y, z];
}

/** @param {unknown} value */
function readBlockSize(value) {
  const size = wholeNumber("block_size", value);
  if (!BLOCK_SIZES.includes(size)) {
    throw new RangeError(`block_size is ${size}, expected one of ${BLOCK_SIZES.join(", ")}`);
  }
  return size;
}

/** @param {unknown} value */
function readVertexOrder(value) {
  const order = anyText("vertex_order", value);
  if (!VERTEX_ORDERS.includes(order)) {
    throw new RangeError(`vertex_order is "${order}", expected one of ${VERTEX_ORDERS.join(", ")}`);
  }
  return order;
}

/** @param {unknown} value */
function readShading(value) {
  const shading = namedValues("shading", value, "feature_count width depth frequency_count");
  return {
    feature_count: wholeNumber("feature_count", shading.feature_count, 1, 64),
    width: wholeNumber("width", shading.width, 1, 512),
    depth: wholeNumber("depth", shading.depth, 1, 8),
    frequency_count: wholeNumber("frequency_count", shading.frequency_count, 0, 10),
  };
}

/** @param {unknown} value @returns {[number, number]} */
function readRate(value) {
  const [numerator, denominator] = several("frame_rate", value, 2)
    .map((term) => wholeNumber("frame_rate", term, 1, LARGEST_RATE_TERM));
  return [numerator, denominator];
}

/** @param {unknown} value @returns {GroupRecord} */
function readGroup(value) {
  const group = namedValues("a group", value, GROUP_KEYS);
  const keys = "channels rows columns guard tile_columns";
  const layout = readLayout(namedValues("layout", group.layout, keys));
  const marks = /** @type {Record<string, unknown> | null} */ (group.marks ?? null);
  checkMarks(marks, layout);
  return {
    first_frame: wholeNumber("first_frame", group.first_frame),
    frame_count: wholeNumber("frame_count", group.frame_count, 1),
    occupancy: anyText("occupancy", group.occupancy),
    stream: wholeNumber("stream", group.stream),
    layout,
    quantizer: readQuantizer(group.quantizer),
    marks,
  };
}

/** @param {unknown} value @param {import("./layout.js").Layout} layout */
function checkMarks(value, layout) {
  const strip = readMarks(value)?.strip;
  if (!strip) return;
  const { row, column, rows, columns } = strip;
  const isInside = row + rows <= layout.height && column + columns <= layout.width;
  if (!isInside || row % layout.cellRows < layout.rows) {
    throw new RangeError(`marks at row ${row}, column ${column} lie on texels or out of the plane`);
  }
}

/** @param {unknown} value @returns {Quantizer} */
function readQuantizer(value) {
  const keys = "minimum maximum bit_depth lowest_code highest_code";
  const record = namedValues("quantizer", value, keys);
  const minimum = several("minimum", record.minimum).map((end) => finiteNumber("minimum", end));
  const maximum = several("maximum", record.maximum, minimum.length)
    .map((end) => finiteNumber("maximum", end));
  if (!minimum.every((low, c) => low <= maximum[c] && maximum[c] - low <= LARGEST)) {
    throw new RangeError("quantizer has a minimum above its maximum, or too far below it");
  }
  const depth = wholeNumber("bit_depth", record.bit_depth, 1, 16);
  const highest = wholeNumber("highest_code", record.highest_code, 1, 2 ** depth - 1);
  return {
    minimum,
    maximum,
    bit_depth: depth,
    lowest_code: wholeNumber("lowest_code", record.lowest_code, 0, highest - 1),
    highest_code: highest,
  };
}

/**
 * Groups must follow each other from frame 0 without a gap, with the network's channels.
 *
 * @param {GroupRecord[]} groups @param {number} channels
 */
function checkGroups(groups, channels) {
  let expected = 0;
  for (const { first_frame: first, frame_count: count, layout, quantizer } of groups) {
    if (first !== expected || expected + count > LARGEST_COUNT) {
      throw new RangeError(`a group begins at frame ${first} with ${count} frames, expected it to `
        + `begin at ${expected}`);
    }
    if (layout.channels !== channels || quantizer.minimum.length !== channels) {
      throw new RangeError(`the group at frame ${first} has ${layout.channels} channels and ranges `
        + `for ${quantizer.minimum.length}, expected ${channels} as the network has`);
    }
    expected += count;
  }
  if (!groups.length) throw new RangeError("it has no groups, expected at least one");
}
