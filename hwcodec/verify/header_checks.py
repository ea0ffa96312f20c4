"""Checks of what a stream says before its first packet.

Each returns what it found, or raises what is wrong.
"""

from hwcodec.encoders import MACROBLOCK_LIMIT
from hwcodec.errors import BitstreamError
from hwcodec.levels import COMMON_LEVELS, Demand, level_of, lowest_level
from hwcodec.syntax.parameters import Size
from hwcodec.types import Codec
from hwcodec.verify.subject import Subject

_LENGTH_BYTES = {Codec.H264: 4, Codec.HEVC: 4, Codec.AV1: 0}
_EXPECTED = {
    Codec.H264: "H.264 High, Main or Constrained Baseline, progressive, 4:2:0 at 8 bits",
    Codec.HEVC: "HEVC Main or Main 10, progressive, 4:2:0 at 8 or 10 bits",
    Codec.AV1: "AV1 Main without film grain, 4:2:0 at 8 or 10 bits",
}
_SIDE_LIMIT, _BLOCK = 4096, 16
# What NVDEC's capabilities were recalled to say; to be read from a device.
_LEAST_SIZES = {Codec.H264: Size(48, 16), Codec.HEVC: Size(48, 16), Codec.AV1: Size(16, 16)}


def parameter_sets(subject: Subject) -> str:
    """The configuration record is complete, and its parts agree with each other.

    Raises:
        BitstreamError: if not.
    """
    config = subject.config
    string = config.parameters.codec_string
    strangers = sorted(set(config.claims) - {string})
    if strangers:
        raise BitstreamError(
            f"configuration record claims {strangers[0]}, expected {string} as its sequence "
            "parameter set says; players believe the record, so mux the stream again"
        )
    if config.length_bytes != _LENGTH_BYTES[config.parameters.codec]:
        raise BitstreamError(
            f"NAL units have lengths of {config.length_bytes} bytes, expected 4; "
            "mux the stream again"
        )
    return f"complete, and all of them say {string}"


def profile(subject: Subject) -> str:
    """Every hardware decoder has the profile, chroma and depth.

    Raises:
        BitstreamError: if not.
    """
    parameters = subject.parameters
    sets = subject.config.pictures.values()
    oddities = [*parameters.oddities, *(odd for one in sets for odd in one.oddities)]
    is_plain = (
        parameters.profile.is_interchange
        and parameters.chroma == "4:2:0"
        and set(parameters.bit_depths) in [{depth} for depth in parameters.profile.depths]
    )
    if not is_plain or oddities:
        extra = f" with {', '.join(dict.fromkeys(oddities))}" if oddities else ""
        raise BitstreamError(
            f"stream is {parameters.format_name}{extra}, expected "
            f"{_EXPECTED[parameters.codec]}; encode it as yuv420p (or yuv420p10le with HEVC or "
            "AV1) in one of these profiles"
        )
    return parameters.format_name


def level(subject: Subject) -> str:
    """The declared level is one, is enough, and is not far more than is needed.

    Raises:
        BitstreamError: if not.
    """
    parameters, rate = subject.parameters, subject.track.frame_rate
    codec, size = parameters.codec, parameters.coded_size
    buffers = parameters.buffering.picture_count or 1
    demand = Demand(size.width, size.height, rate, buffers)
    needed, declared = lowest_level(codec, demand), level_of(codec, parameters.level)
    load = f"{size} at {rate} Hz with {buffers} pictures kept"
    if needed is None:
        raise BitstreamError(f"no level allows {load}; split the pictures into several streams")
    if declared is None:
        raise BitstreamError(
            f"declared level has number {parameters.level}, which is no level, expected "
            f"{needed.number} (level {needed.name}) for {load}; encode with that level, or change "
            "it with a metadata filter such as `-bsf:v hevc_metadata=level=5.1`"
        )
    if not declared.allows(demand):
        raise BitstreamError(
            f"declared level {declared.name} is too low for {load}, expected {needed.name}; "
            "decoders believe it and may refuse later: encode with that level"
        )
    if declared.number > max(needed.number, COMMON_LEVELS[codec]):
        raise BitstreamError(
            f"declared level {declared.name} is above what decoders commonly have, expected "
            f"{needed.name}, which is enough for {load}; encode with that level"
        )
    return f"level {declared.name} declared, {needed.name} needed for {load}"


def size(subject: Subject) -> str:
    """Hardware decodes pictures of this size, and the file says the same size.

    Raises:
        BitstreamError: if not.
    """
    shown, codec = subject.parameters.size, subject.parameters.codec
    coded = subject.parameters.coded_size
    blocks = -(-coded.width // _BLOCK) * -(-coded.height // _BLOCK)
    least = _LEAST_SIZES[codec]
    fits = max(shown.width, shown.height) <= _SIDE_LIMIT and blocks <= MACROBLOCK_LIMIT
    large = coded.width >= least.width and coded.height >= least.height
    if not fits or not large or shown.width % 2 or shown.height % 2:
        raise BitstreamError(
            f"pictures are {shown} ({blocks} blocks of 16x16), expected even sides of at most "
            f"{_SIDE_LIMIT}, at most {MACROBLOCK_LIMIT} blocks, and at least {least} (NVDEC's "
            "minimum, as recalled); split or pad them"
        )
    if subject.track.size != (shown.width, shown.height):
        written = Size(*subject.track.size)
        raise BitstreamError(
            f"sample entry says {written}, expected {shown} as in the parameter sets; "
            "mux the stream again"
        )
    return f"{shown}, {blocks} blocks of 16x16"


def full_range(subject: Subject) -> str:
    """The stream says that codes use the full range, and the file does not contradict it.

    Raises:
        BitstreamError: if not.
    """
    if not subject.parameters.is_full_range:
        said = "says nothing, which means" if subject.parameters.is_full_range is None else "says"
        raise BitstreamError(
            f"stream {said} limited range, expected the full-range flag; decoders would stretch "
            "the codes: encode with color_range=pc, or set the flag with a metadata filter"
        )
    if subject.track.is_full_range is False:
        raise BitstreamError(
            "colr box says limited range, expected full as in the stream; mux the stream again"
        )
    return "full-range flag set"
