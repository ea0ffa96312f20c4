"""The bake's configuration: Hydra composes it, a frozen dataclass comes out.

A preset is a YAML file under ``configs/preset``, a rate one under ``configs/rate`` or a bit rate;
command-line overrides follow Hydra's grammar.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from bake.capture import Capture
from bake.encode_config import bits_per_second
from bake.errors import BakeError
from bake.pipeline import BakeConfig
from hwcodec.records import whole_number

CONFIG_FOLDER = Path(__file__).resolve().parents[1] / "configs"

LOGS = ("none", "tensorboard")

# Values of these keys are taken literally, whatever characters they contain.
_LITERAL_KEYS = frozenset(
    {
        "capture.path",
        "capture.frames",
        "capture.test",
        "capture.exposure",
        "capture.cache_folder",
        "out",
    }
)

# What a bit rate is composed with until the capture tells which of the rates it is closest to.
_USUAL_RATE = "medium"
# Bits that packages of these rates spend per pixel of one captured view and frame: between two
# captures of a moving person at 200 and 256 pixels, one of which moves little and one much.
_BITS_PER_PIXEL = {"low": 0.4, "medium": 1.2, "high": 3.0}


class ConfigError(BakeError, ValueError):
    """An override names no setting or gives it a value it cannot have."""


@dataclass(frozen=True, slots=True)
class BakeCommand(BakeConfig):
    """A bake's settings plus where its result goes, where it runs and what watches it.

    ``out`` is the scene folder; ``device`` is auto, cpu or cuda; ``log`` is none, or tensorboard
    for curves and, every ``log_pictures`` frames (0: never), a picture in ``out``/tensorboard;
    ``replace`` lets frames of other settings in ``out`` be baked over.

    Raises:
        ValueError: if a setting is out of range, or ``out`` names no folder.
    """

    out: str = "outputs/scene"
    device: str = "auto"
    log: str = "none"
    log_pictures: int = 10
    replace: bool = False

    def __post_init__(self) -> None:
        """Refuse an empty ``out``, which would mean the current folder."""
        # A class with slots is made anew, which super() without arguments does not survive.
        BakeConfig.__post_init__(self)
        if not self.out.strip() or "\0" in self.out:
            raise ValueError(f"out is {self.out!r}, expected the path of a folder")
        if self.log not in LOGS:
            raise ValueError(f"log is {self.log!r}, expected one of {', '.join(LOGS)}")
        whole_number("log_pictures", self.log_pictures)

    @property
    def config(self) -> BakeConfig:
        """The settings that decide the result."""
        return BakeConfig(**{f.name: getattr(self, f.name) for f in fields(BakeConfig)})


def load_command(overrides: Sequence[str] = ()) -> BakeCommand:
    """Compose presets and overrides such as ``preset=paper`` or ``capture.scale=0.5``.

    ``rate=2M`` stands for the usual rate with ``encode.bits_per_second=2000000``.

    Raises:
        ConfigError: if an override is malformed, unknown or out of range.
    """
    ConfigStore.instance().store(name="bake_schema", node=_writable_schema(BakeCommand))
    literal = [_quote(word) for override in overrides for word in _spelled_out(override)]
    try:
        with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
            composed = compose("bake", overrides=literal)
        # Hydra's + adds keys of any name; merging refuses those that are no setting.
        plain = OmegaConf.to_container(composed)
        command = OmegaConf.to_object(OmegaConf.merge(_writable_schema(BakeCommand), plain))
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        # Hydra wraps what it finds, and then the inner message names the key or value.
        cause = error if isinstance(error, ValueError) else error.__cause__ or error
        raise ConfigError(
            f"cannot use these settings: {_reason(cause)}; see bake-sequence --help for the keys"
        ) from error
    if not isinstance(command, BakeCommand):
        raise AssertionError("the schema composes to BakeCommand")
    return command


def _reason(cause: BaseException) -> str:
    """What is wrong in the user's words: the key as it was written, and no type of ours."""
    key = getattr(cause, "full_key", None) or ""
    if key and isinstance(cause, ConfigKeyError | ConfigAttributeError):
        close = get_close_matches(key, _keys(OmegaConf.structured(BakeCommand)), 1)
        return f"{key} is no setting" + (f", did you mean {close[0]}?" if close else "")
    if key:
        return f"{key}: {str(cause).splitlines()[0]}"
    return " ".join(str(cause).split())


def _keys(node: DictConfig, above: str = "") -> list[str]:
    """Every key as it is written on the command line."""
    found = []
    for name in map(str, node):
        inner = node[name]
        found += _keys(inner, f"{above}{name}.") if OmegaConf.is_dict(inner) else [f"{above}{name}"]
    return found


