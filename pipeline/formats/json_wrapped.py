"""Any JSON object around one list of objects: items are kept unchanged, nothing is guessed."""

from __future__ import annotations

from pipeline.contract import Format, Rank
from pipeline.readers.json.wrapped import JsonWrapped
from pipeline.recognition import peek
from pipeline.services import generic_rows
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "json.wrapped"
#: What the reader itself adds to an item.
_PLACE = frozenset({"path", "keys", "first"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one item, with the values beside the list; they are not part of its identity."""
    around = {name: value for name, value in item.around.items() if name not in _PLACE}
    return generic_rows.row(item.value, _NAME, member, around)


def _looks_like(head: Head) -> bool:
    return peek.wrapped(head) is not None


FORMAT = Format(
    name=_NAME,
    title="Items of the one list in any JSON object",
    version=1,
    data_type=DataType.STRUCTURED,
    paths=(r".+\.json",),
    looks_like=_looks_like,
    reader=JsonWrapped(),
    record=to_record,
    tried=(
        "Freika/dawarich",
        "karlicoss/hpi-testdata",
        "marph91/jimmy",
        "nst/JSONTestSuite",
        "obsidianmd/obsidian-importer",
    ),
    rank=Rank.SYNTAX,
    record_types=(RecordType.ROW,),
    repeats=True,
)
