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

from pipeline import compound, mail, mapi, tnef
from pipeline.compound import Storage
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
_TO, _CC = 1, 2
_RECIPIENT, _ATTACHMENT = "__recip_version1.0_", "__attach_version1.0_"
#: Mails within each other that are opened.
_DEPTH = 10
#: What Exchange writes above the fields.
_EXCHANGE = re.compile(r"Microsoft Mail Internet Headers[^\n]*\n")
_CONTENT = re.compile(r"(?im)^(?:content-[\w-]+|mime-version):.*\r?\n(?:[ \t].*\r?\n)*")


def opened(data: bytes) -> tuple[mail.Message, tnef.Opened, str]:
    """The mail's header fields, what is in it, and its class, such as `IPM.Note`.

    Raises `BadValue(NOT_A_MAIL)` for what is no compound file, or one of something else.
    """
    try:
        root = compound.opened(data)
    except compound.Damaged:
        raise BadValue(Reason.NOT_A_MAIL, "the compound file is damaged") from None
    if _FIXED not in root.streams:
        raise BadValue(Reason.NOT_A_MAIL, "no mail of Outlook, but another compound file")
    said, numbers = _said(root, _ABOVE_MAIL)
    found = _found(root, said, depth=0)
    header = _header(root, said, numbers)
    return mail.parse(header), found, mapi.text_of(said, mapi.MESSAGE_CLASS)


def _said(
    storage: Storage, above: int, code_page: str = "cp1252"
) -> tuple[dict[int, str | bytes], dict[int, int]]:
    """The texts and bytes among the properties of a storage, and its numbers, by id."""
    numbers = dict(_numbers(storage.streams.get(_FIXED, b""), above))
    page = f"cp{numbers[mapi.CODE_PAGE]}" if mapi.CODE_PAGE in numbers else code_page
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
    if within is not None and depth < _DEPTH:
        return tnef.Attached(
            name=f"{name or 'mail'}.eml",
            media_type="message/rfc822",
            data=_as_written(within, depth + 1),
        )
    kind = mapi.text_of(said, mapi.ATTACH_MIME).lower() or "application/octet-stream"
    data = mapi.bytes_of(said, mapi.ATTACH_DATA)
    return tnef.Attached(name=name, media_type=kind, data=data)


def _as_written(storage: Storage, depth: int) -> bytes:
    """A mail within, as its header and MIME's parts."""
    said, numbers = _said(storage, _ABOVE_WITHIN)
    found = _found(storage, said, depth)
    kind, body = "text/plain; charset=utf-8", found.text.encode("utf-8", "replace")
    if not body and found.page:
        kind, body = "text/html", found.page
    parts = [(kind, "", body)]
    parts += [(file.media_type, file.name, file.data) for file in found.files]
    parts += [("application/rtf", "body.rtf", found.rtf)] if found.rtf and not body else []
    boundary = f"==within-{depth}=="
    lines = [
        _header(storage, said, numbers).rstrip(b"\n"),
        f'Content-Type: multipart/mixed; boundary="{boundary}"'.encode(),
        b"",
    ]
    for media_type, name, data in parts:
        lines += [f"--{boundary}".encode(), f"Content-Type: {media_type}".encode()]
        if name:
            encoded = encode_rfc2231(_one_line(name), "utf-8")
            lines.append(f"Content-Disposition: attachment; filename*={encoded}".encode())
        if media_type == "message/rfc822":
            lines += [b"", data]
        else:
            lines += [b"Content-Transfer-Encoding: base64", b"", base64.encodebytes(data)]
    return b"\n".join([*lines, f"--{boundary}--".encode(), b""])


def _header(storage: Storage, said: dict[int, str | bytes], numbers: dict[int, int]) -> bytes:
    """The header fields as they came, without those of MIME; else made of the properties."""
    told = _EXCHANGE.sub("", mapi.text_of(said, mapi.HEADERS).lstrip())
    came = _CONTENT.sub("", told + "\n").rstrip()
    fields = [came] if came else list(_made(storage, said))
    if not re.search(r"(?im)^date:", came):
        moment = numbers.get(mapi.SUBMITTED) or numbers.get(mapi.DELIVERED)
        fields += [f"Date: {_date(moment)}"] if moment and _date(moment) else []
    if not re.search(r"(?im)^message-id:", came):
        named = mapi.text_of(said, mapi.MESSAGE_ID)
        fields += [f"Message-ID: {_one_line(named)}"] if named else []
    lines = [line.rstrip() for field in fields for line in field.splitlines() if line.strip()]
    return "\n".join([*lines, "MIME-Version: 1.0", "", ""]).encode("utf-8", "replace")


def _made(storage: Storage, said: dict[int, str | bytes]) -> Iterator[str]:
    name = mapi.text_of(said, mapi.SENDER_NAME, mapi.SENT_FOR_NAME)
    address = mapi.text_of(said, mapi.SENDER_SMTP, mapi.SENT_FOR_SMTP)
    address = address or mapi.text_of(said, mapi.SENDER_ADDRESS, mapi.SENT_FOR_ADDRESS)
    if name or address:
        yield f"From: {_person(name, address)}"
    for field, kind in (("To", _TO), ("Cc", _CC)):
        people = [
            _person(
                mapi.text_of(told, mapi.DISPLAY_NAME), mapi.text_of(told, mapi.SMTP, mapi.ADDRESS)
            )
            for told, numbers in _recipients(storage)
            if numbers.get(mapi.RECIPIENT_TYPE, _TO) == kind
        ]
        if people:
            yield f"{field}: {', '.join(people)}"
    for field, name_of in (("In-Reply-To", mapi.IN_REPLY_TO), ("References", mapi.REFERENCES)):
        if value := mapi.text_of(said, name_of):
            yield f"{field}: {_one_line(value)}"
    if subject := mapi.text_of(said, mapi.SUBJECT):
        yield f"Subject: {_one_line(subject)}"


def _recipients(storage: Storage) -> Iterator[tuple[dict[int, str | bytes], dict[int, int]]]:
    for name, inner in sorted(storage.storages.items()):
        if name.startswith(_RECIPIENT):
            yield _said(inner, _ABOVE_PART)


def _person(name: str, address: str) -> str:
    return formataddr((_one_line(name), _one_line(address)), charset="utf-8")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _date(filetime: int) -> str:
    """A time in tenths of a microsecond since 1601, as mails write it; nothing beyond 9999."""
    try:
        return format_datetime(_FILETIME + timedelta(microseconds=filetime // 10))
    except (OverflowError, ValueError):
        return ""
