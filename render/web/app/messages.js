// Errors as sentences for people: what happened, and what to do about it.

/**
 * @typedef {object} Message
 * @property {string} title a few words
 * @property {string} text one or two sentences, the last one says what to do
 * @property {"notice" | "error" | "fatal"} weight fatal: nothing plays
 * @property {string} key messages with the same key replace each other
 */

const FATAL_TITLES = {
  network: "The scene cannot be reached",
  damaged: "The scene is damaged",
  newer: "The scene is newer than this player",
  unsupported: "This browser cannot play the scene",
  decoder: "The video decoder gave up",
  graphics: "Nothing can be drawn",
  usage: "There is no scene here",
};
const OFFLINE = "This device is offline. Playback goes on by itself once the connection is back.";
const CONNECTION =
  "The connection is interrupted. The player keeps trying; check the network if this stays.";

/** The kind of an error, as the engine names them. @param {any} error @returns {string} */
export function kindOf(error) {
  return typeof error?.kind === "string" ? error.kind : "unknown";
}

/**
 * Whether waiting may help: the server was not reached, or was busy.
 *
 * @param {any} error
 * @returns {boolean}
 */
export function mayPass(error) {
  if (kindOf(error) !== "network") return false;
  const status = typeof error.cause === "number" ? error.cause : null;
  return status === null || status >= 500 || status === 429 || status === 408;
}

/** The sentence of an error, with an end. @param {any} error @returns {string} */
export function sentenceOf(error) {
  const text = String(error?.message || error || "Something went wrong").trim();
  // A sentence that begins with a file's name keeps it as it is.
  const isWord = /^[a-z]+(\s|$)/.test(text);
  const sentence = isWord ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}

/**
 * A scene that does not open.
 *
 * @param {any} error
 * @param {{online: boolean}} where
 * @returns {Message}
 */
export function openingFailed(error, { online }) {
  const kind = kindOf(error);
  const title =
    FATAL_TITLES[/** @type {keyof typeof FATAL_TITLES} */ (kind)] ?? "Something went wrong";
  const hint = kind === "network" && !online ? ` ${OFFLINE}` : "";
  return { title, text: `${sentenceOf(error)}${hint}`, weight: "fatal", key: "open" };
}

/**
 * A group that cannot be played, while others can.
 *
 * @param {any} error
 * @param {{first: number, last: number}} frames
 * @returns {Message}
 */
export function groupFailed(error, { first, last }) {
  const which = first === last ? `Frame ${first} is` : `Frames ${first} to ${last} are`;
  const text = `${which} left out. ${sentenceOf(error)}`;
  return {
    title: "Part of the scene cannot be played",
    text,
    weight: "error",
    key: `group${first}`,
  };
}

/** No group plays. @param {any} error @returns {Message} */
export function nothingPlays(error) {
  const title =
    FATAL_TITLES[/** @type {keyof typeof FATAL_TITLES} */ (kindOf(error))] ?? "Playback stopped";
  return {
    title,
    text: `No part of the scene could be played. ${sentenceOf(error)}`,
    weight: "fatal",
    key: "open",
  };
}

/** The network is away for now. @param {{online: boolean}} where @returns {Message} */
export function connectionLost({ online }) {
  const text = online ? CONNECTION : OFFLINE;
  return {
    title: online ? "Connection interrupted" : "Offline",
    text,
    weight: "notice",
    key: "connection",
  };
}

/**
 * A rung that this browser does not decode.
 *
 * @param {any} error
 * @param {string} left
 * @param {string} taken
 * @returns {Message}
 */
export function rungFailed(error, left, taken) {
  const text = `${sentenceOf(error)} The quality "${taken}" plays instead.`;
  return {
    title: `The quality "${left}" does not play here`,
    text,
    weight: "notice",
    key: `rung${left}`,
  };
}

/**
 * Something that the page was told and could not follow.
 *
 * @param {string} text
 * @returns {Message}
 */
export function notice(text) {
  return { title: "", text, weight: "notice", key: text };
}

/** The graphics device is gone for now. @returns {Message} */
export function graphicsLost() {
  const text =
    "The graphics device was reset. The picture returns by itself; reload the page if it does not.";
  return { title: "Graphics reset", text, weight: "notice", key: "graphics" };
}

/** Luma comes by another route than the best one. @param {string} reason @returns {Message} */
export function routeNotice(reason) {
  return {
    title: "Playing without WebCodecs",
    text: sentenceOf(reason),
    weight: "notice",
    key: "route",
  };
}

/** The address asks for a frame behind the last one. @param {number} frame @param {number} last */
export function noSuchFrame(frame, last) {
  return notice(`The address asks for frame ${frame}; the last one, ${last}, is shown.`);
}

/**
 * The address asks for a rung that is not there, or does not play here.
 *
 * @param {string} name
 * @param {string[]} names of those that there are
 */
export function noSuchRung(name, names) {
  const list = names.join(", ");
  return notice(
    `The quality "${name}" is not available here, only ${list}; one is chosen for you.`,
  );
}

/** The address asks for a camera that is not there. @param {string} name @param {number} count */
export function noSuchCamera(name, count) {
  return notice(`The address asks for camera ${name}, the scene has ${count}; it starts as usual.`);
}
