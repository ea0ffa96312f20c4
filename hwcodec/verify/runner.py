"""Which checks a stream gets, in which order, and the files they are applied to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import hwcodec.manifest as manifests
import hwcodec.verify.decoding_checks as decoding_rules
import hwcodec.verify.file_checks as file_rules
import hwcodec.verify.header_checks as header_rules
import hwcodec.verify.packet_checks as packet_rules
from hwcodec.container import Package, open_package
from hwcodec.errors import BackendUnavailable, BitstreamError, ContainerError, HwcodecError
from hwcodec.files import ARCHIVE_SUFFIX, open_files
from hwcodec.tracks import Track, read_track
from hwcodec.types import Codec
from hwcodec.verify.decoding_checks import HardwareDecoder
from hwcodec.verify.report import Check, Report, StreamReport
from hwcodec.verify.subject import Subject

_ARCHIVE_START = b"PK\3\4"


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How much is checked: ``is_quick`` decodes nothing, ``hardware`` decodes on a device.

    ``allow_raw`` lets raw streams pass, which no hardware decodes.
    """

    is_quick: bool = False
    allow_raw: bool = False
    hardware: HardwareDecoder | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    """A check, the checks without which it cannot be run, and why it is left out if it is."""

    name: str
    run: Callable[[Subject], str]
    needs: tuple[str, ...] = ()
    left_out: str = ""


def verify_path(path: str | Path, options: VerifyOptions | None = None) -> Report:
    """Check every stream of a package folder or ``.vrf`` file, or one MP4 file.

    Raises:
        OSError: if the file cannot be read.
    """
    place, chosen = Path(path), options or VerifyOptions()
    if place.is_dir() or place.suffix == ARCHIVE_SUFFIX or _is_archive(place):
        return _verify_package(place, chosen)
    stream = verify_stream(place.name, place.read_bytes(), None, chosen)
    return Report(str(path), (stream,))


def verify_stream(
    name: str, data: bytes, record: Mapping[str, Any] | None, options: VerifyOptions
) -> StreamReport:
    """Check the bytes of one stream file; ``record`` is that of a package's manifest."""
    try:
        track = read_track(data)
    except BitstreamError as error:
        return StreamReport(name, (Check("container", passed=False, said=str(error)),))
    subject = Subject(data, track, record)
    checks = _run(subject, _rules(track, options, has_record=record is not None))
    codec_string, size, facts = _description(subject)
    return StreamReport(name, checks, codec_string, size, len(track.samples), facts)


def _verify_package(path: Path, options: VerifyOptions) -> Report:
    try:
        package = open_package(path)
    except ContainerError as error:
        return Report(str(path), (), (Check("manifest", passed=False, said=str(error)),))
    whole = [_manifest_check(package), _blob_check(package)]
    files, streams = open_files(path), []
    for record in package.streams:
        name = record["name"]
        try:
            data = files.read(manifests.stream_file(name))
        except ContainerError as error:
            streams.append(StreamReport(name, (Check("container", passed=False, said=str(error)),)))
            continue
        streams.append(verify_stream(name, data, record, options))
    return Report(str(path), tuple(streams), tuple(whole))


def _manifest_check(package: Package) -> Check:
    if package.stream_count:
        return Check("manifest", passed=True, said=f"{package.stream_count} streams")
    return Check(
        "manifest", passed=False, said="package holds no stream, expected at least one to verify"
    )


def _blob_check(package: Package) -> Check:
    names = sorted(package.manifest["blobs"])
    try:
        for name in names:
            package.blob(name)
    except ContainerError as error:
        return Check("blobs", passed=False, said=str(error))
    return Check("blobs", passed=True, said=f"sizes and checksums of {len(names)} blobs agree")


def _rules(track: Track, options: VerifyOptions, *, has_record: bool) -> list[_Rule]:
    rules = [_Rule("container", file_rules.container)]
    if has_record:
        rules.append(_Rule("record", file_rules.record))
    if track.codec is Codec.RAW:
        return [*rules, _Rule("profile", partial(_raw_profile, allow_raw=options.allow_raw))]
    sets = ("parameter sets",)
    rules += [
        _Rule("parameter sets", header_rules.parameter_sets),
        _Rule("profile", header_rules.profile, sets),
        _Rule("level", header_rules.level, sets),
        _Rule("size", header_rules.size, sets),
        _Rule("range", header_rules.full_range, sets),
        _Rule("packets", packet_rules.packets, sets),
        _Rule("closed groups", packet_rules.closed_groups, ("packets",)),
    ]
    return [*rules, *_decoding_rules(options, tuple(rule.name for rule in rules))]


def _decoding_rules(options: VerifyOptions, needs: tuple[str, ...]) -> list[_Rule]:
    """Decoding comes last: what decodes is only of interest where everything else is right."""
    quick = "not run, as only a quick check was asked for" if options.is_quick else ""
    if options.hardware is None:
        absent = "not run: no hardware decoder here"
        hardware = _Rule("hardware", str, left_out=absent)
    else:
        decode = partial(decoding_rules.hardware, decoder=options.hardware)
        hardware = _Rule("hardware", decode, needs, quick)
    return [_Rule("independence", decoding_rules.independence, needs, quick), hardware]


def _run(subject: Subject, rules: list[_Rule]) -> tuple[Check, ...]:
    done: dict[str, Check] = {}
    for rule in rules:
        done[rule.name] = _checked(subject, rule, done)
    return tuple(done.values())


def _checked(subject: Subject, rule: _Rule, done: Mapping[str, Check]) -> Check:
    if rule.left_out:
        return Check(rule.name, None, rule.left_out)
    lacking = [need for need in rule.needs if not done[need].passed]
    if lacking:
        return Check(rule.name, None, f"not run, as another check did not pass: {lacking[0]}")
    try:
        return Check(rule.name, passed=True, said=rule.run(subject))
    except BackendUnavailable as error:
        return Check(rule.name, None, f"not run: {error}")
    except HwcodecError as error:
        return Check(rule.name, passed=False, said=str(error))


def _raw_profile(_: Subject, *, allow_raw: bool) -> str:
    if allow_raw:
        return "raw, allowed by request"
    raise BitstreamError(
        "not an interchange profile: raw, expected H.264, HEVC or AV1; encode with libx265 and "
        "lossless, or allow raw streams (--allow-raw) where only this package plays them"
    )


def _description(subject: Subject) -> tuple[str, str, dict[str, Any]]:
    """Codec string, size and facts, as far as they can be read."""
    if subject.track.codec is Codec.RAW:
        width, height = subject.track.size
        return "vrfr.1", f"{width}x{height}", {"codec": "raw"}
    try:
        return subject.codec_string, str(subject.parameters.size), subject.facts()
    except BitstreamError:
        return "-", "-", {}


def _is_archive(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_ARCHIVE_START)) == _ARCHIVE_START
