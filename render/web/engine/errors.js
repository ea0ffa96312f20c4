/**
 * The one error that the engine throws on purpose: a sentence for a person and a kind for a program.
 */

/**
 * What went wrong, in kinds that a player treats differently.
 *
 * - `network`: a file could not be fetched; trying again may help.
 * - `damaged`: bytes are not what they should be; fetching again may help.
 * - `newer`: written for a newer player.
 * - `unsupported`: this browser or device lacks something.
 * - `decoder`: the video decoder gave up.
 * - `graphics`: the graphics context is lost or refused to draw.
 * - `aborted`: the caller asked to stop.
 * - `usage`: the page asked for something that does not exist.
 *
 * @typedef {"network"|"damaged"|"newer"|"unsupported"|"decoder"|"graphics"|"aborted"|"usage"} Kind
 */

/** An error with a readable sentence as `message` and a `kind`. */
export class PlayerError extends Error {
  /**
   * @param {Kind} kind what sort of failure it is
   * @param {string} message what was wrong, what was found, what was expected, what to do
   * @param {{cause?: unknown}} [options] the error underneath
   */
  constructor(kind, message, options) {
    super(message, options);
    this.name = "PlayerError";
    /** @type {Kind} */
    this.kind = kind;
  }

  /**
   * The error as plain data, to pass it between threads.
   *
   * @returns {{kind: Kind, message: string}}
   */
  toJSON() {
    return { kind: this.kind, message: this.message };
  }
}

/**
 * A value as a message quotes it, cut short where it is long.
 *
 * @param {unknown} value anything
 * @returns {string}
 */
export function shown(value) {
  let text;
  try {
    text = typeof value === "string" ? `"${value}"` : JSON.stringify(value) ?? String(value);
  } catch {
    text = String(value);
  }
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/**
 * Throw if the caller has asked to stop.
 *
 * @param {AbortSignal} [signal] the caller's signal
 */
export function checkAborted(signal) {
  if (signal?.aborted) {
    throw new PlayerError("aborted", "The work was stopped because it is no longer needed.");
  }
}
