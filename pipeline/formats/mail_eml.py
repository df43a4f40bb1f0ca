"""Mail in a file of its own: `.eml`, a file of a Maildir (`cur/`, `new/`), or one of MH (a number).

The same mail in an mbox is the same document. A Maildir's file name ends in flags (`:2,RS`; some
systems replace the colon), which change and are not identity. Some programs leave the first line of
an mbox in the file, `From` and an address, without its date; it is not part of the mail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.contract import Format, Rank
from pipeline.readers.mbox import begins_mbox
from pipeline.readers.whole import WholeFile
from pipeline.services.mail import mail_records
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "mail.eml"
#: What may come before the header: a byte order mark, blank lines, an mbox's first line.
_BEFORE = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[ \t]*\r?\n)*+(?:From [^\r\n]{1,1000}\r?\n(?:[ \t]*\r?\n)*+)?"
)
_HEADER = re.compile(rb"\s*[!-9;-~]{1,100}[ \t]*:")
#: Names that only a mail has; another file needs a header that only a mail has.
_NAMED = re.compile(r"(?s:.*)\.eml|(?:.+/)?(?:cur|new)/\d[^/]*")
_OF_MAILS = re.compile(
    rb"(?mi)^(from|to|subject|date|message-id|received|return-path|mime-version)[ \t]*:"
)
_ENOUGH = 3
_BLANK_LINE = re.compile(rb"\n\r?\n|\r\r")


def to_records(item: RawRecord, member: Member) -> Iterator[Record]:
    """Yield the mail, then each of its attachments. Line ends become those of an mbox."""
    if item.value is None:
        raise BadValue(Reason.ITEM_TOO_LARGE, "the mail is too large for memory")
    start = _BEFORE.match(item.value)
    data = item.value[start.end() :] if start else item.value
    return mail_records.records(_lines(data), _NAME)


def _lines(data: bytes) -> bytes:
    """Return the mail with the line ends of an mbox; old Mac programs end lines by CR alone."""
    data = data.replace(b"\r\n", b"\n")
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def _looks_like(head: Head) -> bool:
    """Recognise the first line, which must be a header field; the name alone is not enough."""
    before = _BEFORE.match(head.data)
    start = before.end() if before else 0
    if _HEADER.match(head.data, start) is None or begins_mbox(head.data):
        return False
    if _NAMED.fullmatch(head.path) is not None:
        return True
    blank = _BLANK_LINE.search(head.data, start)
    header = _lines(head.data[start : blank.start() if blank else len(head.data)])
    return len({name.lower() for name in _OF_MAILS.findall(header)}) >= _ENOUGH


FORMAT = Format(
    name=_NAME,
    title="A mail in a file of its own (.eml, Maildir, MH)",
    version=6,
    data_type=DataType.EMAIL,
    paths=(r"(.+/)?[^/]+\.eml", r"(.+/)?(cur|new)/[^/]+", r"(.+/)?\d+"),
    looks_like=_looks_like,
    reader=WholeFile(),
    record=to_records,
    rank=Rank.SYNTAX,
    products=("Any mail program", "Maildir", "MH", "Outlook"),
    tried=("marph91/jimmy", "mikel/mail", "stalwartlabs/mail-parser"),
    record_types=(RecordType.ATTACHMENT, RecordType.MESSAGE),
    sample="invented and real",
)
