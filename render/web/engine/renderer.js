/**
 * Draws decoded pictures as views of the scene, with the shaders that every renderer shares.
 */

import { PlayerError } from "./errors.js";
import { Program, openContext } from "./gl_programs.js";
import { GroupTextures, PictureTexture, framebufferOf, storedTexture } from "./gl_textures.js";
import { calibrate, readMarks } from "./marks.js";
import { codeLayout, fetchShaders, shaderSources } from "./shader_source.js";

/** Scenes whose programs are kept: the rungs that a player moves between. */
const KEPT_SCENES = 3;
const UNITS = { uCells: 0, uCorners: 1, uAtlas: 2, uLuma: 3 };

/** What `draw` can show. */
export const MODES = Object.freeze({
  color: 0, opacity: 1, samples: 2, atlas: 3, occupancy: 4, depth: 5,
});

/**
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
 * Draws one group's pictures at a time. After a lost context it uploads its group again by itself
 * and draws from the next picture on.
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
    this.onLost = (/** @type {Event} */ event) => {
      event.preventDefault(); // Asks for the context to come back.
      this.isLost = true;
    };
    this.onRestored = () => this.restore();
    canvas.addEventListener("webglcontextlost", this.onLost);
    canvas.addEventListener("webglcontextrestored", this.onRestored);
    this.reset();
  }

  /**
   * Draw this group from now on.
   *
   * @param {import("./tables.js").GroupTables} tables
   * @param {import("./package.js").Package} pkg
   * @param {number} groupIndex
   * @throws {PlayerError} if the device takes no textures of that size
   */
  setGroup(tables, pkg, groupIndex) {
    this.chosen = { tables, pkg, groupIndex };
    this.hasPicture = false;
    if (this.isLost) return;
    this.programs = this.programsOf(pkg);
    this.textures?.dispose();
    this.textures = null;
    this.textures = new GroupTextures(this.gl, tables, codeLayout(pkg.record).layers);
    this.group = pkg.record.groups[groupIndex];
    this.calibration = null;
  }

  /**
   * Take a picture of the group; it is copied, so it may be closed afterwards.
   *
   * @param {import("./pictures.js").DecodedPicture} picture
   * @throws {PlayerError} if it came as colors that cannot be led back to codes
   */
  setPicture(picture) {
    const { gl, group, textures, programs } = this;
    if (this.isLost) return;
    if (!group || !textures || !programs) throw missing("a group");
    gl.activeTexture(gl.TEXTURE0 + UNITS.uLuma);
    this.picture.upload(picture);
    const program = picture.luma ? programs.pack : programs.packColor;
    program.use();
    gl.uniform1i(program.at("uLuma"), UNITS.uLuma);
    const { rows, tileColumns, cellRows, cellColumns } = group.layout;
    gl.uniform4i(program.at("uLayout"), rows, tileColumns, cellRows, cellColumns);
    gl.uniform2i(program.at("uCodes"), group.quantizer.lowest_code, group.quantizer.highest_code);
    if (!picture.luma) {
      this.calibration ??= this.calibrateFor(group);
      gl.uniform2fv(program.at("uCalibration"), this.calibration);
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, textures.target);
    gl.viewport(0, 0, textures.columns, textures.height);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    this.hasPicture = true;
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
    const { gl, textures, programs, chosen } = this;
    if (this.isLost || !this.hasPicture || !textures || !programs || !chosen) return false;
    const width = Math.max(Math.round(view.width * scale), 1);
    const height = Math.max(Math.round(view.height * scale), 1);
    this.bindTarget(width, height);
    gl.viewport(0, 0, width, height);
    const program = programs.march;
    program.use();
    this.bindTextures(program, textures);
    this.setValues(program);
    this.setCamera(program, view, { width, height });
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
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.floatTarget?.framebuffer ?? null);
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
    this.textures?.dispose();
    this.picture.dispose();
    for (const { march, pack, packColor } of this.kept.values()) {
      for (const program of [march, pack, packColor]) program.dispose();
    }
    this.isLost = true;
  }

  /** State that lives on the device starts anew. */
  reset() {
    this.hasPicture = false;
    /** @type {GroupTextures | null} */
    this.textures = null;
    this.picture = new PictureTexture(this.gl);
    /** @type {Map<string, {march: Program, pack: Program, packColor: Program}>} */
    this.kept = new Map();
    /** @type {{march: Program, pack: Program, packColor: Program} | null} */
    this.programs = null;
    /** @type {{framebuffer: WebGLFramebuffer, texture: WebGLTexture, key: string} | null} */
    this.floatTarget = null;
    /** @type {number[] | null} */
    this.calibration = null;
    this.drawn = { width: 0, height: 0 };
    if (this.isFloat && !this.gl.getExtension("EXT_color_buffer_float")) {
      throw new PlayerError("unsupported", "This device draws no float pixels; measure on another.");
    }
  }

  restore() {
    this.isLost = false;
    this.reset();
    if (this.chosen) this.setGroup(this.chosen.tables, this.chosen.pkg, this.chosen.groupIndex);
  }

  /** @param {import("./package.js").Package} pkg */
  programsOf(pkg) {
    const sources = shaderSources(pkg.record, pkg.network, this.bodies);
    const key = sources.march;
    const known = this.kept.get(key);
    this.kept.delete(key);
    const { gl } = this;
    const programs = known ?? {
      march: new Program(gl, sources.vertex, sources.march, "march"),
      pack: new Program(gl, sources.vertex, sources.pack, "pack"),
      packColor: new Program(gl, sources.vertex, sources.packColor, "color pack"),
    };
    this.kept.set(key, programs);
    for (const old of [...this.kept.keys()].slice(0, -KEPT_SCENES)) {
      const { march, pack, packColor } = /** @type {any} */ (this.kept.get(old));
      for (const program of [march, pack, packColor]) program.dispose();
      this.kept.delete(old);
    }
    return programs;
  }

  /** @param {import("./scene_record.js").GroupRecord} group */
  calibrateFor(group) {
    const marks = readMarks(group.marks);
    if (!marks) {
      throw new PlayerError("unsupported", "The picture came as colors and has no marks to tell its "
        + "codes; export the package with the profile web8.");
    }
    return calibrate(marks, this.picture.read(marks.strip));
  }

  /** @param {number} width @param {number} height */
  bindTarget(width, height) {
    const { gl, canvas } = this;
    if (!this.isFloat) {
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      return;
    }
    const key = `${width} ${height}`;
    if (this.floatTarget?.key === key) {
      gl.bindFramebuffer(gl.FRAMEBUFFER, this.floatTarget.framebuffer);
      return;
    }
    if (this.floatTarget) {
      gl.deleteTexture(this.floatTarget.texture);
      gl.deleteFramebuffer(this.floatTarget.framebuffer);
    }
    const texture = storedTexture(gl, gl.RGBA32F, { width, height }, "the float picture");
    this.floatTarget = { framebuffer: framebufferOf(gl, texture), texture, key };
  }

  /** @param {Program} program @param {GroupTextures} textures */
  bindTextures(program, { cells, corners, atlas, rows }) {
    const { gl } = this;
    const bound = [
      ["uCells", gl.TEXTURE_3D, cells], ["uCorners", gl.TEXTURE_2D, corners],
      ["uAtlas", gl.TEXTURE_2D, atlas],
    ];
    for (const [name, kind, texture] of /** @type {[keyof typeof UNITS, number, any][]} */ (bound)) {
      gl.activeTexture(gl.TEXTURE0 + UNITS[name]);
      gl.bindTexture(kind, texture);
      gl.uniform1i(program.at(name), UNITS[name]);
    }
    gl.uniform1i(program.at("uAtlasRows"), rows);
  }

  /** Code to value, per channel. @param {Program} program */
  setValues(program) {
    const { gl, group, chosen } = this;
    if (!group || !chosen) return;
    const { minimum, maximum, lowest_code: lowest, highest_code: highest } = group.quantizer;
    const { perWord, words } = codeLayout(chosen.pkg.record);
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

  /**
   * @param {Program} program @param {import("./views.js").View} view
   * @param {{width: number, height: number}} size
   */
  setCamera(program, view, { width, height }) {
    const { gl, chosen } = this;
    const { aabb: [minimum], voxel_size: voxel } = /** @type {any} */ (chosen).pkg.record;
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

/** @param {string} what */
function missing(what) {
  return new PlayerError("usage", `The renderer has no ${what} yet; give it one first.`);
}
