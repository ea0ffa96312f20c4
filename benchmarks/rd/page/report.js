// @ts-check
// Hides and shows, and answers pointer and keys. Without it everything is on the page already.
"use strict";
(() => {
  const all = (/** @type {string} */ query, /** @type {ParentNode} */ root = document) =>
    /** @type {HTMLElement[]} */ ([...root.querySelectorAll(query)]);
  const tip = /** @type {HTMLElement} */ (document.getElementById("tip"));
  document.documentElement.classList.add("scripted");

  // Titles become tooltips of our own: the browser's come late, and not by keyboard.
  for (const title of all("svg title")) {
    const owner = /** @type {HTMLElement} */ (/** @type {unknown} */ (title.parentNode));
    owner.setAttribute("aria-label", title.textContent ?? "");
    if (owner.classList.contains("spot")) owner.dataset.tip = title.textContent ?? "";
    title.remove();
  }
  for (const owner of all("[title]")) {
    owner.dataset.tip = owner.title;
    owner.removeAttribute("title");
  }
  for (const plot of all("svg.plot")) {
    plot.removeAttribute("aria-labelledby");
    plot.setAttribute("aria-describedby", plot.querySelector("desc")?.id ?? "");
  }

  const say = (/** @type {Element} */ owner) => {
    const box = owner.getBoundingClientRect();
    tip.textContent = /** @type {HTMLElement} */ (owner).dataset.tip ?? "";
    const { width, height } = tip.getBoundingClientRect();
    const left = Math.min(Math.max(box.left + box.width / 2 - width / 2, 8), innerWidth - width - 8);
    const above = box.top - height - 8;
    tip.style.transform = `translate(${left}px, ${above > 4 ? above : box.bottom + 8}px)`;
    tip.classList.add("on");
  };
  const hush = () => tip.classList.remove("on");

  /** @type {Element | null} */
  let lit = null;
  const light = (/** @type {Element | null} */ spot) => {
    if (spot === lit) return;
    for (const one of [lit, spot]) {
      const plot = one?.closest("svg");
      plot?.classList.toggle("some", one === spot);
      one?.closest(".series")?.classList.toggle("near", one === spot);
      one?.classList.toggle("on", one === spot);
    }
    lit = spot;
    if (spot) say(spot); else hush();
  };
  const shown = (/** @type {Element} */ plot) =>
    all(".series:not(.off)", plot).map((series) => all(".spot", series));

  for (const plot of all("svg.plot")) {
    // One stop for the Tab key; arrows go from point to point and from line to line.
    const rove = (/** @type {HTMLElement | undefined} */ spot) => {
      for (const other of all(".spot[tabindex]", plot)) other.removeAttribute("tabindex");
      spot?.setAttribute("tabindex", "0");
    };
    rove(shown(plot)[0]?.[0]);
    plot.addEventListener("rove", () => rove(shown(plot)[0]?.[0]));
    plot.addEventListener("pointermove", (event) => {
      const reach = 26;
      let best = null, least = reach * reach;
      for (const spot of shown(plot).flat()) {
        const matrix = /** @type {any} */ (spot).getScreenCTM();
        const distance = (matrix.e - event.clientX) ** 2 + (matrix.f - event.clientY) ** 2;
        if (distance < least) [best, least] = [spot, distance];
      }
      light(best);
    });
    plot.addEventListener("pointerleave", () => light(null));
    plot.addEventListener("focusin", (event) => light(/** @type {Element} */ (event.target)));
    plot.addEventListener("focusout", () => light(null));
    plot.addEventListener("keydown", (event) => {
      const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
      if (event.key === "Escape") light(null);
      if (!step) return;
      event.preventDefault();
      const lines = shown(plot);
      const row = lines.findIndex((line) => line.includes(/** @type {HTMLElement} */ (event.target)));
      if (row < 0) return;
      const line = lines[(row + step[0] + lines.length) % lines.length];
      const place = lines[row].indexOf(/** @type {HTMLElement} */ (event.target)) + step[1];
      const next = line[Math.min(Math.max(place, 0), line.length - 1)];
      rove(next);
      next.focus({ preventScroll: true });
    });
  }

  for (const owner of all("[data-tip]:not(.spot)")) {
    owner.addEventListener("pointerenter", () => say(owner));
    owner.addEventListener("pointerleave", hush);
  }
  addEventListener("scroll", () => light(null) ?? hush(), { passive: true, capture: true });

  // Legends: hide a method in its scene, or point at its line.
  for (const button of all("[data-toggle]")) {
    const name = CSS.escape(button.dataset.toggle ?? "");
    const scene = /** @type {HTMLElement} */ (button.closest("section"));
    const lines = () => all(`.series[data-method="${name}"]`, scene);
    button.addEventListener("click", () => {
      const off = button.getAttribute("aria-pressed") === "true";
      for (const other of all(`[data-toggle="${name}"]`, scene)) other.setAttribute("aria-pressed", String(!off));
      for (const line of lines()) line.classList.toggle("off", off);
      for (const plot of all("svg.plot", scene)) plot.dispatchEvent(new Event("rove"));
    });
    const point = (/** @type {boolean} */ on) => {
      for (const line of lines()) {
        line.classList.toggle("near", on);
        line.closest("svg")?.classList.toggle("some", on && !line.classList.contains("off"));
      }
    };
    button.addEventListener("pointerenter", () => point(true));
    button.addEventListener("pointerleave", () => point(false));
  }

  // Choices hold for the whole page, so that scenes stay comparable.
  const choose = (/** @type {string} */ what, /** @type {string} */ value) => {
    for (const part of all(`[data-${what}]`)) part.hidden = part.dataset[what] !== value;
    for (const button of all(`[data-choose="${what}"]`))
      button.setAttribute("aria-pressed", String(button.dataset.value === value));
  };
  for (const what of ["metric", "delta"]) {
    const buttons = all(`[data-choose="${what}"]`);
    for (const button of buttons) button.addEventListener("click", () => choose(what, button.dataset.value ?? ""));
    if (buttons.length) choose(what, buttons[0].dataset.value ?? "");
  }
})();
