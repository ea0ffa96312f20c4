/**
 * The shading network as GLSL; the twin of `render/network_source.py`, which describes the text.
 */

import { PlayerError } from "./errors.js";

/** A network of more weights makes a text that takes shader compilers minutes. */
const WEIGHT_LIMIT = 16384;
const COMPONENTS = "xyzw";

/**
 * @typedef {{feature_count: number, width: number, depth: number, frequency_count: number}} Shape
 * @typedef {{weight: Float32Array, bias: Float32Array}} Layer weight is (outputs, inputs)
 */

/**
 * A float32 as GLSL: nine digits in exponent form without needless zeros, such as `-1.25e-1`.
 *
 * @param {number} value
 * @returns {string}
 */
export function number(value) {
  const single = Math.fround(value);
  if (single === 0) return "0e0";
  const [mantissa, exponent] = single.toExponential(8).split("e");
  return `${mantissa.replace(/\.?0+$/, "")}e${Number(exponent)}`;
}

/**
 * The layers of a network.
 *
 * @param {Uint8Array} bytes the blob `network`: little-endian float16, per layer matrix and bias
 * @param {Shape} shape
 * @returns {Layer[]}
 * @throws {PlayerError} if it has another number of weights, or one is not finite
 */
export function readNetwork(bytes, shape) {
  const sizes = layerSizes(shape);
  const count = sizes.reduce((sum, [inputs, outputs]) => sum + (inputs + 1) * outputs, 0);
  if (bytes.length !== 2 * count) {
    throw new PlayerError("damaged", `The shading network has ${bytes.length} bytes, expected `
      + `${2 * count}; the package is damaged, publish it again.`);
  }
  if (count > WEIGHT_LIMIT) {
    throw new PlayerError("unsupported", `The shading network has ${count} weights, this player `
      + `draws ${WEIGHT_LIMIT} at most; bake the scene with a smaller network.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const weights = Float32Array.from({ length: count }, (_, i) => half(view.getUint16(2 * i, true)));
  if (!weights.every(Number.isFinite)) {
    throw new PlayerError("damaged", "The shading network holds weights that are not finite; the "
      + "package is damaged, publish it again.");
  }
  let at = 0;
  return sizes.map(([inputs, outputs]) => {
    const weight = weights.subarray(at, at + inputs * outputs);
    const bias = weights.subarray(at + inputs * outputs, at + (inputs + 1) * outputs);
    at += (inputs + 1) * outputs;
    return { weight, bias };
  });
}

/**
 * The function `network` for these layers.
 *
 * @param {Layer[]} layers
 * @param {Shape} shape
 * @param {number} channelsPerWord
 * @returns {string}
 */
export function networkSource(layers, shape, channelsPerWord) {
  const lines = ["vec3 network(Features f, vec3 v) {"];
  for (let k = 0; k < shape.frequency_count; k++) {
    const angle = k === 0 ? "v" : `${number(2 ** k)} * v`;
    lines.push(`  vec3 s${k} = sin(${angle});`, `  vec3 c${k} = cos(${angle});`);
  }
  let inputs = firstInputs(shape, channelsPerWord);
  layers.forEach((layer, index) => {
    const count = layer.bias.length;
    lines.push(...layerLines(index, inputs, layer));
    if (index < layers.length - 1) {
      for (let j = 0; 4 * j < count; j++) {
        lines.push(`  a${index}_${j} = max(a${index}_${j}, 0.0);`);
      }
    }
    inputs = Array.from({ length: count }, (_, i) => component(`a${index}_`, i, 4));
  });
  lines.push(`  return 1.0 / (1.0 + exp(-a${layers.length - 1}_0.xyz));`, "}");
  return `${lines.join("\n")}\n`;
}

/** @param {Shape} shape @returns {[number, number][]} inputs and outputs of each layer */
function layerSizes({ feature_count: features, width, depth, frequency_count: octaves }) {
  const units = [features + 3 + 6 * octaves, ...Array(depth - 1).fill(width), 3];
  return Array.from({ length: depth }, (_, i) => [units[i], units[i + 1]]);
}

/** @param {Shape} shape @param {number} channelsPerWord */
function firstInputs(shape, channelsPerWord) {
  const features = Array.from({ length: shape.feature_count },
    (_, i) => component("f.w", i + 1, channelsPerWord));
  const vectors = ["v"];
  for (let k = 0; k < shape.frequency_count; k++) vectors.push(`s${k}`, `c${k}`);
  return [...features, ...vectors.flatMap((name) => [..."xyz"].map((axis) => `${name}.${axis}`))];
}

/**
 * @param {string} prefix @param {number} index @param {number} perWord
 * @returns {string} such as `f.w0.y`
 */
export function component(prefix, index, perWord) {
  return `${prefix}${Math.floor(index / perWord)}.${COMPONENTS[index % perWord]}`;
}

/** @param {number} index @param {string[]} inputs @param {Layer} layer */
function layerLines(index, inputs, { weight, bias }) {
  const lines = [];
  for (let j = 0; 4 * j < bias.length; j++) {
    const name = `a${index}_${j}`;
    const vector = (/** @type {(output: number) => number} */ of) => {
      const parts = [0, 1, 2, 3].map((i) => 4 * j + i);
      return `vec4(${parts.map((i) => number(i < bias.length ? of(i) : 0)).join(", ")})`;
    };
    lines.push(`  vec4 ${name} = ${vector((output) => bias[output])};`);
    inputs.forEach((input, i) => {
      const factors = vector((output) => weight[output * inputs.length + i]);
      lines.push(`  ${name} += ${input} * ${factors};`);
    });
  }
  return lines;
}

/** @param {number} bits of a float16 @returns {number} */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
