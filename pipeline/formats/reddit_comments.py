"""Reddit's `comments.csv`; large ones are cut into `comments_1.csv` and so on.

`link` is the post's address, `parent` the id of the comment to which this one replies, or empty.

Source: `docs/reference/exports/reddit.md`.
"""

from __future__ import annotations

import re

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import messaging, reddit, tables
from pipeline.values.fields import non_empty
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "reddit.comments"
_COLUMNS = frozenset(
    {"id", "permalink", "date", "ip", "subreddit", "gildings", "link", "parent", "body", "media"}
)
_KNOWN = frozenset({"id", "subreddit", "link", "parent", "body"})
_POST = re.compile(r"/comments/(\w+)")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one comment; its text may have been edited since."""
    cells: dict[str, str] = item.value
    metadata = {
        "url": reddit.address(cells),
        "links": [cells["link"]] if cells["link"] else [],
        "in_reply_to": cells["parent"],
        "conversation_title": cells["subreddit"],
        "ip": cells.get("ip"),
        "gildings": cells.get("gildings"),
        "media": cells.get("media"),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.COMMENT,
        identity=(reddit.SERVICE, messaging.key(cells, "id")),
        time=reddit.moment(cells),
        content=cells["body"] or None,
        metadata=non_empty(metadata),
        related=_related(cells),
        mutable=True,
    )


def _related(cells: dict[str, str]) -> tuple[Related, ...]:
    related: tuple[Related, ...] = ()
    if found := _POST.search(cells["link"]):
        post = (reddit.SERVICE, found[1])
        related += (Related(Relation.COMMENT_ON, RecordType.POST, post),)
    if parent := cells["parent"]:
        related += messaging.reply_to(reddit.SERVICE, parent, kind=RecordType.COMMENT)
    return related


def _looks_like(head: Head) -> int:
    return 2 * (tables.columns(head) >= _KNOWN)


FORMAT = Format(
    name=_NAME,
    title="Reddit: comments",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?comments(_\d+)?\.csv",),
    products=("Reddit",),
    vintages=("comments.csv", "comments_1.csv (large accounts)"),
    record_types=(RecordType.COMMENT,),
    fields=_COLUMNS,
)
