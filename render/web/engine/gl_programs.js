/** The graphics context, and shader programs: compiled, linked, and their uniforms by name. */

import { PlayerError } from "./errors.js";

/**
 * The context that the renderer draws with.
 *
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas
 * @returns {WebGL2RenderingContext}
 * @throws {PlayerError} if there is none
 */
export function openContext(canvas) {
  const gl = /** @type {WebGL2RenderingContext | null} */ (canvas.getContext("webgl2", {
    alpha: false, antialias: false, depth: false, stencil: false,
    powerPreference: "high-performance",
  }));
  if (!gl) {
    throw new PlayerError("unsupported", "This browser draws no WebGL 2, or it is switched off; use "
      + "a current browser, or allow hardware acceleration in its settings.");
  }
  return gl;
}

/** One linked program. */
export class Program {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {string} vertex @param {string} fragment complete shader texts
   * @param {string} name for messages
   * @throws {PlayerError} if the device refuses it
   */
  constructor(gl, vertex, fragment, name) {
    this.gl = gl;
    this.name = name;
    this.program = gl.createProgram();
    /** @type {Map<string, WebGLUniformLocation | null>} */
    this.locations = new Map();
    this.shaders = [
      compile(gl, gl.VERTEX_SHADER, vertex),
      compile(gl, gl.FRAGMENT_SHADER, fragment),
    ];
    for (const shader of this.shaders) gl.attachShader(this.program, shader);
    gl.linkProgram(this.program); // May go on beside this thread until it is first used.
  }

  /** Make it the current program; waits for the compiler when it is first used. */
  use() {
    if (this.shaders.length) this.check();
    this.gl.useProgram(this.program);
  }

  /** @param {string} name @returns {WebGLUniformLocation | null} */
  at(name) {
    let location = this.locations.get(name);
    if (location === undefined) {
      location = this.gl.getUniformLocation(this.program, name);
      this.locations.set(name, location);
    }
    return location;
  }

  dispose() {
    for (const shader of this.shaders) this.gl.deleteShader(shader);
    this.gl.deleteProgram(this.program);
  }

  check() {
    const { gl, program, shaders, name } = this;
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      const logs = [...shaders.map((shader) => gl.getShaderInfoLog(shader)),
        gl.getProgramInfoLog(program)];
      const log = logs.find((text) => text?.trim())?.trim().split("\n")[0] ?? "no reason given";
      throw new PlayerError("graphics", `The ${name} shader does not run on this device (${log}); `
        + "update the browser or the graphics driver.");
    }
    for (const shader of shaders) gl.deleteShader(shader);
    this.shaders = [];
  }
}

/** @param {WebGL2RenderingContext} gl @param {number} kind @param {string} text */
function compile(gl, kind, text) {
  const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
  gl.shaderSource(shader, text);
  gl.compileShader(shader);
  return shader;
}
