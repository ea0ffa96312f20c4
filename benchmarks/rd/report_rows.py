"""The rows that both forms of the report show: points, provenance, conditions, as plain text.

KB are 1000 bytes, Mbit one million bits, everywhere in reports.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.metrics import PSNR_CAP_DB, SSIM_SIGMA, SSIM_WINDOW
from benchmarks.output import UNKNOWN, number_text
from benchmarks.provenance import NOT_INSTALLED, Environment
from benchmarks.rd.bd_rate import INTERPOLATION, LEAST_POINTS
from benchmarks.rd.comparison import THIN_SHARE, Comparison
from benchmarks.rd.lineup import in_order
from benchmarks.rd.method import Provenance
from benchmarks.rd.point import RdPoint

Provenances = Mapping[str, Provenance]
Row = tuple[str, ...]
_UNKNOWN_METHOD = "not among the methods of this version"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table of points: heading, reader, and whether it holds numbers."""

    title: str
    read: Callable[[RdPoint, Provenance | None], str]
    is_number: bool = True


def _rate(count: float, seconds: float) -> str:
    return f"{count / seconds:.1f}" if seconds > 0 else UNKNOWN


def verified_text(point: RdPoint) -> str:
    """Whether `hwcodec verify` takes the streams of a point, and why not."""
    note = point.stream
    if note.is_verified is None:
        return note.reason or UNKNOWN
    word = "yes" if note.is_verified else "no"
    return f"{word}: {note.reason}" if note.reason else word


POINT_COLUMNS = (
    Column("method", lambda p, _: p.method, is_number=False),
    Column("rate", lambda p, _: p.label, is_number=False),
    Column("origin", lambda p, _: p.origin.value, is_number=False),
    Column("KB/frame", lambda p, _: f"{p.bytes_per_frame / 1e3:.2f}"),
    Column("Mbit/s", lambda p, _: f"{p.megabits_per_second:.2f}"),
    Column("PSNR dB", lambda p, _: f"{p.quality.psnr_db:.2f}"),
    Column("foreground dB", lambda p, _: number_text(p.quality.psnr_foreground_db, 2)),
    Column("SSIM", lambda p, _: f"{p.quality.ssim:.4f}"),
    Column("temporal dB", lambda p, _: number_text(p.quality.temporal_psnr_db, 2)),
    Column("uncoded dB", lambda p, _: f"{p.uncoded.psnr_db:.2f}"),
    Column("fit s", lambda p, _: f"{p.timing.fit_s:.0f}"),
    Column("encode s", lambda p, _: f"{p.timing.encode_s:.1f}"),
    Column("decode fps", lambda p, _: _rate(p.frame_count, p.timing.decode_s)),
    Column("render views/s", lambda p, _: _rate(p.timing.view_count, p.timing.render_s)),
    Column("decoder MB", lambda p, _: f"{p.timing.decoder_peak_bytes / 1e6:.0f}"),
    Column("decoder", lambda _, known: known.decoder if known else UNKNOWN, is_number=False),
    Column("profile", lambda p, _: p.stream.profile or UNKNOWN, is_number=False),
    Column("verify", lambda p, _: verified_text(p), is_number=False),
)

PROVENANCE_TITLES = (
    "method",
    "origin",
    "source",
    "reproduced",
    "simplified",
    "not run",
    "official code",
    "decoder",
)

CONDITION_TITLES = ("points", "commit", "machine", "command", "measured (UTC)", "versions")

