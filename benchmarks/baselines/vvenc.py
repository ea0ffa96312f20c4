"""VVC encoding: the ``ffmpeg`` program with libvvenc that the package imageio-ffmpeg carries.

The FFmpeg libraries inside PyAV decode VVC and cannot encode it.
"""

import subprocess
from collections.abc import Sequence
from fractions import Fraction

from torch import Tensor

from hwcodec import BackendUnavailable, UnsupportedConfig
from hwcodec.backends.foreign import VVC

_TIMEOUT_S = 3600.0  # A rate of a group takes minutes on few cores.
_PRESET = "medium"  # The encoder's default; measured 8 to 15 % smaller than fast at equal error.
_THREADS = 4
# Longer than any group, and a multiple of the encoder's own structure of 32 pictures.
_KEY_DISTANCE = 1 << 16


def encode_vvc(lumas: Sequence[Tensor], qp: int, frame_rate: Fraction) -> bytes:
    """Code 10-bit luma planes (rows, columns) as one closed group at a constant QP, 0 to 63.

    Perceptual weighting is off, since the pictures are data; the structure of B pictures is the
    encoder's own.

    Raises:
        BackendUnavailable: if the program is not there, or fails.
        UnsupportedConfig: if there are no planes, or they do not fit the format.
    """
    if not lumas:
        raise UnsupportedConfig("got no planes, expected at least one to encode")
    rows, columns = lumas[0].shape
    words = _words((columns, rows), qp, frame_rate)
    pictures = b"".join(p.numpy().tobytes() for luma in lumas for p in VVC.completed(luma))
    try:
        done = subprocess.run(
            [_program(), *words],
            input=pictures,
            capture_output=True,
            check=True,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error).encode()
        raise BackendUnavailable(
            f"libvvenc failed: {' '.join(said.decode(errors='replace').split())[:300]}; expected a "
            "stream of pictures; reinstall imageio-ffmpeg, or leave the method vvc out"
        ) from error
    return done.stdout


def _words(size: tuple[int, int], qp: int, frame_rate: Fraction) -> list[str]:
    # Stated full range on both sides, or the program would rescale the codes.
    full = ["-color_range", "pc"]
    form = ["-f", "rawvideo", "-pixel_format", VVC.layout, "-video_size", f"{size[0]}x{size[1]}"]
    source = [*form, "-framerate", str(frame_rate), *full, "-i", "pipe:0"]
    # Block importance mapping off: 2 % fewer bytes at equal error, measured.
    own = ["-qpa", "0", "-vvenc-params", "verbosity=0:bim=0"]
    coding = ["-c:v", "libvvenc", *full, "-preset", _PRESET, "-qp", str(qp), *own]
    structure = ["-g", str(_KEY_DISTANCE), "-threads", str(_THREADS)]
    sink = ["-fps_mode", "passthrough", "-f", "vvc", "pipe:1"]
    return ["-v", "error", *source, *coding, *structure, *sink]


def _program() -> str:
    """Where the program is.

    Raises:
        BackendUnavailable: if the package or its program is not installed.
    """
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise BackendUnavailable(
            f"no program that encodes VVC: {error}; install it with "
            "`pip install 'videorf[rd]'`, or leave the method vvc out"
        ) from error
