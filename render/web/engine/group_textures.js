/**
 * Tables of groups on the device: those of the last two groups, filled slice by slice, so that the
 * next group can come while one is drawn.
 */

import { checkSize, setUnfiltered, storedTexture } from "./gl_textures.js";
import { CORNER_COLUMNS } from "./shader_source.js";

/**
 * @typedef {WebGL2RenderingContext} Gl
 *
 * @typedef {import("./tables.js").GroupTables} GroupTables
 */

/** Groups whose tables are kept: the one that is drawn, and the next or the one before. */
const KEPT_GROUPS = 2;
/** Bytes of one upload: few enough to stop behind it, enough that calls cost nothing. */
const SLICE_BYTES = 2 ** 19;
/** Bytes of all uploads of one turn, since a call returns before the device has them. */
const TURN_BYTES = 2 ** 22;
/** The table of corners grows by so many rows, so that the next group's mostly fits. */
const ROW_STEP = 32;
/** Bytes of a row of corners: two texels of four numbers per cell. */
const ROW_BYTES = 32 * CORNER_COLUMNS;

/** The tables of one group after another, in textures that are used again where they fit. */
export class GroupTextures {
  /** @param {Gl} gl */
  constructor(gl) {
    this.gl = gl;
    /** @type {GroupTables | null} what the textures hold, or will once all slices are there */
    this.tables = null;
    /** @type {WebGLTexture | null} */
    this.cells = null;
    this.cellKey = "";
    /** @type {WebGLTexture | null} */
    this.corners = null;
    this.cornerRows = 0;
    /** @type {Generator<number, void> | null} uploads that are left; gives the bytes of each */
    this.left = null;
  }

  /**
   * Take other tables; their uploads are left for `uploadSome`.
   *
   * @param {GroupTables} tables
   * @throws {import("./errors.js").PlayerError} if the device takes no textures of that size
   */
  begin(tables) {
    this.tables = null;
    this.left = null;
    this.prepareCells(tables);
    this.prepareCorners(tables);
    this.tables = tables;
    this.left = this.uploads(tables);
  }

  /**
   * Upload what is left, at least one slice of it, until the time or the bytes are used up.
   *
   * @param {number} until as of `performance.now()`
   * @param {number} [bytes]
   */
  uploadSome(until, bytes = Infinity) {
    let sum = 0;
    while (this.left) {
      const { done, value } = this.left.next();
      if (done) this.left = null;
      sum += value ?? 0;
      if (sum >= bytes || performance.now() >= until) return;
    }
  }

  dispose() {
    this.gl.deleteTexture(this.cells);
    this.gl.deleteTexture(this.corners);
    Object.assign(this, { tables: null, left: null, cells: null, corners: null });
    Object.assign(this, { cellKey: "", cornerRows: 0 });
  }

