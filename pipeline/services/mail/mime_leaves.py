"""The parts of a mail that hold something, without their transfer encoding.

`fast_leaves` has them from the fast parser, `standard_leaves` from the standard library.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message as StandardMessage
from typing import Any, NamedTuple, TypeAlias, TypeVar

import fast_mail_parser

from pipeline.services.mail import encoded_words
from schemas.errors import BadValue
from schemas.reasons import Reason

_BOUNDARY = re.compile(rb"boundary\*?[0-9*]{0,4}[ \t]*=", re.IGNORECASE)
#: Bytes that a parser reads in about a second, counted each time that it reads them.
MOST_WORK = 200_000_000
#: Flag of a mail with a multipart whose boundary is missing: it is kept as raw text.
NO_BOUNDARY = "boundary_missing"
_CHARSET = re.compile(r"charset\*?\s*=\s*[\"']?(?:[\w-]*'[\w-]*')?([^\s\"';]+)", re.IGNORECASE)
#: Spellings of encodings, with blanks, quotes or comments that neither parser skips.
_ENCODING = re.compile(
    r"[\s\"']*(?:(base-?64)|(quoted[-/_ ]?printable)|((?:x-)?uu(?:e|encode)?))\b", re.IGNORECASE
)
_ENCODINGS = ("base64", "quoted-printable", "x-uuencode")
#: The errors that the standard library raises for broken mails.
_BROKEN = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    MessageError,
)
_P = TypeVar("_P")


#: For each multipart of alternatives around a part: its number, and that of the part's branch.
Branches: TypeAlias = tuple[tuple[int, int], ...]
_ALTERNATIVE = "multipart/alternative"


class Leaf(NamedTuple):
    """A part that holds something, without its transfer encoding."""

    media_type: str
    name: str
    disposition: str | None
    charset: str | None
    data: bytes
    branches: Branches = ()


def fast_leaves(tree: fast_mail_parser.PyLazyMimePart) -> Iterator[Leaf]:
    """Yield the leaves in order, including inner mails and multiparts without parts."""
    waiting: list[tuple[fast_mail_parser.PyLazyMimePart, Branches]] = [(tree, ())]
    while waiting:
        part, branches = waiting.pop()
        if part.children and not part.is_message:
            waiting.extend(_branching(part.children, part.content_type, branches))
            continue
        headers = part.headers
        declared = _CHARSET.search(_first_of(headers, "Content-Type"))
        data, written = part.content or b"", _first_of(headers, "Content-Transfer-Encoding")
        if written.lower() not in ("", "7bit", "8bit", *_ENCODINGS[:2]):
            data = _decoded_as(written, data)
        yield Leaf(
            _kind(part.content_type.lower(), part.filename),
            part.filename,
            part.disposition,
            declared[1] if declared else None,
            data,
            branches,
        )


def _branching(parts: Sequence[_P], kind: str, branches: Branches) -> Iterator[tuple[_P, Branches]]:
    """Yield the parts of a multipart, the last first, each with the alternatives around it."""
    chosen, mark = kind.lower() == _ALTERNATIVE, id(parts)
    for nth in range(len(parts) - 1, -1, -1):
        yield parts[nth], (*branches, (mark, nth)) if chosen else branches


def _kind(written: str, name: str) -> str:
    """Return the media type of a part.

    An invalid one is text (RFC 2045, 5.2), unless the part is a file.
    """
    if "/" in written.strip("/") or name:
        return written
    return "text/html" if written.strip() == "html" else "text/plain"


def _first_of(headers: dict[str, list[str]], name: str) -> str:
    """Return the first value of a field, which nearly always has this spelling."""
    if values := headers.get(name):
        return values[0]
    wanted = name.lower()
    return next((values[0] for other, values in headers.items() if other.lower() == wanted), "")


def _decoded_as(written: str, data: bytes) -> bytes:
    """Return the bytes of an encoding whose spelling no parser knows."""
    found = _ENCODING.match(written)
    if found is None or found.lastindex is None:
        return data
    part = StandardMessage()
    part["Content-Transfer-Encoding"] = _ENCODINGS[found.lastindex - 1]
    part.set_payload(data.decode("ascii", "surrogateescape"))
    with suppress(*_BROKEN):
        decoded: Any = part.get_payload(decode=True)
        return decoded if isinstance(decoded, bytes) else data
    return data


def standard_leaves(data: bytes, flags: set[str]) -> list[Leaf]:
    """Return the parts that the standard library finds, and add to `flags`.

    Raises `BadValue(MAIL_UNREADABLE)`.
    """
    if len(_BOUNDARY.findall(data)) * data.count(b"\n") > MOST_WORK // 10:
        # Each line is compared with the boundary of each part around it.
        raise BadValue(Reason.MAIL_UNREADABLE, "the mail has too many lines in too many MIME parts")
    try:
        parts = _leaves(message_from_bytes(data, policy=policy.compat32))
        return [leaf for part, way in parts for leaf in _standard_leaf(part, way, flags)]
    except RecursionError:
        detail = "MIME parts nested too deep"
    except _BROKEN as error:
        detail = f"{type(error).__name__} in the standard library's parser"
    raise BadValue(Reason.MAIL_UNREADABLE, detail)  # outside, as those errors quote the mail


def _standard_leaf(part: StandardMessage, branches: Branches, flags: set[str]) -> Iterator[Leaf]:
    kind, data = part.get_content_type(), _bytes(part)
    if kind.startswith("multipart/"):
        if not data.strip():
            return
        flags.add(NO_BOUNDARY)
        kind = "text/plain"
    name = decode_field(part.get_filename() or "")
    disposition, declared = part.get_content_disposition(), part.get_content_charset()
    yield Leaf(_kind(kind, name), name, disposition, declared, data, branches)


def _leaves(mail: StandardMessage) -> Iterator[tuple[StandardMessage, Branches]]:
    """Yield the parts that hold something, including inner mails."""
    waiting: list[tuple[Any, Branches]] = [(mail, ())]
    while waiting:
        part, branches = waiting.pop()
        if part.is_multipart() and part.get_content_maintype() == "multipart":
            waiting.extend(_branching(part.get_payload(), part.get_content_type(), branches))
        else:
            yield part, branches


def _bytes(leaf: StandardMessage) -> bytes:
    payload: Any = leaf.get_payload()
    written = str(leaf.get("content-transfer-encoding", ""))
    if isinstance(payload, list):
        # A mail in base64, which RFC 2045 forbids and Exchange writes.
        return _decoded_as(written, b"\n".join(inner.as_bytes() for inner in payload))
    found = _ENCODING.match(written)
    if found is not None and found[1] and leaf.get_content_maintype() == "text":
        data = _with_footer(str(payload).encode("utf-8", "surrogateescape"))
        if data is not None:
            return data
    decoded: Any = leaf.get_payload(decode=True)
    data = decoded if isinstance(decoded, bytes) else b""
    known = written.lower() in ("", "7bit", "8bit", *_ENCODINGS, "uuencode", "uue")
    return data if known else _decoded_as(written, data)


#: Lines of base64, the last of them with padding; a further line of it.
_BASE64 = re.compile(rb"\s*+(?:[A-Za-z0-9+/]++[ \t\r]*+\n)*+(?:[A-Za-z0-9+/]*+==?[ \t\r]*+\n)?")
_MORE_BASE64 = re.compile(rb"(?m)^[A-Za-z0-9+/]{60,}\r?$")


def _with_footer(written: bytes) -> bytes | None:
    """Return a text in base64 with the plain footer of a list's server; None for any other."""
    found = _BASE64.match(written)
    digits = b"".join(found[0].split()) if found else b""
    below = written[found.end() :].strip() if found else b""
    if not digits or not below or len(digits) % 4 or _MORE_BASE64.search(below):
        return None
    return binascii.a2b_base64(digits) + b"\n\n" + below


def decode_field(value: str) -> str:
    """Return a header field without encoded words (RFC 2047) and folds; raw UTF-8 is understood."""
    whole = encoded_words.merge_runs(value.encode("utf-8", "surrogateescape"))[0]
    raw = whole.decode("utf-8", "replace")
    try:
        plain = str(make_header(decode_header(raw)))
    except _BROKEN:
        plain = raw
    return re.sub(r"\r?\n(?=[ \t])", "", plain)
