"""A mail's parts: header fields, text, attachments.

`fast-mail-parser` does the work; the standard library takes what it refuses (an attachment whose
encoding is broken, MIME nested deeper than 256) and where it finds nothing (a multipart without its
boundary). This module raises only `BadValue`. Both parsers silently take Latin-1 for a part without
a charset; so texts are decoded here, by the charset of their part, by that of an HTML page itself,
and last by their letters, with a flag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from email import message_from_bytes, policy
from email.utils import getaddresses
from typing import Any

import fast_mail_parser
import msgspec

from pipeline.services.mail import between_parts, encoded_words
from pipeline.services.mail.messages import Address, Message, Part
from pipeline.services.mail.mime_leaves import (
    MOST_WORK,
    NO_BOUNDARY,
    Leaf,
    decode_field,
    fast_leaves,
    standard_leaves,
)
from pipeline.services.mail.mime_texts import GUESSED, OwnText, join_texts, plain_text, read_text
from pipeline.text import cleaning
from schemas.errors import BadValue
from schemas.reasons import Reason

_FIELD = re.compile(rb"(?m)^[!-9;-~]+[ \t]*:")
_BLANK_LINE = re.compile(rb"\n\r?\n")
#: A line of a header that is neither a field nor continues one; fields that a header has once.
_STRAY = re.compile(rb"(?m)^(?!From )(?![!-9;-~]+[ \t]*:)[^\s][^\n]*(?:\n|\Z)")
_ONCE = re.compile(rb"(?m)^(from|to|subject|date|message-id|mime-version|content-type)[ \t]*:")
_SURE = 2
#: Flag of a mail with text outside of its parts.
_BETWEEN = "text_between_parts"
_CHARSET_BYTES = re.compile(rb"charset\*?\s*=\s*[\"']?([\w.:-]{3,40})", re.IGNORECASE)


def parse(data: bytes) -> Message:
    """Return a mail from its bytes.

    Raises `BadValue`: `NOT_A_MAIL` if it has no header field, `MAIL_UNREADABLE` if its MIME
    structure defeats both parsers.
    """
    blank = _BLANK_LINE.search(data)
    end = blank.start() if blank else len(data)
    if data.startswith((b"\n", b"\r\n")) or not _FIELD.search(data, 0, end):
        raise BadValue(Reason.NOT_A_MAIL, "no header field before the first blank line")
    if _work_of_words(data[:end]) > MOST_WORK:
        raise BadValue(Reason.MAIL_UNREADABLE, "the header has thousands of encoded words")
    sound, strays = _without_strays(data[:end])
    words, is_guess = encoded_words.merge_runs(sound)
    header = _utf8_header(words, data[end:])
    guessed = (GUESSED,) if is_guess or header != words else ()
    data = header + data[end:]
    try:
        message = _by_fast_parser(data, guessed)
    except fast_mail_parser.ParseError:
        message = _by_standard_library(data, guessed)
    return _with_all_text(message, data, strays)


def _without_strays(header: bytes) -> tuple[bytes, list[bytes]]:
    """Return the header without lines that are not fields, and those: parsers end the header there.

    Only if fields follow that a mail has once; else it is a text without a blank line above.
    """
    strays = [line for line in _STRAY.finditer(header) if not line[0].startswith(b">From ")]
    if not strays or len(set(_ONCE.findall(header.lower(), strays[-1].end()))) < _SURE:
        return header, []
    begins = (0, *(line.end() for line in strays))
    ends = (*(line.start() for line in strays), len(header))
    fields = (header[begin:end] for begin, end in zip(begins, ends, strict=True))
    return b"".join(fields), [line[0] for line in strays]


def _with_all_text(message: Message, data: bytes, strays: list[bytes]) -> Message:
    """Return the mail with the text outside of its parts, in UTF-8 or by its letters."""
    outside = (*strays, *between_parts.texts(data))
    read = [read_text(piece, None, is_html=False) for piece in outside]
    if NO_BOUNDARY in message.flags:  # then some of it is a text of its own
        read = [(text, flags) for text, flags in read if text not in message.plain]
    if not read:
        return message
    flags = {_BETWEEN, *message.flags, *(flag for _, found in read for flag in found)}
    between = join_texts(text for text, _ in read)
    return msgspec.structs.replace(message, between=between, flags=tuple(sorted(flags)))


def _by_fast_parser(data: bytes, known: tuple[str, ...]) -> Message:
    mail = fast_mail_parser.parse_email(data, mode="lazy")
    leaves = list(fast_leaves(fast_mail_parser.parse_email_tree(data, mode="lazy")))
    flags = {*known, *(warning.kind.replace("-", "_") for warning in mail.warnings)}
    flags.discard("charset_fallback")
    fields = _lower_case(mail.headers.items())
    if any(leaf.media_type.startswith("multipart/") or _is_broken(leaf.name) for leaf in leaves):
        leaves = standard_leaves(data, flags)
    return _message(
        leaves,
        flags=flags,
        fields=fields,
        sender=_people(fields.get("from", ()), [mail.from_] if mail.from_ else [], most=1),
        to=_people(fields.get("to", ()), mail.to),
        cc=_people(fields.get("cc", ()), mail.cc),
        bcc=_people(fields.get("bcc", ()), mail.bcc),
        reply_to=_people(fields.get("reply-to", ()), mail.reply_to),
    )


def _is_broken(name: str) -> bool:
    """Return whether a file's name has half a character, or an encoded word that is left."""
    return cleaning.REPLACEMENT in name or "=?" in name


