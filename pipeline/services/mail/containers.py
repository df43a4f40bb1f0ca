"""Containers of a mail's own text and attachments, such as `winmail.dat`.

The others are signed S/MIME bodies, and files that are uuencoded within the text. The contents join
the mail: the text if the mail has none, the files after the attachments that the mail names, so
that those keep their places. A container that cannot be opened (encrypted or damaged) is flagged
`container_not_opened`, since a search does not find all of the mail.
"""

from __future__ import annotations

import binascii
import re

import msgspec
from asn1crypto import cms

from pipeline.documents import text_of
from pipeline.services.mail import messages, mime, mime_texts, tnef
from schemas.errors import BadValue

NOT_OPENED = "container_not_opened"
_SMIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_ENCRYPTED = frozenset({"application/pgp-encrypted"})
#: Nested signatures: a list's server puts its own signature around a mail's.
_DEPTH = 5
#: The errors that the library raises for damaged bytes.
_DAMAGE = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)


def opened(message: messages.Message) -> messages.Message:
    """Return the mail with the contents of its containers."""
    message = _without_uuencoded(message)
    for part in message.parts:
        name = part.name.lower()
        if part.media_type in tnef.MEDIA_TYPES or name == "winmail.dat":
            message = _with_tnef(message, part)
        elif part.media_type in _SMIME or name == "smime.p7m":
            message = _with_signed(message, part)
        elif part.media_type in _ENCRYPTED:
            message = _flagged(message)
    return message


#: A file within a text, as uuencode writes it: 45 bytes a line, whose first letter is their number.
_UUENCODED = re.compile(
    r"(?m)^begin [0-7]{3,4} (?P<name>[^\n]{1,200})\n(?P<lines>(?:[!-`][ -`]{0,84}[ \t]*\n)++)"
    r"(?:[` ]?[ \t]*\n)?end[ \t]*$"
)


def _without_uuencoded(message: messages.Message) -> messages.Message:
    """Return the mail with the files out of its text, after those that it attaches."""
    if "\nend" not in message.plain:
        return message
    files: list[messages.Part] = []

    def taken(found: re.Match[str]) -> str:
        try:
            data = b"".join(map(_uudecoded, found["lines"].splitlines()))
        except binascii.Error:
            return found[0]
        name = found["name"].strip()
        kind = text_of.media_type_of(data, name, "")
        files.append(messages.Part(media_type=kind, name=name, data=data, disposition="uuencoded"))
        return ""

    plain = _UUENCODED.sub(taken, message.plain).strip()
    parts = (*message.parts, *files)
    return msgspec.structs.replace(message, plain=plain, parts=parts) if files else message


def _uudecoded(line: str) -> bytes:
    """Return the bytes of a line whose trailing blanks a mail program may have removed."""
    length = (ord(line[0]) - 32) % 64
    digits = line[1:].rstrip()[: (length + 2) // 3 * 4].ljust((length + 2) // 3 * 4)
    return binascii.a2b_uu(f"{line[0]}{digits}\n".encode("ascii"))


def _flagged(message: messages.Message) -> messages.Message:
    return msgspec.structs.replace(message, flags=tuple(sorted({*message.flags, NOT_OPENED})))


def _with_tnef(message: messages.Message, part: messages.Part) -> messages.Message:
    found = tnef.opened(part.data)
    return _flagged(message) if found is None else joined(message, found)


def joined(message: messages.Message, found: tnef.Opened) -> messages.Message:
    """Return the mail with Outlook's contents: the text if the mail has none, and the files."""
    page = mime_texts.read_text(found.page, None, is_html=True)[0] if found.page else ""
    files = [
        messages.Part(
            media_type=file.media_type,
            name=file.name,
            data=file.data,
            disposition="tnef",
            opened=file.opened,
        )
        for file in found.files
    ]
    text = found.text.replace("\r\n", "\n").strip()
    unread = False
    if found.rtf and not (message.plain or message.html or text or page):
        read = text_of.extract_text(found.rtf, "application/rtf").text
        files.insert(
            0, messages.Part(media_type="application/rtf", name="body.rtf", data=found.rtf)
        )
        text, unread = read or "", read is None
    message = msgspec.structs.replace(
        message,
        plain=message.plain or ("" if message.html else text),
        html=message.html or ("" if message.plain else page),
        parts=(*message.parts, *files),
    )
    return _flagged(message) if found.damaged or unread else message


def _with_signed(message: messages.Message, part: messages.Part) -> messages.Message:
    inner = _inner(part.data)
    if inner is None:
        return _flagged(message)
    return msgspec.structs.replace(
        message,
        plain=message.plain or ("" if message.html else inner.plain),
        html=message.html or ("" if message.plain else inner.html),
        parts=(*message.parts, *inner.parts),
        flags=tuple(sorted({*message.flags, *inner.flags})),
    )


def _inner(data: bytes, depth: int = 1) -> messages.Message | None:
    """Return the MIME entity that a signature wraps; None for an encrypted or damaged one."""
    try:
        content = cms.ContentInfo.load(data)
        if content["content_type"].native != "signed_data":
            return None
        signed = content["content"]["encap_content_info"]["content"].native
    except _DAMAGE:
        return None
    if not isinstance(signed, bytes):
        return None
    try:
        found = mime.parse(signed)
    except BadValue:
        return None
    (only,) = found.parts if len(found.parts) == 1 else (None,)
    if only is not None and only.media_type in _SMIME and depth < _DEPTH:
        return _inner(only.data, depth + 1) or _flagged(found)
    return found
