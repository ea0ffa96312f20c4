import subprocess
import sys
from collections.abc import Iterator

import pytest

from hwcodec import (
    GRAY8,
    YUV420P8,
    YUV420P10,
    BackendUnavailable,
    Capabilities,
    Codec,
    UnsupportedConfig,
    choose_encoder,
    encoder_names,
    probe,
    register,
    registry,
)
from hwcodec.encoders import BUILTIN

NO_DRIVER = "FFmpeg cannot open it (no driver)"


@pytest.fixture
def fresh_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Changes to the registry end with the test."""
    monkeypatch.setattr(registry, "_TARGETS", dict(registry._TARGETS))
    monkeypatch.setattr(registry, "_ENCODERS", dict(registry._ENCODERS))
    registry.load.cache_clear()
    registry.capabilities.cache_clear()
    yield
    registry.load.cache_clear()
    registry.capabilities.cache_clear()


@pytest.fixture
def machine(fresh_registry: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, Capabilities]:
    """A machine whose abilities the test writes down."""
    abilities = {"raw": Capabilities("raw", ("raw",), (Codec.RAW,), {})}
    monkeypatch.setattr(registry, "capabilities", answer(abilities))
    return abilities


class answer:  # noqa: N801 -- stands in for a cached function
    def __init__(self, abilities: dict[str, Capabilities]) -> None:
        self._abilities = abilities

    def __call__(self, name: str) -> Capabilities:
        if name not in self._abilities:
            raise BackendUnavailable(f"backend {name!r} cannot be loaded: not installed")
        return self._abilities[name]

    def cache_clear(self) -> None:
        """Nothing is cached."""


def software_only(*encoders: str) -> Capabilities:
    refused = dict.fromkeys(("h264_nvenc", "hevc_nvenc", "av1_nvenc"), NO_DRIVER)
    return Capabilities("ffmpeg", encoders, (Codec.H264,), refused)


def test_importing_the_package_loads_no_vendor_library_and_no_device() -> None:
    code = (
        "import sys, torch, hwcodec\n"
        "assert 'av' not in sys.modules and 'PyNvVideoCodec' not in sys.modules\n"
        "assert not torch.cuda.is_initialized()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_raw_encoder_runs_anywhere() -> None:
    choice = choose_encoder("raw", GRAY8)
    assert (choice.encoder, choice.backend, choice.reason) == ("raw", "raw", "requested")
    assert not choice.is_fallback


def test_a_missing_driver_falls_back_to_software_of_the_same_standard(
    machine: dict[str, Capabilities],
) -> None:
    machine["ffmpeg"] = software_only("libx264", "libx265", "libsvtav1")
    for requested, expected in (
        ("h264_nvenc", "libx264"),
        ("hevc_nvenc", "libx265"),
        ("av1_nvenc", "libsvtav1"),
    ):
        choice = choose_encoder(requested, YUV420P8)
        assert (choice.requested, choice.encoder) == (requested, expected)
        assert choice.codec is BUILTIN[requested].codec
        assert NO_DRIVER in choice.reason


def test_a_forbidden_fallback_is_an_error_that_names_the_way_out(
    machine: dict[str, Capabilities],
) -> None:
    machine["ffmpeg"] = software_only("libx264")
    with pytest.raises(BackendUnavailable, match=r"no driver.*use libx264 instead"):
        choose_encoder("h264_nvenc", YUV420P8, allow_fallback=False)


def test_hardware_that_is_there_is_taken(machine: dict[str, Capabilities]) -> None:
    machine["ffmpeg"] = Capabilities("ffmpeg", ("hevc_nvenc",), (), {})
    choice = choose_encoder("hevc_nvenc", YUV420P10, allow_fallback=False)
    assert choice.encoder == "hevc_nvenc"


def test_without_the_library_nothing_is_swapped_silently(
    machine: dict[str, Capabilities],
) -> None:
    with pytest.raises(BackendUnavailable, match=r"neither h264_nvenc .* nor libx264"):
        choose_encoder("h264_nvenc", YUV420P8)
    with pytest.raises(BackendUnavailable, match="use raw instead"):
        choose_encoder("libx264", YUV420P8)


def test_an_unknown_encoder_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnsupportedConfig, match=r"'mpeg2'.*'av1_nvenc'.*'libx264'.*'raw'"):
        choose_encoder("mpeg2", YUV420P8)


def test_a_format_is_checked_before_any_library_is_loaded(
    machine: dict[str, Capabilities],
) -> None:
    with pytest.raises(UnsupportedConfig, match="yuv420p10"):
        choose_encoder("libx264", YUV420P10)


def test_probing_answers_for_every_backend_and_never_raises(fresh_registry: None) -> None:
    register("lost", "hwcodec.backends.absent:Backend", {"lost": BUILTIN["raw"]})
    found = probe()
    assert isinstance(found["raw"], Capabilities)
    assert isinstance(found["lost"], BackendUnavailable)
    assert "absent" in str(found["lost"])


def test_a_backend_is_imported_on_first_use_only(fresh_registry: None) -> None:
    register("lost", "hwcodec.backends.absent:Backend", {"lost": BUILTIN["raw"]})
    assert "lost" in encoder_names()
    with pytest.raises(BackendUnavailable, match="install its library"):
        registry.load("lost")


def test_taken_names_are_refused(fresh_registry: None) -> None:
    with pytest.raises(UnsupportedConfig, match=r"'raw'.*already registered"):
        register("raw", "x:Y", {})
    with pytest.raises(UnsupportedConfig, match=r"'libx264'.*already registered"):
        register("mine", "x:Y", {"libx264": BUILTIN["libx264"]})


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(UnsupportedConfig, match="expected one of"):
        registry.load("vhs")


def test_every_refused_encoder_says_why() -> None:
    for found in probe().values():
        if isinstance(found, Capabilities):
            assert all(found.refused.values())
            assert not set(found.encodes) & set(found.refused)
