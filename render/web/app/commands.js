// What buttons, keys and panels can ask for, by name.

import { MODES, ROUTES, SIZES, choiceAfter, choiceOf } from "./choices.js";
import { byId } from "./dom.js";

/** Factor on the distance for one press of a zoom key. */
const ZOOM_STEP = 0.85;

/**
 * The commands of a page.
 *
 * @param {import("./page.js").Page} page
 * @returns {Record<string, (value?: any) => void>}
 */
export function commandsOf(page) {
  return { ...playbackCommands(page), ...viewCommands(page), ...panelCommands(page) };
}

/** @param {import("./page.js").Page} page @returns {Record<string, (value?: any) => void>} */
function playbackCommands(page) {
  const player = () => page.player;
  const second = () => Math.max(Math.round(page.player?.scene?.frameRate ?? 1), 1);
  return {
    toggle: () => player()?.toggle(),
    stepBack: () => player()?.step(-1),
    stepForward: () => player()?.step(1),
    secondBack: () => player()?.step(-second()),
    secondForward: () => player()?.step(second()),
    first: () =>
      player()
        ?.seek(0)
        .catch(() => {}),
    last: () =>
      player()
        ?.seek(Infinity)
        .catch(() => {}),
    scrubStart: () => page.startScrubbing(),
    scrub: (frame) => page.scrub(frame),
    scrubEnd: () => page.endScrubbing(),
    loop: () => player()?.setLoop(!(player()?.rungs?.loop ?? false)),
    setRung: (rung) => player()?.setRung(rung),
    setRoute: (name) => player()?.setRoute(choiceOf(ROUTES, name).name),
  };
}

/** @param {import("./page.js").Page} page @returns {Record<string, (value?: any) => void>} */
function viewCommands(page) {
  const player = () => page.player;
  const zoom = (/** @type {number} */ factor) => {
    player()?.camera?.move({ kind: "zoom", factor }, 1);
    player()?.wake();
  };
  const setCamera = (/** @type {number | null} */ index) => {
    player()?.camera?.choose(index);
    player()?.wake();
  };
  const setMode = (/** @type {string} */ name) => {
    player()?.stage?.setMode(name);
    player()?.wake();
  };
  return {
    zoomIn: () => zoom(ZOOM_STEP),
    zoomOut: () => zoom(1 / ZOOM_STEP),
    reset: () => setCamera(null),
    nextCamera: () => setCamera(player()?.camera?.following ?? null),
    setCamera: (value) => {
      if (value !== "free") setCamera(value === "start" ? null : Number(value));
    },
    mode: () => setMode(choiceAfter(MODES, player()?.stage?.mode ?? "").name),
    setMode,
    setSize: (name) => {
      player()?.stage?.setSize(choiceOf(SIZES, name).name);
      player()?.wake();
    },
    fullscreen: () => toggleFullscreen(),
  };
}

/** @param {import("./page.js").Page} page @returns {Record<string, (value?: any) => void>} */
function panelCommands(page) {
  const { panels } = page;
  return {
    setTheme: (name) => page.setTheme(name),
    statistics: () => panels.openStatistics(byId("statistics").hidden),
    settings: () => panels.openSettings(!panels.settingsOpen),
    help: () => panels.toggleHelp(),
    close: () => panels.openSettings(false),
    copyLink: () => page.copyLink(),
  };
}

/** Enter or leave full screen, where the browser has it. */
function toggleFullscreen() {
  if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
  else document.documentElement.requestFullscreen?.().catch(() => {});
}
