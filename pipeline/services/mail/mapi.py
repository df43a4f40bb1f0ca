"""Outlook's names for the parts of a mail: MAPI's properties ([MS-OXPROPS]) and their values."""

from __future__ import annotations

import compressed_rtf

from pipeline.text import cleaning
from schemas.errors import BadValue

SUBJECT, HEADERS = 0x0037, 0x007D
SUBMITTED, DELIVERED = 0x0039, 0x0E06
MESSAGE_ID, IN_REPLY_TO, REFERENCES = 0x1035, 0x1042, 0x1039
SENDER_NAME, SENDER_ADDRESS, SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
SENT_FOR_NAME, SENT_FOR_ADDRESS, SENT_FOR_SMTP = 0x0042, 0x0065, 0x5D02
BODY, RTF_COMPRESSED, HTML = 0x1000, 0x1009, 0x1013
RECIPIENT_TYPE, DISPLAY_NAME, ADDRESS, SMTP = 0x0C15, 0x3001, 0x3003, 0x39FE
ATTACH_DATA, ATTACH_NAME, ATTACH_LONG_NAME, ATTACH_MIME = 0x3701, 0x3704, 0x3707, 0x370E
MESSAGE_CLASS, CODE_PAGE, LOCALE = 0x001A, 0x3FFD, 0x3FF1
#: The interface of a mail within another.
IID_MESSAGE = bytes.fromhex("0703020000000000c000000000000046")
#: Larger data are not unpacked, since that is done byte by byte.
_MOST_RTF = 4 * 1024 * 1024
_KNOWN_RTF = (b"LZFu", b"MELA")


def string8(value: bytes, code_page: str) -> str:
    """Return a text in the code page of its mail, up to the zero at its end."""
    try:
        return cleaning.decode(value.rstrip(b"\0"), code_page)[0]
    except BadValue:
        return cleaning.decode_anyhow(value.rstrip(b"\0"), code_page)


def text_of(properties: dict[int, str | bytes], *names: int) -> str:
    """Return the first of these properties that is a text and not blank."""
    values = (properties.get(name) for name in names)
    return next((value for value in values if isinstance(value, str) and value.strip()), "")


def bytes_of(properties: dict[int, str | bytes], name: int) -> bytes:
    """Return a property of bytes; a text in its place is encoded in UTF-8."""
    value = properties.get(name, b"")
    return value.encode("utf-8", "replace") if isinstance(value, str) else value


def unpacked_rtf(data: bytes) -> bytes:
    """Return RTF unpacked from [MS-OXRTFCP]; empty if it is damaged or too large."""
    if data[8:12] not in _KNOWN_RTF or len(data) > _MOST_RTF:
        return b""
    try:
        return bytes(compressed_rtf.decompress(data))
    except (ValueError, IndexError, TypeError):
        return b""
