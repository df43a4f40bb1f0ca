"""A mail taken apart: header fields, text, attachments.

`fast-mail-parser` does the work; the standard library takes what it refuses (an attachment whose
encoding is broken, MIME nested deeper than 256) and what it finds nothing in (a multipart without
its boundary). Neither makes this module raise anything but `BadValue`. Both take Latin-1 for what
names no charset, without a word; so texts are decoded here, by what their part declares, by what
an HTML page says of itself, and last by their letters, which is flagged.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message as StandardMessage
from email.utils import getaddresses
from typing import Any, NamedTuple, TypeAlias, TypeVar

import fast_mail_parser
import msgspec

from pipeline.services.mail import between_parts, encoded_words
from pipeline.text import cleaning
from schemas.errors import BadValue
from schemas.reasons import Reason

_FIELD = re.compile(rb"(?m)^[!-9;-~]+[ \t]*:")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_BOUNDARY = re.compile(rb"boundary\*?[0-9*]{0,4}[ \t]*=", re.IGNORECASE)
#: A line of a header that is neither a field nor goes on with one; fields that stand there once.
_STRAY = re.compile(rb"(?m)^(?!From )(?![!-9;-~]+[ \t]*:)[^\s][^\n]*(?:\n|\Z)")
_ONCE = re.compile(rb"(?m)^(from|to|subject|date|message-id|mime-version|content-type)[ \t]*:")
_SURE = 2
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


_WORDS = re.compile(r"\w+")
#: A page of which fewer words than one in this many stand in no plain text says it once more.
_FEW_NEW = 10
_P = TypeVar("_P")


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
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    plain: str
    html: str
    parts: tuple[Part, ...]
    between: str = ""
    flags: tuple[str, ...] = ()

    def field(self, name: str) -> str | None:
        """The first value of a header field that is not blank."""
        for value in self.fields.get(name, ()):
            if said := value.strip():
                return said
        return None


def parse(data: bytes) -> Message:
    """A mail from its bytes. Raises `BadValue`: `NOT_A_MAIL` if it has not one header field,
    `MAIL_UNREADABLE` if its MIME structure defeats both parsers."""
    blank = _BLANK_LINE.search(data)
    end = blank.start() if blank else len(data)
    if data.startswith((b"\n", b"\r\n")) or not _FIELD.search(data, 0, end):
        raise BadValue(Reason.NOT_A_MAIL, "no header field before the first blank line")
    if _work_of_words(data[:end]) > _MOST_WORK:
        raise BadValue(Reason.MAIL_UNREADABLE, "thousands of encoded words in its header")
    sound, strays = _without_strays(data[:end])
    words, is_guess = encoded_words.made_whole(sound)
    header = _utf8_header(words, data[end:])
    guessed = (_GUESSED,) if is_guess or header != words else ()
    data = header + data[end:]
    try:
        message = _by_fast_parser(data, guessed)
    except fast_mail_parser.ParseError:
        message = _by_standard_library(data, guessed)
    return _with_all_text(message, data, strays)


def _without_strays(header: bytes) -> tuple[bytes, list[bytes]]:
    """The header without lines that are no fields, and those: parsers end the header there.

    Only where fields follow that a mail has once; else it is a text without a blank line above.
    """
    strays = [line for line in _STRAY.finditer(header) if not line[0].startswith(b">From ")]
    if not strays or len(set(_ONCE.findall(header.lower(), strays[-1].end()))) < _SURE:
        return header, []
    for line in reversed(strays):
        header = header[: line.start()] + header[line.end() :]
    return header, [line[0] for line in strays]


def _with_all_text(message: Message, data: bytes, strays: list[bytes]) -> Message:
    """The mail with what stands outside of its parts, in UTF-8 or by its letters."""
    outside = (*strays, *between_parts.texts(data))
    read = [read_text(piece, None, is_html=False) for piece in outside]
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
    fields = _lower_case(mail.headers.items())
    if any(leaf.media_type.startswith("multipart/") or _is_broken(leaf.name) for leaf in leaves):
        leaves = _standard_leaves(data, flags)
    return _message(
        leaves,
        told=flags,
        fields=fields,
        sender=_people(fields.get("from", ()), [mail.from_] if mail.from_ else [], most=1),
        to=_people(fields.get("to", ()), mail.to),
        cc=_people(fields.get("cc", ()), mail.cc),
        bcc=_people(fields.get("bcc", ()), mail.bcc),
        reply_to=_people(fields.get("reply-to", ()), mail.reply_to),
    )


#: For each multipart of alternatives around a part: which it is, and in which branch the part lies.
_Branches: TypeAlias = tuple[tuple[int, int], ...]
_ALTERNATIVE = "multipart/alternative"


class _Leaf(NamedTuple):
    """A part that holds something, decoded from what it was encoded in for the way."""

    media_type: str
    name: str
    disposition: str | None
    charset: str | None
    data: bytes
    branches: _Branches = ()


def _fast_leaves(tree: fast_mail_parser.PyLazyMimePart) -> Iterator[_Leaf]:
    """The leaves in order; a mail within is one of them, and so is a multipart of no parts."""
    waiting: list[tuple[fast_mail_parser.PyLazyMimePart, _Branches]] = [(tree, ())]
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
        yield _Leaf(
            _kind(part.content_type.lower(), part.filename),
            part.filename,
            part.disposition,
            declared[1] if declared else None,
            data,
            branches,
        )


def _branching(
    parts: Sequence[_P], kind: str, branches: _Branches
) -> Iterator[tuple[_P, _Branches]]:
    """The parts of a multipart, the last first, each with the alternatives that it lies in."""
    chosen, mark = kind.lower() == _ALTERNATIVE, id(parts)
    for nth in range(len(parts) - 1, -1, -1):
        yield parts[nth], (*branches, (mark, nth)) if chosen else branches


def _kind(written: str, name: str) -> str:
    """The media type of a part; what is none is a text (RFC 2045, 5.2), unless it is a file."""
    if "/" in written.strip("/") or name:
        return written
    return "text/html" if written.strip() == "html" else "text/plain"


def _is_broken(name: str) -> bool:
    """Whether a file's name holds half a character, or an encoded word that was not taken."""
    return cleaning.REPLACEMENT in name or "=?" in name


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
    texts: list[_Own] = []
    parts: list[Part] = []
    for leaf in leaves:
        own = (leaf.disposition or "").lower() != "attachment"
        if own and leaf.media_type in ("text/plain", "text/html"):
            is_html = leaf.media_type == "text/html"
            said_so, flags = read_text(leaf.data, leaf.charset, is_html=is_html)
            texts.append(_Own(is_html, said_so, leaf.branches))
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
        plain=_plain(texts),
        html=_joined(one.said for one in texts if one.is_html),
        parts=tuple(parts),
        flags=tuple(sorted(told)),
        **said,
    )


