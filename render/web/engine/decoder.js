/**
 * Pictures of a group, by the best route that the browser offers.
 *
 * WebCodecs gives every picture with its exact codes. Where it is missing, as in pages that came
 * over plain HTTP from another machine, a `<video>` element plays the group instead.
 */

import { hasVideoElement, hasWebCodecs } from "./capabilities.js";
import { CodecSession } from "./codec_session.js";
import { PlayerError, checkAborted } from "./errors.js";
import { readMarks } from "./marks.js";
import { BufferPool } from "./pictures.js";
import { checkSegment, decoderConfig, readSegment } from "./segments.js";
import { playPictures } from "./video_route.js";

/** Copies that are timed before the route is judged. */
const TIMED_COPIES = 6;
/** Part of a frame's time that copying may take. */
const COPY_SHARE = 0.6;

/** @typedef {import("./pictures.js").DecodedPicture} DecodedPicture */

/**
 * @typedef {object} DecodeOptions
 * @property {number} [from] first frame of the scene that is wanted; the group's first by default
 * @property {AbortSignal} [signal] ends the iteration with an `aborted` error
 */

/** Decodes groups; keeps its buffers from one to the next. */
export class GroupDecoder {
  /**
   * @param {object} [options]
   * @param {"webcodecs" | "video"} [options.route] by default the best one there is
   * @param {"copyTo" | "texture"} [options.prefer] `texture`: give frames to upload even where their
   *     luma can be copied, if the package has marks; for comparisons
   */
  constructor({ route, prefer = "copyTo" } = {}) {
    this.pool = new BufferPool();
    this.route = route ?? bestRoute();
    this.copyClock = new CopyClock(prefer === "texture");
    this.isSoftwareForced = false;
    /**
     * Files read before, so that a seek inside a group reads nothing twice.
     *
     * @type {WeakMap<object, import("./segments.js").Segment>}
     */
    this.segments = new WeakMap();
  }

  /**
   * The pictures of a group in order. Leaving the loop frees the decoder.
   *
   * With WebCodecs every frame comes; a `<video>` element may leave some out where it plays faster
   * than they are taken.
   *
   * @param {import("./package.js").FetchedGroup} fetched
   * @param {DecodeOptions} [options]
   * @returns {AsyncGenerator<DecodedPicture>}
   * @throws {PlayerError} if the stream is damaged or the decoder fails
   */
  async* decode(fetched, { from, signal } = {}) {
    checkAborted(signal);
    const { group, stream } = fetched;
    const segment = this.segments.get(fetched) ?? readSegment(fetched.streamBytes);
    if (!this.segments.has(fetched)) checkSegment(segment, stream);
    this.segments.set(fetched, segment);
    const first = (from ?? group.first_frame) - group.first_frame;
    if (!(Number.isInteger(first) && first >= 0 && first < group.frame_count)) {
      throw new PlayerError("usage", `Frame ${from} is not in the group of frames `
        + `${group.first_frame} to ${group.first_frame + group.frame_count - 1}.`);
    }
    const marks = readMarks(group.marks);
    const work = { fetched, segment, first, marks };
    yield* this.route === "webcodecs" ? this.decodePackets(work, signal)
      : playPictures({ fetched, first, marks, framesPerSecond: segment.framesPerSecond },
        this.pool, signal);
  }

  /**
   * @param {{fetched: import("./package.js").FetchedGroup,
   *     segment: import("./segments.js").Segment, first: number,
   *     marks: import("./marks.js").Marks | null}} work
   * @param {AbortSignal} [signal]
   * @returns {AsyncGenerator<DecodedPicture>}
   */
  async* decodePackets({ fetched, segment, first, marks }, signal) {
    let wanted = first;
    const { group, stream } = fetched;
    this.copyClock.budgetMs = (COPY_SHARE * 1000) / segment.framesPerSecond;
    for (;;) {
      const config = await this.supported(decoderConfig(segment, stream.codec_string));
      const start = lastKeyBefore(segment.packets, wanted);
      const session = new CodecSession({
        packets: segment.packets.slice(start), from: wanted, until: group.frame_count,
        firstFrame: group.first_frame, framesPerSecond: segment.framesPerSecond,
        width: stream.width, height: stream.height, config,
        mayUpload: marks !== null && stream.bit_depth === 8,
      }, this.pool, { signal, copyClock: this.copyClock });
      try {
        for (let picture = await session.next(); picture; picture = await session.next()) {
          wanted += 1;
          yield picture;
        }
        return;
      } catch (error) {
        // Hardware decoders refuse some streams that software takes; it is tried once.
        const canRetry = error instanceof PlayerError && error.kind === "decoder";
        if (!canRetry || this.isSoftwareForced) throw error;
        this.isSoftwareForced = true;
      } finally {
        session.end();
      }
    }
  }

  /** @param {VideoDecoderConfig} config @returns {Promise<VideoDecoderConfig>} */
  async supported(config) {
    /** @type {VideoDecoderConfig[]} */
    const choices = [config];
    if (this.isSoftwareForced) {
      choices.unshift({ ...config, hardwareAcceleration: "prefer-software" });
    }
    for (const choice of choices) {
      const { supported } = await VideoDecoder.isConfigSupported(choice);
      if (supported) return choice;
    }
    throw new PlayerError("unsupported", `This browser cannot decode "${config.codec}"; choose a `
      + "quality in another codec.");
  }
}

/** Whether copying luma out of frames keeps up with the frame rate. */
class CopyClock {
  /** @param {boolean} isAvoided whether copying counts as too slow from the start */
  constructor(isAvoided) {
    this.isAvoided = isAvoided;
    this.budgetMs = Infinity;
    /** @type {number[]} */
    this.recent = [];
  }

  /** @param {number} ms */
  add(ms) {
    this.recent.push(ms);
    if (this.recent.length > TIMED_COPIES) this.recent.shift();
  }

  /** @returns {boolean} whether even the faster half of the latest copies took too long */
  get isSlow() {
    if (this.isAvoided) return true;
    if (this.recent.length < TIMED_COPIES) return false;
    const sorted = [...this.recent].sort((one, other) => one - other);
    return sorted[TIMED_COPIES >> 1] > this.budgetMs;
  }
}

/** @returns {"webcodecs" | "video"} */
function bestRoute() {
  if (hasWebCodecs()) return "webcodecs";
  if (hasVideoElement()) return "video";
  throw new PlayerError("unsupported", "This browser decodes no video for a page; use a current "
    + "browser.");
}

/**
 * @param {import("./segments.js").Packet[]} packets @param {number} frame
 * @returns {number} the packet from which decoding must start to reach a frame
 */
function lastKeyBefore(packets, frame) {
  return packets.reduce(
    (best, packet, index) => (packet.isKey && packet.frame <= frame ? index : best), 0);
}
