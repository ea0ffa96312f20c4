"""Settings spelled in FFmpeg's options, one function per encoder family.

Everything here closes the groups: no open GOP, no scene cuts, key frames at fixed distances.
Encoders are tuned for plain squared error, since the pictures are data and nobody looks at them.
"""

from collections.abc import Mapping

from hwcodec.encoders import BUILTIN
from hwcodec.types import (
    Codec,
    ConstantQp,
    ConstantQuality,
    EncoderSettings,
    Lossless,
    TargetBitrate,
)


def encoder_options(settings: EncoderSettings) -> dict[str, str]:
    """Options of ``settings.encoder`` as FFmpeg takes them; settings are checked already."""
    spec = BUILTIN[settings.encoder]
    if spec.is_hardware:
        return _nvenc(settings)
    writers = {Codec.H264: _x264, Codec.HEVC: _x265, Codec.AV1: _svt_av1}
    return writers[spec.codec](settings)


def _preset(settings: EncoderSettings) -> str:
    return settings.tuning.preset or str(BUILTIN[settings.encoder].presets.default)


def _key_distance(settings: EncoderSettings) -> str:
    # With a distance of 1 the encoders declare an intra profile that hardware or browsers refuse;
    # the backend forces key frames instead, which stays within Main and High.
    return str(max(settings.gop.length or 0, 2))


def _joined(*parts: Mapping[str, object]) -> str:
    return ":".join(f"{key}={value}" for part in parts for key, value in part.items())


def _x264(settings: EncoderSettings) -> dict[str, str]:
    gop = settings.gop
    own = {
        "open-gop": 0,
        "bframes": gop.b_frame_count,
        "ref": gop.reference_count,
        "ipratio": gop.intra_ratio,
        "pbratio": gop.bidirectional_ratio,
        # The encoder's own guess takes slowly changing data for stills and drops B pictures, which
        # doubled the bytes in our measurement; so they come in fixed runs.
        "b-adapt": 0,
        # Chroma is neutral, so looking at it only costs time.
        "chroma-me": 0,
    }
    return {
        "preset": _preset(settings),
        "tune": "psnr",
        "profile": "high",
        "forced-idr": "1",
        "g": _key_distance(settings),
        "keyint_min": _key_distance(settings),
        "sc_threshold": "0",
        "x264-params": _joined(own, settings.tuning.options),
    } | _rate(settings)


def _x265(settings: EncoderSettings) -> dict[str, str]:
    gop = settings.gop
    own = {
        "keyint": _key_distance(settings),
        "min-keyint": _key_distance(settings),
        "scenecut": 0,
        "open-gop": 0,
        "bframes": gop.b_frame_count,
        "ref": gop.reference_count,
        "ipratio": gop.intra_ratio,
        "pbratio": gop.bidirectional_ratio,
        # As above: fixed runs saved 5 % of the bytes on baked atlases.
        "b-adapt": 0,
        # One frame at a time: the coded bytes then do not depend on the number of threads.
        "frame-threads": 1,
        "pools": settings.tuning.thread_count,
        "info": 0,
        "log-level": "none",
    }
    rate: Mapping[str, object] = {}
    match settings.rate:
        case ConstantQp(qp=qp):
            rate = {"qp": qp}
        case Lossless():
            rate = {"lossless": 1}
    return {
        "preset": _preset(settings),
        "tune": "psnr",
        "forced-idr": "1",
        "x265-params": _joined(own, _x265_lookahead(settings), rate, settings.tuning.options),
    } | (_rate(settings) if not rate else {})


def _x265_lookahead(settings: EncoderSettings) -> dict[str, int]:
    """A lookahead longer than the runs of B pictures, where the preset's own is not.

    libx265 does not open otherwise. Source: its table of presets.
    """
    own = {"ultrafast": 5, "superfast": 10, "veryfast": 15, "faster": 15, "fast": 15}
    longest = settings.gop.b_frame_count
    depth = own.get(settings.tuning.preset or "", 20)
    return {"rc-lookahead": longest + 1} if depth <= longest else {}


def _svt_av1(settings: EncoderSettings) -> dict[str, str]:
    gop = settings.gop
    own = {
        "tune": 1,
        "irefresh-type": 2,
        "scd": 0,
        "pred-struct": 2 if gop.b_frame_count else 1,
        "lp": min(settings.tuning.thread_count, 6),
    }
    exact = {"lossless": 1} if isinstance(settings.rate, Lossless) else {}
    return {
        "preset": _preset(settings),
        "g": str(gop.length),
        "svtav1-params": _joined(own, exact, settings.tuning.options),
    } | ({} if exact else _rate(settings))


def _nvenc(settings: EncoderSettings) -> dict[str, str]:
    gop = settings.gop
    options = {
        "preset": _preset(settings),
        "tune": "hq",
        "g": _key_distance(settings),
        "bf": str(min(gop.b_frame_count, 4)),
        "refs": str(gop.reference_count),
        "forced-idr": "1",
        "no-scenecut": "1",
        "strict_gop": "1",
    }
    match settings.rate:
        case ConstantQp():
            options |= {"rc": "constqp"} | _rate(settings)
        case ConstantQuality(crf=crf):
            options |= {"rc": "vbr", "cq": f"{crf:g}", "b": "0"}
        case TargetBitrate():
            options |= {"rc": "vbr"} | _rate(settings)
        case Lossless():
            options["tune"] = "lossless"
    return options | {key: str(value) for key, value in settings.tuning.options.items()}


def _rate(settings: EncoderSettings) -> dict[str, str]:
    match settings.rate:
        case ConstantQp(qp=qp):
            return {"qp": str(qp)}
        case ConstantQuality(crf=crf):
            return {"crf": f"{crf:g}"}
        case TargetBitrate(bits_per_second=rate):
            return {"b": str(rate)}
        case Lossless():
            return {}
