/** Tables of groups, built in a worker where there is one, on this thread otherwise. */

import { PlayerError, checkAborted } from "./errors.js";
import { buildTables } from "./tables.js";

/** A worker that has not said hello by then is not coming. */
const START_MS = 5000;

/** @typedef {import("./tables.js").GroupTables} GroupTables */

/**
 * One worker, started when it is first needed.
 *
 * @type {Promise<TableWorker | null> | null}
 */
let worker = null;

/**
 * The tables of a fetched group.
 *
 * @param {import("./package.js").Package} pkg
 * @param {number} groupIndex
 * @param {{occupancyBytes: Uint8Array}} fetched what `pkg.fetchGroup` gave
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<GroupTables>}
 * @throws {PlayerError} if the occupancy is damaged
 */
export async function buildGroup(pkg, groupIndex, fetched, { signal } = {}) {
  const { grid, block_size: blockSize, vertex_order: vertexOrder, groups } = pkg.record;
  const { rows, columns } = groups[groupIndex].layout;
  const { occupancyBytes } = fetched;
  const order = { blockSize, vertexOrder };
  const request = { occupancyBytes, grid, order, layout: { rows, columns } };
  worker ??= startWorker();
  const running = await worker;
  checkAborted(signal);
  const tables = running ? await running.build(request) : buildTables(request);
  checkAborted(signal);
  return tables;
}

/** End the worker; the next `buildGroup` starts another. */
export async function stopGroupWorker() {
  const running = await worker;
  running?.stop();
  worker = null;
}

class TableWorker {
  /** @param {Worker} thread */
  constructor(thread) {
    this.thread = thread;
    this.count = 0;
    /** @type {Map<number, {resolve: (t: GroupTables) => void, reject: (e: unknown) => void}>} */
    this.waiting = new Map();
    thread.addEventListener("message", ({ data }) => this.settle(data));
    thread.addEventListener("error", (event) => this.fail(event.message));
  }

  /** @param {import("./tables.js").TableRequest} request @returns {Promise<GroupTables>} */
  build(request) {
    this.count += 1;
    const number = this.count;
    return new Promise((resolve, reject) => {
      this.waiting.set(number, { resolve, reject });
      this.thread.postMessage({ number, request });
    });
  }

  /** @param {any} answer */
  settle({ number, tables, failure }) {
    const waiting = this.waiting.get(number);
    this.waiting.delete(number);
    if (failure) waiting?.reject(new PlayerError(failure.kind, failure.message));
    else waiting?.resolve(tables);
  }

  /** @param {string} reason */
  fail(reason) {
    for (const { reject } of this.waiting.values()) {
      reject(new PlayerError("graphics", `The thread that prepares groups failed (${reason}); `
        + "reload the page."));
    }
    this.stop();
    worker = null;
  }

  stop() {
    this.thread.terminate();
    for (const { reject } of this.waiting.values()) {
      reject(new PlayerError("aborted", "The work was stopped because it is no longer needed."));
    }
    this.waiting.clear();
  }
}

/** @returns {Promise<TableWorker | null>} null where module workers do not run */
function startWorker() {
  return new Promise((resolve) => {
    let thread;
    try {
      thread = new Worker(new URL("./group_worker.js", import.meta.url), { type: "module" });
    } catch {
      resolve(null);
      return;
    }
    const timer = setTimeout(() => giveUp(), START_MS);
    const giveUp = () => {
      clearTimeout(timer);
      thread.terminate();
      resolve(null);
    };
    thread.addEventListener("error", giveUp, { once: true });
    thread.addEventListener("message", () => {
      clearTimeout(timer);
      thread.removeEventListener("error", giveUp);
      resolve(new TableWorker(thread));
    }, { once: true });
  });
}
