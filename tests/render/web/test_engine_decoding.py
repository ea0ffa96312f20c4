"""MP4 packets and decoded pictures in the page equal those of Python, byte for byte."""

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from hwcodec import YUV420P8, Bitstream, Codec, decode, open_package
from hwcodec.bitstream import mux
from hwcodec.types import Packet, PictureGeometry
from tests.render.web.packages import Kind, moving_package
from tests.render.web.page_calls import EngineError

READ = """
  const { readSegment } = await engine("segments");
  const { packets, ...rest } = readSegment(given.data);
  const bytes = new Uint8Array(packets.reduce((sum, { data }) => sum + data.length, 0));
  let at = 0;
  for (const { data } of packets) { bytes.set(data, at); at += data.length; }
  return { bytes, description: rest.description, codec: rest.codec, rate: rest.framesPerSecond,
    size: [rest.width, rest.height], sizes: packets.map(({ data }) => data.length),
    frames: packets.map(({ frame }) => frame), keys: packets.map(({ isKey }) => isKey) }"""
# Every wanted picture of some groups one behind the other, with what it says about itself.
DECODE = """
  const { openPackage } = await engine("package");
  const { GroupDecoder } = await engine("decoder");
  const pkg = await openPackage(given.url);
  const decoder = new GroupDecoder({ route: given.route });
  const pictures = [], frames = [], routes = [];
  let open = 0;
  for (const index of given.groups ?? pkg.groups.keys()) {
    const fetched = await pkg.fetchGroup(index);
    for await (const picture of decoder.decode(fetched, { from: given.from })) {
      pictures.push(new Uint8Array(new Uint8Array(
        picture.luma.buffer, picture.luma.byteOffset, picture.luma.byteLength)));
      frames.push(picture.frameIndex);
      routes.push(picture.route);
      open += 1;
      picture.close();
      open -= 1;
      if (frames.length === given.stop) break;
    }
  }
  const bytes = new Uint8Array(pictures.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of pictures) { bytes.set(one, at); at += one.length; }
  return { bytes, frames, routes, kept: decoder.pool.free.length }"""


