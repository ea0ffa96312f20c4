/** One package over HTTP: its record, its small blobs, and its groups when they are asked for. */

import { crc32 } from "./crc32.js";
import { PlayerError } from "./errors.js";
import { fetchBytes, nameOf } from "./fetching.js";
import { MANIFEST_LIMIT_BYTES, blobFile, parseManifest, streamFile } from "./manifest.js";
import { decodeRig } from "./rig.js";
import { readSceneRecord } from "./scene_record.js";
import { transferSeconds } from "./transfer_time.js";

/**
 * @typedef {object} FetchedGroup everything that was fetched of one group
 * @property {number} index which group
 * @property {import("./scene_record.js").GroupRecord} group
 * @property {import("./manifest.js").StreamRecord} stream
 * @property {Uint8Array} occupancyBytes
 * @property {Uint8Array} streamBytes the MP4 file
 * @property {number} bytes of both together
 * @property {number} seconds that the bytes were on the way; 0 if a cache had them
 */

/** An open package. Make one with `openPackage`. */
export class Package {
  /**
   * @param {string} url its folder, with a slash at the end
   * @param {import("./manifest.js").Manifest} manifest
   */
  constructor(url, manifest) {
    this.url = url;
    this.manifest = manifest;
    this.record = readSceneRecord(manifest.scene);
    /**
     * In order, without a gap.
     *
     * @type {{firstFrame: number, frameCount: number, marks: Record<string, unknown> | null}[]}
     */
    this.groups = this.record.groups.map(({ first_frame: firstFrame, frame_count: frameCount,
      marks }) => ({ firstFrame, frameCount, marks }));
    this.streams = manifest.streams;
    /** @type {Uint8Array} the shading network, as SCENE.md has it */
    this.network = new Uint8Array();
    /** @type {import("./rig.js").Camera[]} the capture's cameras; none if there is no rig */
    this.cameras = [];
    checkStreams(this);
  }

  /** @returns {number} frames of the scene */
  get frameCount() {
    return this.record.frame_count;
  }

  /** @returns {number} frames per second */
  get frameRate() {
    return this.record.frame_rate[0] / this.record.frame_rate[1];
  }

  /**
   * Which group a frame belongs to.
   *
   * @param {number} frame
   * @returns {number} the group's index
   */
  groupOf(frame) {
    const index = this.groups.findIndex(
      ({ firstFrame, frameCount }) => frame >= firstFrame && frame < firstFrame + frameCount);
    if (index < 0 || !Number.isInteger(frame)) {
      throw new PlayerError("usage", `Frame ${frame} does not exist, expected 0 to `
        + `${this.frameCount - 1}.`);
    }
    return index;
  }

  /**
   * Everything of one group, checked against its checksums.
   *
   * @param {number} index which group
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<FetchedGroup>}
   */
  async fetchGroup(index, { signal } = {}) {
    const group = this.record.groups[index];
    if (!group) {
      throw new PlayerError("usage", `Group ${index} does not exist, expected 0 to `
        + `${this.groups.length - 1}.`);
    }
    const stream = this.streams[group.stream];
    const started = performance.now();
    const streamUrl = new URL(streamFile(stream.name), this.url).href;
    const [occupancyBytes, streamBytes] = await Promise.all([
      this.fetchBlob(group.occupancy, { signal }),
      fetchChecked(streamUrl, stream, signal),
    ]);
    const blobUrl = new URL(blobFile(group.occupancy), this.url).href;
    const seconds = await transferSeconds([blobUrl, streamUrl], started);
    const bytes = occupancyBytes.length + streamBytes.length;
    return { index, group, stream, occupancyBytes, streamBytes, bytes, seconds };
  }

  /**
   * A blob, checked against its checksum.
   *
   * @param {string} name
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<Uint8Array>}
   */
  async fetchBlob(name, { signal } = {}) {
    if (!Object.hasOwn(this.manifest.blobs, name)) {
      throw new PlayerError("damaged", `The package has no blob "${name}"; publish it again.`);
    }
    const url = new URL(blobFile(name), this.url).href;
    return fetchChecked(url, this.manifest.blobs[name], signal);
  }
}

/**
 * Open the package in a folder.
 *
 * @param {string} url the folder or its manifest.json, absolute
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<Package>}
 * @throws {PlayerError} if it cannot be fetched, is damaged or is newer than this player
 */
export async function openPackage(url, { signal } = {}) {
  const folder = new URL(".", url).href;
  const address = new URL("manifest.json", folder).href;
  const { bytes } = await fetchBytes(address, { signal, limitBytes: MANIFEST_LIMIT_BYTES });
  const opened = new Package(folder, parseManifest(bytes));
  const hasRig = Object.hasOwn(opened.manifest.blobs, "rig");
  const [network, rig] = await Promise.all([
    opened.fetchBlob("network", { signal }),
    hasRig ? opened.fetchBlob("rig", { signal }) : null,
  ]);
  opened.network = network;
  opened.cameras = rig ? decodeRig(rig) : [];
  return opened;
}

/**
 * @param {string} url @param {{bytes: number, crc32: number}} expected @param {AbortSignal} [signal]
 */
async function fetchChecked(url, expected, signal) {
  const { bytes } = await fetchBytes(url, { signal, expectedBytes: expected.bytes });
  if (crc32(bytes) === expected.crc32) return bytes;
  // A cache on the way may hold damaged bytes; asking once more is cheap.
  const { bytes: again } = await fetchBytes(url, { signal, expectedBytes: expected.bytes });
  if (crc32(again) === expected.crc32) return again;
  throw new PlayerError("damaged", `${nameOf(url)} does not match its checksum; it was damaged on `
    + "the way or is of another package, load it again or publish it again.");
}

/** @param {Package} opened */
function checkStreams({ record, streams }) {
  for (const group of record.groups) {
    const stream = streams[group.stream];
    const at = `The group at frame ${group.first_frame}`;
    if (!stream) {
      throw new PlayerError("damaged", `${at} names stream ${group.stream}, expected 0 to `
        + `${streams.length - 1}; export the package again.`);
    }
    if (stream.frame_count !== group.frame_count) {
      throw new PlayerError("damaged", `${at} has ${group.frame_count} frames, its stream `
        + `${stream.frame_count}; export the package again.`);
    }
    const { width, height } = group.layout;
    if (stream.width !== width || stream.height !== height) {
      throw new PlayerError("damaged", `${at} needs pictures of ${width}x${height}, its stream has `
        + `${stream.width}x${stream.height}; export the package again.`);
    }
  }
}
