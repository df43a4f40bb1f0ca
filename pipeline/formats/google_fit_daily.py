"""Google Fit in Takeout: `Daily activity metrics.csv`, and one `<YYYY-MM-DD>.csv` for each day.

A row is a day, or a quarter of an hour with `Start time` and `End time`. The columns differ by
account, so each is found by its header. The old name was `Daily Summaries.csv`. The names are in
the account's language, but the clocks and the units `(kcal)` and `(m)` are not: they identify a
file in another language and its distance. `_NAMES` has the other known names of sums (Dutch:
endurain-project/endurain#96); the rest are kept unchanged.

Source: `docs/reference/exports/google-fit.md#daily-metrics`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.recognition import peek
from pipeline.services import generic_rows, tables
from pipeline.values import open_zones, timestamps
from pipeline.values.fields import finite, joined, measure
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.fit_daily"
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CLOCK = re.compile(r"\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_START, _END = "Start time", "End time"
_DISTANCE = re.compile(r"[^()]+\(m\)")
_UNIT = re.compile(r"[^()]+\([^()]+\)")
#: English names of sums.
_NAMES = {
    "Stappen": "step_count",
    "Bewegingsminuten": "move_minutes_count",
    "Calorieën (kcal)": "calories_kcal",
    "Cardiopunten": "heart_points",
}
_KNOWN = frozenset(
    {"Move Minutes count", "Calories (kcal)", "Distance (m)", "Heart Points", "Heart Minutes"}
    | {"Step count", "Average heart rate (bpm)", "Average speed (m/s)", "Average weight (kg)"}
    | {"Low latitude (deg)", "Max heart rate (bpm)", "Max speed (m/s)"}
)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return the sums of a day, or of a part of it."""
    row: dict[str, str] = item.value
    columns = _columns(row)
    start, end, day = (row.get(name, "") for name in columns)
    day = day or _day_of(member.path)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SUMMARY,
        identity=("google fit", day, start, *generic_rows.undated_key(day, row)),
        time=timestamps.or_unread(f"{day}T{start}" if start else day),
        title=f"Google Fit {day}".rstrip(),
        metadata={**_ended(day, start, end), **_numbers(row, columns)},
        mutable=True,
    )


def _columns(row: dict[str, str]) -> tuple[str, str, str]:
    """Return the columns of the clocks and the date: by name, or by their place in any language."""
    if _START in row or "Date" in row:
        return _START, _END, "Date"
    first, second = [*row, "", ""][:2]
    clocks = any(_CLOCK.fullmatch(row.get(name, "")) for name in (first, second))
    return (first, second, "") if clocks else ("", "", first)


def _day_of(path: str) -> str:
    """Return the date in a file's name; empty if it has another name."""
    name = PurePosixPath(path).stem
    return name if _DAY.fullmatch(name) else ""


def _ended(day: str, start: str, end: str) -> dict[str, str]:
    """Return when a part of a day ended; midnight is the next day's, which the file doesn't say."""
    if not end or end[:5] <= start[:5]:
        return {}
    found = open_zones.utc_text(timestamps.or_unread(f"{day}T{end}"))
    return {"ended_at": found} if found else {}


def _numbers(row: dict[str, str], times: Iterable[str]) -> dict[str, Any]:
    """Return every cell that holds a number; distances have the shared name.

    Other cells are kept unchanged; under the name of a measure they are flagged.
    """
    found: dict[str, Any] = {}
    odd: dict[str, Any] = {}
    for name, cell in row.items():
        if cell and name not in times:
            lake_name = _NAMES.get(name) or tables.snake(name)
            measured = name in _NAMES or name in _KNOWN or _UNIT.fullmatch(name)
            if _DISTANCE.fullmatch(name):
                lake_name = "distance_m"
            number = measure(cell, lake_name, odd) if measured else finite(cell)
            if number is not None:
                found[lake_name] = number
            elif not measured:
                found[lake_name] = cell
    return joined(found, odd)


def _looks_like(head: Head) -> int:
    columns = tables.columns(head)
    dated = "Date" in columns or {_START, _END} <= columns
    return 2 * ((dated and len(columns & _KNOWN) >= 2) or _is_translated(head))


def _is_translated(head: Head) -> bool:
    """Return whether rows begin with two clocks or a day, and have calories and a distance."""
    columns = tables.ordered_columns(head)
    measured = any("(kcal)" in c for c in columns) and any(map(_DISTANCE.fullmatch, columns))
    if not measured or not all(columns[:2]):
        return False
    cells = [line.decode("utf-8", "replace").split(",") for line in peek.lines(head, 3)[1:]]
    clocks = _DAY.fullmatch(PurePosixPath(head.path).stem) is not None
    return any(
        _DAY.fullmatch(row[0]) or (clocks and all(map(_CLOCK.fullmatch, row[:2]))) for row in cells
    )


FORMAT = Format(
    name=_NAME,
    title="Daily sums of Google Fit (Takeout)",
    version=4,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    embed=False,
    products=("Google Takeout: Fit",),
    locales=("en", "nl"),
    vintages=("Daily Summaries.csv", "Daily activity metrics.csv"),
    record_types=(RecordType.SUMMARY,),
)
