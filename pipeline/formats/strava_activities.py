"""Strava's `activities.csv`: one row an activity.

The names of the columns, and the dates, are in the account's language. The order of the columns is
the same in all: the first seven are number, date, name, type, description, elapsed time and
distance. Elapsed time and distance come again under the same name; the second ones are in seconds
and metres, and a fixed sequence of columns follows them (the reader calls them `Distance_2`). A
single distance is in metres until July 2019, when the columns were called `id,date,name`, and in
kilometres, or for a swim metres, since; the latter is kept as written. Dates are in UTC. `Filename`
may be the literal `#error#`.

Source: martin-ueding/geo-activity-playground#86, #191 and #348 (German headers, a date beside a
name with its local clock); hugovk/strava-tools#1 and #2 (the change of July 2019);
marcusvolz/strava#53.

Source: `docs/reference/exports/tracks.md#strava`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from functools import lru_cache
from typing import Any

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.recognition import peek
from pipeline.services import tables
from pipeline.services.tracks import gps_tracks
from pipeline.values import google_dates, instants, open_zones, timestamps
from pipeline.values.fields import text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "strava.activities"
_ENGLISH = {
    "id": "Activity ID",
    "date": "Activity Date",
    "name": "Activity Name",
    "type": "Activity Type",
    "description": "Activity Description",
    "elapsed": "Elapsed Time",
    "distance": "Distance",
    "file": "Filename",
}
#: The columns until July 2019.
_OLD = {
    "id": "id",
    "date": "date",
    "name": "name",
    "type": "type",
    "description": "description",
    "elapsed": "elapsed_time",
    "metres": "distance",
    "file": "filename",
}
_FIRST = ("id", "date", "name", "type", "description", "elapsed", "distance")
_FILE = re.compile(r"activities/[^/\s]+")
_NUMBERED = re.compile(rb"\"?\d{4,}\"?[,;\t]")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one activity, identified by Strava's number."""
    row: dict[str, str] = item.value
    roles = _roles(tuple(row))
    cells = {role: row.get(column, "") for role, column in roles.items()}
    written, file = cells.get("date", ""), cells.get("file") or _file_of(row)
    odd: dict[str, Any] = {}
    taken = {roles.get(role) for role in ("name", "date", "description", "type", "file")}
    found = {
        "activity": cells.get("type"),
        "activity_date": written,
        "attachments": [] if file in ("", "#error#") else [_file(file)],
        "duration_s": _measure(cells, "seconds", odd) or _measure(cells, "elapsed", odd),
        "distance_m": _measure(cells, "metres", odd),
        "details": {
            name: cell for name, cell in row.items() if name not in taken and cell and cell != file
        },
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.WORKOUT,
        identity=("strava", _number(row, roles["id"])),
        time=_time(written),
        title=cells.get("name") or None,
        content=cells.get("description") or None,
        metadata={name: value for name, value in (found | _flags(odd)).items() if value},
        mutable=True,
    )


@lru_cache(maxsize=16)
def _roles(columns: tuple[str, ...]) -> Mapping[str, str]:
    """Return the column of each role: by its English name, else by its place."""
    if columns[0] == _OLD["id"]:
        return _OLD
    if columns[0] == _ENGLISH["id"]:
        roles = {role: name for role, name in _ENGLISH.items() if name in columns}
    else:
        roles = dict(zip(_FIRST, columns, strict=False))
    for role, again in (("elapsed", "seconds"), ("distance", "metres")):
        second = f"{roles.get(role)}_2"
        if second in columns:
            roles[again] = second
    return roles


def _number(row: dict[str, str], column: str) -> str:
    number = text(row, column)
    if not number.isdecimal():
        raise ValueError
    return number


def _measure(cells: Mapping[str, str], role: str, odd: dict[str, Any]) -> float | None:
    return gps_tracks.measure(cells.get(role) or None, role, odd)


def _flags(odd: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flags of invalid measures; their texts are among the details."""
    return {"flags": odd.get("flags")}


def _time(written: str) -> Instant | None:
    if not written:
        return None
    for read in (timestamps.iso, google_dates.activity_time):
        try:
            return open_zones.in_zone(read(written), UTC)
        except BadValue:
            continue
    return Instant(None, written, None, instants.UNREAD)


def _file_of(row: Mapping[str, str]) -> str:
    """Return the cell that is a file of the export, if no column name identifies it."""
    return next((cell for cell in row.values() if _FILE.fullmatch(cell)), "")


def _file(path: str) -> dict[str, str]:
    return {"name": path.rpartition("/")[2], "path": path}


def _looks_like(head: Head) -> bool:
    """Recognise the first English names, else repeated columns and rows that begin with numbers."""
    columns = tables.ordered_columns(head)
    if len(columns) < len(_FIRST):
        return False
    if columns[:2] == (_ENGLISH["id"], _ENGLISH["date"]) or columns[:4] == tuple(_OLD.values())[:4]:
        return True
    elapsed, distance = columns[5:7]
    twice = f"{elapsed}_2" in columns and f"{distance}_2" in columns
    return twice and any(map(_NUMBERED.match, peek.lines(head, 4)[1:]))


FORMAT = Format(
    name=_NAME,
    title="Activities listed by Strava",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?activities\.csv",),
    products=("Strava",),
    vintages=("id,date,name (to July 2019)", "Activity ID, and in other languages (since)"),
    record_types=(RecordType.WORKOUT,),
)
