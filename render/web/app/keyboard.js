// Keys to commands. The table is what the help panel shows, so the two cannot disagree.

/** @typedef {{command: string, keys: string[], label: string, shown: string}} Shortcut */

/** @type {readonly Shortcut[]} */
export const SHORTCUTS = Object.freeze([
  { command: "toggle", keys: [" ", "k"], label: "Play or pause", shown: "Space" },
  { command: "stepBack", keys: ["ArrowLeft", ","], label: "One frame back", shown: "\u2190" },
  { command: "stepForward", keys: ["ArrowRight", "."], label: "One frame on", shown: "\u2192" },
  { command: "secondBack", keys: ["ArrowDown", "j"], label: "One second back", shown: "\u2193" },
  { command: "secondForward", keys: ["ArrowUp"], label: "One second on", shown: "\u2191" },
  { command: "first", keys: ["Home"], label: "First frame", shown: "Home" },
  { command: "last", keys: ["End"], label: "Last frame", shown: "End" },
  { command: "zoomIn", keys: ["+", "="], label: "Nearer", shown: "+" },
  { command: "zoomOut", keys: ["-", "_"], label: "Farther", shown: "\u2212" },
  { command: "reset", keys: ["r", "0"], label: "Start view", shown: "R" },
  { command: "nextCamera", keys: ["c"], label: "Next camera", shown: "C" },
  { command: "loop", keys: ["l"], label: "Loop on or off", shown: "L" },
  { command: "fullscreen", keys: ["f"], label: "Full screen", shown: "F" },
  { command: "mode", keys: ["d"], label: "Next debug picture", shown: "D" },
  { command: "statistics", keys: ["i"], label: "Statistics", shown: "I" },
  { command: "settings", keys: ["s"], label: "Settings", shown: "S" },
  { command: "help", keys: ["?", "h"], label: "This help", shown: "?" },
  { command: "close", keys: ["Escape"], label: "Close a panel", shown: "Esc" },
]);

/** Elements whose own keys come first; space presses a button that has the focus. */
const OWN_KEYS = Object.freeze({
  INPUT: null,
  SELECT: null,
  TEXTAREA: null,
  BUTTON: [" ", "Enter"],
  A: ["Enter"],
  SUMMARY: [" ", "Enter"],
});

/**
 * The command of a key press, or null if it belongs to someone else.
 *
 * @param {{key: string, ctrlKey?: boolean, metaKey?: boolean, altKey?: boolean}} press
 * @param {string} [focused] tag name of the element with the focus, upper case
 * @returns {string | null}
 */
export function commandOf({ key, ctrlKey, metaKey, altKey }, focused = "BODY") {
  if (ctrlKey || metaKey || altKey || typeof key !== "string") return null;
  const wanted = key.length === 1 ? key.toLowerCase() : key;
  if (focused in OWN_KEYS && wanted !== "Escape") {
    const own = OWN_KEYS[/** @type {keyof typeof OWN_KEYS} */ (focused)];
    if (own === null || own.includes(wanted)) return null;
  }
  return SHORTCUTS.find((shortcut) => shortcut.keys.includes(wanted))?.command ?? null;
}
