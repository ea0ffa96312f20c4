// Which rung plays: by hand or by the measured network, only between groups.

import { upcoming } from "./buffer_plan.js";
import { mayPass } from "./messages.js";
import { ThroughputMeter, chooseRung } from "./rung_choice.js";
import { GroupStore } from "./group_store.js";

/**
 * Opens rungs, keeps their stores, and answers a feed that asks where a frame comes from.
 */
export class RungControl {
  /**
   * @param {any} scene of the engine
   * @param {{build: (pkg: any, group: number, data: any) => Promise<any>, playable: boolean[],
   *   onSwitch: (rung: number) => void,
   *   onFailure: (error: any, rung: number, instead: number) => void}} options
   */
  constructor(scene, { build, playable, onSwitch, onFailure }) {
    this.scene = scene;
    this.build = build;
    this.playable = [...playable];
    this.onSwitch = onSwitch;
    this.onFailure = onFailure;
    this.meter = new ThroughputMeter();
    /** @type {Map<number, GroupStore>} */
    this.stores = new Map();
    /** @type {number | null} the rung that plays */
    this.current = null;
    /** @type {number | null} the rung chosen by hand, null for automatic */
    this.hand = null;
    this.loop = true;
    this.control = new AbortController();
  }

  /** The store that plays. @returns {GroupStore | null} */
  get store() {
    return this.current === null ? null : (this.stores.get(this.current) ?? null);
  }

  /** Choose by hand, or null for automatic. @param {number | null} rung */
  choose(rung) {
    this.hand = rung;
  }

  /**
   * This rung does not play here.
   *
   * @param {number} rung
   * @returns {boolean} whether another one may
   */
  exclude(rung) {
    this.playable[rung] = false;
    if (this.hand === rung) this.hand = null;
    return this.playable.some(Boolean);
  }

  /**
   * The rung that should play next.
   *
   * @param {number} frame on screen
   * @returns {number} -1 if none can
   */
  wanted(frame) {
    if (this.hand !== null && this.playable[this.hand]) return this.hand;
    return chooseRung(this.scene.rungs, {
      current: this.current,
      throughput: this.meter.bitsPerSecond,
      buffered: this.reserve(frame),
      playable: (index) => this.playable[index],
    });
  }

  /** Seconds ready ahead of a frame. @param {number} frame @returns {number} */
  bufferedSeconds(frame) {
    const store = this.store;
    if (!store) return 0;
    return store.bufferedSeconds({ frame, current: store.pkg.groupOf(frame), loop: this.loop });
  }

  /**
   * Seconds that may pass without a byte: no end of them once all that is left has come.
   *
   * @param {number} frame
   */
  reserve(frame) {
    const store = this.store;
    if (!store) return 0;
    const groupCount = store.pkg.groups.length;
    const left = upcoming(store.pkg.groupOf(frame), { groupCount, loop: this.loop });
    return left.every((group) => store.data.has(group)) ? Infinity : this.bufferedSeconds(frame);
  }

  /**
   * Where a frame comes from; the feed asks between groups.
   *
   * @param {number} frame
   * @returns {Promise<{rung: number, pkg: any, group: number, store: GroupStore}>}
   */
  async source(frame) {
    const wanted = this.ready(this.wanted(frame), frame);
    if (wanted < 0) throw this.nothingPlayable();
    const rung = await this.settle(wanted);
    const store = await this.storeOf(rung);
    const group = store.pkg.groupOf(frame);
    this.enter(rung);
    store.prefetch(group, this.loop);
    return { rung, pkg: store.pkg, group, store };
  }

