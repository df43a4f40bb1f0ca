"""Mail in an mbox: Gmail's Takeout, Thunderbird and others, `git format-patch --stdout`.

Takeout writes `Mail/All mail Including Spam and Trash.mbox`, or one mbox for each label, under
localised names; so an mbox is recognised by `.mbox`, or by its first lines.
`pipeline.services.mail.mail_records` makes the records of mails of all files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from pipeline.contract import Format, Rank
from pipeline.readers.mbox import Mail, Mbox, begins_mbox, git_commit, separator_date
from pipeline.services.mail import mail_records
from schemas.files import Head, Member, SliceLimits
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "mail.mbox"


def to_records(item: RawRecord, member: Member) -> Iterator[Record]:
    """Yield the mail, then each of its attachments."""
    found: Mail = item.value
    came, commit = separator_date(found.separator), git_commit(found.separator)
    return mail_records.records(found.body, _NAME, came=came, commit=commit)


def _looks_like(head: Head) -> bool:
    name = PurePosixPath(head.path).name.lower()
    if head.data.count(0) * 10 > len(head.data):
        return False
    if name.endswith(".mbox"):
        return True
    plain_name = "." not in name and head.media_type == "application/mbox"
    return plain_name or begins_mbox(head.data)


FORMAT = Format(
    name=_NAME,
    title="Mail in an mbox: Gmail (Takeout), Thunderbird, patches of git",
    version=5,
    data_type=DataType.EMAIL,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=Mbox(),
    record=to_records,
    rank=Rank.SYNTAX,
    limits=SliceLimits(records=500),
    products=("Google Takeout: Mail", "Thunderbird", "git format-patch"),
    tried=("jstedfast/MimeKit", "marph91/jimmy"),
    record_types=(RecordType.MESSAGE, RecordType.ATTACHMENT),
    sample="invented and real",
)
