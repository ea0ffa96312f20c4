// Pointers to camera moves: one turns, two pan and pinch, the right button pans, the wheel zooms.

/** @typedef {{x: number, y: number}} Point in CSS pixels */
/**
 * @typedef {{kind: "turn" | "pan", dx: number, dy: number} | {kind: "zoom", factor: number}} Move
 */

const WHEEL_PIXELS = { 0: 1, 1: 16, 2: 400 };
const TAP_MILLISECONDS = 320;
const TAP_PIXELS = 12;

/** What the pointers that are down do together; no page needed. */
export class Gesture {
  constructor() {
    /** @type {Map<number, Point>} */
    this.points = new Map();
    this.panning = false;
    this.moved = 0;
    /** @type {{time: number, x: number, y: number} | null} */
    this.tap = null;
  }

  /**
   * @param {number} id
   * @param {Point} point
   * @param {boolean} pans right or middle button, or shift
   */
  down(id, point, pans) {
    if (this.points.size === 0) this.moved = 0;
    this.points.set(id, point);
    this.panning = pans;
    if (this.points.size > 1) this.moved = Infinity;
  }

  /**
   * @param {number} id
   * @param {Point} point
   * @returns {Move[]} in CSS pixels
   */
  move(id, point) {
    const last = this.points.get(id);
    if (!last) return [];
    const before = [...this.points.values()];
    this.points.set(id, point);
    const [dx, dy] = [point.x - last.x, point.y - last.y];
    this.moved += Math.hypot(dx, dy);
    if (this.points.size === 1) return [{ kind: this.panning ? "pan" : "turn", dx, dy }];
    if (this.points.size > 2) return [];
    const after = [...this.points.values()];
    const spread = span(after);
    const factor = spread > 1 ? span(before) / spread : 1;
    return [
      { kind: "pan", dx: dx / 2, dy: dy / 2 },
      { kind: "zoom", factor },
    ];
  }

  /**
   * @param {number} id
   * @param {number} time milliseconds
   * @returns {"tap" | "doubleTap" | null}
   */
  up(id, time) {
    const point = this.points.get(id);
    this.points.delete(id);
    if (!point || this.points.size > 0 || this.moved > TAP_PIXELS) return null;
    const last = this.tap;
    const near = last !== null && Math.hypot(point.x - last.x, point.y - last.y) < 3 * TAP_PIXELS;
    const isSecond = last !== null && near && time - last.time < TAP_MILLISECONDS;
    this.tap = isSecond ? null : { time, ...point };
    return isSecond ? "doubleTap" : "tap";
  }

  /** Forget a pointer that the browser took away. @param {number} id */
  cancel(id) {
    this.points.delete(id);
    this.tap = null;
  }
}

/**
 * Factor on the distance for a turn of the wheel.
 *
 * @param {{deltaY: number, deltaMode: number}} wheel
 * @returns {number}
 */
export function wheelFactor({ deltaY, deltaMode }) {
  const unit = WHEEL_PIXELS[/** @type {0 | 1 | 2} */ (deltaMode)] ?? 1;
  const pixels = Math.min(Math.max(deltaY * unit, -240), 240);
  return Math.exp(pixels * 0.0015);
}

/**
 * Listen on an element and report moves and taps.
 *
 * @param {HTMLElement} element
 * @param {{onMove: (move: Move) => void, onTap: (kind: "tap" | "doubleTap", pointer: string) =>
 *   void, onActive: () => void}} handlers
 * @param {AbortSignal} signal ends listening
 */
export function listenToGestures(element, handlers, signal) {
  const gesture = new Gesture();
  const on = (/** @type {string} */ name, /** @type {(event: any) => void} */ listener) =>
    element.addEventListener(name, listener, { signal, passive: false });
  on("pointerdown", (event) => {
    element.setPointerCapture?.(event.pointerId);
    gesture.down(event.pointerId, pointOf(event), event.button > 0 || event.shiftKey);
    handlers.onActive();
  });
  on("pointermove", (event) => {
    for (const move of gesture.move(event.pointerId, pointOf(event))) handlers.onMove(move);
    handlers.onActive();
  });
  on("pointerup", (event) => {
    const tap = gesture.up(event.pointerId, event.timeStamp);
    if (tap && event.button === 0) handlers.onTap(tap, event.pointerType);
  });
  on("pointercancel", (event) => gesture.cancel(event.pointerId));
  on("contextmenu", (event) => event.preventDefault());
  on("wheel", (event) => {
    event.preventDefault();
    handlers.onMove({ kind: "zoom", factor: wheelFactor(event) });
    handlers.onActive();
  });
}

/** @param {PointerEvent} event @returns {Point} */
function pointOf(event) {
  return { x: event.clientX, y: event.clientY };
}

/** @param {Point[]} points two of them */
function span([a, b]) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
