"""A mail taken apart: header fields, text, attachments.

`fast-mail-parser` does the work; the standard library takes what it refuses (an attachment whose
encoding is broken, MIME nested deeper than 256) and what it finds nothing in (a multipart without
its boundary). Neither makes this module raise anything but `BadValue`. Both take Latin-1 for what
names no charset, without a word; so texts are decoded here, by what their part declares, by what
an HTML page says of itself, and last by their letters, which is flagged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message as StandardMessage
from email.utils import getaddresses
from typing import Any, NamedTuple

import fast_mail_parser
import msgspec

from pipeline import mail_between, text
from schemas.errors import BadValue
from schemas.reasons import Reason

_FIELD = re.compile(rb"(?m)^[!-9;-~]+[ \t]*:")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_BOUNDARY = re.compile(rb"boundary\*?[0-9*]{0,4}[ \t]*=", re.IGNORECASE)
#: Bytes that a parser reads in about a second, counted each time that it reads them.
_MOST_WORK = 200_000_000
#: Flag of a mail in which something was in a charset that it does not name.
_GUESSED = "charset_guessed"
#: Flag of a mail with a multipart in which no boundary stands where it should: kept as raw text.
_NO_BOUNDARY = "boundary_missing"
#: Flag of a mail that says something outside of its parts.
_BETWEEN = "text_between_parts"
_CHARSET = re.compile(r"charset\*?\s*=\s*[\"']?(?:[\w-]*'[\w-]*')?([^\s\"';]+)", re.IGNORECASE)
_CHARSET_BYTES = re.compile(rb"charset\*?\s*=\s*[\"']?([\w.:-]{3,40})", re.IGNORECASE)
_WORD = re.compile(rb"=\?[\w.:-]{2,40}\?[Qq]\?[^?\r\n]{0,1000}\?=")
_HIGH = re.compile(rb"[\x80-\xff]")
#: How encodings are spelled, with blanks, quotes or comments that neither parser passes over.
_ENCODING = re.compile(
    r"[\s\"']*(?:(base-?64)|(quoted[-/_ ]?printable)|((?:x-)?uu(?:e|encode)?))\b", re.IGNORECASE
)
_ENCODINGS = ("base64", "quoted-printable", "x-uuencode")
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
    """A mailbox: `ana@example.org`, and the name that stood with it; or a name alone."""

    address: str = ""
    name: str | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment, or whatever else is neither text nor HTML of the mail itself."""

    media_type: str
    name: str
    data: bytes
    disposition: str | None = None
    charset: str | None = None
    """What the part says its text is in."""
    opened: Message | None = None
    """The mail that it is, where a container holds its parts and not its bytes."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A mail. `fields` holds every header field under its lower-case name, decoded, in order;
    `between` is what it says outside of its parts."""

    fields: dict[str, list[str]]
    sender: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    plain: str
    html: str
    parts: tuple[Part, ...]
    between: str = ""
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
    written = data[:end] if data[:end].isascii() else _WORD.sub(_quoted, data[:end])
    header = _utf8_header(written, data[end:])
    if _work_of_words(header) > _MOST_WORK:
        raise BadValue(Reason.MAIL_UNREADABLE, "thousands of encoded words in its header")
    guessed = (_GUESSED,) if header != written else ()
    data = header + data[end:]
    try:
        message = _by_fast_parser(data, guessed)
    except fast_mail_parser.ParseError:
        message = _by_standard_library(data, guessed)
    return _with_all_text(message, data)


def _with_all_text(message: Message, data: bytes) -> Message:
    """The mail with what stands outside of its parts, in UTF-8 or by its letters."""
    read = [read_text(piece, None, is_html=False) for piece in mail_between.texts(data)]
    if _NO_BOUNDARY in message.flags:  # then some of it is a text of its own
        read = [(said, told) for said, told in read if said not in message.plain]
    if not read:
        return message
    flags = {_BETWEEN, *message.flags, *(flag for _, told in read for flag in told)}
    between = _joined(said for said, _ in read)
    return msgspec.structs.replace(message, between=between, flags=tuple(sorted(flags)))


