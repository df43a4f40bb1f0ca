"""Answers to a person's questions about their lake: one document, a day, a place, counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from schemas.errors import PermanentError
from schemas.vocabulary import KEYS
from sql.store import Lake

#: What `count` groups by besides the names of metadata.
COLUMNS = ("type", "source", "language", "site", "year", "month", "day", "weekday", "hour")
ENTITIES = ("person", "place")

#: Documents that one page of an export holds.
_PAGE = 500
_RELATED = 20
_FIRST = (datetime.min.replace(tzinfo=ZoneInfo("UTC")), UUID(int=0))


class Span(NamedTuple):
    """A span of time in a zone: `after` belongs to it, `before` does not."""

    after: datetime
    before: datetime
    zone: str


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """A selection of documents.

    `after` is inclusive and `before` exclusive; `type` is a record type or a data type; `source` is
    a format or a service.
    """

    after: datetime | None = None
    before: datetime | None = None
    type: str | None = None
    source: str | None = None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What two imports have: counts by kind, and some documents that only one of them has."""

    kinds: Sequence[Mapping[str, Any]]
    only_first: Sequence[Mapping[str, Any]]
    only_second: Sequence[Mapping[str, Any]]
    changed: int
    """Documents that the second import replaced by a newer version."""


def span_of(day: date, zone: ZoneInfo) -> Span:
    """Return the span of a day, which has 23 to 25 hours where clocks change."""
    begin = datetime.combine(day, time(), zone)
    return Span(begin, datetime.combine(day + timedelta(days=1), time(), zone), zone.key)


def document(lake: Lake, user_id: UUID, document_id: int) -> dict[str, Any]:
    """Return one document with its people, its relations and where it came from.

    Raises `PermanentError` if the user has no such document.
    """
    rows = lake.rows(user_id, "answers", "document", user_id=user_id, id=document_id)
    if not rows:
        raise PermanentError("There is no document of that id; ids stand in: datapunk search")
    asked: dict[str, Any] = {"user_id": user_id, "record_key": rows[0]["record_key"]}
    return {
        **rows[0],
        "people": lake.rows(user_id, "answers", "people_of", **asked),
        "related": lake.rows(user_id, "answers", "related_to", **asked, n=_RELATED),
    }


def day(lake: Lake, user_id: UUID, span: Span, n: int) -> list[dict[str, Any]]:
    """Return what happened in a span, in order.

    At most `n` documents, and positions and measured values by the hour. Each row has `kind`.
    """
    asked: dict[str, Any] = {"user_id": user_id, "after": span.after, "before": span.before, "n": n}
    hourly = {**asked, "zone": span.zone}
    found = [
        *_as("document", lake.rows(user_id, "answers", "documents_between", **asked)),
        *_as("positions", lake.rows(user_id, "answers", "positions_between", **hourly)),
        *_as("measurements", lake.rows(user_id, "answers", "measurements_between", **hourly)),
    ]
    return sorted(found, key=lambda row: row["at"])[:n]


def positions(lake: Lake, user_id: UUID, span: Span, n: int) -> list[dict[str, Any]]:
    """Return the positions of a span by the hour."""
    asked = {"user_id": user_id, "after": span.after, "before": span.before, "n": n}
    return lake.rows(user_id, "answers", "positions_between", **asked, zone=span.zone)


def nearest(lake: Lake, user_id: UUID, at: datetime, within: timedelta) -> list[dict[str, Any]]:
    """Return the last known positions before a moment and the first after it.

    They are recorded ones and those of documents, within a time on either side.
    """
    return lake.rows(user_id, "answers", "nearest_positions", user_id=user_id, at=at, within=within)


def count(
    lake: Lake, user_id: UUID, by: str, chosen: Chosen, zone: str, n: int
) -> list[dict[str, Any]]:
    """Return how many documents have each value of `by`, most first.

    `by` is one of `COLUMNS` or `ENTITIES`, or a name of metadata. Raises `PermanentError` for
    another name.
    """
    asked = {"user_id": user_id, "n": n, **msgspec.structs.asdict(chosen)}
    if by in COLUMNS:
        return lake.rows(user_id, "answers", "count_by_column", **asked, by=by, zone=zone)
    if by in ENTITIES:
        places = by == "place"
        return lake.rows(user_id, "answers", "count_by_entity", **asked, places=places)
    if by not in KEYS:
        known = ", ".join((*COLUMNS, *ENTITIES))
        raise PermanentError(
            f"Nothing is counted by that. Say one of {known}, or a name of docs/reference/"
            "vocabulary.md such as artist, album, channel, device, merchant."
        )
    return lake.rows(user_id, "answers", "count_by_metadata", **asked, by=by)


def compare(lake: Lake, user_id: UUID, first: UUID, second: UUID, n: int) -> Comparison:
    """Return what the records of two imports have in common.

    With up to `n` documents that only one of them has.
    """
    one: dict[str, Any] = {"user_id": user_id, "one": first, "other": second}
    other: dict[str, Any] = {"user_id": user_id, "one": second, "other": first}
    (changed,) = lake.rows(user_id, "answers", "changed_by", user_id=user_id, job_id=second)
    return Comparison(
        kinds=lake.rows(user_id, "answers", "compare_jobs", **one),
        only_first=lake.rows(user_id, "answers", "only_in", **one, n=n),
        only_second=lake.rows(user_id, "answers", "only_in", **other, n=n),
        changed=changed["count"],
    )


def documents(lake: Lake, user_id: UUID, chosen: Chosen) -> Iterator[dict[str, Any]]:
    """Yield the chosen documents in the order of their ids, in pages."""
    asked, past = msgspec.structs.asdict(chosen), 0
    while rows := lake.rows(
        user_id, "answers", "export_documents", user_id=user_id, n=_PAGE, past=past, **asked
    ):
        past = rows[-1]["id"]
        yield from rows


def mails(lake: Lake, user_id: UUID, chosen: Chosen) -> list[dict[str, Any]]:
    """Return the chosen mails, by import and member: where their bytes lie, `source` and `at`."""
    asked = msgspec.structs.asdict(chosen)
    return lake.rows(user_id, "answers", "export_mails", user_id=user_id, **asked)


def no_mails(lake: Lake, user_id: UUID, chosen: Chosen) -> list[dict[str, Any]]:
    """Return how many of the chosen documents are no mails, by `type`, the most first."""
    asked = msgspec.structs.asdict(chosen)
    return lake.rows(user_id, "answers", "export_no_mails", user_id=user_id, **asked)


def track(lake: Lake, user_id: UUID, chosen: Chosen) -> Iterator[dict[str, Any]]:
    """Yield the recorded positions of the chosen times and sources in order, in pages."""
    at, key = _FIRST
    asked = {"after": chosen.after, "before": chosen.before, "source": chosen.source}
    while rows := lake.rows(
        user_id, "answers", "export_positions",
        user_id=user_id, n=_PAGE, past_at=at, past_key=key, **asked,
    ):  # fmt: skip
        at, key = rows[-1]["at"], rows[-1].pop("record_key")
        yield from rows


def _as(kind: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    return ({"kind": kind, **row} for row in rows)
