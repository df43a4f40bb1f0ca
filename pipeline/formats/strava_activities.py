"""Strava's `activities.csv`: one row an activity (reference 17).

Several columns come twice, the second more precise; the reader calls that `Distance_2`. The units
of either, and the spelling and zone of `Activity Date`, are not verified, so they stay as they
are written; times that are ISO 8601 are understood. `Filename` may be the literal `#error#`.
"""

from __future__ import annotations

import re

from pipeline import peek, timestamps
from pipeline.fields import text
from pipeline.format import Format
from pipeline.readers.csv_rows import CsvRows
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "strava.activities"
_TAKEN = frozenset(
    {"Activity Name", "Activity Date", "Activity Description", "Activity Type", "Filename"}
)
_HEADER = re.compile(rb"\"?Activity ID\"?,\"?Activity Date\"?,")


def to_record(item: RawRecord, member: Member) -> Record:
    """One activity, by Strava's number for it."""
    row: dict[str, str] = item.value
    file = row.get("Filename", "")
    found = {
        "activity": row.get("Activity Type"),
        "activity_date": row.get("Activity Date"),
        "attachments": [] if file in ("", "#error#") else [_file(file)],
        "details": {name: cell for name, cell in row.items() if name not in _TAKEN and cell},
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.WORKOUT,
        identity=("strava", _number(row)),
        time=_time(row.get("Activity Date", "")),
        title=row.get("Activity Name") or None,
        content=row.get("Activity Description") or None,
        metadata={name: value for name, value in found.items() if value},
        mutable=True,
    )


def _number(row: dict[str, str]) -> str:
    number = text(row, "Activity ID")
    if not number.isdecimal():
        raise ValueError
    return number


def _time(written: str) -> Instant | None:
    try:
        return timestamps.iso(written)
    except BadValue:
        return None


def _file(path: str) -> dict[str, str]:
    return {"name": path.rpartition("/")[2], "path": path}


def _looks_like(head: Head) -> bool:
    return any(map(_HEADER.match, peek.lines(head, 1)))


FORMAT = Format(
    name=_NAME,
    title="Activities listed by Strava",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?activities\.csv",),
    products=("Strava",),
    locales=("en",),
    record_types=(RecordType.WORKOUT,),
)