def _by_fast_parser(data: bytes, told: tuple[str, ...]) -> Message:
    mail = fast_mail_parser.parse_email(data, mode="lazy")
    leaves = list(_fast_leaves(fast_mail_parser.parse_email_tree(data, mode="lazy")))
    flags = {*told, *(warning.kind.replace("-", "_") for warning in mail.warnings)}
    flags.discard("charset_fallback")
    if any(leaf.media_type.startswith("multipart/") for leaf in leaves):
        leaves = _standard_leaves(data, flags)
    return _message(
        leaves,
        told=flags,
        fields=_lower_case(mail.headers.items()),
        sender=_addresses([mail.from_] if mail.from_ else []),
        to=_addresses(mail.to),
        cc=_addresses(mail.cc),
    )


class _Leaf(NamedTuple):
    """A part that holds something, decoded from what it was encoded in for the way."""

    media_type: str
    name: str
    disposition: str | None
    charset: str | None
    data: bytes


def _fast_leaves(tree: fast_mail_parser.PyLazyMimePart) -> Iterator[_Leaf]:
    """The leaves in order; a mail within is one of them, and so is a multipart of no parts."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if part.children and not part.is_message:
            waiting.extend(reversed(part.children))
            continue
        headers = part.headers
        declared = _CHARSET.search(_first_of(headers, "Content-Type"))
        data, written = part.content or b"", _first_of(headers, "Content-Transfer-Encoding")
        if written.lower() not in ("", "7bit", "8bit", *_ENCODINGS[:2]):
            data = _decoded_as(written, data)
        yield _Leaf(
            part.content_type.lower(),
            part.filename,
            part.disposition,
            declared[1] if declared else None,
            data,
        )


def _first_of(headers: dict[str, list[str]], name: str) -> str:
    """The first value of a field, which is nearly always spelled like that."""
    if values := headers.get(name):
        return values[0]
    wanted = name.lower()
    return next((values[0] for other, values in headers.items() if other.lower() == wanted), "")


def _decoded_as(written: str, data: bytes) -> bytes:
    """The bytes behind an encoding that is spelled as no parser knows it."""
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


def _message(leaves: Iterable[_Leaf], *, told: set[str], **said: Any) -> Message:
    """A mail of its header and its leaves: texts that are its own, and whatever else it holds."""
    plain: list[str] = []
    html: list[str] = []
    parts: list[Part] = []
    for leaf in leaves:
        own = (leaf.disposition or "").lower() != "attachment"
        if own and leaf.media_type in ("text/plain", "text/html"):
            said_so, flags = read_text(
                leaf.data, leaf.charset, is_html=leaf.media_type[5:] == "html"
            )
            (html if leaf.media_type == "text/html" else plain).append(said_so)
            told.update(flags)
        else:
            parts.append(
                Part(
                    media_type=leaf.media_type,
                    name=leaf.name,
                    data=leaf.data,
                    disposition=leaf.disposition,
                    charset=leaf.charset,
                )
            )
    return Message(
        plain=_joined(plain),
        html=_joined(html),
        parts=tuple(parts),
        flags=tuple(sorted(told)),
        **said,
    )


def read_text(data: bytes, declared: str | None, *, is_html: bool) -> tuple[str, tuple[str, ...]]:
    """The text of a part, and flags.

    In what it declares, however few bytes are no letters in that; else in what its letters say.
    """
    claim = text.declared_in_html(data, declared) if is_html else declared
    said = None
    with suppress(BadValue):
        said, name = text.decode(data, claim)
        if not text.is_guess(name, claim):
            return said, ()
    kept = text.decode_anyhow(data, claim)
    if not _is_misread(kept):
        return kept, ()
    return said or kept, (_GUESSED,)


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


def _quoted(word: re.Match[bytes]) -> bytes:
    """An encoded word with the bytes quoted that should have been; the parsers drop them."""
    return _HIGH.sub(lambda byte: b"=%02X" % byte[0][0], word[0])


def _utf8_header(header: bytes, rest: bytes) -> bytes:
    """The header in UTF-8 (RFC 6532); old mail programs wrote it in the charset of the text."""
    try:
        header.decode()
    except UnicodeDecodeError:
        declared = {name.lower() for name in _CHARSET_BYTES.findall(header)}
        declared = declared or {n.lower() for n in _CHARSET_BYTES.findall(rest, 0, 64 * 1024)}
        try:
            said, _ = text.decode(header, declared.pop().decode() if len(declared) == 1 else None)
        except BadValue:
            return header
        return said.encode("utf-8", "replace")
    return header


def _lower_case(fields: Iterable[tuple[str, list[str]]]) -> dict[str, list[str]]:
    merged: dict[str, list[str]] = {}
    for name, values in fields:
        merged.setdefault(name.lower(), []).extend(values)
    return merged


def _addresses(found: Iterable[Any]) -> tuple[Address, ...]:
    return tuple(Address(a.address, a.display_name or None) for a in found)


def _joined(texts: Iterable[str]) -> str:
    return "\n\n".join(filter(None, (t.replace("\r\n", "\n").strip() for t in texts)))


def _by_standard_library(data: bytes, told: tuple[str, ...]) -> Message:
    flags = {"standard_library", *told}
    leaves = _standard_leaves(data, flags)
    header = message_from_bytes(_BLANK_LINE.split(data, maxsplit=1)[0], policy=policy.compat32)
    fields = _lower_case((name, [_decoded(value)]) for name, value in header.raw_items())
    return _message(
        leaves,
        told=flags,
        fields=fields,
        sender=_standard_addresses(fields.get("from", [])[:1]),
        to=_standard_addresses(fields.get("to", [])[:1]),
        cc=_standard_addresses(fields.get("cc", [])[:1]),
    )


def _standard_leaves(data: bytes, told: set[str]) -> list[_Leaf]:
    if len(_BOUNDARY.findall(data)) * data.count(b"\n") > _MOST_WORK // 10:
        # Each line is compared with the boundary of each part round it.
        raise BadValue(Reason.MAIL_UNREADABLE, "too many lines in too many MIME parts")
    try:
        parts = _leaves(message_from_bytes(data, policy=policy.compat32))
        return [leaf for part in parts for leaf in _standard_leaf(part, told)]
    except RecursionError:
        detail = "MIME parts nested too deep"
    except _BROKEN as error:
        detail = f"{type(error).__name__} in the standard library's parser"
    raise BadValue(Reason.MAIL_UNREADABLE, detail)  # outside, as those errors quote the mail


def _standard_leaf(part: StandardMessage, told: set[str]) -> Iterator[_Leaf]:
    kind, data = part.get_content_type(), _bytes(part)
    if kind.startswith("multipart/"):
        if not data.strip():
            return
        told.add(_NO_BOUNDARY)
        kind = "text/plain"
    name = _decoded(part.get_filename() or "")
    yield _Leaf(kind, name, part.get_content_disposition(), part.get_content_charset(), data)


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
    written = str(leaf.get("content-transfer-encoding", ""))
    if isinstance(payload, list):
        # A mail in base64, which RFC 2045 forbids and Exchange writes.
        return _decoded_as(written, b"\n".join(inner.as_bytes() for inner in payload))
    decoded: Any = leaf.get_payload(decode=True)
    data = decoded if isinstance(decoded, bytes) else b""
    known = written.lower() in ("", "7bit", "8bit", *_ENCODINGS, "uuencode", "uue")
    return data if known else _decoded_as(written, data)


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
