"""Apple Mail's `.emlx`: a line with the mail's length in bytes, the mail, a property list.

Source: mikez/emlx and karlcow's notes on the format; the property list holds Apple Mail's flags,
dates and the conversation. `.partial.emlx` is a mail whose attachments are in other files beside
it. The same mail in an mbox is the same document. The property list changes between exports, so its
values are not the mail's own metadata (`beside`).
"""

from __future__ import annotations

import plistlib
import re
from collections.abc import Iterator
from typing import Any
from xml.parsers.expat import ExpatError

import msgspec

from pipeline.contract import Format, Rank
from pipeline.readers.whole import WholeFile
from pipeline.services.mail import mail_records
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "mail.emlx"
_LENGTH = re.compile(rb"[ \t]*(\d{1,10})[ \t]*\r?\n")
_HEADER = re.compile(rb"\s*[!-9;-~]{1,100}[ \t]*:")
_LIST = re.compile(rb"\s*(?:<\?xml|<!DOCTYPE plist|<plist)")
_LIST_BEGINS = re.compile(rb"\n<\?xml [^>]{0,100}\?>\s*<!DOCTYPE plist")


def to_records(item: RawRecord, member: Member) -> Iterator[Record]:
    """Yield the mail, then each of its attachments. Line ends become those of an mbox."""
    if item.value is None:
        raise BadValue(Reason.ITEM_TOO_LARGE, "the mail is too large for memory")
    data, behind, flags = _parts(item.value)
    found = mail_records.records(data.replace(b"\r\n", b"\n"), _NAME)
    head = next(found)
    properties, unread = _properties(behind)
    flags = (*flags, *unread)
    if member.path.lower().endswith(".partial.emlx"):
        flags = (*flags, "attachments_elsewhere")
    if properties or flags:
        context: dict[str, Any] = {"around": properties} if properties else {}
        context = {**context, "flags": list(flags)} if flags else context
        head = msgspec.structs.replace(head, context_metadata=context)
    yield head
    yield from found


def _parts(data: bytes) -> tuple[bytes, bytes, tuple[str, ...]]:
    """Return the mail, the list after it, and a flag if the length does not match."""
    line = _LENGTH.match(data)
    if line is None:
        raise BadValue(Reason.NOT_A_MAIL, "the first line has no length")
    start, end = line.end(), line.end() + int(line[1])
    if end <= len(data) and (not data[end:].strip() or _LIST.match(data, end)):
        return data[start:end], data[end:], ()
    lists = list(_LIST_BEGINS.finditer(data, start))
    end = lists[-1].start() + 1 if lists else len(data)
    return data[start:end], data[end:], ("wrong_length",)


def _properties(behind: bytes) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the values of the list as texts; or a flag, if it is damaged."""
    if not behind.strip():
        return {}, ()
    try:
        properties = plistlib.loads(behind.strip())
    except (ExpatError, ValueError, TypeError, AttributeError, IndexError, OverflowError):
        return {}, ("property_list_unread",)
    if not isinstance(properties, dict):
        return {}, ("property_list_unread",)
    return {str(name).replace("-", "_"): str(value) for name, value in properties.items()}, ()


def _looks_like(head: Head) -> bool:
    line = _LENGTH.match(head.data)
    return line is not None and _HEADER.match(head.data, line.end()) is not None


FORMAT = Format(
    name=_NAME,
    title="A mail of Apple Mail (.emlx)",
    version=3,
    data_type=DataType.EMAIL,
    paths=(r"(.+/)?[^/]+\.emlx",),
    looks_like=_looks_like,
    reader=WholeFile(),
    record=to_records,
    rank=Rank.SYNTAX,
    products=("Apple Mail",),
    record_types=(RecordType.ATTACHMENT, RecordType.MESSAGE),
)
