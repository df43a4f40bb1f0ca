"""A mail as Outlook saves it, `.msg` ([MS-OXMSG]): a compound file of MAPI's properties.

Texts and bytes stand in streams named after their property and its type, numbers and times in
`__properties_version1.0`; recipients and attachments are storages. A mail that came in by SMTP has
its header fields whole; of others they are made of the properties.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import encode_rfc2231, format_datetime, formataddr

import msgspec

from pipeline.services.mail import containers, mapi, messages, mime, tnef
from pipeline.syntax import compound_files
from pipeline.syntax.compound_files import Storage
from schemas.errors import BadValue
from schemas.reasons import Reason

_STREAM = re.compile(r"__substg1\.0_([0-9A-F]{4})([0-9A-F]{4})", re.ASCII)
_FIXED = "__properties_version1.0"
_EMBEDDED = f"__substg1.0_{mapi.ATTACH_DATA:04X}000D"
_UNICODE, _STRING8, _TIME, _INTEGER = 0x1F, 0x1E, 0x40, 0x03
_LINE = struct.Struct("<HHIQ")
#: Bytes above the lines of `__properties_version1.0`: of a mail, of one within, of what is in it.
_ABOVE_MAIL, _ABOVE_WITHIN, _ABOVE_PART = 32, 24, 8
_FILETIME = datetime(1601, 1, 1, tzinfo=UTC)
#: 4501-01-01, which Outlook writes for none.
_NEVER = 0x0CB34557A3DD4000
_TO, _CC, _BCC = 1, 2, 3
_RECIPIENT, _ATTACHMENT = "__recip_version1.0_", "__attach_version1.0_"
#: Mails within each other that are opened.
_DEPTH = 10
#: Code pages of languages, and of locales that differ from their language's ([MS-LCID]).
_OF_LANGUAGES = {
    **dict.fromkeys((0x05, 0x0E, 0x15, 0x18, 0x1A, 0x1B, 0x1C, 0x24), 1250),
    **dict.fromkeys((0x02, 0x19, 0x22, 0x23, 0x2F, 0x3F), 1251),
    0x08: 1253,
    0x1F: 1254,
    0x0D: 1255,
    0x2A: 1258,
    0x1E: 874,
    **dict.fromkeys((0x01, 0x20, 0x29), 1256),
    **dict.fromkeys((0x25, 0x26, 0x27), 1257),
    0x11: 932,
    0x04: 936,
    0x12: 949,
}
_OF_LOCALES = dict.fromkeys((0x0404, 0x0C04, 0x1404), 950)
#: What Exchange writes above the fields.
_EXCHANGE = re.compile(r"Microsoft Mail Internet Headers[^\n]*\n")
_FIELDS = {
    "Subject": mapi.SUBJECT,
    "In-Reply-To": mapi.IN_REPLY_TO,
    "References": mapi.REFERENCES,
}
_CONTENT = re.compile(r"(?im)^(?:content-[\w-]+|mime-version):.*\r?\n(?:[ \t].*\r?\n)*")


def opened(data: bytes) -> tuple[messages.Message, str]:
    """The mail, and its class, such as `IPM.Note`.

    Raises `BadValue(NOT_A_MAIL)` for what is no compound file, or one of something else.
    """
    try:
        root = compound_files.opened(data)
    except compound_files.Damaged:
        raise BadValue(Reason.NOT_A_MAIL, "the compound file is damaged") from None
    if _FIXED not in root.streams:
        raise BadValue(Reason.NOT_A_MAIL, "no mail of Outlook, but another compound file")
    said, numbers = _said(root, _ABOVE_MAIL)
    return _mail(root, said, numbers, depth=0), mapi.text_of(said, mapi.MESSAGE_CLASS)


def _mail(
    storage: Storage, said: dict[int, str | bytes], numbers: dict[int, int], depth: int
) -> messages.Message:
    came = _CONTENT.sub("", _EXCHANGE.sub("", mapi.text_of(said, mapi.HEADERS).lstrip()) + "\n")
    message = mime.parse(_header(came, said, numbers))
    if not came.strip():
        to, cc, bcc = (tuple(_recipients(storage, kind)) for kind in (_TO, _CC, _BCC))
        message = msgspec.structs.replace(message, sender=_sender(said), to=to, cc=cc, bcc=bcc)
    return containers.joined(message, _found(storage, said, depth))


def _said(storage: Storage, above: int) -> tuple[dict[int, str | bytes], dict[int, int]]:
    """The texts and bytes among the properties of a storage, and its numbers, by id."""
    numbers = dict(_numbers(storage.streams.get(_FIXED, b""), above))
    page = _code_page(numbers)
    said: dict[int, str | bytes] = {}
    for name, value in storage.streams.items():
        found = _STREAM.fullmatch(name)
        if found is None:
            continue
        kind = int(found[2], 16)
        if kind == _UNICODE:
            said[int(found[1], 16)] = value.decode("utf-16-le", "replace").rstrip("\0")
        elif kind == _STRING8:
            said[int(found[1], 16)] = mapi.string8(value, page)
        elif kind == 0x0102:
            said[int(found[1], 16)] = value
    return said, numbers


def _code_page(numbers: dict[int, int]) -> str:
    """The code page of 8-bit texts: as is told, else that of the mail's language in Windows."""
    told = numbers.get(mapi.CODE_PAGE)
    locale = numbers.get(mapi.LOCALE, 0)
    return f"cp{told or _OF_LOCALES.get(locale) or _OF_LANGUAGES.get(locale & 0x3FF, 1252)}"