@pytest.fixture(scope="module")
def moving(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("moving")
    names = ("libx264", "libsvtav1")
    return {name: moving_package(root / name, Kind(name)) for name in names}


def expected(package_path: Path) -> Iterator[np.ndarray]:
    package = open_package(package_path)
    for index in range(package.stream_count):
        for picture in decode(package.bitstream(index)):
            yield picture.luma.numpy()


@pytest.mark.parametrize("name", ["libx264", "libsvtav1"])
def test_packets_are_those_that_python_reads(run, moving, name) -> None:
    package = open_package(moving[name])
    for index, record in enumerate(package.streams):
        bitstream = package.bitstream(index)
        data = (moving[name] / "streams" / f"{record['name']}.mp4").read_bytes()
        found = run(READ, data=data)
        assert found["bytes"].tobytes() == b"".join(p.data for p in bitstream.packets)
        assert found["sizes"] == [len(p.data) for p in bitstream.packets]
        assert found["frames"] == [p.pts for p in bitstream.packets]
        assert found["keys"] == [p.is_key for p in bitstream.packets]
        assert found["description"].tobytes() == bitstream.extradata
        assert found["size"] == [bitstream.width, bitstream.height]
        assert found["codec"] == bitstream.codec.value
        assert found["rate"] == pytest.approx(float(bitstream.frame_rate))


def test_the_stream_has_b_pictures_or_this_file_tests_little(moving) -> None:
    packets = open_package(moving["libx264"]).bitstream(0).packets
    assert [p.pts for p in packets] != sorted(p.pts for p in packets)
    assert sum(p.is_key for p in packets) > 1


def handmade(order: list[int], keys: set[int]) -> bytes:
    """A stream file whose packets are numbered bytes, shown in the given order."""
    packets = tuple(
        Packet(bytes([index + 1]) * (index + 3), pts, index, index in keys)
        for index, pts in enumerate(order)
    )
    geometry = PictureGeometry(YUV420P8, 64, 48, Fraction(30000, 1001))
    return mux(Bitstream(Codec.H264, geometry, AVCC, packets))


# Baseline at level 3.0; the reader needs the box, and nothing in it.
AVCC = bytes.fromhex("0142c01effe100096742c01eda0280bfe5010004 68ce3c80".replace(" ", ""))


@pytest.mark.parametrize(
    ("order", "keys"),
    [
        ([0], {0}),
        ([0, 1, 2], {0}),
        ([0, 2, 1, 4, 3], {0}),
        ([0, 3, 1, 2, 4, 7, 5, 6], {0, 4}),
        ([0, 1, 2, 3], {0, 1, 2, 3}),
    ],
)
def test_frame_numbers_are_ranks_of_presentation_times(run, order, keys) -> None:
    found = run(READ, data=handmade(order, keys))
    assert found["frames"] == order
    assert found["keys"] == [index in keys for index in range(len(order))]
    assert found["rate"] == pytest.approx(30000 / 1001)


def test_a_constant_delay_of_all_times_changes_nothing(run) -> None:
    data = bytearray(handmade([0, 2, 1], {0}))
    at = data.index(b"tfdt") + 8
    data[at : at + 8] = struct.pack(">Q", 5005)
    assert run(READ, data=bytes(data))["frames"] == [0, 2, 1]


def refusal(run, body: str, **given: object) -> EngineError:
    with pytest.raises(EngineError) as caught:
        run(body, **given)
    assert caught.value.name == "PlayerError", caught.value
    return caught.value


def test_every_truncation_is_refused(run) -> None:
    data = handmade([0, 2, 1], {0})
    body = """
      const { readSegment } = await engine("segments");
      const passed = [];
      for (let length = 0; length < given.data.length; length++) {
        try { passed.push([length, readSegment(given.data.slice(0, length)).packets.length]); }
        catch (error) { if (error.name !== "PlayerError") throw error; }
      }
      return passed"""
    assert run(body, data=data) == []


def test_any_changed_byte_gives_packets_or_a_sentence(run) -> None:
    data = handmade([0, 2, 1, 3], {0})
    body = """
      const { readSegment } = await engine("segments");
      for (let at = 0; at < given.data.length; at++) {
        for (const value of [0, 1, 127, 128, 255]) {
          const copy = given.data.slice();
          copy[at] = value;
          try { readSegment(copy); }
          catch (error) { if (error.name !== "PlayerError") throw error; }
        }
      }
      return true"""
    assert run(body, data=data) is True


def test_packets_that_share_bytes_are_refused(run) -> None:
    data = bytearray(handmade([0], {0}))
    at = data.index(b"trun") + 8
    data[at : at + 4] = struct.pack(">I", 0x7FFFFFFF)
    assert refusal(run, READ, data=bytes(data)).kind == "damaged"


def test_other_sample_entries_are_refused_by_name(run) -> None:
    data = handmade([0], {0}).replace(b"avc1\0\0\0\0\0\0", b"avc3\0\0\0\0\0\0")
    error = refusal(run, READ, data=data)
    assert error.kind == "unsupported"
    assert '"avc3"' in str(error)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"frame_count": 4}, "expected 4"),
        ({"codec": "hevc"}, "expected hevc"),
        ({"width": 66}, "expected hevc|expected h264 of 66x48"),
        ({"packet_crc32": [1, 2, 3]}, "packet 0 with a wrong checksum"),
    ],
)
def test_packets_are_held_to_the_manifest(run, change, words) -> None:
    data = handmade([0, 2, 1], {0})
    sums = [zlib.crc32(bytes([i + 1]) * (i + 3)) for i in range(3)]
    stream = {"codec": "h264", "width": 64, "height": 48, "frame_count": 3, "packet_crc32": sums}
    body = """
      const { readSegment, checkSegment } = await engine("segments");
      checkSegment(readSegment(given.data), given.stream);
      return true"""
    assert run(body, data=data, stream=stream) is True
    error = refusal(run, body, data=data, stream={**stream, **change})
    with pytest.raises(EngineError, match=words):
        raise error


@pytest.mark.parametrize("name", ["libx264", "libsvtav1"])
def test_decoded_luma_has_no_byte_that_differs_from_python(run, site, moving, name) -> None:
    url = site.mount(f"moving-{name}", moving[name])
    found = run(DECODE, url=url)
    pictures = list(expected(moving[name]))
    assert found["frames"] == list(range(len(pictures)))
    assert set(found["routes"]) == {"copyTo"}
    assert np.array_equal(found["bytes"], np.concatenate([p.ravel() for p in pictures]))
    assert found["kept"] >= 1


