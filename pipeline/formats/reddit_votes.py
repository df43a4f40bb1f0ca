"""Reddit's `post_votes.csv` and `comment_votes.csv`: the direction of each vote, no date.

Source: `docs/reference/exports/reddit.md`.
"""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import messaging, reddit, tables
from pipeline.values.fields import non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "reddit.votes"
_COLUMNS = frozenset({"id", "permalink", "direction"})
_DIRECTIONS = frozenset({"up", "down", "none", "removed"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one vote, which may change; `none` takes it back."""
    cells: dict[str, str] = item.value
    if cells["direction"] not in _DIRECTIONS:
        raise BadValue(Reason.BAD_SHAPE, "the value of 'direction' is unknown")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.VOTE,
        identity=(reddit.SERVICE, messaging.key(cells, "id")),
        metadata=non_empty({"vote": cells["direction"], "url": reddit.address(cells)}),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    return 2 * (tables.columns(head) >= _COLUMNS)


FORMAT = Format(
    name=_NAME,
    title="Reddit: votes",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    embed=False,
    hints=(r"(.+/)?(post|comment)_votes(_\d+)?\.csv",),
    products=("Reddit",),
    record_types=(RecordType.VOTE,),
    fields=_COLUMNS,
)