class _Own(NamedTuple):
    """A text of the mail's own."""

    is_html: bool
    said: str
    branches: _Branches


def _plain(texts: Sequence[_Own]) -> str:
    """The plain texts, and what pages say for which no plain text stands: a list's footer below a
    page is not all of the mail. Nothing where all of its texts are pages."""
    plain = [one for one in texts if not one.is_html and one.said.strip()]
    if not plain or not any(one.is_html for one in texts):
        return _joined(one.said for one in plain)
    instead = {mark: nth for one in reversed(plain) for mark, nth in one.branches}
    words = {word for one in plain for word in _WORDS.findall(one.said.casefold())}
    shown: list[str] = []
    for one in texts:
        said = one.said
        if one.is_html:
            if any(instead.get(mark, nth) != nth for mark, nth in one.branches):
                continue
            said = cleaning.html_to_text(said)
            own = set(_WORDS.findall(said.casefold()))
            if len(own - words) * _FEW_NEW <= len(own):
                continue  # the same once more
        shown.append(said)
    return _joined(shown)


def read_text(data: bytes, declared: str | None, *, is_html: bool) -> tuple[str, tuple[str, ...]]:
    """The text of a part, and flags.

    In what it declares, however few bytes are no letters in that; else in what its letters say.
    """
    claim = cleaning.declared_in_html(data, declared) if is_html else declared
    said = None
    with suppress(BadValue):
        said, name = cleaning.decode(data, claim)
        if not cleaning.is_guess(name, claim):
            return said, ()
    kept = cleaning.decode_anyhow(data, claim)
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
    lost = said.count(cleaning.REPLACEMENT)
    return lost > 0 and lost > sum(letter > "\x7f" for letter in said) - lost


def _utf8_header(header: bytes, rest: bytes) -> bytes:
    """The header in UTF-8 (RFC 6532); old mail programs wrote it in the charset of the text."""
    try:
        header.decode()
    except UnicodeDecodeError:
        declared = {name.lower() for name in _CHARSET_BYTES.findall(header)}
        declared = declared or {n.lower() for n in _CHARSET_BYTES.findall(rest, 0, 64 * 1024)}
        try:
            said, _ = cleaning.decode(
                header, declared.pop().decode() if len(declared) == 1 else None
            )
        except BadValue:
            return header
        return said.encode("utf-8", "replace")
    return header