@pytest.mark.parametrize("wanted", [0, 1, 4, 5, 6, 9, 11])
def test_a_seek_gives_the_wanted_frame_first(run, site, moving, wanted) -> None:
    url = site.mount("moving-libx264", moving["libx264"])
    found = run(DECODE, url=url, groups=[0], stop=2, **{"from": wanted})
    pictures = list(expected(moving["libx264"]))[wanted:12][:2]
    assert found["frames"] == list(range(wanted, min(wanted + 2, 12)))
    assert np.array_equal(found["bytes"], np.concatenate([p.ravel() for p in pictures]))


@pytest.mark.parametrize("wanted", [-1, 12, 1.5])
def test_a_frame_of_another_group_is_refused(run, site, moving, wanted) -> None:
    url = site.mount("moving-libx264", moving["libx264"])
    assert refusal(run, DECODE, url=url, groups=[0], **{"from": wanted}).kind == "usage"


def test_decoding_stops_when_told_and_leaves_nothing_open(run, site, moving) -> None:
    url = site.mount("moving-libx264", moving["libx264"])
    body = """
      const { openPackage } = await engine("package");
      const { GroupDecoder } = await engine("decoder");
      const pkg = await openPackage(given.url);
      const fetched = await pkg.fetchGroup(0);
      const control = new AbortController();
      const frames = [];
      try {
        for await (const picture of
          new GroupDecoder().decode(fetched, { signal: control.signal })) {
          frames.push(picture.frameIndex);
          picture.close();
          if (frames.length === 3) control.abort();
        }
      } catch (error) { return [frames, error.kind]; }"""
    assert run(body, url=url) == [[0, 1, 2], "aborted"]


def test_a_slow_taker_holds_the_decoder_back(run, site, moving) -> None:
    url = site.mount("moving-libx264", moving["libx264"])
    body = """
      const { openPackage } = await engine("package");
      const { GroupDecoder } = await engine("decoder");
      const fetched = await (await openPackage(given.url)).fetchGroup(0);
      const original = VideoDecoder.prototype.decode;
      let fed = 0, ahead = 0;
      VideoDecoder.prototype.decode = function (chunk) { fed += 1; original.call(this, chunk); };
      const frames = [];
      try {
        for await (const picture of new GroupDecoder().decode(fetched)) {
          await new Promise((resolve) => setTimeout(resolve, 40));
          ahead = Math.max(ahead, fed - frames.length);
          frames.push(picture.frameIndex);
          picture.close();
        }
      } finally { VideoDecoder.prototype.decode = original; }
      return [frames, ahead]"""
    frames, ahead = run(body, url=url)
    assert frames == list(range(12))
    # The pictures that wait, the packets that do, and what the decoder puts in order.
    assert ahead <= 3 + 4 + 4


def test_damage_inside_a_packet_is_noticed_before_it_is_decoded(run, site, moving) -> None:
    url = site.mount("moving-libx264", moving["libx264"])
    body = """
      const { openPackage } = await engine("package");
      const { GroupDecoder } = await engine("decoder");
      const fetched = await (await openPackage(given.url)).fetchGroup(0);
      fetched.streamBytes[fetched.streamBytes.length - 20] ^= 4;
      for await (const picture of new GroupDecoder().decode(fetched)) picture.close();"""
    assert "wrong checksum" in str(refusal(run, body, url=url))


def test_a_stream_that_no_decoder_takes_ends_in_a_sentence(run, site, moving) -> None:
    url = site.mount("moving-libx264", moving["libx264"])
    body = """
      const { openPackage } = await engine("package");
      const { GroupDecoder } = await engine("decoder");
      const { readSegment } = await engine("segments");
      const { crc32 } = await engine("crc32");
      const fetched = await (await openPackage(given.url)).fetchGroup(0);
      const { packets } = readSegment(fetched.streamBytes);
      packets[1].data.fill(255);
      fetched.stream = {...fetched.stream,
        packet_crc32: packets.map(({ data }) => crc32(data))};
      for await (const picture of new GroupDecoder().decode(fetched)) picture.close();"""
    error = refusal(run, body, url=url)
    assert error.kind == "decoder"
    assert "try another quality" in str(error)


def test_an_unknown_codec_is_refused_before_decoding(run, site, moving) -> None:
    url = site.mount("moving-libx264", moving["libx264"])
    body = """
      const { openPackage } = await engine("package");
      const { GroupDecoder } = await engine("decoder");
      const fetched = await (await openPackage(given.url)).fetchGroup(0);
      fetched.stream = {...fetched.stream, codec_string: "hvc1.1.6.L93.B0"};
      for await (const picture of new GroupDecoder().decode(fetched)) picture.close();"""
    assert refusal(run, body, url=url).kind == "unsupported"
