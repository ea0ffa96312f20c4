/** What the renderer has on the device, all of it gone with a lost context. */

import { PlayerError } from "./errors.js";
import { AtlasTargets, FloatTarget, PictureTexture } from "./gl_textures.js";
import { GroupSlots } from "./group_textures.js";
import { calibrate, readMarks } from "./marks.js";
import { ProgramCache } from "./scene_programs.js";
import { codeLayout } from "./shader_source.js";

/** Programs, tables, the packed atlas and the picture. */
export class Device {
  /** @param {WebGL2RenderingContext} gl @param {import("./shader_source.js").ShaderBodies} bodies */
  constructor(gl, bodies) {
    this.gl = gl;
    this.cache = new ProgramCache(gl, bodies);
    this.slots = new GroupSlots(gl);
    this.atlases = new AtlasTargets(gl);
    this.picture = new PictureTexture(gl);
    this.floatTarget = new FloatTarget(gl);
    this.hasPicture = false;
    /** @type {import("./scene_record.js").GroupRecord | null} */
    this.group = null;
    /** @type {import("./group_textures.js").GroupTextures | null} */
    this.textures = null;
    /** @type {import("./gl_textures.js").AtlasTarget | null} */
    this.atlas = null;
    /** @type {import("./scene_programs.js").ScenePrograms | null} */
    this.programs = null;
    /**
     * Gain and offset of color pictures, once they are known, by route.
     *
     * @type {WeakMap<import("./scene_record.js").GroupRecord, Map<string, number[]>>}
     */
    this.calibrations = new WeakMap();
  }

  /**
   * @param {import("./tables.js").GroupTables} tables @param {import("./package.js").Package} pkg
   * @param {number} groupIndex
   * @throws {PlayerError} if the device takes no textures of that size
   */
  setGroup(tables, pkg, groupIndex) {
    this.hasPicture = false;
    this.textures = null;
    this.programs = this.cache.programsOf(pkg);
    const { layers } = codeLayout(pkg.record);
    this.atlas = this.atlases.of(tables.columns, tables.rows * layers);
    this.group = pkg.record.groups[groupIndex];
    this.textures = this.slots.take(tables);
  }

  /**
   * Begin with what a group takes beside the one that is drawn.
   *
   * @param {import("./tables.js").GroupTables} tables @param {import("./package.js").Package} pkg
   */
  stageGroup(tables, pkg) {
    try {
      this.cache.programsOf(pkg); // They are compiled beside this thread.
      this.slots.stage(tables);
    } catch (error) {
      // It is told when the group comes, which may never be.
      if (!(error instanceof PlayerError)) throw error;
    }
  }

  /**
   * How colors of the picture lead back to codes, measured once per group and route.
   *
   * @param {import("./scene_record.js").GroupRecord} group @param {string} route
   * @returns {number[]} gain and offset
   * @throws {PlayerError} if the group has no marks
   */
  calibrationOf(group, route) {
    const known = this.calibrations.get(group) ?? new Map();
    this.calibrations.set(group, known);
    const calibration = known.get(route) ?? calibrateFor(group, this.picture);
    known.set(route, calibration);
    return calibration;
  }

  dispose() {
    const { slots, atlases, picture, floatTarget, cache } = this;
    for (const owned of [slots, atlases, picture, floatTarget, cache]) owned.dispose();
  }
}

/**
 * @param {import("./scene_record.js").GroupRecord} group @param {PictureTexture} picture
 * @returns {number[]}
 */
function calibrateFor(group, picture) {
  const marks = readMarks(group.marks);
  if (!marks) {
    throw new PlayerError("unsupported", "The picture came as colors and has no marks to tell its "
      + "codes; export the package with the profile web8.");
  }
  return calibrate(marks, picture.read(marks.strip));
}
