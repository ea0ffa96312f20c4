"""The bake in three calls, for programs; the commands do the same with progress and exit codes."""

from collections.abc import Sequence
from pathlib import Path

from bake.capture import open_capture
from bake.export import ExportOptions, export
from bake.memory import memory_named
from bake.pipeline import bake
from bake.progress import LineProgress, Progress
from bake.sequence import BakedSequence
from bake.watching.earlier_bake import check_earlier
from bake.watching.status_progress import facts_of, recorded
from hwcodec import ConstantQp, EncoderChoice
from render.devices import choose_device


def bake_capture(
    path: str, out: str | Path, settings: Sequence[str] = (), progress: Progress | None = None
) -> BakedSequence:
    """Bake a capture folder, or ``"procedural"``, into the scene folder ``out``, or resume it.

    ``settings`` are those of `bake-sequence`, such as ``["preset=fast", "capture.scale=0.5"]``.

    Raises:
        BackendUnavailable: if ``device=cuda`` was set and no such device can be used here.
        BakeError: if settings, capture or disk do not allow it; the message says what to change.
    """
    # Hydra is loaded here, so that importing this package stays cheap.
    from bake.config import fit_bit_rate, load_command

    words = [f"capture.path={path}", *settings]
    command = load_command(words)
    capture, device = open_capture(command.capture), choose_device(command.device)
    config = fit_bit_rate(command, words, capture).config
    call = f"bake_capture({path!r}, {str(out)!r}, {[*settings]!r})"
    about = facts_of(capture, config, device, call)
    check_earlier(Path(out), about, may_replace=command.replace)
    with recorded(Path(out), about, progress or LineProgress()) as report, memory_named():
        return bake(capture, config, Path(out), report, device)


def encode_scene(
    sequence: BakedSequence, out: str | Path, encoder: str = "libx265", qp: int | None = None
) -> EncoderChoice:
    """Encode a bake into the package ``out`` (a folder, or one file ending in ``.vrf``).

    Without ``qp`` at the rate that it was baked for.

    A hardware encoder without hardware falls back to software of the same standard; the returned
    choice says what ran and why. `bake.export.export` has every option.

    Raises:
        HwcodecError: if encoder and QP do not go together or the package cannot be written.
    """
    rate = None if qp is None else ConstantQp(qp)
    return export(sequence, out, ExportOptions(encoder=encoder, rate=rate))
