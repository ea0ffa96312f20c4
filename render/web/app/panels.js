// Settings, statistics and help.

import { MODES, ROUTES, SIZES, THEMES, choiceOf } from "./choices.js";
import { byId, make, segments, setAttribute, setText } from "./dom.js";
import { SHORTCUTS } from "./keyboard.js";
import { rateText } from "./meters.js";

const THEME_CHOICES = THEMES.map((name) => ({
  name,
  label: name.charAt(0).toUpperCase() + name.slice(1),
}));

/**
 * Rows of the statistics, in words.
 *
 * @param {any} state of the page, see `page.js`
 * @returns {[string, string][]}
 */
export function statisticsRows(state) {
  const rungName = state.rung || "\u2013";
  return [
    ["Frame", `${state.frame} of ${state.frameCount}`],
    ["Pictures", `${state.fps.toFixed(1)} fps of ${trim(state.frameRate)}`],
    ["Dropped", String(state.drops)],
    ["Quality", state.rungHand === null ? `${rungName} (auto)` : rungName],
    ["Bitrate", rateText(state.bitrate)],
    ["Network", rateText(state.throughput)],
    ["Buffer", `${state.buffered.toFixed(1)} s`],
    ["Drawn", `${state.size.width}\u00d7${state.size.height} (${Math.round(100 * state.scale)} %)`],
    ["Drawing", state.cost === null ? "\u2013" : `${state.cost.toFixed(0)} ms`],
    ["Atlas", state.atlas ?? "\u2013"],
    ["Luma", routeText(state.route)],
  ];
}

/** How luma came, in words. @param {string} route @returns {string} */
export function routeText(route) {
  const words = {
    copyTo: "exact (copied codes)",
    texture: "texture (calibrated)",
    video: "video element",
  };
  return words[/** @type {keyof typeof words} */ (route)] ?? "\u2013";
}

/** @param {number} rate */
function trim(rate) {
  return String(Math.round(rate * 100) / 100);
}

/** The panels' elements and what they do. */
export class Panels {
  /** @param {(command: string, value?: any) => void} run */
  constructor(run) {
    this.run = run;
    this.markMode = segments(byId("modes"), MODES, (name) => run("setMode", name));
    this.markSize = segments(byId("sizes"), SIZES, (name) => run("setSize", name));
    this.markRoute = segments(byId("routes"), ROUTES, (name) => run("setRoute", name));
    this.markTheme = segments(byId("themes"), THEME_CHOICES, (name) => run("setTheme", name));
    byId("close-settings").addEventListener("click", () => run("settings"));
    byId("close-help").addEventListener("click", () => byId("help").close());
    byId("help").addEventListener("click", (/** @type {any} */ event) => {
      if (event.target === byId("help")) byId("help").close();
    });
    byId("mode-chip").addEventListener("click", () => run("setMode", MODES[0].name));
    byId("show-statistics").addEventListener("change", () => run("statistics"));
    byId("copy-link").addEventListener("click", () => run("copyLink"));
    byId("camera").addEventListener("change", () => run("setCamera", byId("camera").value));
    this.fillHelp();
  }

  /** @returns {boolean} */
  get settingsOpen() {
    return !byId("settings").hidden;
  }

  /** @returns {boolean} */
  get anyOpen() {
    return this.settingsOpen || byId("help").open;
  }

  /** @param {boolean} open */
  openSettings(open) {
    const panel = byId("settings");
    if (panel.hidden === !open) return;
    panel.hidden = !open;
    setAttribute(byId("open-settings"), "aria-expanded", String(open));
    if (open) byId("close-settings").focus({ preventScroll: true });
    else byId("open-settings").focus({ preventScroll: true });
  }

  toggleHelp() {
    const help = byId("help");
    if (help.open) help.close();
    else help.showModal();
  }

  /** @param {boolean} open */
  openStatistics(open) {
    byId("statistics").hidden = !open;
    byId("show-statistics").checked = open;
  }

  /**
   * What the scene offers, once it is open.
   *
   * @param {{rungs: any[], cameraCount: number}} scene
   * @param {boolean[]} playable
   */
  fillScene({ rungs, cameraCount }, playable) {
    const auto = this.rungChoice("auto", "Auto", "by network", true);
    const rows = rungs.map((rung, index) => {
      const kind = `${rung.codec.toUpperCase()} ${rung.bitDepth} bit`;
      const note = `${kind} \u00b7 ${rateText(rung.bandwidth)}`;
      return this.rungChoice(
        String(index),
        rung.name,
        playable[index] ? note : "not on this device",
        playable[index],
      );
    });
    byId("rungs").replaceChildren(auto, ...rows.reverse());
    const cameras = Array.from({ length: cameraCount }, (_, index) =>
      make("option", { value: String(index) }, [`Camera ${index}`]),
    );
    const free = make("option", { value: "free", hidden: "" }, ["Free"]);
    byId("camera").replaceChildren(
      make("option", { value: "start" }, ["Start view"]),
      ...cameras,
      free,
    );
  }

  /** @param {any} state */
  show(state) {
    setText(byId("mode-chip"), choiceOf(MODES, state.mode).label);
    byId("mode-chip").hidden = state.mode === MODES[0].name;
    if (!byId("statistics").hidden) this.showStatistics(state);
    if (!this.settingsOpen) return;
    this.markMode(state.mode);
    this.markSize(state.sizeChoice);
    this.markRoute(state.routeChoice);
    this.markTheme(state.theme);
    const rung = state.rungHand === null ? "auto" : String(state.rungHand);
    for (const input of byId("rungs").querySelectorAll("input")) {
      input.checked = input.value === rung;
      if (input.value !== "auto") input.disabled = !state.playable[Number(input.value)];
    }
    const camera = byId("camera");
    const value = state.camera === null ? (state.atStart ? "start" : "free") : String(state.camera);
    if (document.activeElement !== camera && camera.value !== value) camera.value = value;
  }

  /** @param {any} state */
  showStatistics(state) {
    const list = byId("statistics-list");
    const rows = statisticsRows(state);
    if (list.children.length !== 2 * rows.length) {
      list.replaceChildren(...rows.flatMap(([name]) => [make("dt", {}, [name]), make("dd")]));
    }
    rows.forEach(([, value], index) => setText(list.children[2 * index + 1], value));
  }

  /** @param {string} value @param {string} name @param {string} note @param {boolean} usable */
  rungChoice(value, name, note, usable) {
    const input = /** @type {HTMLInputElement} */ (
      make("input", { type: "radio", name: "rung", value })
    );
    input.disabled = !usable;
    input.addEventListener("change", () =>
      this.run("setRung", value === "auto" ? null : Number(value)),
    );
    return make("label", {}, [input, make("span", {}, [name]), make("small", {}, [note])]);
  }

  fillHelp() {
    const rows = SHORTCUTS.map(({ shown, label }) =>
      make("div", {}, [make("dt", {}, [label]), make("dd", {}, [make("kbd", {}, [shown])])]),
    );
    byId("shortcuts").replaceChildren(...rows);
  }
}
