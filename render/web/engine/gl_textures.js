/** Textures that are drawn into or hold a picture, and that they fit the device. */

import { PlayerError } from "./errors.js";

/** @typedef {WebGL2RenderingContext} Gl */

/** Packed atlases that are kept: those of the group that is drawn and of another size. */
const KEPT_ATLASES = 2;

/** Where pictures are packed to; made anew only where none of the latest has the size. */
export class AtlasTargets {
  /** @param {Gl} gl */
  constructor(gl) {
    this.gl = gl;
    /** @type {Map<string, AtlasTarget>} by size, in order of use */
    this.kept = new Map();
  }

  /**
   * A target of that size; what it holds is whatever was packed last.
   *
   * @param {number} width @param {number} height
   * @returns {AtlasTarget}
   * @throws {PlayerError} if the device takes no textures of that size
   */
  of(width, height) {
    const { gl, kept } = this;
    const key = `${width} ${height}`;
    const target = kept.get(key) ?? new AtlasTarget(gl, width, height);
    kept.delete(key);
    kept.set(key, target);
    for (const [name, old] of [...kept].slice(0, -KEPT_ATLASES)) {
      old.dispose();
      kept.delete(name);
    }
    return target;
  }

  dispose() {
    for (const target of this.kept.values()) target.dispose();
    this.kept.clear();
  }
}

/** One packed atlas, all its layers below each other. */
export class AtlasTarget {
  /** @param {Gl} gl @param {number} width @param {number} height */
  constructor(gl, width, height) {
    this.gl = gl;
    this.width = width;
    this.height = height;
    this.texture = storedTexture(gl, gl.RGBA32UI, { width, height }, "the atlas");
    this.framebuffer = framebufferOf(gl, this.texture);
  }

  dispose() {
    this.gl.deleteTexture(this.texture);
    this.gl.deleteFramebuffer(this.framebuffer);
  }
}

/** The latest picture on the device: exact codes, or colors where only those can be had. */
export class PictureTexture {
  /** @param {Gl} gl */
  constructor(gl) {
    this.gl = gl;
    /** @type {WebGLTexture | null} */
    this.texture = null;
    /** @type {WebGLFramebuffer | null} to read it back, once that was asked for */
    this.framebuffer = null;
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
    this.framebuffer ??= framebufferOf(gl, /** @type {WebGLTexture} */ (this.texture));
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
    const pixels = new Uint8Array(4 * columns * rows);
    gl.readPixels(column, row, columns, rows, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    return pixels;
  }

  dispose() {
    this.gl.deleteTexture(this.texture);
    this.gl.deleteFramebuffer(this.framebuffer);
    this.texture = null;
    this.framebuffer = null;
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
export function storedTexture(gl, format, { width, height }, what) {
  checkSize(gl, gl.MAX_TEXTURE_SIZE, Math.max(width, height), what);
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texStorage2D(gl.TEXTURE_2D, 1, format, width, height);
  setUnfiltered(gl, gl.TEXTURE_2D);
  return texture;
}

/**
 * A framebuffer that draws into a texture; bound. Asks whether that works, which waits for the
 * device, so keep what it gives.
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

/** Read texels alone. @param {Gl} gl @param {number} kind of texture that is bound */
export function setUnfiltered(gl, kind) {
  gl.texParameteri(kind, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(kind, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  gl.texParameteri(kind, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(kind, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}

/**
 * Refuse a texture that the device does not take.
 *
 * @param {Gl} gl @param {number} limit name of the device's limit
 * @param {number} side texels along the longest side
 * @param {string} what for the message
 * @throws {PlayerError} if it is too large
 */
export function checkSize(gl, limit, side, what) {
  const most = gl.getParameter(limit);
  if (side > most && !gl.isContextLost()) {
    throw new PlayerError("unsupported", `The scene is too large for this device: ${what} takes `
      + `${side} texels along one side, the device has at most ${most}; bake it at a lower `
      + "resolution.");
  }
}
