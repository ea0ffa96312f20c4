/** CRC-32 as in ZIP and zlib, eight bytes at a time. */

/** @type {Uint32Array[] | null} */
let tables = null;

function buildTables() {
  const built = Array.from({ length: 8 }, () => new Uint32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) {
      value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    }
    built[0][byte] = value;
  }
  for (let row = 1; row < 8; row++) {
    for (let byte = 0; byte < 256; byte++) {
      const value = built[row - 1][byte];
      built[row][byte] = (value >>> 8) ^ built[0][value & 255];
    }
  }
  return built;
}

/**
 * The checksum of some bytes.
 *
 * @param {Uint8Array} bytes what to sum up
 * @returns {number} a whole number below 2^32
 */
export function crc32(bytes) {
  tables ??= buildTables();
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;
  let value = 0xffffffff;
  let at = 0;
  for (const stop = bytes.length - 7; at < stop; at += 8) {
    const a = value ^ (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16)
      | (bytes[at + 3] << 24));
    value = t7[a & 255] ^ t6[(a >>> 8) & 255] ^ t5[(a >>> 16) & 255] ^ t4[a >>> 24]
      ^ t3[bytes[at + 4]] ^ t2[bytes[at + 5]] ^ t1[bytes[at + 6]] ^ t0[bytes[at + 7]];
  }
  for (; at < bytes.length; at++) value = (value >>> 8) ^ t0[(value ^ bytes[at]) & 255];
  return (value ^ 0xffffffff) >>> 0;
}
