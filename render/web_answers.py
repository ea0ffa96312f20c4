"""What a request for a file is answered with: a status, header fields, and which bytes follow."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import quote

from render.served_files import FileRefused, FolderNamed, ServedFile, ServedFolder
from render.web_requests import (
    METHODS,
    ByteSpan,
    Request,
    RequestRefused,
    byte_span,
    names_tag,
    not_modified_since,
)

Fields = tuple[tuple[str, str], ...]

_EVERY_ANSWER: Fields = (
    # Scenes are public to whoever reaches the server: a player on another site may read them.
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "Accept-Ranges, Content-Length, Content-Range, ETag"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("X-Content-Type-Options", "nosniff"),
)
_ALLOW: Fields = (("Allow", ", ".join(METHODS)),)
_PREFLIGHT: Fields = (
    *_ALLOW,
    ("Access-Control-Allow-Methods", ", ".join(METHODS)),
    ("Access-Control-Allow-Headers", "Range, If-Range, If-None-Match, If-Modified-Since"),
    ("Access-Control-Max-Age", "600"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One response, ready to be sent.

    Attributes:
        fields: beyond those that every answer carries.
        text: the body where no file is sent.
        file: open, to be closed by whoever sends the answer.
        span: the part of ``file`` to send; None for no part of it.
    """

    status: HTTPStatus
    fields: Fields = ()
    text: bytes = b""
    file: ServedFile | None = None
    span: ByteSpan | None = None

    def close(self) -> None:
        """Close the file, if there is one."""
        if self.file is not None:
            self.file.handle.close()


def answer_to(request: Request, folder: ServedFolder) -> Answer:
    """Answer a well-formed request from a folder; whatever is not there answers 404."""
    if request.method == "OPTIONS" or request.segments is None:
        return Answer(HTTPStatus.NO_CONTENT, _PREFLIGHT)
    try:
        file = folder.open(request.segments)
    except FileRefused:
        return refusal(HTTPStatus.NOT_FOUND)
    except FolderNamed:
        place = "/" + "/".join(quote(name, safe="") for name in request.segments) + "/"
        return refusal(HTTPStatus.MOVED_PERMANENTLY, (("Location", place),))
    return _answer_with(file, request)


def refusal(status: HTTPStatus, fields: Sequence[tuple[str, str]] = ()) -> Answer:
    """An answer that says only what its status says; a 405 names what is allowed."""
    extra = _ALLOW if status is HTTPStatus.METHOD_NOT_ALLOWED else ()
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        extra = (("Retry-After", "1"),)
    text = f"{status.value} {status.phrase}\n".encode("ascii")
    kind = (("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text))))
    return Answer(status, (*kind, *extra, *fields), text)


def head_bytes(answer: Answer, *, keep_alive: bool) -> bytes:
    """Status line and header fields as they are sent."""
    status = answer.status
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Date: {formatdate(usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in (*_EVERY_ANSWER, *answer.fields)]
    lines += [] if keep_alive else ["Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _answer_with(file: ServedFile, request: Request) -> Answer:
    """The file, a part of it, or the news that the client's copy is still good."""
    validators: Fields = (
        ("ETag", file.tag),
        ("Last-Modified", formatdate(min(file.modified, time.time()), usegmt=True)),
        ("Cache-Control", "no-cache"),  # Keep it, but ask each time whether it changed.
        ("Accept-Ranges", "bytes"),
    )
    if _is_unchanged(file, request):
        return Answer(HTTPStatus.NOT_MODIFIED, validators, file=file)
    try:
        part = _requested_part(file, request)
    except RequestRefused as refused:
        file.handle.close()
        return refusal(refused.status, (("Content-Range", f"bytes */{file.size}"),))
    span = part or ByteSpan(0, file.size)
    described: Fields = (
        ("Content-Type", file.content_type),
        ("Content-Length", str(span.length)),
    )
    if part is None:
        return Answer(HTTPStatus.OK, (*described, *validators), file=file, span=span)
    place = f"bytes {span.first}-{span.first + span.length - 1}/{file.size}"
    fields = (*described, ("Content-Range", place), *validators)
    return Answer(HTTPStatus.PARTIAL_CONTENT, fields, file=file, span=span)


def _is_unchanged(file: ServedFile, request: Request) -> bool:
    """Whether the conditions of the request hold; the date counts only without entity tags."""
    tags = request.fields.get("if-none-match")
    if tags is not None:
        return names_tag(tags, file.tag)
    date = request.fields.get("if-modified-since")
    return date is not None and not_modified_since(date, file.modified)


def _requested_part(file: ServedFile, request: Request) -> ByteSpan | None:
    """The Range of a GET, unless its If-Range speaks of another version of the file.

    Only entity tags count there: two versions of one second share a date.
    """
    wanted = request.fields.get("range")
    if wanted is None or request.method != "GET":
        return None
    if request.fields.get("if-range", file.tag) != file.tag:
        return None
    return byte_span(wanted, file.size)
