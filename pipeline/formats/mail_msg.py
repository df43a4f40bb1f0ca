"""A mail that Outlook saved in a file of its own: `.msg`, or a template, `.oft`.

Its text, files and inner mails are those of [MS-OXMSG] (see `pipeline.services.mail.outlook`). The
same mail in an mbox is the same document if it has a Message-ID. Outlook saves appointments,
contacts and tasks in the same form; they become mails with their text, and `kind` names what they
are.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pipeline.contract import Format, Rank
from pipeline.readers.whole import WholeFile
from pipeline.services.mail import mail_records, outlook
from pipeline.syntax import compound_files
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "mail.msg"
_MAIL = "IPM.Note"


def to_records(item: RawRecord, member: Member) -> Iterator[Record]:
    """Yield the mail, then each of its attachments."""
    if item.value is None:
        raise BadValue(Reason.ITEM_TOO_LARGE, "the mail is too large for memory")
    message, kind = outlook.opened(item.value)
    identity = mail_records.identity(item.value, message)
    records = mail_records.of_message(message, identity, _NAME)
    head = next(records)
    if kind and not kind.startswith(_MAIL):
        head = msgspec.structs.replace(head, metadata={**head.metadata, "kind": kind})
    yield head
    yield from records


def _looks_like(head: Head) -> bool:
    return head.data.startswith(compound_files.SIGNATURE)


FORMAT = Format(
    name=_NAME,
    title="A mail of Outlook (.msg)",
    version=2,
    data_type=DataType.EMAIL,
    paths=(r"(.+/)?[^/]+\.(msg|oft)",),
    looks_like=_looks_like,
    reader=WholeFile(),
    record=to_records,
    rank=Rank.SYNTAX,
    products=("Outlook",),
    record_types=(RecordType.ATTACHMENT, RecordType.MESSAGE),
)