  /**
   * Fetch ahead, while a group plays: its successors, or the next one in the rung to come.
   *
   * @param {number} frame
   */
  ahead(frame) {
    const store = this.store;
    if (!store) return;
    const { groups, frameCount } = store.pkg;
    const group = store.pkg.groupOf(frame);
    const end = groups[group].firstFrame + groups[group].frameCount;
    if (end >= frameCount && !this.loop) return;
    const wanted = this.wanted(frame);
    const stays = wanted === this.current;
    store.prefetch(group, this.loop, stays ? undefined : 0);
    store.prepare((group + 1) % groups.length);
    this.forgetBut(wanted);
    // The rung to come starts behind this group, while the one that plays keeps what it holds.
    if (!stays)
      this.storeOf(wanted).then(
        (next) => next.prefetch(next.pkg.groupOf(end % frameCount), this.loop),
        () => {},
      );
  }

  /**
   * The group that most likely follows, if it is ready to be drawn.
   *
   * @param {number} frame on screen
   * @returns {{pkg: any, group: number, tables: any} | null}
   */
  following(frame) {
    const store = this.store;
    if (!store) return null;
    const { pkg } = store;
    const group = (pkg.groupOf(frame) + 1) % pkg.groups.length;
    const tables = store.prepared(group);
    return tables && { pkg, group, tables };
  }

  /**
   * The rung to change to, unless its group is not there yet while the present rung has it.
   *
   * @param {number} wanted
   * @param {number} frame
   */
  ready(wanted, frame) {
    const here = this.store;
    if (!here || this.hand !== null || wanted === this.current) return wanted;
    const next = this.stores.get(wanted);
    const isThere = next?.data.has(next.pkg.groupOf(frame)) ?? false;
    return !isThere && here.data.has(here.pkg.groupOf(frame))
      ? /** @type {number} */ (this.current)
      : wanted;
  }

  /** Close the stores that neither play nor are wanted. @param {number} wanted */
  forgetBut(wanted) {
    for (const [rung, store] of this.stores) {
      if (rung === wanted || rung === this.current) continue;
      store.close();
      this.stores.delete(rung);
    }
  }

  /** Free everything. */
  close() {
    this.control.abort();
    for (const store of this.stores.values()) store.close();
    this.stores.clear();
  }

  /**
   * A rung that opens: the wanted one, or another one where that fails for good.
   *
   * @param {number} wanted
   * @returns {Promise<number>}
   */
  async settle(wanted) {
    try {
      await this.storeOf(wanted);
      return wanted;
    } catch (error) {
      const stays = this.current !== null && this.current !== wanted && this.hand === null;
      if (mayPass(error) && stays) return /** @type {number} */ (this.current);
      // A lost connection is waited for; a rung that is missing or damaged is left for another.
      if (this.control.signal.aborted || mayPass(error) || !this.exclude(wanted)) throw error;
      const next = this.current ?? this.wanted(0);
      this.onFailure(error, wanted, next);
      return this.settle(next);
    }
  }

  /** @param {number} rung @returns {Promise<GroupStore>} */
  async storeOf(rung) {
    const known = this.stores.get(rung);
    if (known) return known;
    const pkg = await this.scene.openRung(rung, { signal: this.control.signal });
    const raced = this.stores.get(rung);
    if (raced) return raced;
    const { build, meter } = this;
    const onTransfer = (/** @type {number} */ bytes, /** @type {number} */ seconds) =>
      meter.add(bytes, seconds);
    const store = new GroupStore({ pkg, build, onTransfer });
    this.stores.set(rung, store);
    return store;
  }

  /** @param {number} rung */
  enter(rung) {
    if (this.current === rung) return;
    const left = this.current;
    this.current = rung;
    // What was fetched in the rung before is of no use in this one.
    if (left !== null) {
      this.stores.get(left)?.close();
      this.stores.delete(left);
    }
    this.onSwitch(rung);
  }

  nothingPlayable() {
    const names = this.scene.rungs
      .map((/** @type {any} */ rung) => `${rung.name} (${rung.codecString})`)
      .join(", ");
    return Object.assign(
      new Error(
        `This browser decodes none of the scene's rungs: ${names}. Open it in another browser, ` +
          "or publish it again with an H.264 rung.",
      ),
      { kind: "unsupported" },
    );
  }
}
