/**
 * The shaders of one scene; the twin of `render/shader_source.py`, which describes the text.
 */

import { PlayerError } from "./errors.js";
import { fetchBytes } from "./fetching.js";
import { component, networkSource, number, readNetwork } from "./network_source.js";

/** Active cells per row of the corner texture. */
export const CORNER_COLUMNS = 1024;

const VERSION = "#version 300 es\n";
const PRECISION = "precision highp float;\nprecision highp int;\nprecision highp sampler2D;\n"
  + "precision highp usampler2D;\nprecision highp isampler3D;\n";
const MIN_ALPHA = 1e-4;
const MIN_TRANSMITTANCE = 1e-3;
const MAX_DENSITY = 80;
const WORDS_PER_TEXEL = 4;
const BODIES = ["screen.vert", "pack.frag", "march.frag"];

/**
 * @typedef {object} CodeLayout how codes are packed
 * @property {number} channels
 * @property {number} codeBits 8 or 16
 * @property {number} perWord channels in one 32-bit word
 * @property {number} words 32-bit words that hold all channels
 * @property {number} layers 128-bit texels that hold all channels
 *
 * @typedef {{vertex: string, pack: string, packColor: string, march: string}} ShaderSources
 * @typedef {Record<string, string>} ShaderBodies text of each GLSL file by name
 */

/** Where the GLSL files lie: in a published folder, beside the engine. */
const SHADER_FOLDER = new URL("../shaders/", import.meta.url).href;

/**
 * The GLSL files.
 *
 * @param {string} [folder] their address, with a slash at the end
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<ShaderBodies>}
 * @throws {PlayerError} if one cannot be fetched
 */
export async function fetchShaders(folder = SHADER_FOLDER, { signal } = {}) {
  const texts = await Promise.all(BODIES.map(async (name) => {
    const { bytes } = await fetchBytes(new URL(`${name}.glsl`, folder).href, { signal });
    return [name, new TextDecoder().decode(bytes)];
  }));
  return Object.fromEntries(texts);
}

/**
 * How the codes of a scene are packed; one layout serves all its groups.
 *
 * @param {import("./scene_record.js").SceneRecord} record
 * @returns {CodeLayout}
 */
export function codeLayout(record) {
  const channels = 1 + record.shading.feature_count;
  const depth = Math.max(...record.groups.map(({ quantizer }) => quantizer.bit_depth));
  const codeBits = depth <= 8 ? 8 : 16;
  const perWord = 32 / codeBits;
  const words = Math.ceil(channels / perWord);
  return { channels, codeBits, perWord, words, layers: Math.ceil(words / WORDS_PER_TEXEL) };
}

/**
 * The complete shaders of a scene.
 *
 * @param {import("./scene_record.js").SceneRecord} record
 * @param {Uint8Array} network the blob
 * @param {ShaderBodies} bodies
 * @returns {ShaderSources}
 * @throws {PlayerError} if the network is damaged or too large to be written out
 */
export function shaderSources(record, network, bodies) {
  for (const name of BODIES) {
    if (!bodies[name]) throw new PlayerError("usage", `There is no text for the shader ${name}.`);
  }
  const header = PRECISION + sceneHeader(record);
  const { perWord } = codeLayout(record);
  const layers = readNetwork(network, record.shading);
  return {
    vertex: VERSION + bodies["screen.vert"],
    pack: VERSION + header + bodies["pack.frag"],
    packColor: `${VERSION}#define PICTURE_IS_COLOR\n${header}${bodies["pack.frag"]}`,
    march: VERSION + header + networkSource(layers, record.shading, perWord)
      + bodies["march.frag"],
  };
}

/**
 * Constants and declarations of a scene.
 *
 * @param {import("./scene_record.js").SceneRecord} record
 * @returns {string}
 */
export function sceneHeader(record) {
  const { channels, codeBits, perWord, words, layers } = codeLayout(record);
  const kind = perWord === 4 ? "vec4" : "vec2";
  const numbers = Array.from({ length: words }, (_, i) => i);
  const eachWord = numbers.map((i) => `X(w${i}, ${component("t", i, 4)}, ${i})`).join(" ");
  const moreLayers = Array.from({ length: layers - 1 }, (_, i) => ` X(t${i + 1}, ${i + 1})`).join("");
  const members = numbers.map((i) => `${kind} w${i};`).join(" ");
  const lines = [
    `#define CHANNELS ${channels}`,
    `#define CODE_BITS ${codeBits}`,
    `#define CORNER_COLUMNS ${CORNER_COLUMNS}`,
    `#define WORDS ${words}`,
    `#define TEXEL_LAYERS ${layers}`,
    `#define EACH_WORD(X) ${eachWord}`,
    `#define EACH_MORE_LAYER(X)${moreLayers}`,
    `struct Features { ${members} };`,
    `const ivec3 CELLS = ivec3(${record.grid.map((count) => count - 1).join(", ")});`,
    `const float STEP = ${number(record.step)};`,
    `const float EMPTY_DENSITY = ${number(record.empty_density)};`,
    `const float VOXEL_SIZE = ${number(record.voxel_size)};`,
    `const vec3 BACKGROUND = vec3(${record.background.map(number).join(", ")});`,
    `const float MIN_ALPHA = ${number(MIN_ALPHA)};`,
    `const float MIN_TRANSMITTANCE = ${number(MIN_TRANSMITTANCE)};`,
    `const float MAX_DENSITY = ${number(MAX_DENSITY)};`,
  ];
  return lines.map((line) => `${line}\n`).join("");
}