  /**
   * Cells in their own memory order: z along the width, y along the height, x in depth.
   *
   * @param {GroupTables} tables
   */
  prepareCells({ cellShape: [x, y, z] }) {
    const { gl } = this;
    const key = `${x} ${y} ${z}`;
    if (this.cellKey === key) return;
    checkSize(gl, gl.MAX_3D_TEXTURE_SIZE, Math.max(x, y, z), "the table of cells");
    gl.deleteTexture(this.cells);
    this.cells = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_3D, this.cells);
    gl.texStorage3D(gl.TEXTURE_3D, 1, gl.R32I, z, y, x);
    setUnfiltered(gl, gl.TEXTURE_3D);
    this.cellKey = key;
  }

  /** @param {GroupTables} tables */
  prepareCorners({ corners }) {
    const { gl } = this;
    const needed = Math.max(Math.ceil(corners.length / 8 / CORNER_COLUMNS), 1);
    if (this.cornerRows >= needed) return;
    checkSize(gl, gl.MAX_TEXTURE_SIZE, needed, "the table of corners");
    const most = gl.getParameter(gl.MAX_TEXTURE_SIZE);
    const height = Math.max(Math.min(ROW_STEP * Math.ceil(needed / ROW_STEP), most), needed);
    gl.deleteTexture(this.corners);
    this.cornerRows = 0;
    const size = { width: 2 * CORNER_COLUMNS, height };
    this.corners = storedTexture(gl, gl.RGBA32UI, size, "the table of corners");
    this.cornerRows = height;
  }

  /** @param {GroupTables} tables */
  *uploads(tables) {
    yield* this.cellUploads(tables);
    yield* this.cornerUploads(tables.corners);
  }

  /** @param {GroupTables} tables */
  *cellUploads({ cells, cellShape: [x, y, z] }) {
    const { gl } = this;
    const depth = Math.max(Math.floor(SLICE_BYTES / (4 * y * z)), 1);
    for (let at = 0; at < x; at += depth) {
      const count = Math.min(depth, x - at);
      const part = cells.subarray(at * y * z, (at + count) * y * z);
      gl.bindTexture(gl.TEXTURE_3D, this.cells);
      gl.pixelStorei(gl.UNPACK_ALIGNMENT, 4);
      gl.texSubImage3D(gl.TEXTURE_3D, 0, 0, 0, at, z, y, count, gl.RED_INTEGER, gl.INT, part);
      yield part.byteLength;
    }
  }

  /** @param {Uint32Array} corners eight per active cell */
  *cornerUploads(corners) {
    const { gl } = this;
    const count = corners.length / 8;
    const full = Math.floor(count / CORNER_COLUMNS);
    const step = Math.floor(SLICE_BYTES / ROW_BYTES);
    for (let row = 0; row * CORNER_COLUMNS < count;) {
      // The last row may end early.
      const rows = row < full ? Math.min(step, full - row) : 1;
      const width = row < full ? CORNER_COLUMNS : count - full * CORNER_COLUMNS;
      const start = 8 * row * CORNER_COLUMNS;
      const part = corners.subarray(start, start + 8 * rows * width);
      gl.bindTexture(gl.TEXTURE_2D, this.corners);
      gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, row, 2 * width, rows, gl.RGBA_INTEGER,
        gl.UNSIGNED_INT, part);
      row += rows;
      yield part.byteLength;
    }
  }
}

/** The tables of the last two groups. */
export class GroupSlots {
  /** @param {Gl} gl */
  constructor(gl) {
    /** @type {GroupTextures[]} the one that is drawn comes last */
    this.slots = Array.from({ length: KEPT_GROUPS }, () => new GroupTextures(gl));
  }

  /**
   * Textures that hold the tables, completely; drawn from now on.
   *
   * @param {GroupTables} tables
   * @returns {GroupTextures}
   * @throws {import("./errors.js").PlayerError} if the device takes no textures of that size
   */
  take(tables) {
    const slot = this.holder(tables) ?? this.slots[0];
    if (slot.tables !== tables) slot.begin(tables);
    slot.uploadSome(Infinity);
    this.slots = [...this.slots.filter((other) => other !== slot), slot];
    return slot;
  }

  /**
   * Let the tables come beside those that are drawn; nothing if they are there.
   *
   * @param {GroupTables} tables
   * @throws {import("./errors.js").PlayerError} if the device takes no textures of that size
   */
  stage(tables) {
    if (!this.holder(tables)) this.slots[0].begin(tables);
  }

  /**
   * Go on with what `stage` began.
   *
   * @param {number} budgetMs
   * @returns {boolean} whether more is left
   */
  uploadSome(budgetMs) {
    const [next] = this.slots;
    next.uploadSome(performance.now() + budgetMs, TURN_BYTES);
    return next.left !== null;
  }

  dispose() {
    for (const slot of this.slots) slot.dispose();
  }

  /** @param {GroupTables} tables @returns {GroupTextures | undefined} */
  holder(tables) {
    return this.slots.find((slot) => slot.tables === tables);
  }
}
