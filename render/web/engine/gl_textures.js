/** Textures of the renderer: what they hold, how they are filled, and that they fit the device. */

import { PlayerError } from "./errors.js";
import { CORNER_COLUMNS } from "./shader_source.js";

/** @typedef {WebGL2RenderingContext} Gl */

/** The tables of one group and its packed atlas, on the device. */
export class GroupTextures {
  /**
   * @param {Gl} gl
   * @param {import("./tables.js").GroupTables} tables
   * @param {number} layers texel layers of the packed atlas
   * @throws {PlayerError} if the device takes no textures of that size
   */
  constructor(gl, tables, layers) {
    this.gl = gl;
    this.rows = tables.rows;
    this.columns = tables.columns;
    this.cells = cellTexture(gl, tables);
    this.corners = cornerTexture(gl, tables.corners);
    const height = tables.rows * layers;
    this.height = height;
    this.atlas = storedTexture(gl, gl.RGBA32UI, { width: tables.columns, height }, "the atlas");
    this.target = framebufferOf(gl, this.atlas);
  }

  dispose() {
    const { gl } = this;
    for (const texture of [this.cells, this.corners, this.atlas]) gl.deleteTexture(texture);
    gl.deleteFramebuffer(this.target);
  }
}

/** The latest picture on the device: exact codes, or colors where only those can be had. */
export class PictureTexture {
  /** @param {Gl} gl */
  constructor(gl) {
    this.gl = gl;
    /** @type {WebGLTexture | null} */
    this.texture = null;
    this.key = "";
  }

  /**
   * Copy a picture; it may be closed afterwards.
   *
   * @param {import("./pictures.js").DecodedPicture} picture
   */
  upload(picture) {
    const { gl } = this;
    const { luma, source, width, height } = picture;
    const isWide = luma instanceof Uint16Array;
    const format = luma ? (isWide ? gl.R16UI : gl.R8UI) : gl.RGBA8;
    this.prepare(format, width, height);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    if (luma) {
      const kind = isWide ? gl.UNSIGNED_SHORT : gl.UNSIGNED_BYTE;
      gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, width, height, gl.RED_INTEGER, kind, luma);
    } else {
      gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
      gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE,
        /** @type {TexImageSource} */ (source));
    }
  }

  /** @param {number} format @param {number} width @param {number} height */
  prepare(format, width, height) {
    const { gl } = this;
    const key = `${format} ${width} ${height}`;
    if (this.key === key) {
      gl.bindTexture(gl.TEXTURE_2D, this.texture);
      return;
    }
    this.dispose();
    this.texture = storedTexture(gl, format, { width, height }, "a picture");
    this.key = key;
  }

  /**
   * A part of a color picture, read back.
   *
   * @param {{column: number, row: number, columns: number, rows: number}} part
   * @returns {Uint8Array} four numbers per pixel, row by row
   */
  read({ column, row, columns, rows }) {
    const { gl } = this;
    const target = framebufferOf(gl, /** @type {WebGLTexture} */ (this.texture));
    const pixels = new Uint8Array(4 * columns * rows);
    gl.readPixels(column, row, columns, rows, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.deleteFramebuffer(target);
    return pixels;
  }

  dispose() {
    this.gl.deleteTexture(this.texture);
    this.texture = null;
    this.key = "";
  }
}

/** Where float pixels are drawn; as large as the latest picture. */
export class FloatTarget {
  /** @param {Gl} gl */
  constructor(gl) {
    this.gl = gl;
    /** @type {WebGLTexture | null} */
    this.texture = null;
    /** @type {WebGLFramebuffer | null} */
    this.framebuffer = null;
    this.key = "";
  }

  /** @param {number} width @param {number} height */
  bind(width, height) {
    const { gl } = this;
    const key = `${width} ${height}`;
    if (this.key === key) {
      gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
      return;
    }
    this.dispose();
    this.texture = storedTexture(gl, gl.RGBA32F, { width, height }, "the float picture");
    this.framebuffer = framebufferOf(gl, this.texture);
    this.key = key;
  }

