// The page: commands from buttons, keys and hands to the player, and its state back to the page.

import { THEMES } from "./choices.js";
import { commandsOf } from "./commands.js";
import { Controls, mayLeave } from "./controls.js";
import { byId, setText } from "./dom.js";
import { listenToGestures } from "./gestures.js";
import { commandOf } from "./keyboard.js";
import * as messages from "./messages.js";
import { Panels } from "./panels.js";
import { Player } from "./player.js";
import { snapshotOf } from "./snapshot.js";
import { applyTheme, startingTheme, storeTheme, storedTheme } from "./theme.js";
import { Toasts } from "./toasts.js";
import { shareAddress } from "./url_parameters.js";

/** @typedef {import("./url_parameters.js").Parameters} Parameters */

/** Everything around the canvas. */
export class Page {
  /** @param {() => any} createEngine @param {Parameters} parameters */
  constructor(createEngine, parameters) {
    this.createEngine = createEngine;
    this.parameters = parameters;
    this.canvas = byId("canvas");
    this.control = new AbortController();
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.theme = startingTheme(parameters.theme, storedTheme());
    /** @type {Player | null} */
    this.player = null;
    this.lastMove = performance.now();
    this.resumes = false;
    /** @type {number | null} */
    this.scrubTarget = null;
    const run = (/** @type {string} */ name, /** @type {any} */ value) => this.run(name, value);
    this.controls = new Controls(run);
    this.panels = new Panels(run);
    this.toasts = new Toasts({ onAgain: () => this.open() });
    this.commands = commandsOf(this);
    applyTheme(this.theme);
    this.panels.openStatistics(parameters.statistics);
    this.listen();
  }

  /** Open the scene of the address; again, after a failure. */
  async open() {
    this.player?.close();
    this.toasts.hideCard();
    document.body.dataset.state = "loading";
    setText(byId("wait-text"), "Loading the scene");
    const { loop, route, scene } = this.parameters;
    const player = new Player(this.createEngine(), this.canvas, { loop, still: this.still, route });
    this.player = player;
    this.follow(player);
    try {
      await player.open(scene);
      this.enter(player);
    } catch (error) {
      if (player !== this.player) return;
      this.fail(messages.openingFailed(error, { online: navigator.onLine }));
    }
  }

  /** Carry out a command. @param {string} name @param {any} [value] */
  run(name, value) {
    this.touch();
    this.commands[name]?.(value);
    this.refresh();
  }

  /** @returns {any} everything that is shown, as plain values */
  state() {
    const shown = snapshotOf(this.player, performance.now());
    return { ...shown, theme: this.theme, page: document.body.dataset.state };
  }

  /** @param {Player} player */
  enter(player) {
    const { scene, rungs } = player;
    if (!scene || !rungs) return;
    const { parameters } = this;
    const cameraCount = scene.cameras.length;
    this.panels.fillScene({ rungs: scene.rungs, cameraCount }, rungs.playable);
    for (const warning of parameters.warnings) this.toasts.show(messages.notice(warning));
    this.followAddress(player);
    const frame = parameters.frame ?? 0;
    if (frame >= scene.frameCount) {
      this.toasts.show(messages.noSuchFrame(frame, scene.frameCount - 1));
    }
    const plays = parameters.play ?? (parameters.frame === null && !this.still);
    player.seek(frame).catch(() => {});
    if (plays) player.play();
    this.touch();
  }

  /** What the address says about rung, camera and picture. @param {Player} player */
  followAddress(player) {
    const { rung, camera, mode } = this.parameters;
    const { scene, rungs } = player;
    player.stage?.setMode(mode);
    if (rung !== null && scene && rungs) {
      const names = scene.rungs.map((/** @type {any} */ each) => each.name);
      const index = names.indexOf(rung);
      if (index >= 0 && rungs.playable[index]) rungs.choose(index);
      else this.toasts.show(messages.noSuchRung(rung, names));
    }
    if (camera === null) return;
    if (player.camera?.choose(Number(camera))) player.camera.arrive();
    else this.toasts.show(messages.noSuchCamera(camera, scene.cameras.length));
  }

  /** Title, colors and poster, while everything else is on its way. @param {any} scene */
  announce(scene) {
    const title = scene.title || "Untitled scene";
    setText(byId("title"), title);
    document.title = `${title} \u2013 VideoRF`;
    const [r, g, b] = scene.record.background.map((/** @type {number} */ value) =>
      Math.round(255 * value),
    );
    document.documentElement.style.setProperty("--scene", `rgb(${r} ${g} ${b})`);
    const poster = byId("poster");
    if (!scene.posterUrl || document.body.dataset.state === "ready") return;
    poster.addEventListener(
      "load",
      () => {
        poster.hidden = document.body.dataset.state === "ready";
        document.body.toggleAttribute("data-poster", !poster.hidden);
      },
      { once: true },
    );
    poster.src = scene.posterUrl;
  }

