"""`bake-sequence` and `encode-atlas`: arguments in, stages run, exit codes out."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bake.capture import Capture, open_capture
from bake.config import (
    BakeCommand,
    ConfigError,
    describe,
    fit_bit_rate,
    load_command,
    preset_names,
    rate_names,
)
from bake.encode_config import bits_per_second
from bake.errors import BakeError, CapacityError, CaptureError, ExtraMissingError, FolderError
from bake.export import ExportOptions, export
from bake.memory import memory_named
from bake.pipeline import bake
from bake.profiles import EXPORT_PROFILES
from bake.progress import LineProgress, Progress
from bake.rate_search import PackageRate
from bake.scene_folder import check_out_folder
from bake.sequence import open_sequence
from bake.watching.earlier_bake import check_earlier
from bake.watching.status import BakeFacts
from bake.watching.status_progress import Tolerant, facts_of, recorded
from bake.watching.tensorboard import TensorBoardProgress
from hwcodec import (
    ConstantQp,
    ConstantQuality,
    EncoderChoice,
    GopStructure,
    RateControl,
    TargetBitrate,
    Tuning,
    encoder_names,
    open_package,
)
from render.console import UsageError, run, say, warn
from render.devices import DeviceChoice, choose_device

_BAKE_HELP = """usage: bake-sequence [KEY=VALUE ...]

Bakes a multi-view capture into a scene folder. Run the same command again to resume a stopped
bake; finished stages are taken over. Frames of other settings are kept safe: replace=true bakes
over them.

  bake-sequence                                                 the built-in capture
  bake-sequence capture.path=DIR out=SCENE capture.scale=0.5 capture.frames=0:10
  bake-sequence capture.path=DIR out=SCENE rate=low
  bake-sequence capture.path=DIR out=SCENE rate=2M
  bake-sequence capture.path=DIR out=SCENE preset=paper seed=1
  bake-sequence capture.path=DIR out=SCENE log=tensorboard      (tensorboard --logdir SCENE)
  bake-status SCENE                                             how far it is, from anywhere

exit code: 0 if all went well, 1 if the work failed and can go on once that is repaired, 2 if the
settings, the capture or the out folder cannot be used as they are

presets: {presets}
rates:   {rates}, or bits per second, as in rate=800k

keys and their values before presets:
{keys}"""


def bake_sequence(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``bake-sequence``; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(words):
        keys = "".join(f"  {line}\n" for line in describe(BakeCommand()).splitlines())
        presets, rates = ", ".join(preset_names()), ", ".join(rate_names())
        say(_BAKE_HELP.format(presets=presets, rates=rates, keys=keys))
        return 0
    ready: list[_ReadyBake] = []
    refused = (ConfigError, CaptureError, ExtraMissingError, FolderError)
    code = run(lambda: ready.append(_open(words)), usage=refused, failures=(BakeError,))
    # What goes wrong from here on is no fault of the call, but for a scene that does not fit.
    return code or run(ready[0].bake, usage=(CapacityError,), failures=(BakeError,))


def encode_atlas(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``encode-atlas``; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = _encode_parser().parse_args(words)
    return run(lambda: _encode(arguments), failures=(BakeError,))


@dataclass(frozen=True, slots=True)
class _ReadyBake:
    """A bake of which everything was checked that can be before its work."""

    command: BakeCommand
    capture: Capture
    device: DeviceChoice
    about: BakeFacts
    watchers: tuple[Progress, ...]

    def bake(self) -> None:
        """Do the work, and say what comes next."""
        out = Path(self.command.out)
        observers = (LineProgress(), *self.watchers)
        with recorded(out, self.about, *observers) as progress, memory_named():
            sequence = bake(self.capture, self.command.config, out, progress, self.device)
        say(
            f"baked {sequence.frame_count} frames in {len(sequence.groups)} groups into {out}; "
            f"next: encode-atlas {out} --out PACKAGE"
        )


def _open(words: Sequence[str]) -> _ReadyBake:
    """Check settings, device, folder and capture."""
    command = load_command(words)
    device = choose_device(command.device)
    out = Path(command.out)
    check_out_folder(out)
    capture = open_capture(command.capture)
    command = fit_bit_rate(command, words, capture)
    about = facts_of(capture, command.config, device, shlex.join(["bake-sequence", *words]))
    check_earlier(out, about, may_replace=command.replace)
    sys.stderr.write(f"{about.capture}; scene box {capture.scene_box.origin}; device: {device}\n")
    return _ReadyBake(command, capture, device, about, tuple(_watchers(command, out)))


def _watchers(command: BakeCommand, out: Path) -> list[Progress]:
    """Who else is told of the bake's progress."""
    if command.log != "tensorboard":
        return []
    return [Tolerant(TensorBoardProgress(out, command.log_pictures), "the events")]


