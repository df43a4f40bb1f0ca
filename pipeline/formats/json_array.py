"""Any JSON array: each item is kept unchanged, and nothing is guessed."""

from __future__ import annotations

from pipeline.contract import Format, Rank
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import generic_rows
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "json.array"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one item; `value` holds an item that is not an object."""
    return generic_rows.row(item.value, _NAME, member)


def _looks_like(head: Head) -> bool:
    """Recognise the bracket.

    If the name promises a value a line, the bracket must be alone on the first line.
    """
    if head.path.lower().endswith(".json"):
        return peek.is_json_array(head)
    return peek.is_array_over_lines(head)


FORMAT = Format(
    name=_NAME,
    title="Items of any JSON array",
    version=3,
    data_type=DataType.STRUCTURED,
    paths=(r".+\.(json|ndjson|jsonl|jsonlines|ldjson)",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    tried=(
        "dogsheep/twitter-to-sqlite",
        "Freika/dawarich",
        "marph91/jimmy",
        "nst/JSONTestSuite",
        "obsidianmd/obsidian-importer",
        "purarue/browserexport",
        "timelinize/timelinize",
    ),
    rank=Rank.SYNTAX,
    record_types=(RecordType.ROW,),
    repeats=True,
)
