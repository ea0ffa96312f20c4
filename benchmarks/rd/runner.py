"""Runs methods over a scene, point by point; what is already measured is not measured again.

WORK/SCENE/footage/            occupancy of every frame
WORK/SCENE/fits/NAME-KEY/      what a fit left, with how long it took and how good it is uncoded
WORK/SCENE/streams/            packages, by method and rate
RESULTS/SCENE/METHOD/RATE.json points, which alone are needed for reports
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bake.artifacts import make_key
from bake.capture import Capture, open_capture
from bake.progress import Progress
from benchmarks.provenance import environment
from benchmarks.rd.byte_kinds import bytes_by_kind
from benchmarks.rd.crops import TRUTH_CROP
from benchmarks.rd.footage import Footage
from benchmarks.rd.footage_store import FootageStore
from benchmarks.rd.method import Method, Rate, find_method
from benchmarks.rd.play import DecoderProcess, Played
from benchmarks.rd.point import PointTiming, RdPoint, point_file, read_point, write_point
from benchmarks.rd.scenes import RdScene
from benchmarks.rd.scoring import Scores, crop_of, score, score_frames, truth_crop
from benchmarks.rd.stream_note import stream_note
from benchmarks.results import Quality, ResultError, parse_record, settings_text
from hwcodec import replace_file

# Raised when the protocol itself changes, so that every point is measured anew.
PROTOCOL_VERSION = 1


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What to run, where the captures are, and where results and work go."""

    scene: RdScene
    methods: tuple[str, ...]
    captures: Path | None
    results: Path
    work: Path


@dataclass(frozen=True, slots=True)
class _Fit:
    """A finished fit: its folder, seconds, and quality before coding."""

    folder: Path
    seconds: float
    uncoded: Quality


def run_points(plan: RunPlan, progress: Progress, say: Callable[[str], None]) -> Iterator[RdPoint]:
    """Yield every point of the plan, measured now or taken from an earlier run.

    Raises:
        BakeError: if the capture cannot be used or a fit fails.
        HwcodecError: if an encoder is not there or a package cannot be written.
        PlayError: if a package does not decode.
        ResultError: if a stored point is damaged.
    """
    run = _Run(plan, progress, say)
    for name in plan.methods:
        method = find_method(name)
        with DecoderProcess(method.name) as decoder:
            for rate in method.rates:
                yield run.point(method, rate, decoder)


class _Run:
    """One scene's footage, opened when a point first needs it."""

    def __init__(self, plan: RunPlan, progress: Progress, say: Callable[[str], None]) -> None:
        self._plan, self._progress, self._say = plan, progress, say
        self._config = plan.scene.config(plan.captures)
        self._work = plan.work / plan.scene.name

    @cached_property
    def _capture(self) -> Capture:
        return open_capture(self._config.capture)

    @cached_property
    def _footage(self) -> Footage:
        store = FootageStore(self._work / "footage", self.scene_key)
        return store.footage(self._capture, self._config, self._progress)

    @property
    def scene_key(self) -> str:
        """Changes with the scene's settings, and with the protocol."""
        return make_key("rd", PROTOCOL_VERSION, self._plan.scene)

    def point(self, method: Method, rate: Rate, decoder: DecoderProcess) -> RdPoint:
        """A point, from its file if that is of this method and scene."""
        what = method.name, method.version, method.fit_name(rate)
        key = make_key("point", self.scene_key, what, rate)
        path = point_file(self._plan.results, self._plan.scene.name, method.name, rate.label)
        if path.is_file():
            stored = read_point(path)
            if stored.key == key:
                self._say(f"{method.name} {rate.label}: kept")
                return stored
        fit = self._fit(method, rate)
        package = self._work / "streams" / f"{method.name}-{rate.label}.vrf"
        package.parent.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        method.encode(self._footage, rate, fit.folder, package)
        encode_s = time.perf_counter() - began
        played = decoder.play(package, [self._capture.cameras[v] for v in self._views])
        found = self._describe((method, rate, key), (fit, encode_s), (package, played))
        self._store_crops(path, played)
        write_point(path, found)
        self._say(
            f"{method.name} {rate.label}: {found.bytes_per_frame / 1000:.2f} KB/frame, "
            f"{found.quality.psnr_db:.2f} dB (uncoded {fit.uncoded.psnr_db:.2f} dB)"
        )
        return found

    @cached_property
    def _views(self) -> tuple[int, ...]:
        return tuple(self._capture.split.test)

    def _fit(self, method: Method, rate: Rate) -> _Fit:
        """A fit from its folder, or made now; a folder without its record is unfinished."""
        name = method.fit_name(rate)
        key = make_key("fit", self.scene_key, name, method.version)
        folder = self._work / "fits" / f"{name}-{key}"
        record = folder.parent / f"{folder.name}.json"  # Names have dots of their own.
        if not record.is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            self._say(f"{method.name} {rate.label}: fitting {name}")
            began = time.perf_counter()
            method.fit(self._footage, rate, folder, self._progress)
            seconds = time.perf_counter() - began
            scores = score_frames(self._capture, method.uncoded(self._footage, folder))
            text = json.dumps({"seconds": seconds, "uncoded": scores.to_json()})
            replace_file(record, text.encode())
        return _read_fit(folder, record)

    def _describe(
        self,
        which: tuple[Method, Rate, str],
        made: tuple[_Fit, float],
        got: tuple[Path, Played],
    ) -> RdPoint:
        (method, rate, key), (fit, encode_s), (package, played) = which, made, got
        scores: Scores = score(self._capture, self._views, played.pictures)
        kinds = bytes_by_kind(package)
        camera = self._capture.cameras[self._views[0]]
        rate_of_frames = self._capture.frame_rate
        return RdPoint(
            scene=self._plan.scene.name,
            method=method.name,
            label=rate.label,
            value=float(rate.value),
            origin=method.provenance.origin,
            key=key,
            settings=settings_text({"scene": " ".join(self._plan.scene.settings)}),
            size_bytes=sum(kinds.values()),
            bytes_by_kind=kinds,
            frame_count=self._capture.frame_count,
            frame_rate=f"{rate_of_frames.numerator}/{rate_of_frames.denominator}",
            view_indices=self._views,
            view_size=(camera.width, camera.height),
            quality=scores.quality,
            uncoded=fit.uncoded,
            per_frame=scores.per_frame,
            timing=PointTiming(
                fit.seconds,
                encode_s,
                played.decode_s,
                played.render_s,
                played.pictures.shape[0] * played.pictures.shape[1],
                played.peak_bytes,
            ),
            stream=stream_note(package),
            environment=environment(),
            crop=f"{rate.label}.webp",
        )

    def _store_crops(self, path: Path, played: Played) -> None:
        """A cut-out of the middle frame's first held-out view, and once that of the truth."""
        truth = path.parents[1] / TRUTH_CROP
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(truth, truth_crop(self._capture, self._views[0]))
        picture = played.pictures[self._capture.frame_count // 2, 0]
        cut = crop_of(self._capture, self._views[0], picture)
        replace_file(path.with_suffix(".webp"), cut)


def _read_fit(folder: Path, record: Path) -> _Fit:
    try:
        stored = json.loads(record.read_bytes())
        quality = parse_record(stored["uncoded"], Quality, "uncoded")
        return _Fit(folder, float(stored["seconds"]), quality)  # type: ignore[arg-type]
    except (ValueError, KeyError, TypeError) as error:
        raise ResultError(f"{record} is damaged: {error}; delete it and run again") from error
