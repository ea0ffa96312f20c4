/**
 * Draws decoded pictures as views of the scene, with the shaders that every renderer shares.
 */

import { PlayerError } from "./errors.js";
import { Device } from "./gl_device.js";
import { openContext } from "./gl_programs.js";
import { codeLayout, fetchShaders } from "./shader_source.js";

/** Texture units. */
const UNITS = { uCells: 0, uCorners: 1, uAtlas: 2, uLuma: 3 };

/** What `draw` can show. */
export const MODES = Object.freeze({
  color: 0, opacity: 1, samples: 2, atlas: 3, occupancy: 4, depth: 5,
});

/**
 * @typedef {import("./gl_programs.js").Program} Program
 *
 * @typedef {object} RendererOptions
 * @property {string} [shaderFolder] address of the GLSL files
 * @property {boolean} [isFloat] draw float32 pixels beside the canvas, for measurements
 * @property {AbortSignal} [signal]
 */

/**
 * A renderer for a canvas.
 *
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas
 * @param {RendererOptions} [options]
 * @returns {Promise<Renderer>}
 * @throws {PlayerError} if there is no WebGL 2, or the shaders cannot be fetched
 */
export async function createRenderer(canvas, { shaderFolder, isFloat = false, signal } = {}) {
  return new Renderer(canvas, await fetchShaders(shaderFolder, { signal }), { isFloat });
}

/**
 * Draws one group's pictures at a time, and keeps the tables of the last two groups on the device.
 * After a lost context it uploads its group again by itself and draws from the next picture on.
 */
export class Renderer {
  /**
   * @param {HTMLCanvasElement | OffscreenCanvas} canvas
   * @param {import("./shader_source.js").ShaderBodies} bodies
   * @param {{isFloat?: boolean}} [options]
   */
  constructor(canvas, bodies, { isFloat = false } = {}) {
    this.canvas = canvas;
    this.bodies = bodies;
    this.isFloat = isFloat;
    this.gl = openContext(canvas);
    this.isLost = false;
    /**
     * What `setGroup` was given.
     *
     * @type {{tables: import("./tables.js").GroupTables, pkg: import("./package.js").Package,
     *     groupIndex: number} | null}
     */
    this.chosen = null;
    this.drawn = { width: 0, height: 0 };
    this.device = new Device(this.gl, bodies);
    if (isFloat && !this.gl.getExtension("EXT_color_buffer_float")) {
      throw new PlayerError("unsupported", "This device draws no float pixels; measure on another.");
    }
    this.onLost = (/** @type {Event} */ event) => {
      event.preventDefault(); // Asks for the context to come back.
      this.isLost = true;
    };
    this.onRestored = () => this.restore();
    canvas.addEventListener("webglcontextlost", this.onLost);
    canvas.addEventListener("webglcontextrestored", this.onRestored);
  }

  /**
   * Draw this group from now on; uploads of its tables what is not there yet.
   *
   * @param {import("./tables.js").GroupTables} tables
   * @param {import("./package.js").Package} pkg
   * @param {number} groupIndex
   * @throws {PlayerError} if the device takes no textures of that size
   */
  setGroup(tables, pkg, groupIndex) {
    this.chosen = { tables, pkg, groupIndex };
    if (!this.isLost) this.device.setGroup(tables, pkg, groupIndex);
  }

  /**
   * This group comes next: let `uploadSome` bring its tables while another one is drawn.
   *
   * @param {import("./tables.js").GroupTables} tables
   * @param {import("./package.js").Package} pkg
   * @param {number} groupIndex of `pkg`
   */
  stageGroup(tables, pkg, groupIndex) {
    if (!pkg.record.groups[groupIndex]) {
      throw new PlayerError("usage", `Group ${groupIndex} does not exist, expected 0 to `
        + `${pkg.record.groups.length - 1}.`);
    }
    if (!this.isLost) this.device.stageGroup(tables, pkg);
  }

  /**
   * Upload a part of the staged group; call it at every turn of the drawing loop.
   *
   * @param {number} budgetMs milliseconds after which it stops; one slice is done in any case
   * @returns {boolean} whether more is left
   */
  uploadSome(budgetMs) {
    return !this.isLost && this.device.slots.uploadSome(budgetMs);
  }

  /**
   * Take a picture of the group; it is copied, so it may be closed afterwards.
   *
   * @param {import("./pictures.js").DecodedPicture} picture
   * @throws {PlayerError} if it came as colors that cannot be led back to codes
   */
  setPicture(picture) {
    const { gl, device } = this;
    if (this.isLost) return;
    const { group, textures, programs, atlas } = device;
    if (!group || !textures || !programs || !atlas) {
      throw new PlayerError("usage", "The renderer has no group yet; give it one before a picture.");
    }
    gl.activeTexture(gl.TEXTURE0 + UNITS.uLuma);
    device.picture.upload(picture);
    const program = picture.luma ? programs.pack : programs.packColor;
    program.use();
    gl.uniform1i(program.at("uLuma"), UNITS.uLuma);
    const { rows, tileColumns, cellRows, cellColumns } = group.layout;
    gl.uniform4i(program.at("uLayout"), rows, tileColumns, cellRows, cellColumns);
    gl.uniform2i(program.at("uCodes"), group.quantizer.lowest_code, group.quantizer.highest_code);
    if (!picture.luma) {
      const calibration = device.calibrationOf(group, picture.route);
      gl.uniform2fv(program.at("uCalibration"), calibration);
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, atlas.framebuffer);
    gl.viewport(0, 0, atlas.width, atlas.height);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    device.hasPicture = true;
  }

