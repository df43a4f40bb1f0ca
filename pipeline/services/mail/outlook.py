"""A mail as Outlook saves it, `.msg` ([MS-OXMSG]): a compound file of MAPI's properties.

Texts and bytes are in streams named after their property and its type, numbers and times in
`__properties_version1.0`; recipients and attachments are storages. A mail that arrived by SMTP has
all its header fields; for others the properties replace them.
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
#: Bytes above the lines of `__properties_version1.0`: of a mail, of an inner mail, of its parts.
_ABOVE_MAIL, _ABOVE_WITHIN, _ABOVE_PART = 32, 24, 8
_FILETIME = datetime(1601, 1, 1, tzinfo=UTC)
#: 4501-01-01, which Outlook writes for none.
_NEVER = 0x0CB34557A3DD4000
_TO, _CC, _BCC = 1, 2, 3
_RECIPIENT, _ATTACHMENT = "__recip_version1.0_", "__attach_version1.0_"
#: The maximum nesting of mails that are opened.
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
    """Return the mail, and its class, such as `IPM.Note`.

    Raises `BadValue(NOT_A_MAIL)` for anything but a compound file of a mail.
    """
    try:
        root = compound_files.opened(data)
    except compound_files.Damaged:
        raise BadValue(Reason.NOT_A_MAIL, "the compound file is damaged") from None
    if _FIXED not in root.streams:
        raise BadValue(Reason.NOT_A_MAIL, "the compound file is not a mail of Outlook")
    properties, numbers = _properties(root, _ABOVE_MAIL)
    return _mail(root, properties, numbers, depth=0), mapi.text_of(properties, mapi.MESSAGE_CLASS)


def _mail(
    storage: Storage, properties: dict[int, str | bytes], numbers: dict[int, int], depth: int
) -> messages.Message:
    came = _CONTENT.sub(
        "", _EXCHANGE.sub("", mapi.text_of(properties, mapi.HEADERS).lstrip()) + "\n"
    )
    message = mime.parse(_header(came, properties, numbers))
    if not came.strip():
        to, cc, bcc = (tuple(_recipients(storage, kind)) for kind in (_TO, _CC, _BCC))
        message = msgspec.structs.replace(
            message, sender=_sender(properties), to=to, cc=cc, bcc=bcc
        )
    return containers.joined(message, _found(storage, properties, depth))


def _properties(storage: Storage, above: int) -> tuple[dict[int, str | bytes], dict[int, int]]:
    """Return the texts and bytes among the properties of a storage, and its numbers, by id."""
    numbers = dict(_numbers(storage.streams.get(_FIXED, b""), above))
    page = _code_page(numbers)
    properties: dict[int, str | bytes] = {}
    for name, value in storage.streams.items():
        found = _STREAM.fullmatch(name)
        if found is None:
            continue
        kind = int(found[2], 16)
        if kind == _UNICODE:
            properties[int(found[1], 16)] = value.decode("utf-16-le", "replace").rstrip("\0")
        elif kind == _STRING8:
            properties[int(found[1], 16)] = mapi.string8(value, page)
        elif kind == 0x0102:
            properties[int(found[1], 16)] = value
    return properties, numbers


def _code_page(numbers: dict[int, int]) -> str:
    """Return the code page of 8-bit texts: the stated one, else that of the mail's language."""
    stated = numbers.get(mapi.CODE_PAGE)
    locale = numbers.get(mapi.LOCALE, 0)
    return f"cp{stated or _OF_LOCALES.get(locale) or _OF_LANGUAGES.get(locale & 0x3FF, 1252)}"


