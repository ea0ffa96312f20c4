/**
 * A published scene: one title, one timeline, several rungs that are packages of their own.
 *
 * Also opens a bare package folder, as a scene with one rung.
 */

import { PlayerError, shown } from "./errors.js";
import { fetchBytes } from "./fetching.js";
import { openPackage } from "./package.js";
import { anyText, positiveNumber, reading, several, triple, wholeNumber } from "./values.js";
import { startViewOf } from "./views.js";

const FORMAT = "videorf-scene";
const VERSION = 1;
const SCENE_LIMIT_BYTES = 2 ** 24;

/**
 * @typedef {object} Rung one quality of the scene
 * @property {string} name
 * @property {string} package its folder, absolute
 * @property {string} codecString for WebCodecs and media types
 * @property {string} codec `h264`, `hevc` or `av1`
 * @property {string} profile
 * @property {number} bitDepth
 * @property {number} bandwidth bits per second on average
 * @property {number} bytes of the whole package
 * @property {number} width of the pictures
 * @property {number} height of the pictures
 *
 * @typedef {object} StartView where the player begins
 * @property {number[]} position in scene units
 * @property {number[]} target in scene units
 * @property {number[]} up direction
 * @property {number} focalPerHeight focal length over picture height
 */

/** An open scene. Make one with `openScene`. */
export class Scene {
  /**
   * @param {object} parts
   * @param {string} parts.title
   * @param {Rung[]} parts.rungs by rising bandwidth
   * @param {StartView | null} parts.startView
   * @param {string | null} parts.posterUrl
   * @param {import("./package.js").Package} first the package of the first rung
   */
  constructor({ title, rungs, startView, posterUrl }, first) {
    this.title = title;
    this.rungs = rungs;
    this.posterUrl = posterUrl;
    /** The SCENE.md object of the first rung; grid, cameras and frames are the same in all. */
    this.record = first.record;
    this.cameras = first.cameras;
    this.frameCount = first.frameCount;
    this.frameRate = first.frameRate;
    this.startView = startView ?? startViewOf(first.record, first.cameras);
    /** @type {Map<number, Promise<import("./package.js").Package>>} */
    this.opened = new Map([[0, Promise.resolve(first)]]);
  }

  /**
   * The package of a rung; opened once and kept.
   *
   * @param {number} index
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<import("./package.js").Package>}
   */
  openRung(index, { signal } = {}) {
    const rung = this.rungs[index];
    if (!rung) {
      return Promise.reject(new PlayerError("usage", `Rung ${index} does not exist, expected 0 to `
        + `${this.rungs.length - 1}.`));
    }
    const known = this.opened.get(index);
    if (known) return known;
    const opening = openPackage(rung.package, { signal }).then((opened) => {
      checkSameScene(this, opened, rung);
      return opened;
    });
    this.opened.set(index, opening);
    opening.catch(() => this.opened.delete(index)); // The next call tries again.
    return opening;
  }
}

/**
 * Open what an address leads to.
 *
 * @param {string} url a published folder, its scene.json, or a package's folder or manifest.json;
 *     relative to the page
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<Scene>}
 * @throws {PlayerError} if nothing playable is there
 */
export async function openScene(url, { signal } = {}) {
  const address = absolute(url);
  const text = address.pathname.endsWith("manifest.json")
    ? null : await fetchSceneText(address, signal);
  if (text === null) return openBare(address, signal);
  const parts = readScene(text, new URL(".", address).href);
  const first = await openPackage(parts.rungs[0].package, { signal });
  if (first.frameCount !== parts.frameCount) {
    throw new PlayerError("damaged", `scene.json says ${parts.frameCount} frames, its first rung `
      + `has ${first.frameCount}; publish the scene again.`);
  }
  return new Scene(parts, first);
}

/** @param {string} url */
function absolute(url) {
  let address;
  try {
    address = new URL(url, globalThis.location?.href);
  } catch (error) {
    throw new PlayerError("usage", `${shown(url)} is no address; give the folder of a scene.`,
      { cause: error });
  }
  const name = address.pathname.split("/").pop() ?? "";
  if (name.endsWith(".vrf")) {
    throw new PlayerError("usage", `${shown(name)} is a package in one file; publish it with `
      + "publish-package and open the folder that this makes.");
  }
  if (name && !name.endsWith(".json")) address.pathname += "/";
  return address;
}

