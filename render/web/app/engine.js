// The one door to the engine: what the player asks of it, in one place.

import { canPlay, capabilities } from "../engine/capabilities.js";
import { GroupDecoder } from "../engine/decoder.js";
import { PlayerError } from "../engine/errors.js";
import { buildGroup, stopGroupWorker } from "../engine/groups.js";
import { readMarks } from "../engine/marks.js";
import { createRenderer } from "../engine/renderer.js";
import { openScene } from "../engine/scene.js";
import { viewOfCamera } from "../engine/views.js";

const NO_WEBGL =
  "This browser draws no WebGL 2, or it is switched off; use a current browser, or allow " +
  "hardware acceleration in its settings.";

/** The engine as the player uses it; tests hand in another one. */
export class Engine {
  constructor() {
    /** @type {Map<string, GroupDecoder>} */
    this.decoders = new Map();
    /** @type {any} */
    this.found = null;
    this.buildGroup = buildGroup;
  }

  /** @param {string} url @param {{signal: AbortSignal}} options */
  openScene(url, options) {
    return openScene(url, options);
  }

  /** What this browser can do. @param {any} scene */
  async capabilities(scene) {
    this.found ??= await capabilities(
      scene.rungs.map((/** @type {any} */ rung) => rung.codecString),
    );
    return this.found;
  }

  /** Which rungs can be decoded here. @param {any} scene @returns {Promise<boolean[]>} */
  async playableRungs(scene) {
    const found = await this.capabilities(scene);
    if (!found.hasWebGl) throw new PlayerError("unsupported", NO_WEBGL);
    return scene.rungs.map((/** @type {any} */ rung) => canPlay(found, rung.codecString));
  }

  /**
   * Decode from a frame to the end of its group.
   *
   * @param {{data: any, frame: number, signal: AbortSignal}} job
   * @param {{route: string}} choice `auto`, or how luma has to come
   */
  decode({ data, frame, signal }, { route }) {
    return this.decoder(route).decode(data, { from: frame, signal });
  }

  /** @param {string} route @returns {GroupDecoder} */
  decoder(route) {
    const known = this.decoders.get(route);
    if (known) return known;
    const decoder = new GroupDecoder(DECODER_OPTIONS[route] ?? {});
    this.decoders.set(route, decoder);
    return decoder;
  }

  /** @param {HTMLCanvasElement} canvas @param {{signal: AbortSignal}} options */
  createRenderer(canvas, { signal }) {
    return createRenderer(canvas, { signal });
  }

  /**
   * Which frame a picture says it is, read from its codes.
   *
   * @param {any} picture
   * @param {any} group record that the picture belongs to
   * @returns {number | null} null without marks, or where the codes are out of reach
   */
  readMark(picture, group) {
    const marks = picture.luma ? readMarks(group.marks) : null;
    return marks ? marks.frameOf(picture.luma, picture.width) : null;
  }

  /** A rig camera as the orbit takes it. @param {any} camera */
  poseOfCamera(camera) {
    const { position, right, down, forward, focalY, height } = viewOfCamera(camera);
    return { position, right, down, forward, focalPerHeight: focalY / height };
  }

  /** End what runs beside the page. */
  stop() {
    stopGroupWorker();
  }
}

/** @type {Record<string, {route?: "webcodecs" | "video", prefer?: "copyTo" | "texture"}>} */
const DECODER_OPTIONS = {
  auto: {},
  copyTo: { route: "webcodecs" },
  texture: { route: "webcodecs", prefer: "texture" },
  video: { route: "video" },
};
