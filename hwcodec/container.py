"""Packages: a manifest, named blobs and bitstreams, as a folder or one ``.vrf`` file.

FORMAT.md states the bytes. Reading executes nothing, believes no name and checks every sum; writing
happens beside the target and appears there whole or not at all.
"""

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hwcodec.manifest as manifests
from hwcodec.bitstream import demux, mux
from hwcodec.errors import BitstreamError, ContainerError
from hwcodec.files import PackageFiles, open_files, write_files
from hwcodec.headers import codec_string
from hwcodec.types import Bitstream, EncoderChoice


@dataclass(frozen=True, slots=True)
class StreamContent:
    """One bitstream to be stored, its name, and which encoder made it for which request."""

    name: str
    bitstream: Bitstream
    choice: EncoderChoice


@dataclass(frozen=True, slots=True)
class PackageContent:
    """Everything a package holds; ``scene`` is JSON that this layer stores and never interprets."""

    scene: Mapping[str, Any]
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    streams: Sequence[StreamContent] = ()


class Package:
    """An open package; parts are read and checked when they are asked for."""

    __slots__ = ("_files", "_manifest", "_manifest_bytes", "path")

    def __init__(self, path: Path, files: PackageFiles) -> None:
        self.path, self._files = path, files
        self._manifest_bytes = files.read(manifests.NAME)
        self._manifest = manifests.parse(self._manifest_bytes, path)

    @property
    def manifest(self) -> dict[str, Any]:
        """The whole manifest as parsed JSON."""
        return self._manifest

    @property
    def scene(self) -> dict[str, Any]:
        """What the writer put into ``PackageContent.scene``."""
        scene: dict[str, Any] = self._manifest["scene"]
        return scene

    @property
    def streams(self) -> tuple[dict[str, Any], ...]:
        """The manifest's records of the bitstreams, in order."""
        return tuple(self._manifest["streams"])

    @property
    def stream_count(self) -> int:
        """How many bitstreams the package holds."""
        return len(self._manifest["streams"])

    @property
    def size_bytes(self) -> int:
        """Bytes on disk: of all files together, or of the one ``.vrf`` file."""
        return self._files.size_bytes()

    def blob(self, name: str) -> bytes:
        """One blob, after comparing its size and checksum with the manifest.

        Raises:
            ContainerError: if there is no such blob, or it is missing or damaged on disk.
        """
        records = self._manifest["blobs"]
        if name not in records:
            raise ContainerError(
                f"package {self.path} has no blob {name!r}, expected one of {sorted(records)}"
            )
        return self._checked(manifests.blob_file(name), records[name])

    def bitstream(self, index: int) -> Bitstream:
        """One bitstream, after checking its file, every packet, and its record.

        Raises:
            ContainerError: if there is no such stream, or its file is missing or damaged.
            BitstreamError: if a packet is damaged or the stream differs from its record.
        """
        if not 0 <= index < self.stream_count:
            raise ContainerError(
                f"package {self.path} has no stream {index}, expected 0 to {self.stream_count - 1}"
            )
        record = self._manifest["streams"][index]
        file_name = manifests.stream_file(record["name"])
        bitstream = demux(self._checked(file_name, record))
        _check_stream(bitstream, record, f"{self.path}/{file_name}")
        return bitstream

    def file(self, name: str) -> bytes:
        """Any file of the package as it is stored, checked like its blob, stream or manifest.

        Raises:
            ContainerError: if the package has no such file, or it is missing or damaged on disk.
        """
        if name == manifests.NAME:
            return self._manifest_bytes
        records = {manifests.blob_file(blob): rec for blob, rec in self._manifest["blobs"].items()}
        records |= {manifests.stream_file(rec["name"]): rec for rec in self._manifest["streams"]}
        if name not in records:
            raise ContainerError(
                f"package {self.path} has no file {name!r}, expected one of {sorted(records)}"
            )
        return self._checked(name, records[name])

    def sizes(self) -> dict[str, int]:
        """Bytes of every file the package needs, by its name inside the package."""
        records = {manifests.NAME: len(self._manifest_bytes)}
        for name, record in self._manifest["blobs"].items():
            records[manifests.blob_file(name)] = record["bytes"]
        for record in self._manifest["streams"]:
            records[manifests.stream_file(record["name"])] = record["bytes"]
        return records

    def digest(self) -> str:
        """SHA-256 of the manifest, which covers every other file by its checksum."""
        return hashlib.sha256(self._manifest_bytes).hexdigest()

    def _checked(self, file_name: str, record: Mapping[str, int]) -> bytes:
        data = self._files.read(file_name)
        if len(data) != record["bytes"] or zlib.crc32(data) != record["crc32"]:
            raise ContainerError(
                f"{file_name} in {self.path} has {len(data)} bytes and CRC {zlib.crc32(data):08x}, "
                f"expected {record['bytes']} and {record['crc32']:08x}; it is truncated or "
                "damaged, copy the package again"
            )
        return data


