// What the statistics show: rates over the last seconds.

/** Events per second over a sliding window. */
export class RateMeter {
  /** @param {number} [window] milliseconds */
  constructor(window = 2000) {
    this.window = window;
    /** @type {number[]} */
    this.times = [];
  }

  /** @param {number} now milliseconds */
  add(now) {
    this.times.push(now);
    this.trim(now);
  }

  /** @param {number} now @returns {number} per second; 0 with fewer than two events */
  rate(now) {
    this.trim(now);
    if (this.times.length < 2) return 0;
    const span = this.times[this.times.length - 1] - this.times[0];
    return span > 0 ? ((this.times.length - 1) * 1000) / span : 0;
  }

  clear() {
    this.times.length = 0;
  }

  /** @param {number} now */
  trim(now) {
    while (this.times.length > 0 && now - this.times[0] > this.window) this.times.shift();
  }
}

/** A value that follows its input smoothly; the first input is taken as it is. */
export class Smooth {
  /** @param {number} [share] of a new input */
  constructor(share = 0.2) {
    this.share = share;
    /** @type {number | null} */
    this.value = null;
  }

  /** @param {number} input @returns {number} */
  add(input) {
    this.value = this.value === null ? input : this.value + (input - this.value) * this.share;
    return this.value;
  }
}

/**
 * Seconds as `m:ss` or `m:ss.s`.
 *
 * @param {number} seconds
 * @param {boolean} [tenths]
 * @returns {string}
 */
export function clockText(seconds, tenths = false) {
  const safe = Number.isFinite(seconds) && seconds > 0 ? seconds : 0;
  const unit = tenths ? 10 : 1;
  const whole = Math.floor(safe * unit + 1e-6) / unit;
  const minutes = Math.floor(whole / 60);
  const rest = (whole - 60 * minutes).toFixed(tenths ? 1 : 0);
  return `${minutes}:${rest.padStart(tenths ? 4 : 2, "0")}`;
}

/** Bits per second in words. @param {number | null} rate @returns {string} */
export function rateText(rate) {
  if (rate === null || !Number.isFinite(rate)) return "\u2013";
  if (rate >= 999.5e3) return `${trimmed(rate / 1e6)} Mbit/s`;
  return `${Math.round(rate / 1e3)} kbit/s`;
}

/** Bytes in words. @param {number} bytes @returns {string} */
export function bytesText(bytes) {
  if (bytes >= 999.5e3) return `${trimmed(bytes / 1e6)} MB`;
  return `${Math.round(bytes / 1e3)} kB`;
}

/** @param {number} value */
function trimmed(value) {
  return value >= 99.95 ? String(Math.round(value)) : value.toFixed(1);
}
