"""The codec ladder: the atlases of one bake in the streams of nine codecs and packings.

The bake is one on the protocol's grid, so that rows differ by what codes the atlases alone:

- ``h264``, ``hevc8``, ``hevc10``, ``av1``, ``lossless``: exports of this project, which hardware
  decodes; 8 B pictures in fixed runs and tuning for squared error where the encoder has them.
- ``mjpeg``, ``vvc``: the same pictures as the 8-bit and the 10-bit export, code by code.
- ``v3-444``: one H.264 4:4:4 stream per channel, as V3 packs the attributes of its Gaussians (Wang
  et al., "V3: Viewing Volumetric Videos on Mobiles via Streamable 2D Dynamic Gaussians", SIGGRAPH
  Asia 2024, arXiv 2409.13648; code AuthorityWang/VideoGS, MIT, not used). Here the range is that of
  a channel over a group, where V3 takes each frame's; chroma is neutral; one QP serves all
  channels, where V3 caps that of colors at 22 and sends high bytes of positions losslessly.
- ``gray12``: all channels tiled in grey HEVC of 12 bits, as TeTriRF codes its planes (Wu et al.,
  CVPR 2024, arXiv 2312.06713; code wuminye/TeTriRF, GPL and research only, not used). Here with
  constant QP and the tuning and prediction structure of the other rows, where TeTriRF has the
  encoder's defaults and constant rate factors.

Nothing of V3's or TeTriRF's scene representations is here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from torch import Tensor

from bake.export import ExportOptions, export
from bake.progress import Progress
from bake.sequence import open_sequence
from benchmarks.baselines.foreign_streams import STREAM_KINDS, play_foreign, write_foreign
from benchmarks.baselines.videorf import SHARED, qp_rates
from benchmarks.baselines.vvenc import encode_vvc
from benchmarks.rd.footage import Footage
from benchmarks.rd.method import Frame, Provenance, Rate
from benchmarks.results import Origin
from hwcodec import ConstantQp, GopStructure, Package
from hwcodec.backends.foreign import ForeignEncoder, encode_foreign

Options = Callable[[int, int], Mapping[str, str]]
"""An encoder's options for a quantizer and a number of pictures."""


@dataclass(frozen=True, slots=True)
class _OnBake:
    """What all rows share: a name, rates, and the bake."""

    name: str
    provenance: Provenance
    rates: tuple[Rate, ...]

    @property
    def version(self) -> int:
        """That of the bake: a fit is shared by methods of one version only."""
        return SHARED.version

    def fit_name(self, rate: Rate) -> str:
        """The name of the bake, whatever the rate."""
        return SHARED.fit_name(rate)

    def fit(self, footage: Footage, rate: Rate, folder: Path, progress: Progress) -> None:
        """Bake the capture into the folder."""
        SHARED.fit(footage, rate, folder, progress)

    def uncoded(self, footage: Footage, folder: Path) -> Iterator[Frame]:
        """The baked frames before quantization."""
        return SHARED.uncoded(footage, folder)


@dataclass(frozen=True, slots=True)
class ExportedRow(_OnBake):
    """An export of the bake by one encoder and profile; its streams are the interchange profile."""

    encoder: str
    profile: str

    def encode(self, footage: Footage, rate: Rate, folder: Path, out: Path) -> None:
        """Export the bake at a QP of the encoder's own scale."""
        del footage
        chosen = ConstantQp(int(rate.value))
        options = ExportOptions(self.encoder, self.profile, chosen, allow_fallback=False)
        export(open_sequence(folder), out, options)

    def decode(self, package: Package) -> Iterator[Frame]:
        """The frames that a player shows."""
        return SHARED.decode(package)


@dataclass(frozen=True, slots=True)
class ForeignRow(_OnBake):
    """The bake in streams of another kind; ``code`` gets planes, quantizer and frame rate."""

    kind: str
    code: Callable[[Sequence[Tensor], int, Fraction], bytes]

    def encode(self, footage: Footage, rate: Rate, folder: Path, out: Path) -> None:
        """Code the atlases of the bake at a quantizer of the encoder's own scale."""

        def coder(planes: Sequence[Tensor], frame_rate: Fraction) -> bytes:
            return self.code(planes, int(rate.value), frame_rate)

        write_foreign(out, (self.name, self.kind), (footage, open_sequence(folder)), coder)

    def decode(self, package: Package) -> Iterator[Frame]:
        """The frames of a package, from nothing else."""
        return play_foreign(package, self.name)


def _coded(
    encoder: tuple[str, str, Options], planes: Sequence[Tensor], quantizer: int, rate: Fraction
) -> bytes:
    """Code by an encoder of FFmpeg's: its name, the kind of streams, its options."""
    name, kind, options = encoder
    chosen = options(quantizer, len(planes))
    return encode_foreign(planes, ForeignEncoder(name, STREAM_KINDS[kind].format, chosen), rate)


def _mjpeg_options(quantizer: int, frame_count: int) -> dict[str, str]:
    """What ``-q:v`` sets: the same quantizer scale, 1 to 31, for every picture."""
    del frame_count
    scale = str(quantizer)
    return {"qmin": scale, "qmax": scale, "huffman": "optimal", "flags": "+bitexact"}