/** @param {URL} address @param {AbortSignal} [signal] */
async function fetchSceneText(address, signal) {
  const file = new URL("scene.json", address).href;
  try {
    const { bytes } = await fetchBytes(file, { signal, limitBytes: SCENE_LIMIT_BYTES });
    return new TextDecoder().decode(bytes);
  } catch (error) {
    if (error instanceof PlayerError && error.cause === 404) return null;
    throw error;
  }
}

/** @param {URL} address @param {AbortSignal} [signal] */
async function openBare(address, signal) {
  let first;
  try {
    first = await openPackage(address.href, { signal });
  } catch (error) {
    if (!(error instanceof PlayerError && error.cause === 404)) throw error;
    throw new PlayerError("network", "There is neither a scene.json nor a manifest.json at "
      + `${new URL(".", address).href}; give the folder of a published scene or of a package.`);
  }
  const { record, streams, manifest, frameRate, frameCount, url } = first;
  const [stream] = streams;
  const sizes = [...streams, ...Object.values(manifest.blobs)].map((file) => file.bytes);
  const coded = streams.reduce((sum, { bytes }) => sum + bytes, 0);
  const rung = {
    name: stream.codec,
    package: url,
    codecString: stream.codec_string,
    codec: stream.codec,
    profile: record.profile,
    bitDepth: stream.bit_depth,
    bandwidth: Math.round((8 * coded * frameRate) / frameCount),
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    width: stream.width,
    height: stream.height,
  };
  const title = record.capture.name;
  return new Scene({ title, rungs: [rung], startView: null, posterUrl: null }, first);
}

/** @param {string} text @param {string} base */
function readScene(text, base) {
  let document;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new PlayerError("damaged", "scene.json is no JSON; publish the scene again.",
      { cause: error });
  }
  if (document?.format !== FORMAT) {
    throw new PlayerError("damaged", `scene.json is not of format "${FORMAT}"; the address does `
      + "not lead to a published scene.");
  }
  if (typeof document.version === "number" && document.version > VERSION) {
    throw new PlayerError("newer", `The scene has version ${document.version}, this player knows `
      + `${VERSION} at most; update the player.`);
  }
  return reading("scene.json", "publish the scene again", () => {
    wholeNumber("version", document.version, 1);
    const rungs = several("rungs", document.rungs).map((rung) => readRung(rung, base));
    if (!rungs.length) throw new RangeError("it has no rungs, expected at least one");
    return {
      title: anyText("title", document.title),
      posterUrl: document.poster ? inside(base, anyText("poster", document.poster)) : null,
      frameCount: wholeNumber("frame_count", document.frame_count, 1),
      startView: document.start_view ? readStartView(document.start_view) : null,
      rungs: rungs.sort((one, other) => one.bandwidth - other.bandwidth),
    };
  });
}

/** @param {any} view @returns {StartView} */
function readStartView(view) {
  return {
    position: triple("position", view.position),
    target: triple("target", view.target),
    up: triple("up", view.up),
    focalPerHeight: positiveNumber("focal_per_height", view.focal_per_height),
  };
}

/** @param {any} rung @param {string} base @returns {Rung} */
function readRung(rung, base) {
  if (typeof rung !== "object" || rung === null) throw new RangeError("a rung is no object");
  return {
    name: anyText("name", rung.name),
    package: inside(base, anyText("package", rung.package)),
    codecString: anyText("codec_string", rung.codec_string),
    codec: anyText("codec", rung.codec),
    profile: anyText("profile", rung.profile),
    bitDepth: wholeNumber("bit_depth", rung.bit_depth, 1, 16),
    bandwidth: wholeNumber("bandwidth", rung.bandwidth, 0, 2 ** 53),
    bytes: wholeNumber("bytes", rung.bytes, 0, 2 ** 53),
    width: wholeNumber("width", rung.width, 1),
    height: wholeNumber("height", rung.height, 1),
  };
}

/** @param {string} base @param {string} path an address that must not leave the scene's folder */
function inside(base, path) {
  const { href } = new URL(path, base);
  if (!href.startsWith(base)) {
    throw new RangeError(`${shown(path)} leads out of the scene's folder`);
  }
  return href;
}

/** @param {Scene} scene @param {import("./package.js").Package} opened @param {Rung} rung */
function checkSameScene(scene, opened, rung) {
  const same = opened.frameCount === scene.frameCount && opened.frameRate === scene.frameRate;
  if (!same) {
    throw new PlayerError("damaged", `Rung "${rung.name}" has ${opened.frameCount} frames at `
      + `${opened.frameRate} per second, expected ${scene.frameCount} at ${scene.frameRate} as the `
      + "first rung has; publish the scene again.");
  }
}
