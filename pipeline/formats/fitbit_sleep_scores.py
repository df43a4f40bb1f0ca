"""Fitbit's archive: `Sleep Score/sleep_score.csv`, a row for each night that has a score.

`sleep_log_entry_id` is the number of the night in `sleep-<date>.json`, and `timestamp` is when it
ended. Scores of parts are empty for accounts without the paid service. Sources: the test files of
readers of this export, which agree on the columns.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import generic_rows, tables
from pipeline.services.tracks import gps_tracks
from pipeline.values import timestamps
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.records import DataType, Metric, Outcome, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "fitbit.sleep_scores"
_ID, _TIME = "sleep_log_entry_id", "timestamp"
_UNITS = {
    "overall_score": "",
    "composition_score": "",
    "revitalization_score": "",
    "duration_score": "",
    "deep_sleep_in_minutes": "min",
    "resting_heart_rate": "bpm",
    "restlessness": "",
}


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield the night's summary, then each of its numbers."""
    row: dict[str, str] = item.value
    number, written = tables.cells(row, _ID), tables.cells(row, _TIME)
    who = number or generic_rows.undated_key("", row)[0]
    time = timestamps.or_unread(written)
    night = Related(Relation.PART_OF, RecordType.SLEEP, ("fitbit", number))
    yield Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SUMMARY,
        identity=("fitbit", "sleep score", who),
        time=time,
        title="sleep score",
        metadata=tables.rest(row, frozenset({_TIME})),
        related=(night,) if number else (),
        mutable=True,
    )
    for name, unit in _UNITS.items():
        value = _number(row.get(name, ""))
        if time.at is not None and value is not None and (value or unit != "bpm"):
            yield Metric(
                source=_NAME,
                identity=("fitbit", who, row[name]),
                time=time,
                name=f"fitbit.sleep_score.{name}",
                value=value,
                unit=unit,
            )


def _number(cell: str) -> float | None:
    try:
        return gps_tracks.number(cell.strip() or None, "cell")
    except BadValue:
        return None


def _looks_like(head: Head) -> int:
    return 2 * ({_ID, _TIME} <= tables.columns(head))


FORMAT = Format(
    name=_NAME,
    title="Scores of sleep, from Fitbit",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_outcomes,
    embed=False,
    hints=(r"(.+/)?sleep_score[^/]*\.csv",),
    products=("Fitbit", "Google Takeout: Fitbit", "Google Takeout: Google Health"),
    record_types=(RecordType.SUMMARY,),
)
