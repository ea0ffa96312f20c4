"""In which order reports list the methods, in which families, and how plots draw them.

Colors are slots that the page's style fills for light and dark; a variant of a method has its color
with another dash. Within a panel no two methods share color and dash, nor a marker, so that nothing
is told by color alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from benchmarks.rd.method import ABLATION, METHODS

HUES = ("ink", "blue", "orange", "sky", "green", "purple", "wine", "gray")
DASHES: Mapping[str, str] = {"solid": "", "dash": "6 4", "dot": "1.5 4"}
MARKERS: Mapping[str, str] = {
    "circle": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "square": "M-3.5-3.5h7v7h-7z",
    "up": "M0-4.8L4.6 3.4H-4.6z",
    "diamond": "M0-5.2L5.2 0L0 5.2L-5.2 0z",
    "down": "M0 4.8L4.6-3.4H-4.6z",
    "cross": "M-4.4-2.2L-2.2-4.4L0-2.2L2.2-4.4L4.4-2.2L2.2 0L4.4 2.2L2.2 4.4L0 2.2L-2.2 4.4"
    "L-4.4 2.2L-2.2 0z",
    "plus": "M-1.6-4.8h3.2v3.2h3.2v3.2h-3.2v3.2h-3.2v-3.2h-3.2v-3.2h3.2z",
    "hexagon": "M-4.6 0L-2.3-4H2.3L4.6 0L2.3 4H-2.3z",
    "hourglass": "M-4.4-4.8H4.4L-4.4 4.8H4.4z",
    "bowtie": "M-4.8-4.4V4.4L4.8-4.4V4.4z",
}


class Family(StrEnum):
    """What a method is compared as."""

    OURS = "this project"
    FIELDS = "radiance-field baselines"
    CODECS = "codec ladder on our feature pictures"
    ABLATIONS = "ablations of ours"


@dataclass(frozen=True, slots=True)
class Look:
    """How a method is drawn: names out of ``HUES``, ``DASHES`` and ``MARKERS``."""

    family: Family
    hue: str
    dash: str
    marker: str


_LOOKS: Mapping[str, Look] = {
    "videorf": Look(Family.OURS, "ink", "solid", "circle"),
    "videorf-plain": Look(Family.OURS, "ink", "dash", "bowtie"),
    "voxel": Look(Family.FIELDS, "gray", "dot", "square"),
    "rerf": Look(Family.FIELDS, "orange", "solid", "up"),
    "rerf-intra": Look(Family.FIELDS, "orange", "dash", "down"),
    "jointrf": Look(Family.FIELDS, "green", "solid", "diamond"),
    "hpc": Look(Family.FIELDS, "sky", "solid", "plus"),
    "vrvvc": Look(Family.FIELDS, "purple", "solid", "cross"),
    "vrvvc-separate": Look(Family.FIELDS, "purple", "dash", "hourglass"),
    "tetrirf": Look(Family.FIELDS, "wine", "solid", "hexagon"),
    "mjpeg": Look(Family.CODECS, "gray", "dash", "square"),
    "h264": Look(Family.CODECS, "blue", "solid", "up"),
    "hevc8": Look(Family.CODECS, "green", "solid", "diamond"),
    "hevc10": Look(Family.CODECS, "green", "dash", "down"),
    "av1": Look(Family.CODECS, "orange", "solid", "cross"),
    "vvc": Look(Family.CODECS, "purple", "solid", "plus"),
    "lossless": Look(Family.CODECS, "gray", "dot", "hexagon"),
    "v3-444": Look(Family.CODECS, "sky", "solid", "hourglass"),
    "gray12": Look(Family.CODECS, "wine", "dash", "bowtie"),
}
# For methods that nobody has chosen a look for yet.
_SPARE_HUES = ("blue", "orange", "green", "purple", "sky", "wine", "gray")


def family_of(method: str) -> Family:
    """What a method is compared as; one that is not listed passes for a baseline."""
    if method.startswith(ABLATION):
        return Family.ABLATIONS
    return _LOOKS[method].family if method in _LOOKS else Family.FIELDS


def looks(methods: Iterable[str]) -> dict[str, Look]:
    """How methods are drawn; those that are not listed get what their family has left, in order."""
    ordered = in_order(methods)
    found = {name: _LOOKS[name] for name in ordered if name in _LOOKS}
    for name in ordered:
        if name not in found:
            found[name] = _spare(family_of(name), found.values())
    return {name: found[name] for name in ordered}


def in_order(methods: Iterable[str]) -> list[str]:
    """Method names by family, then as registered, others last by name."""
    families, registered = list(Family), list(METHODS)

    def rank(name: str) -> tuple[int, int, str]:
        place = registered.index(name) if name in METHODS else len(registered)
        return families.index(family_of(name)), place, name

    return sorted(set(methods), key=rank)


def panels(methods: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Which methods are drawn together, with a title: each family beside ours."""
    ordered = in_order(methods)
    families = {
        family: [name for name in ordered if family_of(name) == family] for family in Family
    }
    ours, fields = families[Family.OURS], families[Family.FIELDS]
    titles = {
        Family.FIELDS: ("Radiance-field methods", ours),
        Family.CODECS: ("Codecs for the same feature pictures", ours[:1] if fields else ours),
        Family.ABLATIONS: ("Ablations", ours),
    }
    found = [
        (title, [*beside, *families[family]])
        for family, (title, beside) in titles.items()
        if families[family]
    ]
    return found or [("Methods", ours)]


def _spare(family: Family, taken: Iterable[Look]) -> Look:
    """The first look that the family does not use; the first of all once they are used up."""
    used = {(look.hue, look.dash) for look in taken if look.family == family}
    every = [(hue, dash) for dash, hue in product(DASHES, _SPARE_HUES)]
    free = next((number for number, pair in enumerate(every) if pair not in used), 0)
    hue, dash = every[free]
    return Look(family, hue, dash, tuple(MARKERS)[free % len(MARKERS)])
