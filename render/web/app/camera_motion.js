// The camera as people move it: gestures set a goal, the picture follows it smoothly.

import { between, orbitFrom, orbitOfPose, pan, turn, viewOf, zoom } from "./orbit_camera.js";

/** @typedef {import("./orbit_camera.js").Orbit} Orbit */

/** Milliseconds after which half of the way to the goal is left. */
const HALF_WAY = { hand: 22, flight: 90 };
/** Distances that zooming stays within, in starting distances. */
const REACH = { nearest: 0.08, farthest: 6 };

/** Holds the goal, the state on the way to it, and the presets. */
export class CameraMotion {
  /**
   * @param {{startView: any, poses?: any[], still?: boolean}} scene start view of the engine, poses
   *   of the rig's cameras; `still`: jump instead of gliding
   */
  constructor({ startView, poses = [], still = false }) {
    this.start = orbitFrom(startView);
    const center = this.start.target;
    this.presets = poses.map((pose) => orbitOfPose(pose, center, this.start.up));
    this.still = still;
    this.goal = this.start;
    this.current = this.start;
    this.halfWay = HALF_WAY.hand;
    /** @type {number | null} rig camera that the goal is, null for anything else */
    this.preset = null;
    this.limits = {
      nearest: this.start.distance * REACH.nearest,
      farthest: this.start.distance * REACH.farthest,
    };
  }

  /** Whether the picture still follows. @returns {boolean} */
  get moving() {
    return this.current !== this.goal;
  }

  /**
   * Apply a move of the hand.
   *
   * @param {import("./gestures.js").Move} move in CSS pixels
   * @param {number} height of the picture in CSS pixels
   */
  move(move, height) {
    const size = Math.max(height, 1);
    if (move.kind === "zoom") this.aim(zoom(this.goal, move.factor, this.limits), "hand");
    else if (move.kind === "turn")
      this.aim(turn(this.goal, move.dx / size, move.dy / size), "hand");
    else this.aim(pan(this.goal, move.dx / size, move.dy / size), "hand");
  }

  /** Fly to the start view. */
  reset() {
    this.aim(this.start, "flight");
  }

  /**
   * Fly to a rig camera, or to the start view.
   *
   * @param {number | null} index
   * @returns {boolean} whether there is one
   */
  choose(index) {
    const orbit = index === null ? this.start : this.presets[index];
    if (!orbit) return false;
    this.aim(orbit, "flight");
    this.preset = index;
    return true;
  }

  /**
   * The rig camera behind the chosen one; null for the start view, behind the last.
   *
   * @returns {number | null}
   */
  get following() {
    const next = this.preset === null ? 0 : this.preset + 1;
    return next < this.presets.length ? next : null;
  }

  /** Be at the goal at once. */
  arrive() {
    this.current = this.goal;
  }

  /**
   * Follow the goal.
   *
   * @param {number} milliseconds since the last call
   * @returns {boolean} whether the picture changed
   */
  tick(milliseconds) {
    if (!this.moving) return false;
    const share = 1 - 0.5 ** (Math.min(Math.max(milliseconds, 0), 250) / this.halfWay);
    this.current = this.still ? this.goal : between(this.current, this.goal, share);
    return true;
  }

  /** The engine's view. @param {number} width in pixels @param {number} height in pixels */
  view(width, height) {
    return viewOf(this.current, width, height);
  }

  /** @param {Orbit} orbit @param {"hand" | "flight"} manner */
  aim(orbit, manner) {
    this.goal = orbit;
    this.preset = null;
    this.halfWay = HALF_WAY[manner];
  }
}
