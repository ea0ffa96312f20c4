// What to do about a group that does not play: wait, take another rung, or go on without it.

import * as messages from "./messages.js";

/** Milliseconds between tries while the network is away. */
const RETRY = 1500;

/** Judges failures of one scene, and remembers which groups have failed in a row. */
export class Failures {
  /**
   * @param {{scene: any, rungs: import("./rung_control.js").RungControl,
   *   tell: (message: import("./messages.js").Message) => void}} options
   */
  constructor({ scene, rungs, tell }) {
    this.scene = scene;
    this.rungs = rungs;
    this.tell = tell;
    /** @type {Set<number>} groups that failed since the last picture */
    this.broken = new Set();
    /** Nothing plays any more. */
    this.isFinal = false;
  }

  /** A picture is on screen: what failed before it is behind us. */
  pass() {
    this.broken.clear();
  }

  /**
   * What to do about a group that does not play.
   *
   * @param {any} error
   * @param {{frame: number, next: number | null, rung: number, group: number}} where
   * @returns {Promise<"skip" | "stop" | "retry">}
   */
  async judge(error, where) {
    if (messages.mayPass(error)) {
      this.tell(messages.connectionLost({ online: navigator.onLine }));
      await new Promise((resolve) => setTimeout(resolve, RETRY));
      return "retry";
    }
    const isForeign = messages.kindOf(error) === "unsupported" && where.rung >= 0;
    if (isForeign && this.rungs.exclude(where.rung)) {
      this.tellRung(error, where.rung, this.rungs.wanted(where.frame));
      return "retry";
    }
    return this.leaveOut(error, where);
  }

  /**
   * A rung does not play here, another one does.
   *
   * @param {any} error
   * @param {number} left
   * @param {number} taken
   */
  tellRung(error, left, taken) {
    const { rungs } = this.scene;
    this.tell(messages.rungFailed(error, rungs[left].name, rungs[taken].name));
  }

  /**
   * @param {any} error
   * @param {{next: number | null, group: number}} where
   * @returns {"skip" | "stop"}
   */
  leaveOut(error, where) {
    const groups = this.rungs.store?.pkg.groups ?? [];
    this.broken.add(where.group);
    const isHopeless = where.next === null || messages.kindOf(error) === "unsupported";
    if (isHopeless || this.broken.size >= groups.length) {
      this.isFinal = true;
      this.tell(messages.nothingPlays(error));
      return "stop";
    }
    const { firstFrame, frameCount } = groups[where.group];
    const frames = { first: firstFrame, last: firstFrame + frameCount - 1 };
    this.tell(messages.groupFailed(error, frames));
    return "skip";
  }
}