def _encode(arguments: argparse.Namespace) -> None:
    if "\0" in f"{arguments.scene}{arguments.out}":
        raise UsageError("a path holds a NUL, expected names of folders; correct it")
    if not Path(arguments.scene).is_dir():
        raise UsageError(
            f"there is no folder {arguments.scene}, expected the out folder of bake-sequence"
        )
    sequence = open_sequence(Path(arguments.scene))
    out = Path(arguments.out or f"{Path(arguments.scene)}-{arguments.codec}")
    if out.resolve() == sequence.root.resolve() or sequence.root.resolve() in out.resolve().parents:
        raise UsageError(f"--out {out} lies in the scene folder; choose a folder of its own")
    choice = export(
        sequence,
        out,
        ExportOptions(
            encoder=arguments.codec,
            profile=arguments.profile,
            rate=_rate(arguments),
            gop=GopStructure(b_frame_count=arguments.b_frames),
            tuning=Tuning(preset=arguments.preset),
            allow_fallback=not arguments.no_fallback,
        ),
        progress=LineProgress(),
    )
    _report_choice(choice)
    size = open_package(out).size_bytes
    say(
        f"{out}: {size} bytes, {size / sequence.frame_count / 1000:.1f} KB/frame with everything, "
        f"encoded by {choice.encoder} ({choice.backend})"
    )


def _report_choice(choice: EncoderChoice) -> None:
    if choice.is_fallback:
        warn(f"{choice.requested} does not run here, {choice.encoder} did it: {choice.reason}")


def _rate(arguments: argparse.Namespace) -> RateControl | PackageRate | None:
    """The one rate that was asked for; None without any, which is the bake's own."""
    if arguments.crf is not None:
        return ConstantQuality(arguments.crf)
    if arguments.bitrate is not None:
        return TargetBitrate(arguments.bitrate)
    if arguments.package_bitrate is not None:
        return PackageRate(arguments.package_bitrate)
    return None if arguments.qp is None else ConstantQp(arguments.qp)


def _encode_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="encode-atlas",
        description="Encodes the atlases of a baked scene and writes a package.",
        epilog="example: encode-atlas SCENE --out PACKAGE --codec libx265 --package-bitrate 2M",
    )
    parser.add_argument("scene", help="out folder of bake-sequence")
    parser.add_argument("--out", help="package folder, or one file when it ends with .vrf")
    parser.add_argument(
        "--codec", default="libx265", choices=encoder_names(), help="encoder (default %(default)s)"
    )
    rate = parser.add_mutually_exclusive_group()
    rate.add_argument(
        "--qp", type=int, help="constant quantization parameter (default: the bake's own)"
    )
    rate.add_argument("--crf", type=float, help="constant rate factor")
    rate.add_argument(
        "--bitrate", type=bits_per_second, help="bits per second by the encoder's own rate control"
    )
    rate.add_argument(
        "--package-bitrate",
        type=bits_per_second,
        help="most bits per second of the whole package, by trying QPs, as in 800k or 2M",
    )
    parser.add_argument(
        "--profile", choices=sorted(EXPORT_PROFILES), help="default: web8 for H.264, else hq10"
    )
    parser.add_argument("--preset", help="encoder effort, such as fast or slow")
    parser.add_argument("--b-frames", type=int, default=8, help="most consecutive B pictures")
    parser.add_argument(
        "--no-fallback", action="store_true", help="fail where the encoder does not run"
    )
    return parser
