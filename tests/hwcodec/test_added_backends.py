"""A backend that somebody adds: what reaches it, and what becomes of its failures."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import ModuleType

import pytest

from hwcodec import (
    YUV420P8,
    BackendUnavailable,
    Bitstream,
    Capabilities,
    ConstantQp,
    EncoderSettings,
    Picture,
    UnsupportedConfig,
    choose_encoder,
    encode,
    probe,
    register,
    registry,
)
from hwcodec.encoders import BUILTIN

SPEC = replace(BUILTIN["libx264"], backends=("extra",), fallback="libx264")


class Recorder:
    """Takes down the settings and hands the work to libx264."""

    seen: list[EncoderSettings] = []  # noqa: RUF012 -- one list for all instances, on purpose
    abilities = Capabilities("extra", ("extra_h264",), (), {})

    def capabilities(self) -> Capabilities:
        return self.abilities

    def encode(self, pictures: Sequence[Picture], settings: EncoderSettings) -> Bitstream:
        self.seen.append(settings)
        return encode(pictures, replace(settings, encoder="libx264"))


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The backend ``extra``, registered until the test ends."""
    module = ModuleType("extra_backend")
    monkeypatch.setitem(sys.modules, "extra_backend", module)
    monkeypatch.setattr(module, "Recorder", Recorder, raising=False)
    monkeypatch.setattr(Recorder, "seen", [])
    for name in ("_TARGETS", "_ENCODERS"):
        monkeypatch.setattr(registry, name, dict(getattr(registry, name)))
    register("extra", "extra_backend:Recorder", {"extra_h264": SPEC})
    yield module
    registry.load.cache_clear()
    registry.capabilities.cache_clear()


def settings_of(make_settings, **changes: object) -> EncoderSettings:
    return replace(make_settings("libx264"), encoder="extra_h264", **changes)


def test_an_added_encoder_is_chosen_probed_and_used(added, make_pictures, make_settings) -> None:
    choice = choose_encoder("extra_h264", YUV420P8, allow_fallback=False)
    assert (choice.backend, choice.reason, choice.is_fallback) == ("extra", "requested", False)
    assert isinstance(probe()["extra"], Capabilities)
    stream = encode(make_pictures(3), settings_of(make_settings))
    assert stream == encode(make_pictures(3), make_settings("libx264"))


@pytest.mark.parametrize(("count", "length"), [(1, 2), (2, 2), (5, 5)])
def test_one_group_for_everything_reaches_a_backend_as_a_number(
    added, count, length, make_pictures, make_settings
) -> None:
    encode(make_pictures(count), settings_of(make_settings))
    assert [settings.gop.length for settings in Recorder.seen] == [length]


def test_nothing_reaches_a_backend_that_its_spec_does_not_allow(
    added, make_pictures, make_settings
) -> None:
    with pytest.raises(UnsupportedConfig, match="extra_h264 got ConstantQp"):
        encode(make_pictures(1), settings_of(make_settings, rate=ConstantQp(0)))
    assert not Recorder.seen


@pytest.mark.parametrize("error", [RuntimeError, OSError, ImportError])
def test_a_library_that_fails_to_start_is_quoted_and_replaced_when_allowed(
    added, error, monkeypatch, make_pictures, make_settings
) -> None:
    def broken() -> None:
        raise error("libdriver.so.7 is too old")

    monkeypatch.setattr(added, "Recorder", broken)
    choice = choose_encoder("extra_h264", YUV420P8)
    assert (choice.encoder, choice.is_fallback) == ("libx264", True)
    assert "libdriver.so.7 is too old" in choice.reason
    assert "libdriver.so.7 is too old" in str(probe()["extra"])
    with pytest.raises(BackendUnavailable, match=r"libdriver\.so\.7 .*choose_encoder\(\) finds"):
        encode(make_pictures(1), settings_of(make_settings))


def test_an_encoder_that_a_build_lacks_is_named_as_such(added, monkeypatch) -> None:
    monkeypatch.setattr(Recorder, "abilities", Capabilities("extra", (), (), {}))
    choice = choose_encoder("extra_h264", YUV420P8)
    assert choice.reason == "extra_h264 is not part of this build"


def test_a_backend_starts_once_however_often_it_is_asked(added, monkeypatch) -> None:
    started = []

    class Counting(Recorder):
        def __init__(self) -> None:
            started.append(self)

    monkeypatch.setattr(added, "Recorder", Counting)
    for _ in range(3):
        choose_encoder("extra_h264", YUV420P8)
        probe()
    assert len(started) == 1
