"""What a client asks for: the request line, the header fields, one byte range, the conditions.

Everything here is text in, value or `RequestRefused` out; nothing reads a socket or a file. What
RFC 9110 and 9112 leave to the server is decided for strictness: a request that two programs could
understand differently is refused.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

METHODS = ("GET", "HEAD", "OPTIONS")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VERSION = re.compile(r"HTTP/([0-9])\.([0-9])")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_AUTHORITY = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
_ENTITY_TAG = re.compile(r'(?:W/)?"[^"]*"')
# Longer numbers mean "past the end" in any file, and converting them could take long.
_LONGEST_NUMBER = 18


class RequestRefused(Exception):
    """The request gets an error status; the connection ends after it."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(f"{status.value} {status.phrase}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """One request without a body.

    Attributes:
        method: one of `METHODS`.
        segments: decoded names between the slashes of the path; empty for ``/``. A path that ends
            in a slash has an empty last name. None for the target ``*`` of OPTIONS.
        fields: header fields by lower-case name; repeated ones are joined by commas.
        keep_alive: whether the client may send another request on this connection.
    """

    method: str
    segments: tuple[str, ...] | None
    fields: Mapping[str, str]
    keep_alive: bool


@dataclass(frozen=True, slots=True)
class ByteSpan:
    """Part of a file: ``length`` bytes from byte ``first``."""

    first: int
    length: int


def parse_request(lines: Sequence[bytes]) -> Request:
    """Read a request line and the field lines after it, none with its line end.

    Raises:
        RequestRefused: 400 for what is malformed or comes with no host, 405 for other methods, 413
            for a body, 505 for another major version.
    """
    method, target, version = _request_line(lines[0])
    fields = _fields(lines[1:])
    if version == (1, 1) and "host" not in fields:
        raise RequestRefused(HTTPStatus.BAD_REQUEST)
    if method not in METHODS:
        raise RequestRefused(HTTPStatus.METHOD_NOT_ALLOWED)
    if "transfer-encoding" in fields or fields.get("content-length", "0").strip("0"):
        raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    wishes = {word.strip().lower() for word in fields.get("connection", "").split(",")}
    keep_alive = version >= (1, 1) and "close" not in wishes
    segments = None if (method, target) == ("OPTIONS", "*") else path_segments(target)
    return Request(method, segments, fields, keep_alive)


def _request_line(line: bytes) -> tuple[str, str, tuple[int, int]]:
    parts = line.decode("latin-1").split(" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]):
        raise RequestRefused(HTTPStatus.BAD_REQUEST)
    version = _VERSION.fullmatch(parts[2])
    if version is None:
        raise RequestRefused(HTTPStatus.BAD_REQUEST)
    major, minor = int(version[1]), int(version[2])
    if major != 1:
        raise RequestRefused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
    return parts[0], parts[1], (major, minor)


def _fields(lines: Sequence[bytes]) -> dict[str, str]:
    """Fields by lower-case name; continued lines, bad names and doubled framing are refused."""
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        key, text = name.lower(), value.strip(" \t")
        if not colon or not _TOKEN.fullmatch(name) or _CONTROL.search(text):
            raise RequestRefused(HTTPStatus.BAD_REQUEST)
        if key in fields and key in {"host", "content-length"}:
            raise RequestRefused(HTTPStatus.BAD_REQUEST)
        fields[key] = f"{fields[key]}, {text}" if key in fields else text
    return fields


def path_segments(target: str) -> tuple[str, ...]:
    """Decoded names of a request target's path; the query is left out.

    Names are split before they are decoded, so an escaped slash never makes a folder of its own.

    Raises:
        RequestRefused: 400 if it is no path, has bad escapes, control characters or is not UTF-8.
    """
    authority = _AUTHORITY.match(target)
    path = (target[authority.end() :] or "/" if authority else target).partition("?")[0]
    raw = path.encode("latin-1")
    if not path.startswith("/") or "#" in path or _BAD_ESCAPE.search(path):
        raise RequestRefused(HTTPStatus.BAD_REQUEST)
    try:
        names = [unquote_to_bytes(name).decode("utf-8") for name in raw[1:].split(b"/")]
    except UnicodeDecodeError:
        raise RequestRefused(HTTPStatus.BAD_REQUEST) from None
    if any(_CONTROL.search(name) for name in names):
        raise RequestRefused(HTTPStatus.BAD_REQUEST)
    return tuple(names) if names != [""] else ()


def byte_span(text: str, size: int) -> ByteSpan | None:
    """The part of ``size`` bytes that a Range field asks for; None to send the whole.

    Several ranges and units other than bytes are answered with the whole, as RFC 9110 permits.

    Raises:
        RequestRefused: 416 if the range is malformed, backwards, or holds none of the bytes.
    """
    if not text.lower().startswith("bytes=") or "," in text:
        return None
    match = _RANGE.fullmatch(text)
    if match is None or match[1] == match[2] == "":
        raise RequestRefused(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    if match[1]:
        first = _number(match[1])
        end = min(_number(match[2]) + 1, size) if match[2] else size
    else:
        first, end = max(size - _number(match[2]), 0), size
    if first >= end:
        raise RequestRefused(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    return ByteSpan(first, end - first)


def _number(digits: str) -> int:
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _LONGEST_NUMBER else 10**_LONGEST_NUMBER


def names_tag(text: str, tag: str) -> bool:
    """Whether an If-None-Match field names an entity tag; weak tags compare by their text."""
    if text.strip() == "*":
        return True
    plain = tag.removeprefix("W/")
    return any(found.removeprefix("W/") == plain for found in _ENTITY_TAG.findall(text))


def not_modified_since(text: str, modified: float) -> bool:
    """Whether a time in seconds since 1970 is not after the date of an If-Modified-Since field.

    A date that cannot be read counts as no condition.
    """
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return False
    date = date.replace(tzinfo=date.tzinfo or UTC)
    try:
        return int(modified) <= date.timestamp()
    except OverflowError:
        return False
