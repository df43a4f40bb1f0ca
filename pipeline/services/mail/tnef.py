"""TNEF (`winmail.dat`), in which Outlook and Exchange put a mail's text and attachments.

[MS-OXTNEF]: a signature, a key, then attributes, each with its level, id, length, bytes and a
checksum. Two of them hold MAPI properties ([MS-OXCDATA] 2.11.1 has their types).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from pipeline.services.mail import mapi, messages

MEDIA_TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_SIGNATURE = 0x223E9F78
_BODY, _MESSAGE_PROPERTIES, _CODE_PAGE = 0x0002800C, 0x00069003, 0x00069007
_ATTACHMENT_BEGINS, _TITLE, _DATA = 0x00069002, 0x00018010, 0x0006800F
_ATTACHMENT_PROPERTIES = 0x00069005
_ATTRIBUTE = struct.Struct("<BII")
#: No mail has more properties.
_PROPERTIES = 10_000


class Attached(msgspec.Struct, kw_only=True):
    """A file in the stream; `opened` is true for a mail that is parsed."""

    name: str = ""
    media_type: str = "application/octet-stream"
    data: bytes = b""
    opened: messages.Message | None = None


class Opened(msgspec.Struct, kw_only=True):
    """The contents of a stream: the mail's text, its page, its RTF (each may be missing), files.

    `damaged` is true if the stream ends or breaks before its end.
    """

    text: str = ""
    page: bytes = b""
    rtf: bytes = b""
    files: list[Attached] = []
    damaged: bool = False


def opened(data: bytes) -> Opened | None:
    """Return the contents of the stream; None if it is not TNEF."""
    if len(data) < 6 or int.from_bytes(data[:4], "little") != _SIGNATURE:
        return None
    found = Opened(files=[])
    code_page = "cp1252"
    try:
        for attribute, value in _attributes(data):
            if attribute == _CODE_PAGE and len(value) >= 4:
                code_page = f"cp{int.from_bytes(value[:4], 'little')}"
            else:
                _take(found, attribute, value, code_page)
    except (struct.error, IndexError):
        found.damaged = True
    found.files = [file for file in found.files if file.data]
    return found


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 6
    while at < len(data):
        _, attribute, length = _ATTRIBUTE.unpack_from(data, at)
        at += _ATTRIBUTE.size
        value = data[at : at + length]
        if len(value) < length:
            raise IndexError(at)
        yield attribute, value
        at += length + 2  # its checksum


def _take(found: Opened, attribute: int, value: bytes, code_page: str) -> None:
    if attribute == _ATTACHMENT_BEGINS:
        found.files.append(Attached())
    elif attribute == _BODY:
        found.text = found.text or mapi.string8(value, code_page)
    elif attribute == _MESSAGE_PROPERTIES:
        _of_message(found, dict(_properties(value, code_page)))
    elif found.files and attribute == _TITLE:
        found.files[-1].name = found.files[-1].name or mapi.string8(value, code_page)
    elif found.files and attribute == _DATA:
        found.files[-1].data = value
    elif found.files and attribute == _ATTACHMENT_PROPERTIES:
        _of_file(found.files[-1], dict(_properties(value, code_page)))


def _of_message(found: Opened, properties: dict[int, str | bytes]) -> None:
    found.text = mapi.text_of(properties, mapi.BODY) or found.text
    found.page = mapi.bytes_of(properties, mapi.HTML)
    packed = mapi.bytes_of(properties, mapi.RTF_COMPRESSED)
    found.rtf = mapi.unpacked_rtf(packed)
    found.damaged |= bool(packed) and not found.rtf


def _of_file(file: Attached, properties: dict[int, str | bytes]) -> None:
    file.name = mapi.text_of(properties, mapi.ATTACH_LONG_NAME, mapi.DISPLAY_NAME) or file.name
    file.media_type = mapi.text_of(properties, mapi.ATTACH_MIME).lower() or file.media_type
    # An object's bytes follow the id of its interface.
    data = mapi.bytes_of(properties, mapi.ATTACH_DATA)
    file.data = file.data or (data[16:] if data[:16] == mapi.IID_MESSAGE else data)


#: Bytes of the types of fixed size, as they are padded.
_FIXED = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8,
          0x40: 8, 0x48: 16}  # fmt: skip
_MANY = 0x1000
_UNICODE, _STRING8 = 0x1F, 0x1E
_UINT, _TYPE_AND_ID = struct.Struct("<I"), struct.Struct("<HH")


def _properties(data: bytes, code_page: str) -> Iterator[tuple[int, str | bytes]]:
    """Yield the texts and bytes among the properties, by id; of several values the first."""
    at = 4
    for _ in range(min(_UINT.unpack_from(data, 0)[0], _PROPERTIES)):
        kind, name = _TYPE_AND_ID.unpack_from(data, at)
        at = _past_name(data, at + 4) if name >= 0x8000 else at + 4
        size = _FIXED.get(kind & ~_MANY)
        if size is not None:
            count = _UINT.unpack_from(data, at)[0] if kind & _MANY else 1
            at += count * size + (4 if kind & _MANY else 0)
            continue
        count = _UINT.unpack_from(data, at)[0]
        at += 4
        values = []
        for _ in range(min(count, _PROPERTIES)):
            length = _UINT.unpack_from(data, at)[0]
            values.append(data[at + 4 : at + 4 + length])
            at += 4 + length + -length % 4
        if values:
            yield name, _value(kind & ~_MANY, values[0], code_page)


def _past_name(data: bytes, at: int) -> int:
    """Return the position after the set, and the number or the text, that name a property."""
    by_text = _UINT.unpack_from(data, at + 16)[0]
    length = _UINT.unpack_from(data, at + 20)[0] if by_text else 0
    return at + 24 + length + -length % 4


def _value(kind: int, value: bytes, code_page: str) -> str | bytes:
    if kind == _UNICODE:
        return value.decode("utf-16-le", "replace").rstrip("\0")
    return mapi.string8(value, code_page) if kind == _STRING8 else value
