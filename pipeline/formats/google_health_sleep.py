"""Google Health (Fitbit) in Takeout: `Health Fitness Data_GoogleData/UserSleeps_2026-09-01.csv`.

Three tables: nights (`UserSleeps`), their stages (`UserSleepStages`) and scores
(`UserSleepScores`), joined by `sleep_id`, which differs from the number of the same night in
`Global Export Data`. Times are in UTC; a column of its own has the offset of the local clock.
`sleep-<date>.json` repeats the stages, so those here have another name and no sum counts them
twice. Scores have no time. Sources: TheFipster.ActivityAggregator, which recognises the tables by
their headers (columns); the test files of readers of this export (both spellings of times).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import generic_rows, tables
from pipeline.services.tracks import gps_tracks
from pipeline.values import timestamps
from pipeline.values.fields import non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Metric, Outcome, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME, _SERVICE = "google.health_sleep", "google health"
_ID, _STAGE, _SCORE = "sleep_id", "sleep_stage_type", "overall_score"
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)", re.ASCII)
#: Sleep stages as the vocabulary numbers them.
_STAGES = {"awake": 1, "wake": 1, "asleep": 2, "light": 4, "deep": 5, "rem": 6}
_OF_START = "start_utc_offset"


def to_outcome(item: RawRecord, member: Member) -> Outcome:
    """Return a night, a stage of one, or its score."""
    row: dict[str, str] = item.value
    if _STAGE in row:
        return _stage(row)
    if _SCORE in row and "sleep_start" not in row:
        return _score(row)
    start, end = _time(row, "sleep_start", "start"), _time(row, "sleep_end", "end")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SLEEP,
        identity=(_SERVICE, "sleep", _who(row)),
        time=start,
        title="sleep",
        metadata=_metadata(row, start, end, ("sleep_start", "sleep_end")),
        mutable=True,
    )


def _who(row: dict[str, str]) -> str:
    """Return the number of the night; without one, all cells of the row."""
    return tables.cells(row, _ID) or generic_rows.undated_key("", row)[0]


def _of(row: Mapping[str, str]) -> tuple[Related, ...]:
    """Return the night of a stage or a score."""
    number = tables.cells(row, _ID)
    night = Related(Relation.PART_OF, RecordType.SLEEP, (_SERVICE, "sleep", number))
    return (night,) if number else ()


def _stage(row: dict[str, str]) -> Outcome:
    """Return a stage for as long as it lasted; a stage without a number is an activity."""
    start, end = _time(row, "sleep_stage_start", "start"), _time(row, "sleep_stage_end", "end")
    kind = tables.cells(row, _STAGE)
    identity = (_SERVICE, "stage", _who(row), tables.cells(row, "sleep_stage_start"), kind)
    taken = ("sleep_stage_start", "sleep_stage_end")
    if kind.lower() not in _STAGES:
        return Record(
            data_type=DataType.ACTIVITY,
            source=_NAME,
            record_type=RecordType.ACTIVITY,
            identity=identity,
            time=start,
            title=kind or None,
            metadata=_metadata(row, start, end, taken),
            related=_of(row),
        )
    if start.at is None:
        raise BadValue(Reason.BAD_TIME, "the stage of sleep has no time")
    return Metric(
        source=_NAME,
        identity=identity,
        time=start,
        until=end if end.at else None,
        name="google_health.sleep_stage",
        value=float(_STAGES[kind.lower()]),
        unit="",
        metadata=tables.rest(row, frozenset({_STAGE, *taken, _OF_START})),
    )


def _score(row: dict[str, str]) -> Record:
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SUMMARY,
        identity=(_SERVICE, "sleep score", _who(row)),
        title="sleep score",
        metadata=tables.rest(row, frozenset()),
        related=_of(row),
        mutable=True,
    )


def _metadata(
    row: dict[str, str], start: Instant, end: Instant, taken: tuple[str, ...]
) -> dict[str, object]:
    others = tables.rest(row, frozenset({*taken, _OF_START}))
    return non_empty({**gps_tracks.lasting(start, end), **others})


def _time(row: Mapping[str, str], name: str, which: str) -> Instant:
    """Read a time in UTC, with the offset of the local clock then."""
    moment = timestamps.or_unread(tables.cells(row, name), tables.in_utc)
    found = _OFFSET.fullmatch(tables.cells(row, f"{which}_utc_offset"))
    if found is None or moment.at is None:
        return moment
    east = int(found["hours"]) * 60 + int(found["minutes"])
    return msgspec.structs.replace(moment, offset=-east if found["sign"] == "-" else east)


def _looks_like(head: Head) -> int:
    columns = tables.columns(head)
    return 2 * (_ID in columns and bool({"sleep_start", _STAGE, _SCORE} & columns))


FORMAT = Format(
    name=_NAME,
    title="Nights of Google Health (Takeout)",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_outcome,
    embed=False,
    hints=(r"(.+/)?UserSleep(s|Stages|Scores)_[^/]+\.csv",),
    products=("Google Takeout: Fitbit", "Google Takeout: Google Health"),
    record_types=(RecordType.SLEEP, RecordType.ACTIVITY, RecordType.SUMMARY),
)