def _numbers(lines: bytes, above: int) -> Iterator[tuple[int, int]]:
    usable = lines[above : above + (len(lines) - above) // _LINE.size * _LINE.size]
    for kind, name, _, value in _LINE.iter_unpack(usable if len(lines) > above else b""):
        if kind in (_TIME, _INTEGER):
            yield name, value if kind == _TIME else value & 0xFFFFFFFF


def _found(root: Storage, said: dict[int, str | bytes], depth: int) -> tnef.Opened:
    packed = mapi.bytes_of(said, mapi.RTF_COMPRESSED)
    rtf = mapi.unpacked_rtf(packed)
    files = [
        _file(storage, depth)
        for name, storage in sorted(root.storages.items())
        if name.startswith(_ATTACHMENT)
    ]
    return tnef.Opened(
        text=mapi.text_of(said, mapi.BODY),
        page=mapi.bytes_of(said, mapi.HTML),
        rtf=rtf,
        files=[file for file in files if file.data],
        damaged=(bool(packed) and not rtf) or not all(file.data for file in files),
    )


def _file(storage: Storage, depth: int) -> tnef.Attached:
    """An attachment; a mail within becomes one as the standards write it."""
    said, _ = _said(storage, _ABOVE_PART)
    name = mapi.text_of(said, mapi.ATTACH_LONG_NAME, mapi.ATTACH_NAME, mapi.DISPLAY_NAME)
    within = storage.storages.get(_EMBEDDED)
    if within is not None and _FIXED in within.streams and depth < _DEPTH:
        message = _mail(within, *_said(within, _ABOVE_WITHIN), depth + 1)
        return tnef.Attached(
            name=f"{name or 'mail'}.eml",
            media_type="message/rfc822",
            data=_as_written(message, depth),
            opened=message,
        )
    kind = mapi.text_of(said, mapi.ATTACH_MIME).lower() or "application/octet-stream"
    data = mapi.bytes_of(said, mapi.ATTACH_DATA)
    return tnef.Attached(name=name, media_type=kind, data=data)


def _as_written(message: messages.Message, depth: int) -> bytes:
    """A mail within as bytes to keep: its header fields, and its parts in MIME."""
    people = {"From": message.sender, "To": message.to, "Cc": message.cc, "Bcc": message.bcc}
    fields = [
        f"{name}: {', '.join(formataddr((p.name or '', p.address), 'utf-8') for p in listed)}"
        for name, listed in people.items()
        if listed
    ]
    fields += [
        f"{name.title()}: {_one_line(value)}"
        for name, values in message.fields.items()
        for value in values
        if name not in ("from", "to", "cc", "bcc")
    ]
    boundary = f"==within-{depth}=="
    fields.append(f'Content-Type: multipart/mixed; boundary="{boundary}"')
    lines = [*(field.encode("utf-8", "replace") for field in fields), b""]
    kind = "text/plain" if message.plain else "text/html"
    body = (message.plain or message.html).encode("utf-8", "replace")
    for media_type, name, data in (
        (f"{kind}; charset=utf-8", "", body),
        *((part.media_type, part.name, part.data) for part in message.parts),
    ):
        lines += [f"--{boundary}".encode(), f"Content-Type: {media_type}".encode()]
        if name:
            encoded = encode_rfc2231(_one_line(name), "utf-8")
            lines.append(f"Content-Disposition: attachment; filename*={encoded}".encode())
        if media_type == "message/rfc822":
            lines += [b"", data]
        else:
            lines += [b"Content-Transfer-Encoding: base64", b"", base64.encodebytes(data)]
    return b"\n".join([*lines, f"--{boundary}--".encode(), b""])


def _header(came: str, said: dict[int, str | bytes], numbers: dict[int, int]) -> bytes:
    """The header fields as they came, without those of MIME; what they lack, of the properties."""
    lines = [line.rstrip() for line in came.splitlines() if line.strip()]
    known = {line.partition(":")[0].lower() for line in lines}
    if not lines:
        for field, name in _FIELDS.items():
            value = mapi.text_of(said, name)
            lines += [f"{field}: {_one_line(value)}"] if value else []
    moment = _date(numbers.get(mapi.SUBMITTED) or numbers.get(mapi.DELIVERED) or 0)
    if "date" not in known and moment:
        lines.append(f"Date: {moment}")
    named = mapi.text_of(said, mapi.MESSAGE_ID)
    if "message-id" not in known and named:
        lines.append(f"Message-ID: {_one_line(named)}")
    return "\n".join([*lines, "MIME-Version: 1.0", "", ""]).encode("utf-8", "replace")


def _sender(said: dict[int, str | bytes]) -> tuple[messages.Address, ...]:
    name = mapi.text_of(said, mapi.SENDER_NAME, mapi.SENT_FOR_NAME)
    smtp = mapi.text_of(said, mapi.SENDER_SMTP, mapi.SENT_FOR_SMTP)
    other = mapi.text_of(said, mapi.SENDER_ADDRESS, mapi.SENT_FOR_ADDRESS)
    return _person(name, smtp or other)


def _recipients(storage: Storage, kind: int) -> Iterator[messages.Address]:
    for name, inner in sorted(storage.storages.items()):
        if name.startswith(_RECIPIENT):
            said, numbers = _said(inner, _ABOVE_PART)
            if numbers.get(mapi.RECIPIENT_TYPE, _TO) == kind:
                address = mapi.text_of(said, mapi.SMTP, mapi.ADDRESS)
                yield from _person(mapi.text_of(said, mapi.DISPLAY_NAME), address)


def _person(name: str, address: str) -> tuple[messages.Address, ...]:
    """A mailbox; of an address within Exchange, `/o=…/cn=…`, the name alone is kept."""
    name, address = _one_line(name), _one_line(address)
    if "@" in address:
        return (messages.Address(address, name if name and name != address else None),)
    return (messages.Address(name=name or address),) if name or address else ()


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _date(filetime: int) -> str:
    """A time in tenths of a microsecond since 1601, as mails write it; nothing for none."""
    if not 0 < filetime < _NEVER:
        return ""
    return format_datetime(_FILETIME + timedelta(microseconds=filetime // 10))
