"""Reddit's `posts.csv`. Ids have no prefix (`t3_`).

Source: `docs/reference/exports/reddit.md`.
"""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import messaging, reddit, tables
from pipeline.values.fields import non_empty
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "reddit.posts"
_COLUMNS = frozenset(
    {"id", "permalink", "date", "ip", "subreddit", "gildings", "title", "url", "body"}
)
_KNOWN = frozenset({"id", "subreddit", "title", "url", "body"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one post; its text may have been edited since."""
    cells: dict[str, str] = item.value
    metadata = {
        "url": reddit.address(cells),
        "links": [cells["url"]] if cells.get("url") else [],
        "conversation_title": cells["subreddit"],
        "ip": cells.get("ip"),
        "gildings": cells.get("gildings"),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.POST,
        identity=(reddit.SERVICE, messaging.key(cells, "id")),
        time=reddit.moment(cells),
        title=cells["title"] or None,
        content=cells["body"] or None,
        metadata=non_empty(metadata),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    return 2 * (tables.columns(head) >= _KNOWN)


FORMAT = Format(
    name=_NAME,
    title="Reddit: posts",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?posts(_\d+)?\.csv",),
    products=("Reddit",),
    record_types=(RecordType.POST,),
    fields=_COLUMNS,
)
