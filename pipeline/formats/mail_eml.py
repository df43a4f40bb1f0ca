"""Mail in a file of its own: `.eml`, or a file of a Maildir (`cur/`, `new/`).

The same mail in an mbox is the same document. A Maildir's file name ends in flags (`:2,RS`; some
systems write the colon otherwise), which change and are no identity. Some programs leave the first
line of an mbox in it, `From` and an address, without its date; it is no part of the mail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline import mail_records
from pipeline.format import Format, Rank
from pipeline.readers.mbox import begins_mbox
from pipeline.readers.whole import WholeFile
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "mail.eml"
#: What may stand before the header: a mark, blank lines, an mbox's first line.
_BEFORE = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[ \t]*\r?\n)*+(?:From [^\r\n]{1,1000}\r?\n(?:[ \t]*\r?\n)*+)?"
)
_HEADER = re.compile(rb"\s*[!-9;-~]{1,100}[ \t]*:")


def to_records(item: RawRecord, member: Member) -> Iterator[Record]:
    """The mail, then each of its attachments. Line ends are made those of an mbox."""
    if item.value is None:
        raise BadValue(Reason.ITEM_TOO_LARGE, "a mail that is too large to hold")
    start = _BEFORE.match(item.value)
    data = item.value[start.end() :] if start else item.value
    return mail_records.records(data.replace(b"\r\n", b"\n"), _NAME)


def _looks_like(head: Head) -> bool:
    """By its first line, which must be a header field, and not by the name alone."""
    before = _BEFORE.match(head.data)
    begins = _HEADER.match(head.data, before.end() if before else 0) is not None
    return begins and not begins_mbox(head.data)


FORMAT = Format(
    name=_NAME,
    title="A mail in a file of its own (.eml, Maildir)",
    version=6,
    data_type=DataType.EMAIL,
    paths=(r"(.+/)?[^/]+\.eml", r"(.+/)?(cur|new)/\d[^/]*"),
    looks_like=_looks_like,
    reader=WholeFile(),
    record=to_records,
    rank=Rank.SYNTAX,
    products=("Any mail program", "Maildir", "Outlook"),
    tried=("marph91/jimmy", "mikel/mail", "stalwartlabs/mail-parser"),
    record_types=(RecordType.ATTACHMENT, RecordType.MESSAGE),
    sample="invented and real",
)
