// Groups of one rung: fetched ahead one after another, kept while they fit, unpacked when needed.

import { AHEAD_SECONDS, BYTE_LIMIT, bufferedSeconds, planBuffer } from "./buffer_plan.js";

/** Mapping tables kept unpacked: the group that plays and the one behind it. */
const TABLES_KEPT = 2;
/** Milliseconds before prefetching asks again for a group that failed. */
const RETRY_AFTER = 4000;

/**
 * @typedef {object} StoreOptions
 * @property {any} pkg an opened package of the engine
 * @property {(pkg: any, group: number, data: any) => Promise<any>} build unpacks a group's tables
 * @property {(bytes: number, seconds: number) => void} onTransfer
 */

/** Fetches one group at a time, so that a transfer's time measures the network alone. */
export class GroupStore {
  /** @param {StoreOptions} options */
  constructor({ pkg, build, onTransfer }) {
    this.pkg = pkg;
    this.build = build;
    this.onTransfer = onTransfer;
    this.frameRate = pkg.frameRate;
    /** @type {Map<number, any>} group to fetched bytes */
    this.data = new Map();
    /** @type {Map<number, Promise<any>>} group to tables, in order of use */
    this.tables = new Map();
    /** @type {WeakMap<Promise<any>, any>} what became of those promises, to be had at once */
    this.unpacked = new WeakMap();
    /** @type {Map<number, number>} group to the time until which prefetching leaves it alone */
    this.resting = new Map();
    /** @type {{group: number, promise: Promise<any>, control: AbortController} | null} */
    this.transfer = null;
    this.closed = false;
    this.wanted = { current: 0, loop: true, seconds: 0 };
  }

  /** Bytes held. @returns {number} */
  get bytes() {
    return [...this.data.values()].reduce((sum, data) => sum + data.bytes, 0);
  }

  /**
   * Run ahead of playback, and drop what will not be needed soon.
   *
   * @param {number} current group that plays
   * @param {boolean} loop
   * @param {number} [seconds] to run ahead; 0 for this group and the next alone
   */
  prefetch(current, loop, seconds = AHEAD_SECONDS) {
    this.wanted = { current, loop, seconds };
    if (this.closed) return;
    const held = new Map([...this.data].map(([group, data]) => [group, data.bytes]));
    const plan = planBuffer({
      current,
      loop,
      groupCount: this.pkg.groups.length,
      held,
      duration: (group) => this.pkg.groups[group].frameCount / this.frameRate,
      seconds,
      bytes: BYTE_LIMIT,
    });
    for (const group of plan.drop) this.drop(group);
    const rests = plan.fetch !== null && (this.resting.get(plan.fetch) ?? 0) > performance.now();
    if (plan.fetch === null || rests || this.transfer) return;
    // A failure is told to whoever loads the group to play it; running ahead stays silent.
    this.fetch(plan.fetch).catch(() => {});
  }

  /**
   * A group's bytes and unpacked tables; waits for them.
   *
   * @param {number} group
   * @param {AbortSignal} signal gives up waiting; a transfer under way goes on for others
   * @returns {Promise<{data: any, tables: any}>}
   */
  async load(group, signal) {
    const data = this.data.get(group) ?? (await raceAbort(this.fetch(group), signal));
    const tables = await raceAbort(this.unpack(group, data), signal);
    return { data, tables };
  }

  /** Unpack a group that is there, so that playback finds it ready. @param {number} group */
  prepare(group) {
    const data = this.data.get(group);
    if (data && !this.tables.has(group)) this.unpack(group, data).catch(() => {});
  }

  /** Tables of a group if they are unpacked. @param {number} group @returns {any} or null */
  prepared(group) {
    const tables = this.tables.get(group);
    return (tables && this.unpacked.get(tables)) ?? null;
  }

  /** @param {{frame: number, current: number, loop: boolean}} where @returns {number} seconds */
  bufferedSeconds({ frame, current, loop }) {
    const { groups } = this.pkg;
    const held = this.data;
    const frameRate = this.frameRate;
    return bufferedSeconds({
      frame,
      current,
      loop,
      held,
      groups,
      frameRate,
      groupCount: groups.length,
    });
  }

  /** Stop transfers and free everything. */
  close() {
    this.closed = true;
    this.transfer?.control.abort();
    this.data.clear();
    this.tables.clear();
  }

  /** @param {number} group @returns {Promise<any>} */
  fetch(group) {
    if (this.transfer?.group === group) return this.transfer.promise;
    // Someone waits for this group now; what was fetched ahead can come later.
    this.transfer?.control.abort();
    const control = new AbortController();
    const promise = this.transferGroup(group, control);
    const transfer = { group, promise, control };
    this.transfer = transfer;
    const done = () => {
      if (this.transfer === transfer) this.transfer = null;
      const { current, loop, seconds } = this.wanted;
      if (!control.signal.aborted) this.prefetch(current, loop, seconds);
    };
    promise.then(done, done);
    return promise;
  }

  /** @param {number} group @param {AbortController} control */
  async transferGroup(group, control) {
    try {
      const data = await this.pkg.fetchGroup(group, { signal: control.signal });
      if (this.closed) throw new DOMException("The rung was closed.", "AbortError");
      this.onTransfer(data.bytes, data.seconds);
      this.data.set(group, data);
      this.resting.delete(group);
      return data;
    } catch (error) {
      if (!control.signal.aborted) this.resting.set(group, performance.now() + RETRY_AFTER);
      throw error;
    }
  }

  /** @param {number} group @param {any} data */
  unpack(group, data) {
    const known = this.tables.get(group);
    const tables = known ?? this.build(this.pkg, group, data);
    this.tables.delete(group);
    this.tables.set(group, tables);
    for (const old of [...this.tables.keys()].slice(0, -TABLES_KEPT)) this.tables.delete(old);
    tables.then(
      (/** @type {any} */ unpacked) => this.unpacked.set(tables, unpacked),
      () => {
        if (this.tables.get(group) === tables) this.drop(group);
      },
    );
    return tables;
  }

  /** @param {number} group */
  drop(group) {
    this.data.delete(group);
    this.tables.delete(group);
  }
}

/**
 * The promise, or a rejection as soon as the signal fires.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal} signal
 * @returns {Promise<T>}
 */
export function raceAbort(promise, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new DOMException("No longer needed.", "AbortError"));
    if (signal.aborted) {
      promise.catch(() => {});
      stop();
      return;
    }
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/**
 * Whether an error only says that work was stopped on purpose.
 *
 * @param {any} error
 * @returns {boolean}
 */
export function isAbort(error) {
  return error?.name === "AbortError" || error?.kind === "aborted";
}
