"""A mail taken apart: header fields, text, attachments.

`fast-mail-parser` does the work; the standard library takes what it refuses (an attachment whose
encoding is broken, MIME nested deeper than 256) and what it can only guess at (a charset that it
does not know). Neither makes this module raise anything but `BadValue`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message as StandardMessage
from email.utils import getaddresses
from typing import Any

import fast_mail_parser
import msgspec

from pipeline import text
from schemas.errors import BadValue
from schemas.reasons import Reason

_FIELD = re.compile(rb"(?m)^[!-9;-~]+[ \t]*:")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_BOUNDARY = re.compile(rb"boundary\*?[0-9*]{0,4}[ \t]*=", re.IGNORECASE)
#: Bytes that are looked through, over and over, by a parser for a second or so.
_MOST_WORK = 200_000_000
#: Flag of a mail in which something was in a charset that it does not name.
_GUESSED = "charset_guessed"
#: What the standard library is seen to raise on broken mails.
_BROKEN = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    MessageError,
)


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """A mailbox: `ana@example.org`, and the name that stood with it."""

    address: str
    name: str | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment, or whatever else is neither text nor HTML of the mail itself."""

    media_type: str
    name: str
    data: bytes
    disposition: str | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A mail. `fields` holds every header field under its lower-case name, decoded, in order."""

    fields: dict[str, list[str]]
    sender: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    plain: str
    html: str
    parts: tuple[Part, ...]
    flags: tuple[str, ...] = ()

    def field(self, name: str) -> str | None:
        """The first value of a header field that is not blank."""
        return next((v.strip() for v in self.fields.get(name, ()) if v.strip()), None)


def parse(data: bytes) -> Message:
    """A mail from its bytes. Raises `BadValue`: `NOT_A_MAIL` if it has not one header field,
    `MAIL_UNREADABLE` if its MIME structure defeats both parsers."""
    blank = _BLANK_LINE.search(data)
    end = blank.start() if blank else len(data)
    if data.startswith((b"\n", b"\r\n")) or not _FIELD.search(data, 0, end):
        raise BadValue(Reason.NOT_A_MAIL, "no header field before the first blank line")
    header = _utf8_header(data[:end])
    if _work_of_words(header) > _MOST_WORK:
        raise BadValue(Reason.MAIL_UNREADABLE, "thousands of encoded words in its header")
    guessed = (_GUESSED,) if header != data[:end] else ()
    data = header + data[end:]
    try:
        mail = fast_mail_parser.parse_email(data, mode="lazy")
        parts = [_part(p.mimetype, p.filename, p.content, p.disposition) for p in mail.attachments]
    except fast_mail_parser.ParseError:
        return _by_standard_library(data, guessed)
    flags = tuple(sorted({*guessed, *(w.kind.replace("-", "_") for w in mail.warnings)}))
    if "charset_fallback" in flags or any(map(_is_misread, (*mail.text_plain, *mail.text_html))):
        return _by_standard_library(data, guessed)
    return Message(
        fields=_lower_case(mail.headers.items()),
        sender=_addresses([mail.from_] if mail.from_ else []),
        to=_addresses(mail.to),
        cc=_addresses(mail.cc),
        plain=_joined(mail.text_plain),
        html=_joined(mail.text_html),
        parts=tuple(parts),
        flags=flags,
    )


def _work_of_words(header: bytes) -> int:
    """How many bytes the parsers look through for encoded words (RFC 2047): the standard library of
    each start up to the next end, the fast one of each word a fiftieth of the whole."""
    unclosed = sum(len(part) * part.count(b"=?") for part in header.split(b"?="))
    return unclosed + header.count(b"=?") * len(header) // 50


def _is_misread(said: str) -> bool:
    """Whether its charset was declared wrongly: more was lost than was read beyond ASCII. One
    character cut in two, as by a list's footer, is none of that."""
    lost = said.count(text.REPLACEMENT)
    return lost > 0 and lost > sum(letter > "\x7f" for letter in said) - lost


