/**
 * The manifest of a package, checked as `hwcodec/FORMAT.md` says; the twin of `hwcodec/manifest.py`.
 */

import { crc32 } from "./crc32.js";
import { PlayerError, shown } from "./errors.js";

const FORMAT = "videorf-package";
const VERSION = 1;
/** No manifest is larger than this. */
export const MANIFEST_LIMIT_BYTES = 2 ** 28;

const NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const PREFIX = /^\{"crc32":"([0-9a-f]{8})",$/;
const PREFIX_BYTES = 20;

const BLOB_FIELDS = { bytes: "number", crc32: "number" };
const STREAM_FIELDS = {
  name: "string", codec: "string", codec_string: "string", encoder: "string", backend: "string",
  requested: "string", reason: "string", width: "number", height: "number", chroma: "string",
  bit_depth: "number", frame_rate: "list", frame_count: "number", bytes: "number",
  crc32: "number", packet_crc32: "list",
};

/**
 * @typedef {{bytes: number, crc32: number}} BlobRecord
 *
 * @typedef {object} StreamRecord as FORMAT.md has it
 * @property {string} name
 * @property {"h264"|"hevc"|"av1"|"raw"} codec
 * @property {string} codec_string
 * @property {number} width
 * @property {number} height
 * @property {number} bit_depth
 * @property {[number, number]} frame_rate
 * @property {number} frame_count
 * @property {number} bytes
 * @property {number} crc32
 * @property {number[]} packet_crc32
 *
 * @typedef {object} Manifest
 * @property {Record<string, BlobRecord>} blobs
 * @property {StreamRecord[]} streams
 * @property {Record<string, unknown>} scene
 */

/**
 * The document that a package's manifest holds.
 *
 * @param {Uint8Array} bytes the file
 * @returns {Manifest}
 * @throws {PlayerError} if it is damaged, of another format, or newer than this player
 */
export function parseManifest(bytes) {
  if (bytes.length > MANIFEST_LIMIT_BYTES) {
    throw damaged(`${bytes.length} bytes, more than the ${MANIFEST_LIMIT_BYTES} that are allowed`);
  }
  const document = parseJson(bytes);
  if (kindOf(document) !== "object" || document.format !== FORMAT) {
    throw new PlayerError("damaged", `manifest.json is not of format "${FORMAT}"; the address `
      + "does not lead to a package, or the file is damaged.");
  }
  checkVersion(document.version);
  const prefix = PREFIX.exec(String.fromCharCode(...bytes.subarray(0, PREFIX_BYTES)));
  if (!prefix || parseInt(prefix[1], 16) !== crc32(bytes.subarray(PREFIX_BYTES))) {
    throw damaged("a text that does not match its checksum");
  }
  checkDocument(document);
  return document;
}

/**
 * Where a blob lies inside its package.
 *
 * @param {string} name
 * @returns {string} a relative address
 */
export function blobFile(name) {
  return `blobs/${checkName(name)}`;
}

/**
 * Where a bitstream lies inside its package.
 *
 * @param {string} name
 * @returns {string} a relative address
 */
export function streamFile(name) {
  return `streams/${checkName(name)}.mp4`;
}

/** @param {unknown} name @returns {string} */
function checkName(name) {
  if (typeof name !== "string" || !NAME.test(name) || name.endsWith(".")) {
    throw damaged(`the name ${shown(name)}, which is not 1 to 100 of a-z, 0-9, '.', '_' and '-'`);
  }
  return name;
}

/** @param {Uint8Array} bytes @returns {any} */
function parseJson(bytes) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw damaged(`no JSON (${error instanceof Error ? error.message : error})`, error);
  }
}

/** @param {unknown} version */
function checkVersion(version) {
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1) {
    throw damaged(`version ${shown(version)}`);
  }
  if (version > VERSION) {
    throw new PlayerError("newer", `The package has version ${version}, this player knows `
      + `${VERSION} at most; update the player.`);
  }
}

/** @param {any} document */
function checkDocument(document) {
  for (const [key, kind] of [["blobs", "object"], ["streams", "list"], ["scene", "object"]]) {
    if (kindOf(document[key]) !== kind) throw damaged(`no ${key}`);
  }
  for (const [name, record] of Object.entries(document.blobs)) {
    checkName(name);
    checkFields(record, BLOB_FIELDS);
  }
  const names = new Set();
  for (const record of document.streams) {
    checkFields(record, STREAM_FIELDS);
    names.add(checkName(record.name));
  }
  if (names.size !== document.streams.length) throw damaged("two streams of one name");
}

/** @param {any} record @param {Record<string, string>} fields */
function checkFields(record, fields) {
  if (kindOf(record) !== "object") throw damaged("a record that is no object");
  for (const [key, kind] of Object.entries(fields)) {
    const value = Object.hasOwn(record, key) ? record[key] : undefined;
    const isCount = kind !== "number" || (Number.isInteger(value) && value >= 0);
    if (kindOf(value) !== kind || !isCount) throw damaged(`${key} ${shown(value)}`);
  }
}

/** @param {unknown} value */
function kindOf(value) {
  if (Array.isArray(value)) return "list";
  return value === null ? "null" : typeof value;
}

/** @param {string} what @param {unknown} [cause] */
function damaged(what, cause) {
  return new PlayerError("damaged", `manifest.json holds ${what}; it is damaged or was edited, `
    + "publish the package again.", { cause });
}
