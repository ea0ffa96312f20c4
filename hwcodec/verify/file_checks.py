"""Checks of the file around the packets, and of what a package's manifest says about it.

Each returns what it found, or raises what is wrong.
"""

import zlib

from hwcodec.bitstream import demux
from hwcodec.errors import BitstreamError
from hwcodec.headers import codec_string
from hwcodec.verify.subject import Subject

_REPLACED = {"hev1": "hvc1", "avc3": "avc1"}


def container(subject: Subject) -> str:
    """The sample entry is one that every player takes, and pictures are evenly spaced.

    Raises:
        BitstreamError: if not.
    """
    track = subject.track
    if track.entry in _REPLACED:
        raise BitstreamError(
            f"sample entry is {track.entry}, expected {_REPLACED[track.entry]}; Safari refuses "
            f"{track.entry}, whose parameter sets may lie in packets: mux it again with "
            f"`ffmpeg -i IN -c copy -tag:v {_REPLACED[track.entry]} OUT.mp4`"
        )
    counts = f"packets: {len(track.samples)}, fragments: {len(track.fragment_starts)}"
    return f"MP4 with {track.entry} at {track.frame_rate} Hz, {counts}"


def record(subject: Subject) -> str:
    """Checksums of the file and of every packet, and every field of the manifest's record.

    Raises:
        BitstreamError: if one of them differs.
    """
    said = subject.record or {}
    data, samples = subject.data, subject.track.samples
    if len(data) != said["bytes"] or zlib.crc32(data) != said["crc32"]:
        sums = [zlib.crc32(sample.data) for sample in samples]
        pairs = zip(sums, said["packet_crc32"], strict=False)
        wrong = [index for index, (got, wanted) in enumerate(pairs) if got != wanted]
        raise BitstreamError(
            f"file has {len(data)} bytes and CRC {zlib.crc32(data):08x}, expected {said['bytes']} "
            f"and {said['crc32']:08x}; packets {wrong[:8]} differ: copy the package again"
        )
    for key, value in _fields(subject).items():
        if said[key] != value:
            raise BitstreamError(
                f"file says {key} {_short(value)}, expected {_short(said[key])} as in the "
                "manifest; the files come from different packages, write the package again"
            )
    return "checksums of the file and of every packet, size and format agree with the manifest"


def _fields(subject: Subject) -> dict[str, object]:
    """What the manifest must say, read in the way that players of packages do."""
    stream, track = demux(subject.data), subject.track
    if [packet.data for packet in stream.packets] != [sample.data for sample in track.samples]:
        raise BitstreamError(
            "two ways to read the fragments give different packets, expected headers as FORMAT.md "
            "states; write the package again"
        )
    return {
        "codec": stream.codec.value,
        "codec_string": codec_string(stream.codec, stream.extradata),
        "width": stream.width,
        "height": stream.height,
        "chroma": stream.format.chroma.value,
        "bit_depth": stream.format.bit_depth,
        "frame_rate": [stream.frame_rate.numerator, stream.frame_rate.denominator],
        "frame_count": len(stream.packets),
        "packet_crc32": [zlib.crc32(packet.data) for packet in stream.packets],
    }


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
