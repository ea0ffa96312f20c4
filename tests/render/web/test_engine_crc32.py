"""The checksum in the page is zlib's."""

import zlib

import numpy as np
import pytest

CRC = "return (await engine('crc32')).crc32(given.data)"


@pytest.mark.parametrize("length", [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 255, 256, 5000])
def test_every_length_gives_the_checksum_of_zlib(run, length) -> None:
    data = np.random.default_rng(length).integers(0, 256, length, np.uint8).tobytes()
    assert run(CRC, data=data) == zlib.crc32(data)


def test_a_view_into_larger_memory_is_summed_up_alone(run) -> None:
    data = bytes(range(200))
    body = "return (await engine('crc32')).crc32(given.data.subarray(13, 100))"
    assert run(body, data=data) == zlib.crc32(data[13:100])


def test_any_single_changed_bit_changes_the_sum(run) -> None:
    body = """
      const { crc32 } = await engine('crc32');
      const found = [];
      for (let bit = 0; bit < 8 * given.data.length; bit++) {
        given.data[bit >> 3] ^= 1 << (bit & 7);
        found.push(crc32(given.data));
        given.data[bit >> 3] ^= 1 << (bit & 7);
      }
      return [found, crc32(given.data)]"""
    found, whole = run(body, data=b"videorf package")
    assert whole not in found
    assert len(set(found)) == len(found)
