// The few things that the page is built from.

/**
 * The element with that id.
 *
 * @param {string} id
 * @returns {any} typed loosely: each caller knows what it asked for
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element)
    throw new Error(
      `The page has no element "${id}"; index.html and app/ are of different versions.`,
    );
  return element;
}

/**
 * A new element. Text goes in as text, never as markup: titles come from scenes.
 *
 * @param {string} name of the tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} [children]
 * @returns {HTMLElement}
 */
export function make(name, attributes = {}, children = []) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/**
 * Set text only where it changes: screen readers and layout both notice every write.
 *
 * @param {HTMLElement} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {HTMLElement} element @param {string} name @param {string} value */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** A picture of the page's sprite. @param {string} name of the symbol @returns {SVGElement} */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** Show another icon in a button. @param {HTMLElement} button @param {string} name of the symbol */
export function setIcon(button, name) {
  const use = button.querySelector("use");
  if (use) setAttribute(/** @type {any} */ (use), "href", `#icon-${name}`);
}

/**
 * Buttons of which one is pressed.
 *
 * @param {HTMLElement} parent
 * @param {readonly {name: string, label: string}[]} choices
 * @param {(name: string) => void} onChoose
 * @returns {(name: string) => void} marks the one that holds
 */
export function segments(parent, choices, onChoose) {
  const buttons = choices.map(({ name, label }) => {
    const button = make("button", { type: "button", "aria-pressed": "false", "data-name": name }, [
      label,
    ]);
    button.addEventListener("click", () => onChoose(name));
    return button;
  });
  parent.replaceChildren(...buttons);
  return (name) => {
    for (const button of buttons)
      setAttribute(button, "aria-pressed", String(button.dataset.name === name));
  };
}
