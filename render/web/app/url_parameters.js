// What the address asks for. Nothing in it is trusted: a value that makes no sense is left out, and
// the page says so.

import { MODES, ROUTES, THEMES } from "./choices.js";

/**
 * @typedef {object} Parameters
 * @property {string} scene absolute URL of the scene's folder or manifest
 * @property {number | null} frame
 * @property {string | null} camera index of a rig camera, or null for the start view
 * @property {string | null} rung
 * @property {string} mode
 * @property {string} route
 * @property {string} theme
 * @property {boolean | null} play null: the player decides
 * @property {boolean} loop
 * @property {boolean} statistics
 * @property {string[]} warnings sentences about what was left out
 */

/**
 * Read the address.
 *
 * @param {string} search such as `?scene=../fox/&frame=3`
 * @param {string} base absolute URL that relative scenes start from
 * @returns {Parameters}
 */
export function parseParameters(search, base) {
  const given = new URLSearchParams(search);
  /** @type {string[]} */
  const warnings = [];
  const one = (/** @type {string} */ name, /** @type {readonly string[]} */ values) =>
    oneOf(given, name, values, warnings);
  const loop = onOff(given, "loop", warnings);
  return {
    scene: sceneUrl(given.get("scene"), base, warnings),
    frame: wholeNumber(given, "frame", warnings),
    camera: cameraName(given, warnings),
    rung: given.get("rung") || null,
    mode: one(
      "mode",
      MODES.map((mode) => mode.name),
    ),
    route: one(
      "luma",
      ROUTES.map((route) => route.name),
    ),
    theme: one("theme", THEMES),
    play: onOff(given, "play", warnings),
    loop: loop ?? true,
    statistics: onOff(given, "stats", warnings) ?? false,
    warnings,
  };
}

/**
 * The address that shows the same thing again.
 *
 * @param {string} href of the page
 * @param {{frame: number, camera: string | null, rung: string | null, mode: string}} view
 * @returns {string}
 */
export function shareAddress(href, { frame, camera, rung, mode }) {
  const url = new URL(href);
  const put = (/** @type {string} */ name, /** @type {string | null} */ value) =>
    value === null ? url.searchParams.delete(name) : url.searchParams.set(name, value);
  put("frame", String(frame));
  put("camera", camera);
  put("rung", rung);
  put("mode", mode === MODES[0].name ? null : mode);
  url.searchParams.delete("play");
  return url.href;
}

/**
 * @param {string | null} text
 * @param {string} base
 * @param {string[]} warnings
 */
function sceneUrl(text, base, warnings) {
  const here = new URL("./", base).href;
  if (!text) return here;
  let url;
  try {
    url = new URL(text, base);
  } catch {
    warnings.push(
      `The address asks for the scene "${clip(text)}", which is no URL; this folder's scene is ` +
        "opened instead.",
    );
    return here;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    warnings.push(
      `Scenes are opened over http and https, not "${clip(url.protocol)}"; this folder's scene ` +
        "is opened instead.",
    );
    return here;
  }
  url.hash = "";
  return url.href;
}

/** @param {URLSearchParams} given @param {string} name @param {string[]} warnings */
function wholeNumber(given, name, warnings) {
  const text = given.get(name);
  if (text === null) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  warnings.push(
    `The address says ${name}=${clip(text)}, expected a whole number such as ${name}=12; ` +
      "it is ignored.",
  );
  return null;
}

/** @param {URLSearchParams} given @param {string[]} warnings */
function cameraName(given, warnings) {
  if (given.get("camera") === "start") return null;
  const index = wholeNumber(given, "camera", warnings);
  return index === null ? null : String(index);
}

/**
 * @param {URLSearchParams} given
 * @param {string} name
 * @param {readonly string[]} values the first one is the default
 * @param {string[]} warnings
 */
function oneOf(given, name, values, warnings) {
  const text = given.get(name);
  if (text === null) return values[0];
  if (values.includes(text)) return text;
  warnings.push(
    `The address says ${name}=${clip(text)}, expected one of ${values.join(", ")}; it is ignored.`,
  );
  return values[0];
}

/** @param {URLSearchParams} given @param {string} name @param {string[]} warnings */
function onOff(given, name, warnings) {
  const text = given.get(name);
  if (text === null) return null;
  if (["1", "true", "on", ""].includes(text)) return true;
  if (["0", "false", "off"].includes(text)) return false;
  warnings.push(
    `The address says ${name}=${clip(text)}, expected ${name}=1 or ${name}=0; it is ignored.`,
  );
  return null;
}

/** @param {string} text */
function clip(text) {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
