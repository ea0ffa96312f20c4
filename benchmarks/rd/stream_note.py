"""What kind of streams a package holds, and whether `hwcodec verify` accepts them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.baselines.foreign_streams import CodedGroup, StreamKind, stream_kind
from benchmarks.rd.point import StreamNote
from benchmarks.rd.stream_record import OpenStream
from hwcodec import Package, open_package
from hwcodec.backends.foreign import to_mp4
from hwcodec.verify import Check, StreamReport, VerifyOptions, verify_path
from hwcodec.verify.runner import verify_stream

_NONE = StreamNote("no video stream", None, "numbers of its own coding, for its own decoder")


def stream_note(path: Path) -> StreamNote:
    """The note on a package: on its streams, or on the video that its blobs hold.

    Elementary streams in blobs are put into MP4 files for that, packets as they are, since files
    are what `hwcodec verify` takes.

    Raises:
        HwcodecError, RenderError: if the package, its record or such a stream is damaged.
    """
    package = open_package(path)
    if package.stream_count:
        report = verify_path(path)
        checks = [*report.checks, *(check for one in report.streams for check in one.checks)]
        return _note(_profiles(report.streams), len(report.streams), checks)
    kind = stream_kind(package)
    if kind is None:
        return _NONE
    files = list(_files(package, kind))
    checks = [
        check
        for number, data in enumerate(files)
        for check in verify_stream(f"stream {number}", data, None, VerifyOptions()).checks
    ]
    return _note(kind.profile_name, len(files), checks)


def _note(profile: str, count: int, checks: Sequence[Check]) -> StreamNote:
    """Accepted, or the first refusal; later ones may come from how the file was made."""
    failed = next((check for check in checks if check.passed is False), None)
    if failed is not None:
        return StreamNote(profile, is_verified=False, reason=f"{failed.name}: {failed.said}")
    streams = "1 stream passes" if count == 1 else f"{count} streams pass"
    return StreamNote(profile, is_verified=True, reason=f"{streams} every check that ran")


def _profiles(streams: Sequence[StreamReport]) -> str:
    """The profiles of a package's streams, each once, as its check or its header names them."""
    names = []
    for stream in streams:
        found = next((one for one in stream.checks if one.name == "profile" and one.passed), None)
        names.append(found.said if found else stream.codec_string)
    return ", ".join(dict.fromkeys(names))


def _files(package: Package, kind: StreamKind) -> Iterator[bytes]:
    """Every stream of a package of foreign streams, as an MP4 file."""
    stream = OpenStream(package, str(package.scene["method"]))
    for number in range(len(stream.record.groups)):
        group = CodedGroup.read(stream, number, kind)
        for data in group.streams:
            yield to_mp4(data, kind.format, group.size, stream.record.frame_rate)
