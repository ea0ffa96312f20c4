"""Ablations of encoding: the bake of rate=medium with one setting of libx265 changed."""

from dataclasses import dataclass, field, replace

from bake.export import ExportOptions
from benchmarks.baselines.videorf import VideoRf, ablation
from benchmarks.rd.method import ABLATION, Rate
from hwcodec import GopStructure, Tuning

_MEDIUM = ablation("medium")


@dataclass(frozen=True, slots=True)
class EncoderSetting(VideoRf):
    """The fit of another method, encoded with this prediction structure and effort."""

    gop: GopStructure = field(default_factory=GopStructure)
    tuning: Tuning = field(default_factory=Tuning)
    density_spread: float | None = None

    def options(self, rate: Rate) -> ExportOptions:
        """How the bake is encoded at a rate."""
        return replace(
            VideoRf.options(self, rate),
            gop=self.gop,
            tuning=self.tuning,
            density_spread=self.density_spread,
        )


def _changed(
    name: str,
    what: str,
    gop: GopStructure | None = None,
    tuning: Tuning | None = None,
    density_spread: float | None = None,
) -> EncoderSetting:
    return EncoderSetting(
        f"{ABLATION}medium-{name}",
        replace(_MEDIUM.provenance, reproduced=f"the bake of rate=medium, encoded {what}"),
        _MEDIUM.fit_label,
        _MEDIUM.rates,
        _MEDIUM.experiment,
        _MEDIUM.version,
        gop or GopStructure(),
        tuning or Tuning(),
        density_spread,
    )


NO_B = _changed("no-b", "without B pictures", GopStructure(b_frame_count=0))
FLAT = _changed(
    "flat",
    "with one QP for all kinds of pictures",
    GopStructure(intra_ratio=1.0, bidirectional_ratio=1.0),
)
QUICK = _changed("quick", "at the preset medium instead of slower", tuning=Tuning(preset="medium"))
ONE_REFERENCE = _changed(
    "one-reference", "with one reference picture instead of four", GopStructure(reference_count=1)
)
EVEN_DENSITY = _changed(
    "even-density", "with no wider range for density than its values need", density_spread=1.0
)
PSYCHOVISUAL = _changed(
    "psychovisual",
    "with the psychovisual decisions that libx265 makes for films, at its own strength",
    tuning=Tuning(options={"psy-rd": 2, "psy-rdoq": 1}),
)
ADAPTIVE = _changed("adaptive", "with adaptive quantization", tuning=Tuning(options={"aq-mode": 2}))
