// The bar below the scene, and when it leaves.

import { byId, setAttribute, setIcon, setText } from "./dom.js";
import { clockText, rateText } from "./meters.js";

/** Milliseconds without a move after which the controls leave a playing scene. */
export const QUIET_AFTER = 2600;

/**
 * What the bar shows.
 *
 * @typedef {object} Snapshot
 * @property {number} frame
 * @property {number} frameCount
 * @property {number} frameRate
 * @property {boolean} playing
 * @property {boolean} waiting
 * @property {boolean} loop
 * @property {number} buffered seconds ahead
 * @property {number} bitrate bits per second of the rung that plays
 * @property {string} rung
 */

/**
 * Whether the controls may leave.
 *
 * @param {{playing: boolean, sinceMove: number, busy: boolean}} situation `busy`: a panel is open,
 *   or the keyboard is in the bar
 * @returns {boolean}
 */
export function mayLeave({ playing, sinceMove, busy }) {
  return playing && !busy && sinceMove > QUIET_AFTER;
}

/**
 * Share of the bar that is played and that is ready, in percent.
 *
 * @param {{frame: number, frameCount: number, frameRate: number, buffered: number}} snapshot
 * @returns {{played: number, ready: number}}
 */
export function shares({ frame, frameCount, frameRate, buffered }) {
  const last = Math.max(frameCount - 1, 1);
  const ready = Math.min(frame + buffered * frameRate, last);
  return { played: (100 * frame) / last, ready: (100 * Math.max(ready, frame)) / last };
}

/** The bar's elements and what they do. */
export class Controls {
  /** @param {(command: string, value?: any) => void} run carries out a command */
  constructor(run) {
    this.run = run;
    this.scrub = byId("scrub");
    this.scrubbing = false;
    const buttons = {
      play: "toggle",
      "step-back": "stepBack",
      "step-forward": "stepForward",
      loop: "loop",
      reset: "reset",
      "open-settings": "settings",
      "open-help": "help",
      fullscreen: "fullscreen",
    };
    for (const [id, command] of Object.entries(buttons))
      byId(id).addEventListener("click", () => run(command));
    // A press that changes nothing fires no input, yet the hand is on the bar from then on.
    this.scrub.addEventListener("pointerdown", () => this.grab());
    this.scrub.addEventListener("input", () => this.slide());
    for (const end of ["change", "pointerup", "pointercancel"])
      this.scrub.addEventListener(end, () => this.release());
    byId("fullscreen").hidden = !document.fullscreenEnabled;
  }

  grab() {
    if (this.scrubbing) return;
    this.scrubbing = true; // From here on the bar shows the hand's frame, not the scene's.
    this.run("scrubStart");
  }

  slide() {
    this.grab();
    this.run("scrub", Number(this.scrub.value));
  }

  release() {
    if (!this.scrubbing) return;
    this.scrubbing = false;
    this.run("scrubEnd");
  }

  /** @param {Snapshot} snapshot */
  show(snapshot) {
    const { frame, frameCount, frameRate, playing, loop } = snapshot;
    const play = byId("play");
    setIcon(play, playing ? "pause" : "play");
    setAttribute(play, "aria-label", playing ? "Pause" : "Play");
    setAttribute(play, "title", playing ? "Pause (space)" : "Play (space)");
    setAttribute(byId("loop"), "aria-pressed", String(loop));
    this.showPosition(snapshot);
    setText(byId("now"), clockText(frame / frameRate, true));
    setText(byId("total"), ` / ${clockText(frameCount / frameRate, true)}`);
    setText(
      byId("rate"),
      snapshot.rung ? `${snapshot.rung} \u00b7 ${rateText(snapshot.bitrate)}` : "",
    );
  }

  /** @param {Snapshot} snapshot */
  showPosition(snapshot) {
    const { frame, frameCount } = snapshot;
    const max = String(frameCount - 1);
    if (this.scrub.max !== max) this.scrub.max = max;
    const shown = this.scrubbing ? Number(this.scrub.value) : frame;
    if (!this.scrubbing && this.scrub.value !== String(frame)) this.scrub.value = String(frame);
    const { played, ready } = shares({ ...snapshot, frame: shown });
    this.scrub.style.setProperty("--played", `${played.toFixed(2)}%`);
    this.scrub.style.setProperty("--ready", `${ready.toFixed(2)}%`);
    setAttribute(this.scrub, "aria-valuetext", `Frame ${shown} of ${frameCount}`);
  }
}