  /**
   * Draw a view of the picture.
   *
   * @param {import("./views.js").View} view
   * @param {{mode?: number, scale?: number}} [options] mode as in `MODES`; `scale` of the size
   * @returns {boolean} whether something was drawn; not while the context is lost or before the
   *     first picture
   */
  draw(view, { mode = MODES.color, scale = 1 } = {}) {
    const { gl, chosen } = this;
    const { group, textures, programs, hasPicture } = this.device;
    if (this.isLost || !hasPicture || !group || !textures || !programs || !chosen) return false;
    const width = Math.max(Math.round(view.width * scale), 1);
    const height = Math.max(Math.round(view.height * scale), 1);
    this.bindTarget(width, height);
    gl.viewport(0, 0, width, height);
    const program = programs.march;
    program.use();
    this.bindTextures(program);
    const { record } = chosen.pkg;
    setValues(gl, program, group, codeLayout(record));
    this.setCamera(program, view, record, { width, height });
    gl.uniform1i(program.at("uMode"), mode);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    this.drawn = { width, height };
    return true;
  }

  /**
   * What was drawn last, row 0 on top; call it in the same turn as `draw`.
   *
   * @returns {Float32Array} red, green, blue and opacity in [0, 1], row by row
   */
  readPixels() {
    const { gl, isFloat } = this;
    const { width, height } = this.drawn;
    this.bindTarget(width, height);
    if (isFloat) {
      const pixels = new Float32Array(4 * width * height);
      gl.readPixels(0, 0, width, height, gl.RGBA, gl.FLOAT, pixels);
      return pixels;
    }
    const bytes = new Uint8Array(4 * width * height);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    const pixels = new Float32Array(bytes.length);
    for (let row = 0; row < height; row++) {
      const from = 4 * width * (height - 1 - row);
      for (let i = 0; i < 4 * width; i++) pixels[4 * width * row + i] = bytes[from + i] / 255;
    }
    return pixels;
  }

  /** Free everything; the renderer is of no use afterwards. */
  dispose() {
    this.canvas.removeEventListener("webglcontextlost", this.onLost);
    this.canvas.removeEventListener("webglcontextrestored", this.onRestored);
    this.device.dispose();
    this.isLost = true;
  }

  restore() {
    this.isLost = false;
    this.device = new Device(this.gl, this.bodies);
    if (this.isFloat) this.gl.getExtension("EXT_color_buffer_float");
    if (this.chosen) this.setGroup(this.chosen.tables, this.chosen.pkg, this.chosen.groupIndex);
  }

  /** @param {number} width @param {number} height */
  bindTarget(width, height) {
    const { gl, canvas } = this;
    if (this.isFloat) {
      this.device.floatTarget.bind(width, height);
      return;
    }
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  }

  /** @param {Program} program */
  bindTextures(program) {
    const { gl } = this;
    const { textures, atlas } = this.device;
    const bound = [
      ["uCells", gl.TEXTURE_3D, textures?.cells], ["uCorners", gl.TEXTURE_2D, textures?.corners],
      ["uAtlas", gl.TEXTURE_2D, atlas?.texture],
    ];
    for (const [name, kind, texture] of /** @type {[keyof typeof UNITS, number, any][]} */ (bound)) {
      gl.activeTexture(gl.TEXTURE0 + UNITS[name]);
      gl.bindTexture(kind, texture);
      gl.uniform1i(program.at(name), UNITS[name]);
    }
    gl.uniform1i(program.at("uAtlasRows"), textures?.tables?.rows ?? 0);
  }

  /**
   * @param {Program} program @param {import("./views.js").View} view
   * @param {import("./scene_record.js").SceneRecord} record
   * @param {{width: number, height: number}} size
   */
  setCamera(program, view, { aabb: [minimum], voxel_size: voxel }, { width, height }) {
    const { gl } = this;
    const origin = view.position.map((value, axis) => (Math.fround(value) - minimum[axis]) / voxel);
    gl.uniform3fv(program.at("uOrigin"), origin);
    gl.uniform3fv(program.at("uRight"), view.right);
    gl.uniform3fv(program.at("uDown"), view.down);
    gl.uniform3fv(program.at("uForward"), view.forward);
    const [x, y] = [width / view.width, height / view.height];
    const [focalX, focalY] = [view.focalX * x, view.focalY * y];
    const [centerX, centerY] = [view.centerX * x, view.centerY * y];
    // On a screen row 0 is the lowest, in a float picture it is the top one.
    gl.uniform2f(program.at("uCenter"), centerX, this.isFloat ? centerY : height - centerY);
    gl.uniform2f(program.at("uFocal"), focalX, this.isFloat ? focalY : -focalY);
    gl.uniform2f(program.at("uPicture"), width, height);
  }
}

/**
 * Code to value, per channel.
 *
 * @param {WebGL2RenderingContext} gl @param {Program} program
 * @param {import("./scene_record.js").GroupRecord} group
 * @param {import("./shader_source.js").CodeLayout} layout
 */
function setValues(gl, program, { quantizer }, { perWord, words }) {
  const { minimum, maximum, lowest_code: lowest, highest_code: highest } = quantizer;
  const low = new Float32Array(perWord * words);
  const step = new Float32Array(perWord * words);
  minimum.forEach((value, channel) => {
    low[channel] = value;
    // In single precision, step by step, as `Quantizer.step` has it.
    const span = Math.fround(Math.fround(maximum[channel]) - Math.fround(value));
    step[channel] = Math.fround(span / (highest - lowest));
  });
  const set = perWord === 4 ? gl.uniform4fv : gl.uniform2fv;
  set.call(gl, program.at("uMinimum"), low);
  set.call(gl, program.at("uStep"), step);
}
