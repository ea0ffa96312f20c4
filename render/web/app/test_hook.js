// `window.videorf`: the player for scripts, such as tests and embedding pages.

/**
 * Offer the player to scripts of the page.
 *
 * @param {import("./page.js").Page} page
 */
export function offerHook(page) {
  const player = () => {
    if (!page.player?.transport)
      throw new Error('No scene is open yet; wait for state().page to be "ready".');
    return page.player;
  };
  const hook = Object.freeze({
    /** Everything that is shown, as plain values. */
    state: () => page.state(),
    play: () => player().play(),
    pause: () => player().pause(),
    /** Resolves once exactly that frame is drawn; rejects if it cannot be. */
    seek: async (/** @type {number} */ frame) => {
      const shown = await player().seek(frame);
      if (shown !== frame)
        throw new Error(`Frame ${frame} cannot be shown; frame ${shown} is on screen.`);
      return { frame: shown, markFrame: page.player?.mark ?? null };
    },
    /** Any command of `keyboard.js` or the panels. */
    run: (/** @type {string} */ name, /** @type {any} */ value) => page.run(name, value),
    /** Position, target and lens of the camera. */
    camera: () => structuredClone(player().camera?.current),
  });
  Object.defineProperty(window, "videorf", { value: hook, configurable: true });
}
