"""Measured points arranged for comparing: by scene and method, as curves, and at a common size."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median_low

from benchmarks.rd.bd_rate import CurveError, Delta, RateCurve, bd_psnr, bd_rate
from benchmarks.rd.lineup import Family, family_of, in_order
from benchmarks.rd.point import RdPoint
from benchmarks.rd.scenes import SCENES

# Below this share of the common range a delta says little, and is marked.
THIN_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Metric:
    """A quality that curves are drawn of; ``digits`` and ``unit`` are for reading."""

    name: str
    title: str
    unit: str
    digits: int
    read: Callable[[RdPoint], float | None]

    def text(self, value: float | None) -> str:
        """A value with its unit, or a dash."""
        return "-" if value is None else f"{value:.{self.digits}f} {self.unit}".rstrip()


METRICS = (
    Metric("psnr", "PSNR", "dB", 2, lambda point: point.quality.psnr_db),
    Metric("foreground", "Foreground PSNR", "dB", 2, lambda p: p.quality.psnr_foreground_db),
    Metric("ssim", "SSIM", "", 4, lambda point: point.quality.ssim),
)


@dataclass(frozen=True, slots=True, eq=False)
class SceneResults:
    """Points of one scene by method, in the order of reports, each from the smallest size."""

    name: str
    methods: Mapping[str, tuple[RdPoint, ...]]

    @property
    def points(self) -> tuple[RdPoint, ...]:
        """All of them, method by method."""
        return tuple(point for points in self.methods.values() for point in points)

    @property
    def anchors(self) -> tuple[str, ...]:
        """Methods that others are compared with: all but ablations, or those if nothing else is."""
        names = [name for name in self.methods if family_of(name) is not Family.ABLATIONS]
        return tuple(names or self.methods)

    def curve(self, method: str) -> RateCurve:
        """Size and PSNR of a method.

        Raises:
            CurveError: if the method was not measured, or its points make no curve.
        """
        points = self.methods.get(method, ())
        if not points:
            raise CurveError(f"{method} has no points on {self.name}; run benchmark rd")
        return RateCurve.of(method, ((p.bytes_per_frame, p.quality.psnr_db) for p in points))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A delta, or why there is none."""

    delta: Delta | None
    reason: str = ""

    @property
    def is_thin(self) -> bool:
        """Whether the curves share so little that the delta says little."""
        return self.delta is not None and self.delta.share < THIN_SHARE


@dataclass(frozen=True, slots=True)
class Comparison:
    """A test beside an anchor.

    ``spread`` is how far Akima would be from the BD-rate given, in points of percent.
    """

    rate: Outcome
    psnr: Outcome
    spread: float | None = None


@dataclass(frozen=True, slots=True)
class DeltaKind:
    """One of the two deltas, and how it is printed.

    Attributes:
        name, title, unit, digits: of the values.
        range_unit, range_scale: of the range that a value is the average over.
        is_cost: whether smaller is better.
        read: takes it from a comparison.
    """

    name: str
    title: str
    unit: str
    digits: int
    range_unit: str
    range_scale: float
    is_cost: bool
    read: Callable[[Comparison], Outcome]

    def text(self, delta: Delta) -> str:
        """The value with its sign."""
        return f"{delta.value:+.{self.digits}f}"

    def range_text(self, delta: Delta) -> str:
        """The range, and how much of what the curves span it is."""
        low, high = delta.low / self.range_scale, delta.high / self.range_scale
        share = f"{100 * delta.share:.0f} % of what both span"
        return f"{low:.2f} to {high:.2f} {self.range_unit}, {share}"


DELTAS = (
    DeltaKind(
        "rate", "BD-rate in percent", "%", 1, "dB", 1.0, is_cost=True, read=lambda one: one.rate
    ),
    DeltaKind(
        "psnr", "BD-PSNR in dB", "dB", 2, "KB/frame", 1e3, is_cost=False, read=lambda one: one.psnr
    ),
)


def by_scene(points: Iterable[RdPoint]) -> tuple[SceneResults, ...]:
    """The points arranged; scenes of the protocol first, in its order."""
    listed = list(points)
    order = list(SCENES)
    names = {point.scene for point in listed}

    def rank(name: str) -> tuple[int, str]:
        return (order.index(name) if name in order else len(order), name)

    return tuple(_scene(name, listed) for name in sorted(names, key=rank))


def compare(scene: SceneResults, anchor: str, test: str) -> Comparison:
    """Both deltas of two methods, or why there are none."""
    try:
        first, second = scene.curve(anchor), scene.curve(test)
    except CurveError as error:
        refused = Outcome(None, str(error))
        return Comparison(refused, refused)
    rate, psnr = _tried(bd_rate, first, second), _tried(bd_psnr, first, second)
    spread = None
    if rate.delta is not None:
        spread = abs(bd_rate(first, second, "akima").value - rate.delta.value)
    return Comparison(rate, psnr, spread)


def compare_all(scene: SceneResults) -> dict[tuple[str, str], Comparison]:
    """Every pair (test, anchor) of different methods; ablations are compared, but no anchors."""
    return {
        (test, anchor): compare(scene, anchor, test)
        for test in scene.methods
        for anchor in scene.anchors
        if test != anchor
    }


def common_size(scene: SceneResults) -> float:
    """Bytes per frame to which every method has a point as near as can be, on a log scale.

    Of all measured sizes the one with the least sum of distances over methods; the middle one of
    those that tie.
    """
    costs = {
        point.bytes_per_frame: sum(
            min(_distance(other, point.bytes_per_frame) for other in points)
            for points in scene.methods.values()
        )
        for point in scene.points
    }
    least = min(costs.values())
    return median_low(size for size, cost in costs.items() if cost <= least + 1e-12)


def matched(scene: SceneResults) -> dict[str, RdPoint]:
    """Of each method the point nearest to the common size."""
    size = common_size(scene)
    return {
        method: min(points, key=lambda point: _distance(point, size))
        for method, points in scene.methods.items()
    }


def _distance(point: RdPoint, size: float) -> float:
    return abs(math.log(point.bytes_per_frame / size))


def _scene(name: str, points: Iterable[RdPoint]) -> SceneResults:
    own = [point for point in points if point.scene == name]
    methods = {
        method: tuple(
            sorted((p for p in own if p.method == method), key=lambda point: point.size_bytes)
        )
        for method in in_order(point.method for point in own)
    }
    return SceneResults(name, methods)


def _tried(
    delta: Callable[[RateCurve, RateCurve], Delta], anchor: RateCurve, test: RateCurve
) -> Outcome:
    try:
        return Outcome(delta(anchor, test))
    except CurveError as error:
        return Outcome(None, str(error))
