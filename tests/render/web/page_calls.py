"""Running a snippet in a page: values and arrays in, values and arrays out, errors as errors."""

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE_MS = 60_000

# Runs a snippet in the page, with the engine at hand; typed arrays cross as base64.
PRELUDE = """
async ({body, given, patience}) => {
  const unpack = (value) => value?.base64 === undefined ? value
    : Uint8Array.from(atob(value.base64), (c) => c.charCodeAt(0));
  const pack = (value) => {
    if (!ArrayBuffer.isView(value)) return value;
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) {
      text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    }
    return {base64: btoa(text), kind: value.constructor.name};
  };
  const engine = (name) => import(`/engine/${name}.js`);
  const run = new Function("engine", "given", `return (async () => {${body}})()`);
  const entries = Object.entries(given).map(([key, value]) => [key, unpack(value)]);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${patience} ms`)), patience);
  });
  try {
    const result = await Promise.race([run(engine, Object.fromEntries(entries)), late]);
    const isPlain = result && typeof result === "object" && !ArrayBuffer.isView(result)
      && !Array.isArray(result);
    return {result: isPlain
      ? Object.fromEntries(Object.entries(result).map(([key, value]) => [key, pack(value)]))
      : pack(result)};
  } catch (error) {
    const {name, kind, message, stack} = error;
    return {error: {name, kind, message, stack}};
  } finally {
    clearTimeout(timer);
  }
}
"""
ARRAYS = {
    "Uint8Array": np.uint8,
    "Uint16Array": np.uint16,
    "Uint32Array": np.uint32,
    "Int32Array": np.int32,
    "Float32Array": np.float32,
}


class EngineError(Exception):
    """What the engine threw; ``kind`` is that of a `PlayerError`."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error["message"])
        self.name, self.kind, self.stack = error["name"], error.get("kind"), error.get("stack")


def call_page(
    page: "Page", body: str, given: Mapping[str, object], patience_ms: int = PATIENCE_MS
) -> Any:  # noqa: ANN401 -- JSON or array
    """As the fixture ``run``, in another page."""
    plain = {key: _to_page(value) for key, value in given.items()}
    answer = page.evaluate(PRELUDE, {"body": body, "given": plain, "patience": patience_ms})
    if "error" in answer:
        raise EngineError(answer["error"])
    result = answer.get("result")
    if isinstance(result, dict) and "base64" not in result:
        return {key: _from_page(value) for key, value in result.items()}
    return _from_page(result)


def _to_page(value: object) -> object:
    if isinstance(value, np.ndarray):
        value = np.ascontiguousarray(value).tobytes()
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    return json.loads(json.dumps(value))


def _from_page(value: Any) -> Any:  # noqa: ANN401 -- JSON or array
    if isinstance(value, dict) and "base64" in value:
        kind: Any = ARRAYS[value["kind"]]
        return np.frombuffer(base64.b64decode(value["base64"]), kind)
    return value
