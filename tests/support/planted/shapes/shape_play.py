"""Plays, of which two in one minute are two: for tests of repeats."""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.values import timestamps
from pipeline.values.fields import text
from schemas.files import Head, Member, SliceLimits
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "shape.play"


def to_record(item: RawRecord, member: Member) -> Record:
    """One play; the export knows the minute."""
    fields = item.value
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PLAY,
        identity=(text(fields, "minute"), text(fields, "track")),
        time=timestamps.iso(text(fields, "minute")),
        title=text(fields, "track"),
    )


def _looks_like(head: Head) -> bool:
    return any("minute" in item for item in peek.first_items(head, "plays"))


FORMAT = Format(
    name=_NAME,
    title="Plays",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r".+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path="plays"),
    record=to_record,
    repeats=True,
    limits=SliceLimits(records=3),
)
