"""The ``ffmpeg`` program encoding raw pictures from a file, with the settings of our encoding."""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from benchmarks.ffmpeg_program import FfmpegProgram, ProgramError
from hwcodec import Codec, EncoderSettings, Picture
from hwcodec.backends.ffmpeg_options import encoder_options
from hwcodec.registry import encoder_spec

_TIMEOUT_S = 60.0
# How the libraries introduce themselves when an encoder opens.
_INTRODUCTIONS = {
    "libx264": r"264 - core (\d+ r?\w*)",
    "libx265": r"HEVC encoder version (\S+)",
    "libsvtav1": r"Encoder Lib v?(\S+)",
}
_FILES = {"libx264": "libx264", "libx265": "libx265", "libsvtav1": "libSvtAv1Enc"}
_EVERY_PICTURE = ("-an", "-fps_mode", "passthrough")
_NOWHERE = ("-f", "null", "-")


@dataclass(frozen=True, slots=True)
class RawVideo:
    """A file of planes one after another, as ``ffmpeg`` reads them."""

    path: Path
    frame_count: int
    settings: EncoderSettings

    @property
    def layout(self) -> str:
        """The program's name of the pixel format."""
        return "yuv420p" if self.settings.geometry.format.bit_depth == 8 else "yuv420p10le"

    @property
    def input_words(self) -> tuple[str, ...]:
        """What makes the program read the file as full-range pictures."""
        geometry = self.settings.geometry
        size, rate = f"{geometry.width}x{geometry.height}", str(geometry.frame_rate)
        form = ("-f", "rawvideo", "-pixel_format", self.layout, "-video_size", size)
        return (*form, "-framerate", rate, "-color_range", "pc", "-i", str(self.path))

    def encoder_words(self, sink: Path) -> tuple[str, ...]:
        """What makes it encode with the very options that our encoder gets."""
        exact = encoder_options(self.settings)
        options = [word for name, value in exact.items() for word in (f"-{name}", value)]
        spec = encoder_spec(self.settings.encoder)
        layout = "p010le" if spec.is_hardware and "10" in self.layout else self.layout
        threads = ("-threads", str(self.settings.tuning.thread_count), "-thread_type", "frame")
        tag = ("-tag:v", "hvc1") if spec.codec is Codec.HEVC else ()
        encoder = ("-c:v", self.settings.encoder, *tag, "-pix_fmt", layout, "-color_range", "pc")
        return (*_EVERY_PICTURE, *encoder, *threads, *options, "-f", "mp4", "-y", str(sink))


def write_raw(pictures: Sequence[Picture], settings: EncoderSettings, path: Path) -> RawVideo:
    """Write pictures as the program wants them; missing chroma is neutral."""
    with path.open("wb") as file:
        for picture in pictures:
            shapes = settings.geometry.plane_shapes[len(picture.planes) :]
            neutral = [picture.format.neutral_plane(*shape) for shape in shapes]
            for plane in (*picture.planes, *neutral):
                file.write(plane.cpu().contiguous().numpy().tobytes())
    return RawVideo(path, len(pictures), settings)


def encode_with(program: FfmpegProgram, video: RawVideo, sink: Path) -> int:
    """Encode the file once; how many pictures that was.

    Raises:
        ProgramError: if the program fails or encodes another number of pictures.
    """
    found = program.run([*video.input_words, *video.encoder_words(sink)])
    if found != video.frame_count:
        raise ProgramError(f"ffmpeg encoded {found} pictures, expected {video.frame_count}")
    return found


def copy_one_with(program: FfmpegProgram, video: RawVideo) -> None:
    """Start, read one picture and end, without any encoder; what is left is the start-up.

    Raises:
        ProgramError: if the program fails.
    """
    one = ("-frames:v", "1", "-c:v", "rawvideo")
    program.run([*video.input_words, *_EVERY_PICTURE, *one, *_NOWHERE])


def encoder_version(program: FfmpegProgram, encoder: str) -> str | None:
    """The version of the encoder's library that the program is linked with, or None."""
    source = ("-f", "lavfi", "-i", "color=size=256x256:rate=30", "-frames:v", "1")
    # Some say who they are only where headers are asked for at the start.
    coding = ("-pix_fmt", "yuv420p", "-c:v", encoder, "-flags", "+global_header")
    command = [program.path, "-hide_banner", "-nostdin", *source, *coding, *_NOWHERE]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(_INTRODUCTIONS.get(encoder, r"(?!)"), done.stderr)
    return found[1] if found else None


def own_encoder_versions() -> Mapping[str, str]:
    """Numbers in the file names of the libraries that PyAV brings along; x264's is its core."""
    try:
        files = [Path(str(file)).name for file in metadata.files("av") or ()]
    except metadata.PackageNotFoundError:
        return {}
    found = {}
    for file in files:
        if match := re.fullmatch(r"(\w+)-\w+\.so\.([\d.]+)", file):
            found[match[1]] = match[2]
    return {encoder: found[name] for encoder, name in _FILES.items() if name in found}


def version_text(program: FfmpegProgram) -> str:
    """What ``ffmpeg -version`` says, its configuration left out."""
    path = shutil.which(program.path) or program.path
    try:
        done = subprocess.run(
            [path, "-version"], capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError):
        return program.version
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return "; ".join(line for line in lines if not line.startswith(("configuration", "Exiting")))
