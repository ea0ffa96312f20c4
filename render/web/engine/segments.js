/**
 * Packets of one fragmented MP4 file; the twin of `demux` in `hwcodec/bitstream.py`.
 */

import { Reader, broken, children, find } from "./boxes.js";
import { crc32 } from "./crc32.js";
import { PlayerError } from "./errors.js";

/** Sample entry and configuration box of each codec that a browser can know. */
const ENTRIES = {
  h264: ["avc1", "avcC"],
  hevc: ["hvc1", "hvcC"],
  av1: ["av01", "av1C"],
};
/** Bytes of a sample entry before its boxes. */
const ENTRY_BYTES = 78;
const NON_SYNC = 0x10000;
/** Flags of a track run whose packets have fields. */
const PER_PACKET = 0xf00;

/**
 * @typedef {object} Packet in decoding order
 * @property {Uint8Array} data inside the file's bytes
 * @property {number} frame which picture of the file it shows, from 0
 * @property {boolean} isKey whether decoding may start here
 *
 * @typedef {object} Segment
 * @property {string} codec `h264`, `hevc` or `av1`
 * @property {Uint8Array} description what the decoder must know to start
 * @property {number} width of the luma plane
 * @property {number} height of the luma plane
 * @property {number} framesPerSecond
 * @property {Packet[]} packets
 */

/**
 * Read a stream file.
 *
 * @param {Uint8Array} data the whole file
 * @returns {Segment}
 * @throws {PlayerError} if it is truncated, damaged or not such a file
 */
export function readSegment(data) {
  const top = [...children(data)];
  const movie = top.find((box) => box.kind === "moov");
  if (!movie) throw broken("no moov box");
  const entry = readEntry(data, movie);
  const { scale, defaults } = readTiming(data, movie);
  const samples = readSamples(data, top, defaults);
  const duration = samples.length ? samples[0].duration : defaults.duration;
  if (!scale || !duration) throw broken("no time scale or durations of 0");
  return { ...entry, framesPerSecond: scale / duration, packets: numbered(samples, duration) };
}

/**
 * Check packets against the manifest.
 *
 * @param {Segment} segment
 * @param {import("./manifest.js").StreamRecord} stream
 * @throws {PlayerError} if their number, a checksum, the codec or the size differs
 */
export function checkSegment(segment, stream) {
  const { packets, codec, width, height } = segment;
  if (codec !== stream.codec || width !== stream.width || height !== stream.height) {
    throw broken(`${codec} pictures of ${width}x${height}, expected ${stream.codec} of `
      + `${stream.width}x${stream.height} as in the manifest`);
  }
  if (packets.length !== stream.frame_count || stream.packet_crc32.length !== packets.length) {
    throw broken(`${packets.length} packets, expected ${stream.frame_count} as in the manifest`);
  }
  packets.forEach((packet, index) => {
    if (crc32(packet.data) !== stream.packet_crc32[index]) {
      throw broken(`packet ${index} with a wrong checksum`);
    }
  });
}

/**
 * What WebCodecs takes as a decoder's configuration.
 *
 * @param {Segment} segment
 * @param {string} codecString from the manifest
 * @returns {VideoDecoderConfig}
 */
export function decoderConfig(segment, codecString) {
  return {
    codec: codecString,
    codedWidth: segment.width,
    codedHeight: segment.height,
    description: segment.description,
    optimizeForLatency: true,
    colorSpace: { primaries: "bt709", transfer: "bt709", matrix: "bt709", fullRange: true },
  };
}

/** @param {Uint8Array} data @param {import("./boxes.js").Box} movie */
function readEntry(data, movie) {
  const table = find(data, movie, "trak", "mdia", "minf", "stbl", "stsd");
  const [entry] = children(data, table.body + 8, table.end);
  if (!entry) throw broken("no sample entry");
  for (const [codec, [kind, config]] of Object.entries(ENTRIES)) {
    if (entry.kind !== kind) continue;
    if (entry.body + ENTRY_BYTES > entry.end) throw broken("a sample entry that is too short");
    const inner = { ...entry, body: entry.body + ENTRY_BYTES };
    const box = find(data, inner, config);
    const view = new DataView(data.buffer, data.byteOffset + entry.body);
    const description = data.slice(box.body, box.end);
    return { codec, description, width: view.getUint16(24), height: view.getUint16(26) };
  }
  throw new PlayerError("unsupported", `A stream holds "${entry.kind}", which no browser plays; `
    + "export the package with H.264, HEVC or AV1.");
}

