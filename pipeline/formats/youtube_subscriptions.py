"""Channels that the owner follows on YouTube: `subscriptions.csv` of Takeout.

Three columns: the channel's id, its address, its title. Their names have two spellings and are
translated (`Kanal-ID`), so the cells identify the columns.

Source: `docs/reference/exports/youtube.md#subscriptions-and-playlists`.
"""

from __future__ import annotations

import csv
import re

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.recognition import peek
from pipeline.services import tables, youtube
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "youtube.subscriptions"
_ADDRESS = re.compile(r"https?://www\.youtube\.com/channel/([\w-]+)")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one channel; its title changes, its id does not."""
    cells = list(item.value.items())
    (_, channel), (_, address), (_, title) = cells[:3]
    if not channel:
        raise BadValue(Reason.MISSING_FIELD, "the column of the channel's id is empty")
    person = {"handle": channel, "name": title}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONNECTION,
        identity=(youtube.SERVICE, channel),
        title=title or None,
        metadata={
            "people": [{name: value for name, value in person.items() if value}],
            "status": "subscribed",
            "url": address,
            **{tables.snake(name): cell for name, cell in cells[3:] if cell},
        },
        mutable=True,
    )


def _looks_like(head: Head) -> bool:
    """Recognise a line of the first few with an id and, after it, the address that ends in it."""
    lines = (line.decode("utf-8", "replace") for line in peek.lines(head, 5))
    try:
        return any(map(_is_subscription, csv.reader(lines)))
    except csv.Error:
        return False


def _is_subscription(row: list[str]) -> bool:
    found = _ADDRESS.fullmatch(row[1]) if len(row) >= 3 else None
    return found is not None and found[1] == row[0]


FORMAT = Format(
    name=_NAME,
    title="YouTube subscriptions (Takeout)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    products=("Google Takeout: YouTube",),
    vintages=("Channel ID", "Channel Id", "columns in the account's language"),
    record_types=(RecordType.CONNECTION,),
)