def _x264_options(quantizer: int, frame_count: int) -> dict[str, str]:
    """V3's practice as its followers state it: I and P pictures, 3 references, constant QP."""
    distance = str(max(frame_count, 2))
    return {
        "preset": "medium",
        "tune": "psnr",
        "qp": str(quantizer),
        "bf": "0",
        "refs": "3",
        "g": distance,
        "keyint_min": distance,
        "sc_threshold": "0",
    }


def _x265_options(quantizer: int, frame_count: int) -> dict[str, str]:
    """The settings of our HEVC exports; grey at 12 bits is the only difference to them."""
    gop, distance = GopStructure(), max(frame_count, 2)
    own = {
        "qp": quantizer,
        "keyint": distance,
        "min-keyint": distance,
        "scenecut": 0,
        "open-gop": 0,
        "bframes": gop.b_frame_count,
        "ref": gop.reference_count,
        "ipratio": gop.intra_ratio,
        "pbratio": gop.bidirectional_ratio,
        "b-adapt": 0,
        "frame-threads": 1,
        "pools": 4,
        "info": 0,
        "log-level": "none",
    }
    joined = ":".join(f"{key}={value}" for key, value in own.items())
    return {"preset": "medium", "tune": "psnr", "forced-idr": "1", "x265-params": joined}


def _ours(codec: str, packing: str) -> Provenance:
    return Provenance(
        Origin.MEASURED,
        f"our training on the shared grid, coded as {codec}",
        packing,
        decoder="hardware",
    )


_TILED_8 = "all channels tiled in the luma plane, codes 16 to 235, one closed group per stream"
_TILED_10 = "all channels tiled in the luma plane, codes 0 to 1023, one closed group per stream"

MJPEG = ForeignRow(
    "mjpeg",
    Provenance(
        Origin.MEASURED,
        "our training on the shared grid, coded as Motion JPEG by FFmpeg's own encoder",
        "the pictures of the 8-bit export, each on its own, quantizer scale constant",
        "neutral chroma is coded, since the encoder has no grey",
        decoder="hardware JPEG blocks, no video session",
    ),
    tuple(Rate(f"q{scale}", scale) for scale in (31, 16, 8, 4, 2)),
    "mjpeg",
    partial(_coded, ("mjpeg", "mjpeg", _mjpeg_options)),
)
H264 = ExportedRow(
    "h264",
    _ours("H.264 High by libx264", _TILED_8),
    qp_rates(18, 23, 28, 33, 38),
    "libx264",
    "web8",
)
HEVC8 = ExportedRow(
    "hevc8",
    _ours("HEVC Main by libx265", _TILED_8),
    qp_rates(18, 23, 28, 33, 38),
    "libx265",
    "web8",
)
HEVC10 = ExportedRow(
    "hevc10",
    _ours("HEVC Main 10 by libx265", _TILED_10),
    qp_rates(20, 24, 28, 33, 38),
    "libx265",
    "hq10",
)
AV1 = ExportedRow(
    "av1",
    _ours("AV1 Main by SVT-AV1", _TILED_10),
    qp_rates(20, 28, 36, 46, 56),
    "libsvtav1",
    "hq10",
)
VVC = ForeignRow(
    "vvc",
    Provenance(
        Origin.MEASURED,
        "our training on the shared grid, coded as VVC Main 10 by libvvenc, preset medium",
        "the pictures of the 10-bit export, one closed group per stream, constant QP without "
        "perceptual weighting",
        "B pictures as the encoder arranges them",
        decoder="FFmpeg's VVC decoder on the processor; not hardware-decodable on phones",
    ),
    qp_rates(20, 24, 28, 33, 38),
    "vvc",
    encode_vvc,
)
LOSSLESS = ExportedRow(
    "lossless",
    _ours("HEVC Main 10 by libx265, lossless", _TILED_10),
    (Rate("lossless", 0),),
    "libx265",
    "lossless",
)
V3 = ForeignRow(
    "v3-444",
    Provenance(
        Origin.REIMPLEMENTED,
        "Wang et al., V3, SIGGRAPH Asia 2024, arXiv 2409.13648: its packing alone",
        "one yuvj444p H.264 stream per channel of 8-bit codes, no B pictures, constant QP",
        "ranges per group instead of per frame; one QP for all channels; streams without MP4 "
        "headers, in its favor",
        "its Gaussians and their training",
        "AuthorityWang/VideoGS, MIT",
        "FFmpeg on the processor; not hardware-decodable: H.264 4:4:4, a session per channel",
    ),
    qp_rates(21, 26, 31, 36, 41),
    "h264-444",
    partial(_coded, ("libx264", "h264-444", _x264_options)),
)
GRAY12 = ForeignRow(
    "gray12",
    Provenance(
        Origin.REIMPLEMENTED,
        "Wu et al., TeTriRF, CVPR 2024, arXiv 2312.06713: its sample format alone",
        "all channels tiled in gray12le HEVC, full range",
        "constant QP and our tuning instead of rate factors and the encoder's defaults",
        "its planes and their training; the method tetrirf has them",
        "wuminye/TeTriRF, GPL text and research only",
        "FFmpeg on the processor; not hardware-decodable: HEVC 4:0:0 at 12 bits",
    ),
    qp_rates(20, 24, 28, 33, 38),
    "hevc-gray12",
    partial(_coded, ("libx265", "hevc-gray12", _x265_options)),
)
