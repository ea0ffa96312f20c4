// Where messages appear: small ones above the scene, fatal ones in its middle.

import { byId, icon, make, setText } from "./dom.js";

/** @typedef {import("./messages.js").Message} Message */

/** Milliseconds that a message stays; errors stay longer, as they have to be read. */
const STAY = { notice: 6000, error: 15000 };
/** Messages shown at once; older ones leave. */
const MOST = 3;

/** Shows each message once per key: one that repeats is renewed, not stacked. */
export class Toasts {
  /** @param {{onAgain: () => void}} handlers */
  constructor({ onAgain }) {
    this.parent = byId("toasts");
    /** @type {Map<string, {element: HTMLElement, timer: number}>} */
    this.open = new Map();
    byId("card-again").addEventListener("click", onAgain);
  }

  /** @param {Message} message */
  show(message) {
    if (message.weight === "fatal") {
      this.showCard(message);
      return;
    }
    this.clear(message.key);
    const close = make("button", { type: "button", class: "icon", "aria-label": "Dismiss" }, [
      icon("close"),
    ]);
    const heading = message.title ? [make("strong", {}, [message.title])] : [];
    const text = make("div", {}, [...heading, make("p", {}, [message.text])]);
    const element = make("div", { class: "toast glass", "data-weight": message.weight }, [
      text,
      close,
    ]);
    close.addEventListener("click", () => this.clear(message.key));
    this.parent.append(element);
    const timer = window.setTimeout(() => this.clear(message.key), STAY[message.weight]);
    this.open.set(message.key, { element, timer });
    const [oldest] = this.open.keys();
    if (this.open.size > MOST) this.clear(oldest);
  }

  /** A message is over. @param {string} key */
  clear(key) {
    const known = this.open.get(key);
    if (!known) return;
    window.clearTimeout(known.timer);
    known.element.remove();
    this.open.delete(key);
  }

  /** @param {Message} message */
  showCard({ title, text }) {
    for (const key of [...this.open.keys()]) this.clear(key);
    setText(byId("card-title"), title);
    setText(byId("card-text"), text);
    byId("card").hidden = false;
    byId("card-again").focus({ preventScroll: true });
  }

  hideCard() {
    byId("card").hidden = true;
  }
}