  dispose() {
    this.gl.deleteTexture(this.texture);
    this.gl.deleteFramebuffer(this.framebuffer);
    this.key = "";
  }
}

/**
 * A texture of fixed size, bound, without filtering.
 *
 * @param {Gl} gl @param {number} format sized internal format
 * @param {{width: number, height: number}} size
 * @param {string} what for the message
 * @returns {WebGLTexture}
 */
function storedTexture(gl, format, { width, height }, what) {
  checkSize(gl, gl.MAX_TEXTURE_SIZE, Math.max(width, height), what);
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texStorage2D(gl.TEXTURE_2D, 1, format, width, height);
  setUnfiltered(gl, gl.TEXTURE_2D);
  return texture;
}

/**
 * A framebuffer that draws into a texture; bound.
 *
 * @param {Gl} gl @param {WebGLTexture} texture
 * @returns {WebGLFramebuffer}
 */
function framebufferOf(gl, texture) {
  const target = gl.createFramebuffer();
  gl.bindFramebuffer(gl.FRAMEBUFFER, target);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  const state = gl.checkFramebufferStatus(gl.FRAMEBUFFER);
  if (state !== gl.FRAMEBUFFER_COMPLETE && !gl.isContextLost()) {
    throw new PlayerError("graphics", `This device cannot draw into a texture that the player needs `
      + `(status ${state}); update the browser or the graphics driver.`);
  }
  return target;
}

/**
 * Cells in their own memory order: z along the width, y along the height, x in depth.
 *
 * @param {Gl} gl @param {import("./tables.js").GroupTables} tables
 */
function cellTexture(gl, { cells, cellShape: [x, y, z] }) {
  checkSize(gl, gl.MAX_3D_TEXTURE_SIZE, Math.max(x, y, z), "the table of cells");
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_3D, texture);
  gl.texStorage3D(gl.TEXTURE_3D, 1, gl.R32I, z, y, x);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 4);
  gl.texSubImage3D(gl.TEXTURE_3D, 0, 0, 0, 0, z, y, x, gl.RED_INTEGER, gl.INT, cells);
  setUnfiltered(gl, gl.TEXTURE_3D);
  return texture;
}

/** @param {Gl} gl @param {Uint32Array} corners eight per active cell */
function cornerTexture(gl, corners) {
  const count = corners.length / 8;
  const height = Math.max(Math.ceil(count / CORNER_COLUMNS), 1);
  const size = { width: 2 * CORNER_COLUMNS, height };
  const texture = storedTexture(gl, gl.RGBA32UI, size, "the table of corners");
  const full = Math.floor(count / CORNER_COLUMNS);
  const put = (/** @type {number} */ row, /** @type {number} */ width,
    /** @type {number} */ rows, /** @type {Uint32Array} */ data) => {
    if (!width || !rows) return;
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, row, width, rows, gl.RGBA_INTEGER, gl.UNSIGNED_INT, data);
  };
  put(0, 2 * CORNER_COLUMNS, full, corners.subarray(0, 8 * full * CORNER_COLUMNS));
  put(full, 2 * (count - full * CORNER_COLUMNS), 1, corners.subarray(8 * full * CORNER_COLUMNS));
  return texture;
}

/** @param {Gl} gl @param {number} kind of texture that is bound */
function setUnfiltered(gl, kind) {
  gl.texParameteri(kind, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(kind, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  gl.texParameteri(kind, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(kind, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}

/** @param {Gl} gl @param {number} limit @param {number} side @param {string} what */
function checkSize(gl, limit, side, what) {
  const most = gl.getParameter(limit);
  if (side > most && !gl.isContextLost()) {
    throw new PlayerError("unsupported", `The scene is too large for this device: ${what} takes `
      + `${side} texels along one side, the device has at most ${most}; bake it at a lower `
      + "resolution.");
  }
}
