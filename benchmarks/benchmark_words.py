"""The words that the command ``benchmark`` takes."""

import argparse
from pathlib import Path

from benchmarks.command_words import counts, new_parser, positive, seconds, sizes
from benchmarks.drawing_commands import add_drawing
from benchmarks.fault_commands import add_faults
from benchmarks.memory_commands import add_memory
from benchmarks.playback_commands import add_playback
from benchmarks.rate_commands import add_rate_model
from benchmarks.rd.commands import add_rd
from benchmarks.stream_matrix import DEPTHS, LEAST_FRAMES
from hwcodec import Codec

_EXAMPLES = """examples:
  benchmark decode PACKAGE --device cpu --json decode.json
  benchmark decode PACKAGE --threads 1 --repeats 9
  benchmark decode --codecs h264,hevc --sizes 2048x2048 --threads 1      (synthetic streams)
  benchmark decode --device cuda --sessions 1,2,4 --cache DIR --plot decode.png
  benchmark encode --codecs h264 --json encode.json
"""
_ENCODE_FRAMES = 24


def benchmark_parser() -> argparse.ArgumentParser:
    """The parser of ``benchmark``; ``verb`` of its result is the verb's name."""
    parser = new_parser(
        "benchmark",
        "Measure how fast data moves and is drawn, and what methods reach at which rate.",
        _EXAMPLES,
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB", dest="verb")
    _add_decode(
        verbs.add_parser(
            "decode",
            help="decode a package or synthetic streams, beside the ffmpeg program if there is one",
            epilog=_EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    _add_encode(
        verbs.add_parser(
            "encode",
            help="encode synthetic pictures, beside the ffmpeg program if there is one",
            epilog=_EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    _add_march(verbs.add_parser("march", help="the compiled march beside its plain torch twin"))
    add_drawing(verbs.add_parser("gl", help="OpenGL beside the compiled march, and how they agree"))
    add_drawing(verbs.add_parser("browser", help="the web engine in a browser, beside the march"))
    add_playback(verbs.add_parser("playback", help="decode, prepare and draw, alone and at once"))
    add_memory(verbs.add_parser("memory", help="the most memory that baking a large rig takes"))
    add_faults(
        verbs.add_parser("faults", help="what inspect-capture finds of faults that are planted")
    )
    add_rate_model(
        verbs.add_parser("rate-model", help="bytes predicted for pictures beside encoded bytes")
    )
    add_rd(verbs)
    return parser


def codecs(text: str) -> tuple[Codec, ...]:
    """Codecs such as ``h264,hevc``.

    Raises:
        ArgumentTypeError: if one is unknown.
    """
    known = [codec.value for codec in DEPTHS]
    names = tuple(dict.fromkeys(text.split(",")))
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"{unknown} is none of {known}")
    return tuple(Codec(name) for name in names)


def _add_decode(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(usual_frames=LEAST_FRAMES)
    parser.add_argument(
        "package",
        type=Path,
        nargs="?",
        metavar="PACKAGE",
        help="folder or .vrf file; synthetic streams without it",
    )
    parser.add_argument("--device", default="cpu", metavar="D", help="cpu (default) or cuda")
    parser.add_argument(
        "--threads",
        type=positive,
        metavar="N",
        help="threads of the decoder; its own choice unless given",
    )
    parser.add_argument("--repeats", type=positive, default=5, metavar="N", help="default 5")
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=1.0,
        metavar="S",
        help="least duration of a repeat; short packages loop, default 1",
    )
    parser.add_argument(
        "--sessions",
        type=counts,
        metavar="LIST",
        help="streams at once, such as 1,2,4; one is always measured",
    )
    parser.add_argument(
        "--streams",
        type=positive,
        metavar="N",
        help="groups of a package decoded at once; one for each engine of the device unless given",
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep encoded streams here")
    _add_streams(parser)


def _add_encode(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(usual_frames=_ENCODE_FRAMES)
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="threads of the encoder, default as packages"
    )
    parser.add_argument("--repeats", type=positive, default=3, metavar="N", help="default 3")
    _add_streams(parser)


def _add_streams(parser: argparse.ArgumentParser) -> None:
    """Which synthetic streams, and where the result goes."""
    parser.set_defaults(all_codecs=tuple(DEPTHS))
    parser.add_argument("--codecs", type=codecs, metavar="LIST", help="of h264,hevc,av1")
    parser.add_argument("--bits", type=counts, metavar="LIST", help="of 8,10")
    parser.add_argument("--sizes", type=sizes, metavar="LIST", help="such as 1024x1024,4096x2048")
    parser.add_argument("--frames", type=positive, metavar="N", help="frames of each stream")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers here")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them into this PNG file")


def _add_march(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("package", type=Path, metavar="PACKAGE", help="folder or .vrf file")
    parser.add_argument("--rays", type=positive, default=4096, metavar="N", help="default 4096")
    parser.add_argument("--repeats", type=positive, default=5, metavar="N", help="default 5")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers here")
