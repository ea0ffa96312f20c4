// What people can choose between, in one place for the address, the panels and the keys.

/** What is drawn; `id` is the shader's number for it. */
export const MODES = Object.freeze([
  { name: "color", id: 0, label: "Color" },
  { name: "density", id: 1, label: "Opacity" },
  { name: "samples", id: 2, label: "Samples" },
  { name: "atlas", id: 3, label: "Atlas" },
  { name: "occupancy", id: 4, label: "Occupancy" },
  { name: "depth", id: 5, label: "Depth" },
]);

/** How luma reaches the shader. */
export const ROUTES = Object.freeze([
  { name: "auto", label: "Auto" },
  { name: "copyTo", label: "Exact" },
  { name: "texture", label: "Texture" },
  { name: "video", label: "Video" },
]);

/** Colors of the page; `auto` follows the system. */
export const THEMES = Object.freeze(["auto", "dark", "light"]);

/** Drawing sizes by hand; `auto` follows the measured drawing time. */
export const SIZES = Object.freeze([
  { name: "auto", scale: null, label: "Auto" },
  { name: "full", scale: 1, label: "Full" },
  { name: "half", scale: 0.5, label: "Half" },
  { name: "quarter", scale: 0.25, label: "Quarter" },
]);

/**
 * The choice of that name, or the first.
 *
 * @template {{name: string}} T
 * @param {readonly T[]} choices
 * @param {string} name
 * @returns {T}
 */
export function choiceOf(choices, name) {
  return choices.find((choice) => choice.name === name) ?? choices[0];
}

/**
 * The choice behind that one, around the end.
 *
 * @template {{name: string}} T
 * @param {readonly T[]} choices
 * @param {string} name
 * @returns {T}
 */
export function choiceAfter(choices, name) {
  const index = choices.findIndex((choice) => choice.name === name);
  return choices[(index + 1) % choices.length];
}
