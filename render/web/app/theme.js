// Dark or light: what the system says, or what was chosen here before.

import { THEMES } from "./choices.js";

const KEY = "videorf-theme";

/**
 * The theme to start with.
 *
 * @param {string} wanted by the address; `auto` leaves it to what was chosen before
 * @param {string | null} stored
 * @returns {string}
 */
export function startingTheme(wanted, stored) {
  if (wanted !== "auto") return wanted;
  return stored !== null && THEMES.includes(stored) ? stored : "auto";
}

/** Apply a theme to the page. @param {string} theme */
export function applyTheme(theme) {
  const root = document.documentElement;
  if (theme === "auto") root.removeAttribute("data-theme");
  else root.setAttribute("data-theme", theme);
}

/** What was chosen before; null where the browser keeps nothing. @returns {string | null} */
export function storedTheme() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Keep a choice for the next visit, where the browser allows it. @param {string} theme */
export function storeTheme(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // A page that may keep nothing works all the same.
  }
}