def fit_bit_rate(command: BakeCommand, overrides: Sequence[str], capture: Capture) -> BakeCommand:
    """For ``rate=2M`` and the like: the settings of the named rate that suits this capture best.

    ``command`` is what `load_command` made of ``overrides``; other rates stay as they are.

    Raises:
        ConfigError: as `load_command` does.
    """
    target = command.encode.bits_per_second
    if not any(len(_spelled_out(word)) > 1 for word in overrides):
        return command
    camera = capture.cameras[capture.split.train[0]]
    per_pixel = target / float(capture.frame_rate) / (camera.width * camera.height)
    distance = {name: abs(math.log(per_pixel / usual)) for name, usual in _BITS_PER_PIXEL.items()}
    rate = min(distance, key=distance.__getitem__)
    others = [word for word in overrides if not word.startswith("rate=")]
    return load_command([f"rate={rate}", f"encode.bits_per_second={target}", *others])


def load_config(overrides: Sequence[str] = ()) -> BakeConfig:
    """Only the settings that decide a bake's result, from the same presets and overrides.

    Raises:
        ConfigError: as `load_command` does.
    """
    return load_command(overrides).config


def with_experiment(config: BakeConfig, name: str) -> BakeConfig:
    """The settings with those of ``configs/experiment/NAME.yaml`` on top.

    On the command line the same is ``+experiment=NAME``.

    Raises:
        ConfigError: if there is no such experiment, or it sets what cannot be.
    """
    return _with_changes(config, ("experiment", name), experiment_names())


def with_rate(config: BakeConfig, name: str) -> BakeConfig:
    """The settings with those of ``configs/rate/NAME.yaml`` on top, its resolution included.

    Raises:
        ConfigError: if there is no such rate.
    """
    return replace(_with_changes(config, ("rate", name), rate_names()), resolution=0)


def _with_changes(config: BakeConfig, which: tuple[str, str], known: Sequence[str]) -> BakeConfig:
    """The settings with those of a file on top, which is one of a folder's known names."""
    folder, name = which
    if name not in known:
        raise ConfigError(f"{folder} is {name!r}, expected one of {', '.join(known)}")
    try:
        with initialize_config_dir(str(CONFIG_FOLDER / folder), version_base="1.3"):
            changes = OmegaConf.to_container(compose(name))
        merged = OmegaConf.to_object(OmegaConf.merge(_writable_schema(config), changes))
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise ConfigError(f"{folder} {name!r} cannot be used: {error}") from error
    if not isinstance(merged, BakeConfig):
        raise AssertionError("the schema composes to BakeConfig")
    return merged


def experiment_names() -> tuple[str, ...]:
    """The experiments that exist."""
    return tuple(sorted(path.stem for path in (CONFIG_FOLDER / "experiment").glob("*.yaml")))


def describe(command: BakeCommand) -> str:
    """All settings as YAML, for ``--help`` and records."""
    return OmegaConf.to_yaml(OmegaConf.structured(command))


def rate_names() -> tuple[str, ...]:
    """The rates that have a name, from few bytes to many; those that a user added come last."""
    found = {path.stem for path in (CONFIG_FOLDER / "rate").glob("*.yaml")}
    own = [name for name in _BITS_PER_PIXEL if name in found]
    return (*own, *sorted(found - {*own}))


def preset_names() -> tuple[str, ...]:
    """The presets that exist."""
    return tuple(sorted(path.stem for path in (CONFIG_FOLDER / "preset").glob("*.yaml")))


def _spelled_out(override: str) -> tuple[str, ...]:
    """A bit rate as what it stands for; anything else as it is."""
    key, _, value = override.partition("=")
    if key != "rate" or value in rate_names():
        return (override,)
    try:
        target = bits_per_second(value)
    except ValueError:
        names = ", ".join(rate_names())
        raise ConfigError(
            f"rate is {value!r}, expected one of {names} or bits per second such as 800k or 2M; "
            "see bake-sequence --help for the keys"
        ) from None
    return f"rate={_USUAL_RATE}", f"encode.bits_per_second={target}"


def _quote(override: str) -> str:
    """Quote literal values, so that spaces, commas and braces in paths mean themselves."""
    key, separator, value = override.partition("=")
    if not separator or key not in _LITERAL_KEYS or value[:1] in {"'", '"'}:
        return override
    # Hydra takes a backslash as itself unless a quote follows.
    escaped = re.sub(r"(\\*)'", lambda found: found[1] * 2 + "\\'", value)
    escaped = re.sub(r"(\\+)$", lambda found: found[1] * 2, escaped)
    return f"{key}='{escaped}'"


def _writable_schema(cls: type | BakeConfig) -> DictConfig:
    """A schema of a frozen dataclass, or of one's values; the result is frozen again."""

    def thaw(node: DictConfig) -> DictConfig:
        OmegaConf.set_readonly(node, value=False)
        for key in node:
            if OmegaConf.is_dict(node) and OmegaConf.is_dict(node[key]):
                thaw(node[key])
        return node

    return thaw(OmegaConf.structured(cls))
