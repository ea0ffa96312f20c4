/**
 * Files over HTTP: retried, bounded in time and size, abortable, and timed.
 */

import { PlayerError, checkAborted } from "./errors.js";

/** Times a file is asked for before the player gives up. */
const TRIES = 3;
/** A request is given up after this long without a byte. */
const STALL_MS = 15000;
/** Wait before the second try; doubled before each further one. */
const PAUSE_MS = 250;

/**
 * @typedef {object} FetchOptions
 * @property {AbortSignal} [signal] stops the request
 * @property {number} [expectedBytes] the exact size, if it is known
 * @property {number} [limitBytes] the largest size that is accepted
 * @property {number} [tries] how often to ask
 * @property {number} [stallMs] time without a byte after which a try ends
 */

/**
 * A whole file.
 *
 * @param {string} url where it lies
 * @param {FetchOptions} [options]
 * @returns {Promise<{bytes: Uint8Array, seconds: number}>} its bytes, and how long the try that
 *     succeeded took
 * @throws {PlayerError} `network` if it cannot be fetched, `damaged` if its size is wrong,
 *     `aborted` if the signal said so
 */
export async function fetchBytes(url, options = {}) {
  const tries = options.tries ?? TRIES;
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetchOnce(url, options);
    } catch (error) {
      checkAborted(options.signal);
      const failure = asFailure(url, error);
      if (attempt >= tries || !failure.again) throw failure.error;
    }
    await pause(PAUSE_MS * 2 ** (attempt - 1), options.signal);
  }
}

class Refusal extends Error {
  /** @param {PlayerError} error @param {boolean} again */
  constructor(error, again) {
    super(error.message);
    this.error = error;
    this.again = again;
  }
}

/** @param {string} url @param {unknown} error */
function asFailure(url, error) {
  if (error instanceof Refusal) return error;
  return new Refusal(new PlayerError("network",
    `${nameOf(url)} could not be fetched; check the connection and try again.`,
    { cause: error }), true);
}

/** @param {string} url @param {FetchOptions} options */
async function fetchOnce(url, options) {
  const started = performance.now();
  const control = new AbortController();
  const stop = () => control.abort();
  options.signal?.addEventListener("abort", stop);
  checkAborted(options.signal);
  const watchdog = new Watchdog(options.stallMs ?? STALL_MS, stop);
  try {
    const response = await fetch(url, { signal: control.signal });
    watchdog.feed();
    checkStatus(url, response);
    const bytes = await readBody(url, response, options, watchdog);
    return { bytes, seconds: (performance.now() - started) / 1000 };
  } catch (error) {
    if (watchdog.bit) throw new Refusal(stalled(url, options.stallMs ?? STALL_MS), true);
    throw error;
  } finally {
    watchdog.end();
    options.signal?.removeEventListener("abort", stop);
    control.abort(); // Frees the connection where the body was refused halfway.
  }
}

class Watchdog {
  /** @param {number} patienceMs @param {() => void} bite */
  constructor(patienceMs, bite) {
    this.patienceMs = patienceMs;
    this.bite = bite;
    this.bit = false;
    this.feed();
  }

  feed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.bit = true;
      this.bite();
    }, this.patienceMs);
  }

  end() {
    clearTimeout(this.timer);
  }
}

/** @param {string} url @param {Response} response */
function checkStatus(url, response) {
  if (response.ok) return;
  const again = response.status >= 500 || response.status === 429 || response.status === 408;
  const message = response.status === 404
    ? `${nameOf(url)} does not exist on the server; check the address.`
    : `${nameOf(url)} was refused by the server with status ${response.status}; try again later.`;
  const error = new PlayerError("network", message, { cause: response.status });
  throw new Refusal(error, again);
}

/**
 * @param {string} url @param {Response} response @param {FetchOptions} options
 * @param {Watchdog} watchdog
 */
async function readBody(url, response, options, watchdog) {
  const limit = options.expectedBytes ?? options.limitBytes ?? Infinity;
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const parts = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    watchdog.feed();
    length += value.length;
    if (length > limit) throw new Refusal(wrongSize(url, `more than ${limit}`, options), false);
    parts.push(value);
  }
  if (options.expectedBytes !== undefined && length !== options.expectedBytes) {
    throw new Refusal(wrongSize(url, `${length}`, options), true);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** @param {string} url @param {string} found @param {FetchOptions} options */
function wrongSize(url, found, options) {
  const wanted = options.expectedBytes ?? `at most ${options.limitBytes}`;
  return new PlayerError("damaged", `${nameOf(url)} has ${found} bytes, expected ${wanted}; `
    + "it is truncated or of another package, publish it again.");
}

/** @param {string} url @param {number} stallMs */
function stalled(url, stallMs) {
  return new PlayerError("network", `${nameOf(url)} stopped arriving for ${stallMs / 1000} `
    + "seconds; check the connection and try again.");
}

/** @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new PlayerError("aborted", "The work was stopped because it is no longer needed."));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/**
 * The file's name as a message gives it.
 *
 * @param {string} url an absolute address
 * @returns {string}
 */
export function nameOf(url) {
  try {
    const { pathname } = new URL(url);
    return decodeURIComponent(pathname.split("/").filter(Boolean).slice(-2).join("/")) || url;
  } catch {
    return url;
  }
}