def _numbers(lines: bytes, above: int) -> Iterator[tuple[int, int]]:
    usable = lines[above : above + (len(lines) - above) // _LINE.size * _LINE.size]
    for kind, name, _, value in _LINE.iter_unpack(usable if len(lines) > above else b""):
        if kind in (_TIME, _INTEGER):
            yield name, value if kind == _TIME else value & 0xFFFFFFFF


def _found(root: Storage, properties: dict[int, str | bytes], depth: int) -> tnef.Opened:
    packed = mapi.bytes_of(properties, mapi.RTF_COMPRESSED)
    rtf = mapi.unpacked_rtf(packed)
    files = [
        _file(storage, depth)
        for name, storage in sorted(root.storages.items())
        if name.startswith(_ATTACHMENT)
    ]
    return tnef.Opened(
        text=mapi.text_of(properties, mapi.BODY),
        page=mapi.bytes_of(properties, mapi.HTML),
        rtf=rtf,
        files=[file for file in files if file.data],
        damaged=(bool(packed) and not rtf) or not all(file.data for file in files),
    )


def _file(storage: Storage, depth: int) -> tnef.Attached:
    """Return an attachment; an inner mail becomes one as the standards write it."""
    properties, _ = _properties(storage, _ABOVE_PART)
    name = mapi.text_of(properties, mapi.ATTACH_LONG_NAME, mapi.ATTACH_NAME, mapi.DISPLAY_NAME)
    within = storage.storages.get(_EMBEDDED)
    if within is not None and _FIXED in within.streams and depth < _DEPTH:
        message = _mail(within, *_properties(within, _ABOVE_WITHIN), depth + 1)
        return tnef.Attached(
            name=f"{name or 'mail'}.eml",
            media_type="message/rfc822",
            data=_as_written(message, depth),
            opened=message,
        )
    kind = mapi.text_of(properties, mapi.ATTACH_MIME).lower() or "application/octet-stream"
    data = mapi.bytes_of(properties, mapi.ATTACH_DATA)
    return tnef.Attached(name=name, media_type=kind, data=data)


def _as_written(message: messages.Message, depth: int) -> bytes:
    """Return an inner mail as bytes: its header fields, and its parts in MIME."""
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


def _header(came: str, properties: dict[int, str | bytes], numbers: dict[int, int]) -> bytes:
    """Return the original header fields, without those of MIME; the properties add missing ones."""
    lines = [line.rstrip() for line in came.splitlines() if line.strip()]
    known = {line.partition(":")[0].lower() for line in lines}
    if not lines:
        for field, name in _FIELDS.items():
            value = mapi.text_of(properties, name)
            lines += [f"{field}: {_one_line(value)}"] if value else []
    moment = _date(numbers.get(mapi.SUBMITTED) or numbers.get(mapi.DELIVERED) or 0)
    if "date" not in known and moment:
        lines.append(f"Date: {moment}")
    named = mapi.text_of(properties, mapi.MESSAGE_ID)
    if "message-id" not in known and named:
        lines.append(f"Message-ID: {_one_line(named)}")
    return "\n".join([*lines, "MIME-Version: 1.0", "", ""]).encode("utf-8", "replace")


def _sender(properties: dict[int, str | bytes]) -> tuple[messages.Address, ...]:
    name = mapi.text_of(properties, mapi.SENDER_NAME, mapi.SENT_FOR_NAME)
    smtp = mapi.text_of(properties, mapi.SENDER_SMTP, mapi.SENT_FOR_SMTP)
    other = mapi.text_of(properties, mapi.SENDER_ADDRESS, mapi.SENT_FOR_ADDRESS)
    return _person(name, smtp or other)


def _recipients(storage: Storage, kind: int) -> Iterator[messages.Address]:
    for name, inner in sorted(storage.storages.items()):
        if name.startswith(_RECIPIENT):
            properties, numbers = _properties(inner, _ABOVE_PART)
            if numbers.get(mapi.RECIPIENT_TYPE, _TO) == kind:
                address = mapi.text_of(properties, mapi.SMTP, mapi.ADDRESS)
                yield from _person(mapi.text_of(properties, mapi.DISPLAY_NAME), address)


def _person(name: str, address: str) -> tuple[messages.Address, ...]:
    """Return a mailbox; an address within Exchange, `/o=…/cn=…`, has only its name."""
    name, address = _one_line(name), _one_line(address)
    if "@" in address:
        return (messages.Address(address, name if name and name != address else None),)
    return (messages.Address(name=name or address),) if name or address else ()


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _date(filetime: int) -> str:
    """Return a time in tenths of a microsecond since 1601, as mails write it; empty for none."""
    if not 0 < filetime < _NEVER:
        return ""
    return format_datetime(_FILETIME + timedelta(microseconds=filetime // 10))