  /** @param {Player} player */
  follow(player) {
    player.addEventListener("scene", () => this.announce(player.scene));
    player.addEventListener("change", () => this.refresh());
    player.addEventListener("draw", () => this.uncover());
    player.addEventListener("clear", (event) =>
      this.toasts.clear(/** @type {CustomEvent} */ (event).detail),
    );
    player.addEventListener("message", (event) => {
      const message = /** @type {CustomEvent} */ (event).detail;
      if (message.weight === "fatal") this.fail(message);
      else this.toasts.show(message);
    });
  }

  /** The first picture is there. */
  uncover() {
    if (!this.player?.item || document.body.dataset.state !== "loading") return;
    document.body.dataset.state = "ready";
    byId("poster").hidden = true;
  }

  /** @param {import("./messages.js").Message} message */
  fail(message) {
    document.body.dataset.state = "fatal";
    setText(byId("title"), this.player?.scene?.title ?? "VideoRF");
    byId("wait").removeAttribute("data-on");
    this.toasts.show(message);
  }

  refresh() {
    const state = this.state();
    if (state.frameCount > 0) this.controls.show(state);
    this.panels.show(state);
    const waits = state.waiting && state.page === "ready";
    byId("wait").toggleAttribute("data-on", waits);
    if (waits) setText(byId("wait-text"), state.playing ? "Buffering" : "Loading the frame");
    this.fade(state.playing);
  }

  /** @param {boolean} playing */
  fade(playing) {
    const inBar = byId("controls").matches(":has(:focus-visible)") || this.controls.scrubbing;
    const busy = this.panels.anyOpen || inBar || document.body.dataset.state !== "ready";
    const sinceMove = performance.now() - this.lastMove;
    document.body.classList.toggle("quiet", mayLeave({ playing, sinceMove, busy }));
  }

  touch() {
    this.lastMove = performance.now();
    document.body.classList.remove("quiet");
  }

  listen() {
    const { signal } = this.control;
    listenToGestures(
      this.canvas,
      {
        onMove: (move) => {
          this.player?.camera?.move(move, this.canvas.clientHeight);
          this.player?.wake();
        },
        onTap: (kind, pointer) => this.tap(kind, pointer),
        onActive: () => this.touch(),
      },
      signal,
    );
    addEventListener("keydown", (event) => this.press(event), { signal });
    addEventListener("pointermove", () => this.touch(), { signal });
    addEventListener("resize", () => this.player?.resize(), { signal });
    new ResizeObserver(() => this.player?.resize()).observe(this.canvas);
    document.addEventListener("visibilitychange", () => this.player?.visible(!document.hidden), {
      signal,
    });
    addEventListener("online", () => this.toasts.clear("connection"), { signal });
  }

  /** @param {"tap" | "doubleTap"} kind @param {string} pointer */
  tap(kind, pointer) {
    if (this.panels.settingsOpen) this.panels.openSettings(false);
    else if (kind === "doubleTap") this.run("reset");
    else if (pointer === "touch") this.touch();
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const focused = /** @type {Element | null} */ (event.target)?.tagName ?? "BODY";
    const command = commandOf(event, focused);
    if (command === null || (byId("help").open && command !== "help")) return;
    if (command === "close" && !this.panels.settingsOpen) return;
    event.preventDefault();
    this.run(command);
  }

  /** A hand is on the bar: the scene stands still meanwhile. */
  startScrubbing() {
    this.resumes = this.player?.playing ?? false;
    this.player?.pause();
  }

  endScrubbing() {
    if (this.resumes) this.player?.play();
    this.resumes = false;
  }

  /** @param {number} frame the latest one wins while one is on its way */
  async scrub(frame) {
    const isRunning = this.scrubTarget !== null;
    this.scrubTarget = frame;
    if (isRunning) return;
    for (let target = -1; this.scrubTarget !== null && target !== this.scrubTarget;) {
      target = this.scrubTarget;
      await this.player?.seek(target).catch(() => {});
    }
    this.scrubTarget = null;
  }

  /** @param {string} name */
  setTheme(name) {
    this.theme = THEMES.includes(name) ? name : THEMES[0];
    applyTheme(this.theme);
    storeTheme(this.theme);
  }

  async copyLink() {
    const state = this.state();
    const camera = state.camera === null ? null : String(state.camera);
    const rung = state.rungHand === null ? null : state.rung;
    const address = shareAddress(location.href, {
      frame: state.frame,
      camera,
      rung,
      mode: state.mode,
    });
    try {
      await navigator.clipboard.writeText(address);
      this.toasts.show(messages.notice("The link to this frame is copied."));
    } catch {
      this.toasts.show(messages.notice(`Copy this address: ${address}`));
    }
  }
}
