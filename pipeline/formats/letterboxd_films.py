"""Letterboxd's export: `diary.csv`, `watched.csv`, `ratings.csv`, `reviews.csv`, `watchlist.csv`.

A row is a film under its address at `boxd.it`. `Date` is when the row was entered, `Watched Date`
when the film was watched; days have no time. `reviews.csv` repeats the films of `diary.csv` that
have a review. `likes/films.csv` and `watchlist.csv` have the columns of `watched.csv` and are
recognised by their names. Lists (`lists/*.csv`) are another format. Source: the headers in the
tests of a dozen public importers of the zip, which agree (`Name,Year,Letterboxd
URI,Rating,Rewatch,Review,Tags,Watched Date`).
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import tables
from pipeline.text import cleaning as texts
from pipeline.values import timestamps
from pipeline.values.fields import joined, measure, non_empty, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "letterboxd.films"
_NEEDED = frozenset({"Date", "Name", "Year", "Letterboxd URI"})
_OTHERS = frozenset({"Rating", "Rewatch", "Tags", "Watched Date", "Review"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return a film that was watched, rated, reviewed, liked or put on the list."""
    row: dict[str, str] = item.value
    kind, listed = _kind(row, member)
    address, entered = text(row, "Letterboxd URI"), text(row, "Date")
    odd: dict[str, Any] = {}
    stars = measure(row.get("Rating"), "rating", odd)
    review = row.get("Review", "")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=kind,
        identity=(listed, address),
        time=timestamps.or_unread(row.get("Watched Date") or entered),
        title=row["Name"] or None,
        content=texts.html_to_text(review) if review else None,
        metadata=joined(
            non_empty(
                {
                    "url": address,
                    "year": row["Year"],
                    "list": listed,
                    "entered_on": entered,
                    "watched_on": row.get("Watched Date", ""),
                    "rewatch": row.get("Rewatch") == "Yes",
                    "labels": _tags(row.get("Tags", "")),
                    "rating": stars,
                    "rating_max": None if stars is None else 5,
                }
            ),
            odd,
        ),
        mutable=True,
    )


def _tags(cell: str) -> list[str]:
    return [tag for part in cell.split(",") if (tag := part.strip())]


def _kind(row: dict[str, str], member: Member) -> tuple[RecordType, str]:
    if "Review" in row:
        return RecordType.REVIEW, "reviews"
    if "Watched Date" in row:
        return RecordType.PLAY, "diary"
    if "Rating" in row:
        return RecordType.REVIEW, "ratings"
    name = PurePosixPath(member.path).stem.casefold()
    if "watchlist" in name:
        return RecordType.LIST_ITEM, "watchlist"
    if name == "films" or "like" in name:
        return RecordType.LIST_ITEM, "likes"
    return RecordType.LIST_ITEM, "watched"


def _looks_like(head: Head) -> int:
    return 2 * (tables.columns(head) >= _NEEDED)


FORMAT = Format(
    name=_NAME,
    title="Films on Letterboxd",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    products=("Letterboxd",),
    record_types=(RecordType.PLAY, RecordType.REVIEW, RecordType.LIST_ITEM),
    fields=_NEEDED | _OTHERS,
)
