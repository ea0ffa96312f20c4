/** Builds tables in a thread of its own; `groups.js` talks to it. */

import { PlayerError } from "./errors.js";
import { buildTables } from "./tables.js";

self.addEventListener("message", ({ data: { number, request } }) => {
  try {
    const tables = buildTables(request);
    self.postMessage({ number, tables }, { transfer: [tables.cells.buffer, tables.corners.buffer] });
  } catch (error) {
    const failure = error instanceof PlayerError
      ? error.toJSON() : { kind: "damaged", message: `A group's tables cannot be built: ${error}.` };
    self.postMessage({ number, failure });
  }
});
self.postMessage({ isReady: true });