def write_package(path: str | Path, content: PackageContent, *, overwrite: bool = False) -> None:
    """Write a package folder, or one file when ``path`` ends with ``.vrf``; all of it or nothing.

    ``overwrite`` replaces an existing package; the old one stays until the new one is complete.

    Raises:
        ContainerError: if a name or value cannot be stored, something is in the way, or the disk
            refuses; nothing is left behind then.
    """
    target = Path(path)
    files = _files_of(content)
    write_files(target, files, overwrite=overwrite)


def content_size(content: PackageContent) -> int:
    """Bytes of all files of the package, as a folder holds them, before it is written.

    Raises:
        ContainerError: as `write_package` does for content that cannot be stored.
    """
    return sum(len(data) for data in _files_of(content).values())


def open_package(path: str | Path) -> Package:
    """Open a package folder or ``.vrf`` file and check its manifest.

    Raises:
        ContainerError: if it is missing, damaged, newer than this package, or something else.
    """
    target = Path(path)
    return Package(target, open_files(target))


def _files_of(content: PackageContent) -> dict[str, bytes]:
    """Every file of the package in the order it is written, the manifest first."""
    body: dict[str, bytes] = {}
    for name, data in content.blobs.items():
        body[manifests.blob_file(name)] = bytes(data)
    blobs = {
        name: {"bytes": len(data), "crc32": zlib.crc32(data)}
        for name, data in content.blobs.items()
    }
    streams = []
    for stream in content.streams:
        file_name = manifests.stream_file(stream.name)
        if file_name in body:
            raise ContainerError(f"two streams are named {stream.name!r}, expected distinct names")
        body[file_name] = mux(stream.bitstream)
        streams.append(_record(stream, body[file_name]))
    document = {"blobs": blobs, "streams": streams, "scene": content.scene}
    return {manifests.NAME: manifests.serialize(document), **body}


def _record(stream: StreamContent, data: bytes) -> dict[str, Any]:
    bitstream, choice = stream.bitstream, stream.choice
    if choice.codec is not bitstream.codec:
        raise ContainerError(
            f"stream {stream.name!r} is {bitstream.codec.value} but its choice of encoder says "
            f"{choice.codec.value}; store the choice that it was encoded with"
        )
    return {
        "name": stream.name,
        "codec": bitstream.codec.value,
        "codec_string": codec_string(bitstream.codec, bitstream.extradata),
        "encoder": choice.encoder,
        "backend": choice.backend,
        "requested": choice.requested,
        "reason": choice.reason,
        "width": bitstream.width,
        "height": bitstream.height,
        "chroma": bitstream.format.chroma.value,
        "bit_depth": bitstream.format.bit_depth,
        "frame_rate": [bitstream.frame_rate.numerator, bitstream.frame_rate.denominator],
        "frame_count": len(bitstream.packets),
        "bytes": len(data),
        "crc32": zlib.crc32(data),
        "packet_crc32": [zlib.crc32(packet.data) for packet in bitstream.packets],
    }


def _check_stream(bitstream: Bitstream, record: Mapping[str, Any], where: str) -> None:
    sums = [zlib.crc32(packet.data) for packet in bitstream.packets]
    if sums != record["packet_crc32"]:
        wrong = [
            index
            for index, pair in enumerate(zip(sums, record["packet_crc32"], strict=False))
            if pair[0] != pair[1]
        ]
        raise BitstreamError(
            f"{where} has {len(sums)} packets of which {wrong[:8]} differ from the manifest's "
            f"checksums, expected {len(record['packet_crc32'])} intact ones; copy the package again"
        )
    got = {
        "codec": bitstream.codec.value,
        "width": bitstream.width,
        "height": bitstream.height,
        "chroma": bitstream.format.chroma.value,
        "bit_depth": bitstream.format.bit_depth,
        "frame_rate": [bitstream.frame_rate.numerator, bitstream.frame_rate.denominator],
        "frame_count": len(bitstream.packets),
    }
    different = {key: value for key, value in got.items() if record[key] != value}
    if different:
        raise BitstreamError(
            f"{where} says {different}, expected { ({key: record[key] for key in different}) } as "
            "in the manifest; the files come from different packages"
        )
