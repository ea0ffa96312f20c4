"""One stream under examination; what is expensive to find out is found out once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hwcodec.errors import BitstreamError, UnsupportedConfig
from hwcodec.syntax.parameters import SequenceParameters
from hwcodec.syntax.pictures import CodedPicture, coded_picture
from hwcodec.syntax.records import DecoderConfig, read_config
from hwcodec.tracks import Track
from hwcodec.types import Bitstream, Chroma, PictureGeometry, PixelFormat


@dataclass(frozen=True)
class Subject:
    """A stream file, its track, and the record of it in a package's manifest, if there is one."""

    data: bytes
    track: Track
    record: Mapping[str, Any] | None = None

    @cached_property
    def config(self) -> DecoderConfig:
        """The content of the configuration record.

        Raises:
            BitstreamError: if it is damaged or incomplete.
        """
        return read_config(self.track.codec, self.track.record)

    @property
    def parameters(self) -> SequenceParameters:
        """What the parameter sets in the configuration record say."""
        return self.config.parameters

    @cached_property
    def pictures(self) -> tuple[CodedPicture, ...]:
        """What each packet holds.

        Raises:
            BitstreamError: if the units of a packet do not add up; it says which packet.
        """
        found = []
        for index, sample in enumerate(self.track.samples):
            try:
                found.append(coded_picture(self.track.codec, sample.data))
            except BitstreamError as error:
                raise BitstreamError(f"packet {index}: {error}") from error
        return tuple(found)

    @property
    def codec_string(self) -> str:
        """The codec string of the parameter sets, under the name of the sample entry."""
        return self.track.entry + self.parameters.codec_string[len(self.track.entry) :]

    @cached_property
    def bitstream(self) -> Bitstream:
        """The stream for a decoder.

        Raises:
            BitstreamError: if pictures of its kind cannot be decoded here.
        """
        parameters = self.parameters
        try:
            pixel_format = PixelFormat(Chroma.YUV420, parameters.bit_depths[0])
            size, rate = parameters.size, self.track.frame_rate
            geometry = PictureGeometry(pixel_format, size.width, size.height, rate)
        except UnsupportedConfig as error:
            raise BitstreamError(str(error)) from error
        return self.track.bitstream(geometry)

    def facts(self) -> dict[str, Any]:
        """What the parameter sets say, for the record.

        Raises:
            BitstreamError: if they cannot be read.
        """
        parameters = self.parameters
        return {
            "codec": parameters.codec.value,
            "profile": parameters.profile.name,
            "level": parameters.level,
            "chroma": parameters.chroma,
            "bit_depths": list(parameters.bit_depths),
            "coded_size": str(parameters.coded_size),
            "is_full_range": parameters.is_full_range,
            "buffered_pictures": parameters.buffering.picture_count,
            "reordered_pictures": parameters.buffering.reorder_count,
            "key_count": sum(sample.is_key for sample in self.track.samples),
        }
