"""What NVIDIA's decoding engines could do at best, from recalled rates; nothing is measured."""

from hwcodec import Codec
from hwcodec.types import PictureGeometry

_FULL_HD = 1920 * 1080
# Pictures of 1920x1080 per second and engine. Recalled, neither measured nor published in this
# form: 625 to 750 for H.264, 1250 to 1450 for HEVC; the upper ends, so that we flatter nothing.
_RECALLED = {Codec.H264: 750.0, Codec.HEVC: 1450.0}
LIMIT_SOURCE = (
    "engines in use x R x 1920x1080 / (width x height), with R recalled, not measured: "
    "750 fps for H.264 and 1450 fps for HEVC at 1920x1080"
)


def limit_fps(codec: Codec, geometry: PictureGeometry, engine_count: int) -> float | None:
    """Frames per second that so many engines could decode, or None for a codec without a rate."""
    rate = _RECALLED.get(codec)
    if rate is None:
        return None
    return engine_count * rate * _FULL_HD / (geometry.width * geometry.height)
