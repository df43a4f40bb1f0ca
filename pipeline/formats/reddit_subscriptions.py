"""Reddit's `subscribed_subreddits.csv` and similar lists: one column, no date.

Source: `docs/reference/exports/reddit.md`.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import messaging, reddit, tables
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "reddit.subscriptions"
_COLUMNS = frozenset({"subreddit"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one subreddit; `status` is `subscribed`, `moderated` or `approved_submitter`."""
    name = messaging.key(item.value, "subreddit")
    status = PurePosixPath(member.path).stem.partition("_subreddits")[0]
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SUBSCRIPTION,
        identity=(reddit.SERVICE, status, name),
        title=name,
        metadata={"status": status, "url": f"https://www.reddit.com/r/{name}"},
    )


def _looks_like(head: Head) -> int:
    return 2 * (tables.columns(head) >= _COLUMNS)


FORMAT = Format(
    name=_NAME,
    title="Reddit: subscriptions",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?(subscribed|moderated|approved_submitter)_subreddits(_\d+)?\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    embed=False,
    products=("Reddit",),
    record_types=(RecordType.SUBSCRIPTION,),
    fields=_COLUMNS,
)
