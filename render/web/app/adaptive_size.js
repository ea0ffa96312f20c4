// Drawing size follows measured drawing time: fewer pixels on slow devices, all of them when
// paused.

/**
 * Shares of the full width and height that are tried; few, since each change reallocates targets.
 */
export const SCALES = Object.freeze([1, 0.85, 0.7, 0.6, 0.5, 0.4, 0.33, 0.25]);
/** Pixels drawn at most, whatever the screen: about 2560 by 1600. */
export const MOST_PIXELS = 4_100_000;
const SLOW = 1.15;
const ROOMY = 0.9;
const SLOW_DRAWINGS = 2;
const FAST_DRAWINGS = 12;
const MOST_PATIENCE = 1536;
/** A smaller picture has to cost this much less, or its size was not what took the time. */
const HELPS = 0.85;
const TRIAL_DRAWINGS = 4;
const REST_DRAWINGS = 240;

/**
 * Picks a scale from drawing times, with patience in the upward direction.
 */
export class AdaptiveSize {
  /** @param {{budget?: number, scale?: number}} [options] budget: milliseconds per picture */
  constructor({ budget = 1000 / 30, scale = 1 } = {}) {
    this.budget = budget;
    this.rank = nearestRank(scale);
    this.slowCount = 0;
    this.fastCount = 0;
    this.patience = FAST_DRAWINGS;
    this.sinceClimb = Infinity;
    /** @type {{rank: number, ratio: number, sum: number, count: number} | null} */
    this.trial = null;
    this.rest = 0;
  }

  /** The share of full size to draw at. @returns {number} */
  get scale() {
    return SCALES[this.rank];
  }

  /**
   * Count one drawing at the current scale.
   *
   * @param {number} milliseconds
   * @returns {boolean} whether the scale changed
   */
  add(milliseconds) {
    if (!Number.isFinite(milliseconds)) return false;
    const ratio = milliseconds / this.budget;
    this.slowCount = ratio > SLOW ? this.slowCount + 1 : 0;
    this.fastCount = ratio < this.climbRatio ? this.fastCount + 1 : 0;
    this.sinceClimb += 1;
    this.rest = Math.max(this.rest - 1, 0);
    if (this.trial) return this.judge(ratio);
    if (this.slowCount >= SLOW_DRAWINGS && this.rest === 0) return this.shrink(ratio);
    if (this.fastCount < this.patience || this.rank === 0) return false;
    this.sinceClimb = 0;
    return this.move(this.rank - 1);
  }

  /** Below this share of the budget the next larger size is expected to fit as well. */
  get climbRatio() {
    if (this.rank === 0) return 0;
    const growth = (SCALES[this.rank - 1] / this.scale) ** 2;
    return ROOMY / growth;
  }

  /** Cost grows with the pixels, so one step goes straight to the size that should fit. */
  rankFor(/** @type {number} */ ratio) {
    const wanted = this.scale / Math.sqrt(ratio);
    const rank = SCALES.findIndex((scale) => scale <= wanted);
    return rank < 0 ? SCALES.length - 1 : Math.max(rank, this.rank + 1);
  }

  /** @param {number} ratio @returns {boolean} */
  shrink(ratio) {
    // A climb that did not last makes the next one wait longer, or the size would flap for ever.
    const flapped = this.sinceClimb < 2 * FAST_DRAWINGS;
    this.patience = flapped ? Math.min(this.patience * 2, MOST_PATIENCE) : FAST_DRAWINGS;
    const rank = this.rank;
    const changed = this.move(this.rankFor(ratio));
    if (changed) this.trial = { rank, ratio, sum: 0, count: 0 };
    return changed;
  }

  /**
   * Go back where a smaller picture is hardly faster: something else takes the time.
   *
   * @param {number} ratio
   */
  judge(ratio) {
    const trial = /** @type {NonNullable<typeof this.trial>} */ (this.trial);
    trial.count += 1;
    // The first one may still have been under way at the size before.
    if (trial.count > 1) trial.sum += ratio;
    if (trial.count < TRIAL_DRAWINGS) return false;
    this.trial = null;
    const mean = trial.sum / (trial.count - 1);
    if (mean <= 1 || mean < HELPS * trial.ratio) return false;
    this.rest = REST_DRAWINGS;
    return this.move(trial.rank);
  }

  /** @param {number} rank @returns {boolean} */
  move(rank) {
    const next = Math.min(Math.max(rank, 0), SCALES.length - 1);
    const changed = next !== this.rank;
    this.rank = next;
    this.slowCount = 0;
    this.fastCount = 0;
    return changed;
  }
}

/**
 * What a drawing cost, from the time between two turns of the browser's drawing loop.
 *
 * Drawing runs beside this thread, so only a turn that comes late shows that it is slow. One on
 * time cost no more than a turn, and counts as half of one so that the size can grow until turns
 * are late.
 *
 * @param {number} interval milliseconds from the turn that drew to the next
 * @param {number} turn milliseconds between turns that draw nothing
 * @returns {number}
 */
export function drawingCost(interval, turn) {
  return interval < 1.4 * turn ? interval / 2 : interval;
}

/** @param {number} scale */
function nearestRank(scale) {
  const distances = SCALES.map((value) => Math.abs(value - scale));
  return distances.indexOf(Math.min(...distances));
}

/**
 * Whole pixels to draw for a box on the page.
 *
 * @param {{width: number, height: number, pixelRatio: number, scale: number}} box in CSS pixels
 * @returns {{width: number, height: number}} at least 1 by 1, at most `MOST_PIXELS`
 */
export function drawingSize({ width, height, pixelRatio, scale }) {
  // Beyond two device pixels per CSS pixel nobody sees the difference, and phones have three.
  const ratio = Math.min(Math.max(pixelRatio || 1, 0.25), 2);
  const full = width * height * ratio * ratio;
  const cap = Math.min(1, Math.sqrt(MOST_PIXELS / Math.max(full, 1)));
  const share = ratio * cap * scale;
  return {
    width: Math.max(1, Math.round(width * share)),
    height: Math.max(1, Math.round(height * share)),
  };
}
