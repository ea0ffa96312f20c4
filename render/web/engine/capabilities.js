/** What this browser can do for the player, and why a route is taken. */

/**
 * @typedef {object} CodecSupport
 * @property {boolean} webcodecs whether WebCodecs decodes it
 * @property {boolean} video whether a `<video>` element does
 *
 * @typedef {object} Capabilities
 * @property {"webcodecs" | "video" | "none"} route how pictures are decoded
 * @property {string} reason why, as a sentence
 * @property {boolean} hasWebGl whether anything can be drawn
 * @property {string} graphics what draws, as the browser names it
 * @property {number} maxTextureSize side of the largest 2D texture
 * @property {number} max3dTextureSize side of the largest 3D texture
 * @property {boolean} hasWorker whether groups are prepared beside the page
 * @property {Record<string, CodecSupport>} codecs per codec string that was asked for
 */

/** @returns {boolean} whether WebCodecs can decode here */
export function hasWebCodecs() {
  return typeof VideoDecoder === "function" && typeof EncodedVideoChunk === "function";
}

/** @returns {boolean} whether a `<video>` element can play bytes here */
export function hasVideoElement() {
  return typeof document !== "undefined" && typeof HTMLVideoElement === "function";
}

/** @returns {typeof MediaSource | null} what feeds bytes to a `<video>` element */
export function mediaSourceClass() {
  const scope = /** @type {any} */ (globalThis);
  return scope.MediaSource ?? scope.ManagedMediaSource ?? null;
}

/**
 * Ask the browser.
 *
 * @param {string[]} [codecStrings] such as `avc1.640032`
 * @returns {Promise<Capabilities>}
 */
export async function capabilities(codecStrings = []) {
  /** @type {Record<string, CodecSupport>} */
  const codecs = {};
  for (const codec of new Set(codecStrings)) {
    codecs[codec] = { webcodecs: await decodes(codec), video: plays(codec) };
  }
  return { ...chooseRoute(), ...graphics(), hasWorker: typeof Worker === "function", codecs };
}

/**
 * Whether the chosen route can play a codec.
 *
 * @param {Capabilities} found
 * @param {string} codecString
 * @returns {boolean}
 */
export function canPlay(found, codecString) {
  const support = found.codecs[codecString];
  if (!support || found.route === "none") return false;
  return found.route === "webcodecs" ? support.webcodecs : support.video;
}

/** @returns {{route: Capabilities["route"], reason: string}} */
function chooseRoute() {
  if (hasWebCodecs()) {
    return { route: "webcodecs", reason: "WebCodecs gives every picture with its exact codes." };
  }
  const why = globalThis.isSecureContext
    ? "this browser has no WebCodecs" : "browsers offer WebCodecs only over HTTPS or on localhost";
  if (hasVideoElement()) {
    return { route: "video", reason: `A video element plays the stream, since ${why}.` };
  }
  return { route: "none", reason: `Nothing here decodes video, since ${why}.` };
}

/** @param {string} codec */
async function decodes(codec) {
  if (!hasWebCodecs()) return false;
  try {
    return Boolean((await VideoDecoder.isConfigSupported({ codec })).supported);
  } catch {
    return false; // A codec string that the browser does not even parse.
  }
}

/** @param {string} codec */
function plays(codec) {
  const type = `video/mp4; codecs="${codec}"`;
  const source = mediaSourceClass();
  if (source) return source.isTypeSupported(type);
  return hasVideoElement() && document.createElement("video").canPlayType(type) !== "";
}

function graphics() {
  const canvas = typeof OffscreenCanvas === "function"
    ? new OffscreenCanvas(1, 1) : document.createElement("canvas");
  const gl = /** @type {WebGL2RenderingContext | null} */ (canvas.getContext("webgl2"));
  if (!gl) return { hasWebGl: false, graphics: "none", maxTextureSize: 0, max3dTextureSize: 0 };
  const names = gl.getExtension("WEBGL_debug_renderer_info");
  const found = {
    hasWebGl: true,
    graphics: String(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER)),
    maxTextureSize: gl.getParameter(gl.MAX_TEXTURE_SIZE),
    max3dTextureSize: gl.getParameter(gl.MAX_3D_TEXTURE_SIZE),
  };
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return found;
}
