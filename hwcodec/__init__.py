"""Tensors to bitstreams and back, on hardware or software codecs; knows nothing of rays.

    values -Quantizer-> codes -PlaneLayout-> Picture -encode-> Bitstream -write_package-> disk
    disk -open_package-> Bitstream -decode-> Picture -PlaneLayout-> codes -Quantizer-> values

Importing this package loads no codec library and touches no device.
"""

from hwcodec.bitstream import demux, mux, split_gops
from hwcodec.codec import decode, decode_all, encode
from hwcodec.container import (
    Package,
    PackageContent,
    StreamContent,
    content_size,
    open_package,
    write_package,
)
from hwcodec.decoders import DecoderChoice, choose_decoder, engine_count
from hwcodec.errors import (
    BackendUnavailable,
    BitstreamError,
    ContainerError,
    HwcodecError,
    UnsupportedConfig,
)
from hwcodec.files import replace_file
from hwcodec.headers import codec_string
from hwcodec.marks import PictureMarks
from hwcodec.movie_decoders import MovieDecoder, choose_movie_decoder
from hwcodec.movie_writer import MovieForm, MovieWriter
from hwcodec.movies import Movie, MovieFacts, open_movie
from hwcodec.planes import PlaneLayout
from hwcodec.quantize import PROFILES, CodeRange, Quantizer, fit_ranges
from hwcodec.registry import choose_encoder, encoder_names, encoder_qps, probe, register
from hwcodec.types import (
    GRAY8,
    GRAY16,
    YUV420P8,
    YUV420P10,
    Bitstream,
    Capabilities,
    Chroma,
    Codec,
    ConstantQp,
    ConstantQuality,
    EncoderChoice,
    EncoderSettings,
    GopStructure,
    Lossless,
    Packet,
    Picture,
    PictureGeometry,
    PixelFormat,
    RateControl,
    TargetBitrate,
    Tuning,
)
from hwcodec.viewing import write_rgb_video

# Plain order within constants, classes and functions, as tests/test_exports.py keeps it.
__all__ = [  # noqa: RUF022
    "GRAY16",
    "GRAY8",
    "PROFILES",
    "YUV420P10",
    "YUV420P8",
    "BackendUnavailable",
    "Bitstream",
    "BitstreamError",
    "Capabilities",
    "Chroma",
    "CodeRange",
    "Codec",
    "ConstantQp",
    "ConstantQuality",
    "ContainerError",
    "DecoderChoice",
    "EncoderChoice",
    "EncoderSettings",
    "GopStructure",
    "HwcodecError",
    "Lossless",
    "Movie",
    "MovieDecoder",
    "MovieFacts",
    "MovieForm",
    "MovieWriter",
    "Package",
    "PackageContent",
    "Packet",
    "Picture",
    "PictureGeometry",
    "PictureMarks",
    "PixelFormat",
    "PlaneLayout",
    "Quantizer",
    "RateControl",
    "StreamContent",
    "TargetBitrate",
    "Tuning",
    "UnsupportedConfig",
    "choose_decoder",
    "choose_encoder",
    "choose_movie_decoder",
    "codec_string",
    "content_size",
    "decode",
    "decode_all",
    "demux",
    "encode",
    "encoder_names",
    "encoder_qps",
    "engine_count",
    "fit_ranges",
    "mux",
    "open_movie",
    "open_package",
    "probe",
    "register",
    "replace_file",
    "split_gops",
    "write_package",
    "write_rgb_video",
]
