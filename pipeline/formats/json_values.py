"""JSON objects of any kind in sequence: each is kept unchanged, and nothing is guessed."""

from __future__ import annotations

import json

from pipeline.contract import Format, Rank
from pipeline.readers.json.values import SIGN, JsonValues
from pipeline.recognition import peek
from pipeline.services import generic_rows
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "json.values"
_BETWEEN = " \t\r\n" + SIGN.decode()


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one value; `value` holds a value that is not an object."""
    return generic_rows.row(item.value, _NAME, member)


def _looks_like(head: Head) -> int:
    """Recognise a whole object with another behind it.

    It ranks above values on lines, which have a line each.
    """
    text = peek.sound_text_of(head).lstrip(SIGN + b" \t\r\n")
    if not text.startswith(b"{") or peek.are_lines_of_values(head):
        return 0
    try:
        text_of_head = text.decode("utf-8", "ignore")
        _, end = json.JSONDecoder(strict=False).raw_decode(text_of_head)
    except (ValueError, RecursionError):
        return 0
    return 2 * text_of_head[end:].lstrip(_BETWEEN).startswith("{")


FORMAT = Format(
    name=_NAME,
    title="Any JSON objects, one behind the other",
    version=1,
    data_type=DataType.STRUCTURED,
    paths=(r".+\.(ndjson|jsonl|jsonlines|ldjson|json)",),
    looks_like=_looks_like,
    reader=JsonValues(),
    record=to_record,
    rank=Rank.SYNTAX,
    record_types=(RecordType.ROW,),
    repeats=True,
)
