"""X (Twitter): every other file of the archive, such as `ad-engagements.js` and `moment.js`.

Its items are kept unchanged. The file's assignment gives their kind, which each item has.
"""

from __future__ import annotations

from pipeline.contract import Format, Rank
from pipeline.readers.ytd import Ytd
from pipeline.services import generic_rows, x
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "x.rows"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one item; `value` holds an item that is not an object."""
    return generic_rows.row(item.value, _NAME, member, {"name": item.around["name"]})


def _looks_like(head: Head) -> bool:
    return bool(x.name_of(head))


FORMAT = Format(
    name=_NAME,
    title="X (Twitter): other files of the archive",
    version=1,
    data_type=DataType.STRUCTURED,
    paths=x.PATHS,
    looks_like=_looks_like,
    reader=Ytd(),
    record=to_record,
    products=("X (Twitter)",),
    rank=Rank.SYNTAX,
    record_types=(RecordType.ROW,),
    repeats=True,
)
