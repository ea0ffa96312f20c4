"""The verb ``rate-model`` of the command ``benchmark``."""

import argparse
from pathlib import Path

from bake.codec_rate import MODEL_FOLDER, find_model, write_model
from bake.picture_plans import PictureKind
from bake.sequence import open_sequence
from benchmarks.command_words import counts, prepare_json
from benchmarks.output import aligned, describe_environment, write_json
from benchmarks.provenance import environment
from benchmarks.rate_calibration import (
    Fit,
    Sample,
    bake_name,
    fit_model,
    judge,
    leave_one_out,
    sample_bake,
)
from render.console import UsageError, say

_QPS = (20, 26, 32, 38, 44)


def add_rate_model(parser: argparse.ArgumentParser) -> None:
    """The verb's words."""
    parser.add_argument(
        "scenes", type=Path, nargs="+", metavar="SCENE", help="out folders of bake-sequence"
    )
    parser.add_argument("--codec", default="libx265", metavar="NAME", help="default libx265")
    parser.add_argument("--qps", type=counts, default=_QPS, metavar="LIST", help=f"default {_QPS}")
    parser.add_argument(
        "--fit",
        action="store_true",
        help="fit prices to these bakes, judge each by those of the others, and keep the prices",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers here")


def measure_rate_model(arguments: argparse.Namespace) -> None:
    """Predicted beside encoded bytes of some bakes, and on request new prices from them."""
    prepare_json(arguments.json)
    if not arguments.fit and find_model(arguments.codec) is None:
        raise UsageError(f"no prices of {arguments.codec} are stored; add --fit to find some")
    samples: list[Sample] = []
    for folder in arguments.scenes:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}, expected one that bake-sequence left")
        samples += sample_bake(
            bake_name(folder), open_sequence(folder), arguments.codec, arguments.qps
        )
        say(f"{bake_name(folder)}: {len(samples)} pictures so far")
    rows, record = _judged(samples, arguments)
    say(aligned([_HEAD, *rows]))
    if arguments.json:
        write_json(arguments.json, record | describe_environment(environment()))


_HEAD = ("judged", "pictures", "median error", "90th percentile", "groups", "I", "P", "B", "b")


def _judged(
    samples: list[Sample], arguments: argparse.Namespace
) -> tuple[list[tuple[str, ...]], dict[str, object]]:
    """Table rows and the record: the stored prices, or new ones and those of the others."""
    encoder = arguments.codec
    record: dict[str, object] = {
        "format": "videorf-rate-model",
        "encoder": encoder,
        "bakes": sorted({sample.bake for sample in samples}),
    }
    if not arguments.fit:
        model = find_model(encoder)
        if model is None:
            raise AssertionError("asked before the work began")
        names = sorted({sample.bake for sample in samples})
        found = [(name, judge(model, [s for s in samples if s.bake == name])) for name in names]
        found.append(("all", judge(model, samples)))
        record["unseen"] = {name: fit.to_json() for name, fit in found}
        return [_row(name, fit) for name, fit in found], record
    try:
        model = fit_model(samples, encoder)
    except ValueError as error:
        raise UsageError(str(error)) from error
    write_model(model, MODEL_FOLDER / f"{encoder}.json")
    own, others = judge(model, samples), leave_one_out(samples, encoder)
    record["fitted"] = own.to_json()
    record["left_out"] = {name: fit.to_json() for name, fit in others}
    rows = [_row(f"{name}, fitted to the others", fit) for name, fit in others]
    return [*rows, _row("all, fitted to all", own)], record


def _row(name: str, fit: Fit) -> tuple[str, ...]:
    kinds = [fit.medians_by_kind.get(kind.value) for kind in PictureKind]
    parts = (fit.median, fit.ninety, fit.groups_median, *kinds)
    texts = ("-" if part is None else f"{100 * part:.1f} %" for part in parts)
    return name, str(fit.pictures), *texts