def _lower_case(fields: Iterable[tuple[str, list[str]]]) -> dict[str, list[str]]:
    merged: dict[str, list[str]] = {}
    for name, values in fields:
        merged.setdefault(name.lower(), []).extend(values)
    return merged


def _people(
    values: Sequence[str], found: Iterable[Any], most: int | None = None
) -> tuple[Address, ...]:
    """The addresses of a field: those of its first line as the fast parser takes them, a name in
    a comment with them; then those of further lines, which a field should not have."""
    people = [Address(a.address, a.display_name or None) for a in found]
    if values and "(" in values[0] and not all(one.name for one in people):
        named = {p.address: p.name for p in _standard_addresses(values[:1]) if p.name}
        people = [Address(p.address, p.name or named.get(p.address)) for p in people]
    further = _standard_addresses(values[1:]) if len(values) > 1 else ()
    return (*people, *further)[:most]


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
        sender=_standard_addresses(fields.get("from", [])[:1])[:1],
        to=_standard_addresses(fields.get("to", ())),
        cc=_standard_addresses(fields.get("cc", ())),
        bcc=_standard_addresses(fields.get("bcc", ())),
        reply_to=_standard_addresses(fields.get("reply-to", ())),
    )


def _standard_leaves(data: bytes, told: set[str]) -> list[_Leaf]:
    if len(_BOUNDARY.findall(data)) * data.count(b"\n") > _MOST_WORK // 10:
        # Each line is compared with the boundary of each part round it.
        raise BadValue(Reason.MAIL_UNREADABLE, "too many lines in too many MIME parts")
    try:
        parts = _leaves(message_from_bytes(data, policy=policy.compat32))
        return [leaf for part, way in parts for leaf in _standard_leaf(part, way, told)]
    except RecursionError:
        detail = "MIME parts nested too deep"
    except _BROKEN as error:
        detail = f"{type(error).__name__} in the standard library's parser"
    raise BadValue(Reason.MAIL_UNREADABLE, detail)  # outside, as those errors quote the mail


def _standard_leaf(part: StandardMessage, branches: _Branches, told: set[str]) -> Iterator[_Leaf]:
    kind, data = part.get_content_type(), _bytes(part)
    if kind.startswith("multipart/"):
        if not data.strip():
            return
        told.add(_NO_BOUNDARY)
        kind = "text/plain"
    name = _decoded(part.get_filename() or "")
    disposition, declared = part.get_content_disposition(), part.get_content_charset()
    yield _Leaf(_kind(kind, name), name, disposition, declared, data, branches)


def _leaves(mail: StandardMessage) -> Iterator[tuple[StandardMessage, _Branches]]:
    """The parts that hold something; a mail within a mail is one of them."""
    waiting: list[tuple[Any, _Branches]] = [(mail, ())]
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


#: Lines of base64, the last of them with padding; a line that is some more of it.
_BASE64 = re.compile(rb"\s*+(?:[A-Za-z0-9+/]++[ \t\r]*+\n)*+(?:[A-Za-z0-9+/]*+==?[ \t\r]*+\n)?")
_MORE_BASE64 = re.compile(rb"(?m)^[A-Za-z0-9+/]{60,}\r?$")


def _with_footer(written: bytes) -> bytes | None:
    """A text in base64, and as it stands what a list's server put below; None of any other."""
    found = _BASE64.match(written)
    digits = b"".join(found[0].split()) if found else b""
    below = written[found.end() :].strip() if found else b""
    if not digits or not below or len(digits) % 4 or _MORE_BASE64.search(below):
        return None
    return binascii.a2b_base64(digits) + b"\n\n" + below


def _decoded(value: str) -> str:
    """A header field without encoded words (RFC 2047) and without folds, raw UTF-8 understood."""
    whole = encoded_words.made_whole(value.encode("utf-8", "surrogateescape"))[0]
    raw = whole.decode("utf-8", "replace")
    try:
        plain = str(make_header(decode_header(raw)))
    except _BROKEN:
        plain = raw
    return re.sub(r"\r?\n(?=[ \t])", "", plain)


def _standard_addresses(values: Sequence[str]) -> tuple[Address, ...]:
    pairs = getaddresses([v.replace("\r", " ").replace("\n", " ") for v in values])
    return tuple(Address(address, name or None) for name, address in pairs if address)
