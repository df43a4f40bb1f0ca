"""Reddit's `saved_posts.csv`, `saved_comments.csv`, `hidden_posts.csv`.

Only two columns, `id` and `permalink`: the address identifies Reddit, and the file's name the list.
There is no date.

Source: `docs/reference/exports/reddit.md`.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.recognition import peek
from pipeline.services import messaging, reddit, tables
from pipeline.values.fields import non_empty
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "reddit.saved"
_COLUMNS = frozenset({"id", "permalink"})
_NUMBER = re.compile(r"_\d+$")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one post or comment on a list."""
    cells: dict[str, str] = item.value
    name = _NUMBER.sub("", PurePosixPath(member.path).stem)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.LIST_ITEM,
        identity=(reddit.SERVICE, name, messaging.key(cells, "id")),
        metadata=non_empty({"list": name, "url": reddit.address(cells)}),
    )


def _looks_like(head: Head) -> int:
    rows = peek.lines(head, 5)
    here = any(b"reddit.com/" in row or b"/r/" in row for row in rows) or len(rows) == 1
    return 2 * (tables.columns(head) >= _COLUMNS and here)


FORMAT = Format(
    name=_NAME,
    title="Reddit: saved and hidden posts and comments",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?(saved|hidden)_(posts|comments)(_\d+)?\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    embed=False,
    products=("Reddit",),
    record_types=(RecordType.LIST_ITEM,),
    fields=_COLUMNS,
)