/** @param {Uint8Array} data @param {import("./boxes.js").Box} movie */
function readTiming(data, movie) {
  const header = new Reader(data, find(data, movie, "trak", "mdia", "mdhd"));
  header.skip(header.versionAndFlags().version ? 16 : 8);
  const scale = header.u32();
  const extend = new Reader(data, find(data, movie, "mvex", "trex"));
  extend.skip(12);
  const defaults = { duration: extend.u32(), size: extend.u32(), flags: extend.u32() };
  return { scale, defaults };
}

/**
 * @typedef {{duration: number, size: number, flags: number}} Defaults
 * @typedef {{data: Uint8Array, time: number, duration: number, isKey: boolean}} Sample
 *
 * @param {Uint8Array} data @param {import("./boxes.js").Box[]} top @param {Defaults} defaults
 * @returns {Sample[]}
 */
function readSamples(data, top, defaults) {
  const samples = [];
  let left = data.length;
  for (const fragment of top.filter((box) => box.kind === "moof")) {
    for (const sample of readFragment(data, fragment, defaults)) {
      // Otherwise a small file could name the same bytes any number of times.
      left -= sample.data.length;
      if (left < 0) throw broken("packets that together exceed the file");
      samples.push(sample);
    }
  }
  return samples;
}

/**
 * @param {Uint8Array} data @param {import("./boxes.js").Box} fragment @param {Defaults} defaults
 * @returns {Generator<Sample>}
 */
function* readFragment(data, fragment, defaults) {
  const track = find(data, fragment, "traf");
  const here = fragmentDefaults(data, find(data, track, "tfhd"), defaults);
  const clock = new Reader(data, find(data, track, "tfdt"));
  let time = clock.versionAndFlags().version ? clock.u64() : clock.u32();
  for (const run of children(data, track.body, track.end)) {
    if (run.kind !== "trun") continue;
    for (const { offset, ...sample } of readRun(data, run, fragment.start, here)) {
      yield { ...sample, time: time + offset };
      time += sample.duration;
    }
  }
}

/**
 * @param {Uint8Array} data @param {import("./boxes.js").Box} header @param {Defaults} defaults
 * @returns {Defaults}
 */
function fragmentDefaults(data, header, defaults) {
  const fields = new Reader(data, header);
  const { flags } = fields.versionAndFlags();
  fields.skip(4 + (flags & 1 ? 8 : 0) + (flags & 2 ? 4 : 0));
  return {
    duration: flags & 8 ? fields.u32() : defaults.duration,
    size: flags & 16 ? fields.u32() : defaults.size,
    flags: flags & 32 ? fields.u32() : defaults.flags,
  };
}

/**
 * @param {Uint8Array} data @param {import("./boxes.js").Box} run @param {number} base
 * @param {Defaults} defaults
 */
function* readRun(data, run, base, defaults) {
  const fields = new Reader(data, run);
  const { flags } = fields.versionAndFlags();
  const count = fields.u32();
  let position = base + (flags & 1 ? fields.i32() : 0);
  const firstFlags = flags & 4 ? fields.u32() : null;
  // Without fields of their own and without bytes, nothing in the file would bound their number.
  if (count && !(flags & PER_PACKET) && !defaults.size) {
    throw broken(`a run of ${count} packets without sizes`);
  }
  for (let index = 0; index < count; index++) {
    const duration = flags & 0x100 ? fields.u32() : defaults.duration;
    const size = flags & 0x200 ? fields.u32() : defaults.size;
    let own = flags & 0x400 ? fields.u32() : defaults.flags;
    if (index === 0 && firstFlags !== null) own = firstFlags;
    const offset = flags & 0x800 ? fields.i32() : 0;
    if (position <= base || position + size > data.length) {
      throw broken(`a packet of ${size} bytes at offset ${position}, outside the file`);
    }
    yield { data: data.subarray(position, position + size), duration, offset,
      isKey: !(own & NON_SYNC) };
    position += size;
  }
}

/**
 * A frame's number is the rank of its presentation time.
 *
 * @param {Sample[]} samples @param {number} duration
 * @returns {Packet[]}
 */
function numbered(samples, duration) {
  const start = samples.reduce((least, { time }) => Math.min(least, time), Infinity);
  const packets = samples.map(
    ({ data, time, isKey }) => ({ data, frame: (time - start) / duration, isKey }));
  const ranks = packets.map(({ frame }) => frame).sort((one, other) => one - other);
  if (!ranks.every((frame, rank) => frame === rank)) {
    throw broken("presentation times that are not one frame apart");
  }
  if (!packets.length || !packets[0].isKey || packets[0].frame !== 0) {
    throw broken("no packet to start with");
  }
  return packets;
}
