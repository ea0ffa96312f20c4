/**
 * How long bytes were on the way, as the browser's network side has it: a page that is busy drawing
 * takes its bytes late, which says nothing about the network.
 */

/** Turns to wait for the browser's record of a file that has just arrived. */
const TURNS = 3;

let isWatched = false;

/**
 * Seconds from the first request to the last byte of files that were fetched beside each other.
 *
 * @param {string[]} urls absolute
 * @param {number} started when they were asked for, as of `performance.now()`
 * @returns {Promise<number>} by the page's own clock where the browser keeps no record; 0 if a
 *     cache had them, which measures nothing
 */
export async function transferSeconds(urls, started) {
  const ended = performance.now();
  watch();
  for (let turn = 0; turn < TURNS; turn++) {
    const records = urls.map((url) => recordOf(url, started));
    const seconds = secondsOf(records.filter((record) => record !== undefined));
    if (!records.includes(undefined)) return seconds;
    await new Promise((resolve) => setTimeout(resolve));
  }
  return (ended - started) / 1000;
}

/**
 * @typedef {{startTime: number, requestStart: number, responseEnd: number, transferSize: number,
 *     decodedBodySize: number}} TransferRecord as in `PerformanceResourceTiming`
 */

/**
 * Seconds that records span.
 *
 * @param {TransferRecord[]} records
 * @returns {number} 0 for what came from a cache
 */
export function secondsOf(records) {
  const sent = records.filter((record) => record.transferSize > 0 || record.decodedBodySize === 0);
  if (!sent.length) return 0;
  const first = Math.min(...sent.map((record) => record.requestStart));
  return (Math.max(...sent.map((record) => record.responseEnd)) - first) / 1000;
}

/** @param {string} url @param {number} started @returns {TransferRecord | undefined} */
function recordOf(url, started) {
  const records = /** @type {PerformanceResourceTiming[]} */ (
    performance.getEntriesByName(url, "resource"));
  // Other servers may keep their times to themselves, which then are 0. A file that was asked for
  // again counts with its last try.
  return records.filter((record) => record.startTime >= started - 1 && record.requestStart > 0
    && record.responseEnd > record.requestStart).at(-1);
}

/** The browser keeps a few hundred records, and none beyond: make room when they are full. */
function watch() {
  if (isWatched) return;
  isWatched = true;
  performance.addEventListener("resourcetimingbufferfull", () => performance.clearResourceTimings());
}