DEFINITIONS: Mapping[str, str] = {
    "KB/frame": "all bytes that a player must fetch, divided by the frames: streams, tables, "
    "motion, masks, occupancy, network, cameras, manifest and container; 1 KB is 1000 bytes",
    "PSNR": "dB, peak 1, over all pixels and colors of the 8-bit picture in sRGB, decoded in a "
    f"fresh process; mean of the values per picture, each capped at {PSNR_CAP_DB:g}",
    "foreground": "the same over pixels whose true alpha is above 0.5 alone",
    "SSIM": f"Gaussian window {SSIM_WINDOW}x{SSIM_WINDOW}, sigma {SSIM_SIGMA}, data range 1, per "
    "color and averaged, full windows only",
    "temporal": "PSNR of the change from frame to frame at a fixed view; low values are flicker",
    "uncoded": "PSNR of the same fit before anything is rounded or coded",
    "fit s": "wall seconds of the whole fit, which several rates may share",
    "encode s": "wall seconds from the fit to the package, all frames",
    "decode fps": "frames per second from the package to what the renderer draws from, in a fresh "
    "process that has this one file; decoder MB is the peak memory of that process",
    "render views/s": "views per second at the size of the held-out views, compiled march",
    "BD-rate": f"Bjontegaard, interpolated by {INTERPOLATION.upper()}, over the PSNR that both "
    f"curves cover, which have {LEAST_POINTS} or more points each and rise; row beside column, "
    "below 0 the row is smaller",
    "BD-PSNR": "the same in dB over the sizes that both cover; above 0 the row is better",
}


def point_rows(points: Iterable[RdPoint], known: Provenances) -> list[Row]:
    """One row per point, as `POINT_COLUMNS` names them."""
    return [
        tuple(column.read(point, known.get(point.method)) for column in POINT_COLUMNS)
        for point in points
    ]


def provenance_rows(points: Iterable[RdPoint], known: Provenances) -> list[Row]:
    """One row per measured method, as `PROVENANCE_TITLES` names them."""
    origins = {point.method: point.origin.value for point in points}
    rows: list[Row] = []
    for method in in_order(origins):
        one, origin = known.get(method), origins[method]
        if one is None:
            rows.append((method, origin, _UNKNOWN_METHOD, *[UNKNOWN] * 5))
            continue
        words = (one.source, one.reproduced, one.simplified, one.not_run)
        rows.append((method, origin, *words, one.official_code, one.decoder))
    return rows


def condition_rows(points: Iterable[RdPoint]) -> list[Row]:
    """Under which conditions how many points were measured, as `CONDITION_TITLES` names them."""
    groups: dict[Row, list[Environment]] = {}
    for point in points:
        stated = point.environment
        place = (_commit(stated), _machine(stated), stated.command, _versions(stated))
        groups.setdefault(place, []).append(stated)
    return [
        (str(len(found)), commit, machine, command, _dates([one.utc for one in found]), versions)
        for (commit, machine, command, versions), found in groups.items()
    ]


def spread_text(comparisons: Iterable[Comparison]) -> str:
    """How far Akima interpolation would move the BD-rates, in one sentence; empty without any."""
    spreads = sorted(one.spread for one in comparisons if one.spread is not None)
    if not spreads:
        return ""
    return (
        f"With Akima instead of {INTERPOLATION.upper()} half of these BD-rates move by at most "
        f"{spreads[len(spreads) // 2]:.2f} points of percent, the farthest by {spreads[-1]:.2f}."
    )


THIN_MARK = "\N{DAGGER}"
THIN_TEXT = (
    f"{THIN_MARK} the curves share less than {100 * THIN_SHARE:.0f} % of what they span together"
)


def _commit(stated: Environment) -> str:
    revision = stated.commit.revision[:10]
    return f"{revision} with changes" if stated.commit.is_dirty else revision


def _machine(stated: Environment) -> str:
    machine = stated.machine
    memory = f", {machine.memory_bytes / 2**30:.0f} GiB" if machine.memory_bytes else ""
    gpu = f", {machine.gpu}" if machine.gpu else ""
    return f"{machine.cpu}, {machine.core_count} cores{memory}{gpu}, {machine.system}"


def _versions(stated: Environment) -> str:
    return ", ".join(
        f"{name} {version}" for name, version in stated.versions.items() if version != NOT_INSTALLED
    )


def _dates(times: Sequence[str]) -> str:
    first, last = min(times), max(times)
    return first if first == last else f"{first} to {last}"
