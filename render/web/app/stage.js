// The canvas: which picture, from where, at what size. Draws when told to, and measures what it
// costs.

import { AdaptiveSize, drawingCost, drawingSize } from "./adaptive_size.js";
import { MODES, SIZES, choiceOf } from "./choices.js";
import { Smooth } from "./meters.js";

/** Milliseconds without change after which a paused picture is drawn at full size. */
export const SETTLE = 180;
/** Milliseconds between turns of a 60 Hz screen, until a shorter one is seen. */
const USUAL_TURN = 1000 / 60;
/** Milliseconds of a turn in which tables of the next group are uploaded. */
export const UPLOAD_BUDGET = 3;
/** A gap this long between turns says nothing about drawing. */
const LONGEST_COST = 4000;

/** Owns the renderer; everything else asks it to draw. */
export class Stage {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("../engine/renderer.js").Renderer} renderer
   * @param {{frameRate: number}} options
   */
  constructor(canvas, renderer, { frameRate }) {
    this.canvas = canvas;
    this.renderer = renderer;
    this.mode = MODES[0].name;
    this.size = SIZES[0].name;
    this.adaptive = new AdaptiveSize({ budget: 1000 / Math.min(Math.max(frameRate, 15), 30) });
    this.cost = new Smooth();
    this.dirty = false;
    this.sharp = false;
    this.drawn = { width: 0, height: 0 };
    this.shownScale = 1;
    this.turn = USUAL_TURN;
    this.lastTurn = -Infinity;
    this.lastDrawing = -Infinity;
    this.lastDrew = false;
    /** @type {any} tables that the renderer holds */
    this.tables = null;
    this.box = { width: 1, height: 1 };
    this.measure();
  }

  /** The share of full size that is drawn while things move. @returns {number} */
  get scale() {
    return choiceOf(SIZES, this.size).scale ?? this.adaptive.scale;
  }

  /** Read the size of the canvas on the page; call it when that may have changed. */
  measure() {
    const { clientWidth, clientHeight } = this.canvas;
    this.box = { width: Math.max(clientWidth, 1), height: Math.max(clientHeight, 1) };
    this.dirty = true;
  }

  /**
   * Take a picture of the feed; its pixels are copied, so it is closed.
   *
   * @param {import("./picture_feed.js").Item} item
   */
  show(item) {
    try {
      if (item.tables !== this.tables) {
        this.tables = item.tables;
        this.renderer.setGroup(item.tables, item.pkg, item.group);
      }
      this.renderer.setPicture(item.picture);
    } finally {
      item.picture.close();
    }
    this.dirty = true;
  }

  /**
   * Bring a part of what the next group takes to the device; once per turn, after drawing.
   *
   * @param {{tables: any, pkg: any, group: number} | null} next null if it is not known
   */
  getReady(next) {
    if (next && next.tables !== this.tables)
      this.renderer.stageGroup(next.tables, next.pkg, next.group);
    this.renderer.uploadSome(UPLOAD_BUDGET);
  }

  /** @param {string} name */
  setMode(name) {
    this.mode = choiceOf(MODES, name).name;
    this.dirty = true;
  }

  /** @param {string} name */
  setSize(name) {
    this.size = choiceOf(SIZES, name).name;
    this.dirty = true;
  }

  /** The renderer starts anew, such as after its context came back. */
  forget() {
    this.tables = null;
    this.dirty = true;
  }

  /**
   * One turn of the drawing loop.
   *
   * @param {number} now
   * @param {(width: number, height: number) => any} viewOf
   * @param {boolean} moving pictures or the camera are under way
   * @returns {boolean} whether it drew
   */
  draw(now, viewOf, moving) {
    this.watch(now);
    const settled = !moving && now - this.lastDrawing > SETTLE && !this.sharp;
    if (!this.dirty && !settled) return false;
    const automatic = choiceOf(SIZES, this.size).scale === null;
    const scale = !moving && settled && automatic ? 1 : this.scale;
    this.resize(scale);
    const { width, height } = this.drawn;
    this.renderer.draw(viewOf(width, height), { mode: choiceOf(MODES, this.mode).id });
    this.dirty = false;
    this.sharp = settled || scale === 1 || !automatic;
    this.lastDrawing = now;
    this.lastDrew = true;
    return true;
  }

  /** Whether a paused picture still has to be drawn at full size. @returns {boolean} */
  get unsettled() {
    return this.dirty || !this.sharp;
  }

  /** The drawing loop rests; the next turn's time says nothing. */
  rest() {
    this.lastTurn = -Infinity;
    this.lastDrew = false;
  }

  dispose() {
    this.renderer.dispose();
  }

  /** @param {number} scale */
  resize(scale) {
    const pixelRatio = globalThis.devicePixelRatio ?? 1;
    this.drawn = drawingSize({ ...this.box, pixelRatio, scale });
    this.shownScale = scale;
    const { width, height } = this.drawn;
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
  }

  /** Learn from when this turn came. @param {number} now */
  watch(now) {
    const interval = now - this.lastTurn;
    this.lastTurn = now;
    const drew = this.lastDrew;
    this.lastDrew = false;
    if (!(interval > 0) || interval > LONGEST_COST) return;
    if (!drew) this.turn = Math.min(Math.max(interval, 4), this.turn);
    // A settled picture is large on purpose; its cost says nothing about the moving ones.
    if (!drew || this.drawnSettled()) return;
    this.cost.add(interval);
    if (choiceOf(SIZES, this.size).scale === null) {
      if (this.adaptive.add(drawingCost(interval, this.turn))) this.dirty = true;
    }
  }

  drawnSettled() {
    return this.shownScale !== this.scale;
  }
}