def _utf8_header(header: bytes) -> bytes:
    """The header in UTF-8 (RFC 6532); old mail programs wrote it in their own charset."""
    try:
        header.decode()
    except UnicodeDecodeError:
        try:
            return text.decode(header)[0].encode("utf-8", "replace")
        except BadValue:
            return header
    return header


def _part(media_type: str, name: str, data: bytes, disposition: str | None) -> Part:
    return Part(media_type=media_type.lower(), name=name, data=data, disposition=disposition)


def _lower_case(fields: Iterable[tuple[str, list[str]]]) -> dict[str, list[str]]:
    merged: dict[str, list[str]] = {}
    for name, values in fields:
        merged.setdefault(name.lower(), []).extend(values)
    return merged


def _addresses(found: Iterable[Any]) -> tuple[Address, ...]:
    return tuple(Address(a.address, a.display_name or None) for a in found)


def _joined(texts: Iterable[str]) -> str:
    return "\n\n".join(filter(None, (t.replace("\r\n", "\n").strip() for t in texts)))


def _by_standard_library(data: bytes, flags: tuple[str, ...]) -> Message:
    if len(_BOUNDARY.findall(data)) * data.count(b"\n") > _MOST_WORK // 10:
        # Each line is compared with the boundary of each part round it.
        raise BadValue(Reason.MAIL_UNREADABLE, "too many lines in too many MIME parts")
    try:
        return _from_standard(message_from_bytes(data, policy=policy.compat32), flags)
    except RecursionError:
        detail = "MIME parts nested too deep"
    except _BROKEN as error:
        detail = f"{type(error).__name__} in the standard library's parser"
    raise BadValue(Reason.MAIL_UNREADABLE, detail)  # outside, as those errors quote the mail


def _from_standard(mail: StandardMessage, flags: tuple[str, ...]) -> Message:
    plain: list[str] = []
    html: list[str] = []
    parts: list[Part] = []
    told = {"standard_library", *flags}
    for leaf in _leaves(mail):
        kind = leaf.get_content_type()
        if kind in ("text/plain", "text/html") and leaf.get_content_disposition() != "attachment":
            said, name = text.decode(_bytes(leaf), declared := leaf.get_content_charset())
            (plain if kind == "text/plain" else html).append(said)
            told.update({_GUESSED} if text.is_guess(name, declared) else ())
        else:
            name = _decoded(leaf.get_filename() or "")
            parts.append(_part(kind, name, _bytes(leaf), leaf.get_content_disposition()))
    fields = _lower_case((name, [_decoded(value)]) for name, value in mail.raw_items())
    return Message(
        fields=fields,
        sender=_standard_addresses(fields.get("from", [])[:1]),
        to=_standard_addresses(fields.get("to", [])[:1]),
        cc=_standard_addresses(fields.get("cc", [])[:1]),
        plain=_joined(plain),
        html=_joined(html),
        parts=tuple(parts),
        flags=tuple(sorted(told)),
    )


def _leaves(mail: StandardMessage) -> Iterator[StandardMessage]:
    """The parts that hold something; a mail within a mail is one of them."""
    waiting: list[Any] = [mail]
    while waiting:
        part = waiting.pop()
        if part.is_multipart() and part.get_content_maintype() == "multipart":
            waiting.extend(reversed(part.get_payload()))
        else:
            yield part


def _bytes(leaf: StandardMessage) -> bytes:
    payload: Any = leaf.get_payload()
    if isinstance(payload, list):
        return b"\n".join(inner.as_bytes() for inner in payload)
    decoded: Any = leaf.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""


def _decoded(value: str) -> str:
    """A header field without encoded words (RFC 2047) and without folds, raw UTF-8 understood."""
    raw = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        plain = str(make_header(decode_header(raw)))
    except _BROKEN:
        plain = raw
    return re.sub(r"\r?\n(?=[ \t])", "", plain)


def _standard_addresses(values: list[str]) -> tuple[Address, ...]:
    pairs = getaddresses([v.replace("\r", " ").replace("\n", " ") for v in values])
    return tuple(Address(address, name or None) for name, address in pairs if address)