def _message(leaves: Iterable[Leaf], *, flags: set[str], **header: Any) -> Message:
    """Return a mail of its header and its leaves: its own texts, and its other parts."""
    texts: list[OwnText] = []
    parts: list[Part] = []
    for leaf in leaves:
        own = (leaf.disposition or "").lower() != "attachment"
        if own and leaf.media_type in ("text/plain", "text/html"):
            is_html = leaf.media_type == "text/html"
            text, text_flags = read_text(leaf.data, leaf.charset, is_html=is_html)
            texts.append(OwnText(is_html, text, leaf.branches))
            flags.update(text_flags)
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
        plain=plain_text(texts),
        html=join_texts(one.text for one in texts if one.is_html),
        parts=tuple(parts),
        flags=tuple(sorted(flags)),
        **header,
    )


def _work_of_words(header: bytes) -> int:
    """Return how many bytes the parsers search for encoded words (RFC 2047).

    The standard library searches from each start up to the next end, the fast parser a fiftieth of
    the whole for each word.
    """
    unclosed = sum(len(part) * part.count(b"=?") for part in header.split(b"?="))
    return unclosed + header.count(b"=?") * len(header) // 50


def _utf8_header(header: bytes, rest: bytes) -> bytes:
    """Return the header in UTF-8 (RFC 6532).

    Old mail programs wrote it in the charset of the text.
    """
    try:
        header.decode()
    except UnicodeDecodeError:
        declared = {name.lower() for name in _CHARSET_BYTES.findall(header)}
        declared = declared or {n.lower() for n in _CHARSET_BYTES.findall(rest, 0, 64 * 1024)}
        try:
            text, _ = cleaning.decode(
                header, declared.pop().decode() if len(declared) == 1 else None
            )
        except BadValue:
            return header
        return text.encode("utf-8", "replace")
    return header


def _lower_case(fields: Iterable[tuple[str, list[str]]]) -> dict[str, list[str]]:
    merged: dict[str, list[str]] = {}
    for name, values in fields:
        merged.setdefault(name.lower(), []).extend(values)
    return merged


def _people(
    values: Sequence[str], found: Iterable[Any], most: int | None = None
) -> tuple[Address, ...]:
    """Return the addresses of a field.

    Those of its first line are as the fast parser takes them, with a name in a comment; those of
    further lines, which a field should not have, follow.
    """
    people = [Address(a.address, a.display_name or None) for a in found]
    if values and "(" in values[0] and not all(one.name for one in people):
        named = {p.address: p.name for p in _standard_addresses(values[:1]) if p.name}
        people = [Address(p.address, p.name or named.get(p.address)) for p in people]
    further = _standard_addresses(values[1:]) if len(values) > 1 else ()
    return (*people, *further)[:most]


def _by_standard_library(data: bytes, known: tuple[str, ...]) -> Message:
    flags = {"standard_library", *known}
    leaves = standard_leaves(data, flags)
    header = message_from_bytes(_BLANK_LINE.split(data, maxsplit=1)[0], policy=policy.compat32)
    fields = _lower_case((name, [decode_field(value)]) for name, value in header.raw_items())
    return _message(
        leaves,
        flags=flags,
        fields=fields,
        sender=_standard_addresses(fields.get("from", [])[:1])[:1],
        to=_standard_addresses(fields.get("to", ())),
        cc=_standard_addresses(fields.get("cc", ())),
        bcc=_standard_addresses(fields.get("bcc", ())),
        reply_to=_standard_addresses(fields.get("reply-to", ())),
    )


def _standard_addresses(values: Sequence[str]) -> tuple[Address, ...]:
    pairs = getaddresses([v.replace("\r", " ").replace("\n", " ") for v in values])
    return tuple(Address(address, name or None) for name, address in pairs if address)
