/** The programs of the scenes drawn lately, so that moving between rungs compiles nothing twice. */

import { Program } from "./gl_programs.js";
import { shaderSources } from "./shader_source.js";

/** Scenes whose programs are kept: the rungs that a player moves between. */
const KEPT_SCENES = 3;

/** @typedef {{march: Program, pack: Program, packColor: Program}} ScenePrograms */

/** Makes programs of scenes and keeps the latest. */
export class ProgramCache {
  /** @param {WebGL2RenderingContext} gl @param {import("./shader_source.js").ShaderBodies} bodies */
  constructor(gl, bodies) {
    this.gl = gl;
    this.bodies = bodies;
    /** @type {Map<string, ScenePrograms>} by their text, in order of use */
    this.kept = new Map();
    /** @type {WeakMap<import("./package.js").Package, import("./shader_source.js").ShaderSources>} */
    this.texts = new WeakMap();
  }

  /**
   * @param {import("./package.js").Package} pkg
   * @returns {ScenePrograms}
   */
  programsOf(pkg) {
    const { gl, kept, texts } = this;
    const sources = texts.get(pkg) ?? shaderSources(pkg.record, pkg.network, this.bodies);
    texts.set(pkg, sources);
    const programs = kept.get(sources.march) ?? {
      march: new Program(gl, sources.vertex, sources.march, "march"),
      pack: new Program(gl, sources.vertex, sources.pack, "pack"),
      packColor: new Program(gl, sources.vertex, sources.packColor, "color pack"),
    };
    kept.delete(sources.march);
    kept.set(sources.march, programs);
    for (const [text, old] of [...kept].slice(0, -KEPT_SCENES)) {
      dispose(old);
      kept.delete(text);
    }
    return programs;
  }

  dispose() {
    for (const programs of this.kept.values()) dispose(programs);
    this.kept.clear();
  }
}

/** @param {ScenePrograms} programs */
function dispose(programs) {
  for (const program of Object.values(programs)) program.dispose();
}
