"""Goodreads: `goodreads_library_export.csv`, the books on the shelves, and what was made of them.

ISBNs are written as formulas (`="9780123456786"`) so that no program for tables spoils them; a
review has `<br/>` in it; days are `2024/05/01`. Older exports have six columns more, and newer ones
two less. A book is its `Book Id`; all else changes. Source: BookWyrm's importer of Goodreads and
the headers in its tests (bookwyrm-social/bookwyrm, `bookwyrm/tests/data/goodreads.csv`).
"""

from __future__ import annotations

import re
from functools import partial

from pipeline import chats, day_order, tables, timestamps
from pipeline import text as texts
from pipeline.fields import text
from pipeline.format import Format
from pipeline.readers.csv_rows import CsvRows
from schemas.files import Head, Member
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "goodreads.library"
_NEEDED = frozenset({"Book Id", "Title", "Author", "My Rating", "Exclusive Shelf"})
_NAMES = {
    "Publisher": "publisher",
    "Binding": "binding",
    "Number of Pages": "pages",
    "Year Published": "published",
    "Original Publication Year": "first_published",
    "Date Read": "read_on",
    "Date Added": "added_on",
    "Exclusive Shelf": "list",
    "Bookshelves with positions": "positions",
    "Spoiler": "spoiler",
    "Private Notes": "private_notes",
    "Read Count": "read_count",
    "Owned Copies": "owned_copies",
    "Recommended For": "recommended_for",
    "Recommended By": "recommended_by",
    "Original Purchase Date": "purchased_on",
    "Original Purchase Location": "purchased_at",
    "Condition": "condition",
    "Condition Description": "condition_description",
    "BCID": "bcid",
    "Average Rating": "average_rating",
    "Author l-f": "writer_by_last_name",
}
_READ = _NEEDED | {"Additional Authors", "ISBN", "ISBN13", "Bookshelves", "My Review"}
_FORMULA = re.compile(r'=?"?([^"]*)"?')


def to_record(item: RawRecord, member: Member) -> Record:
    """One book; when it was read, else put on the shelf, is its time."""
    row: dict[str, str] = item.value
    flags: list[str] = []
    time = _day(row.get("Date Read", ""), flags) or _day(row.get("Date Added", ""), flags)
    flags = flags if time is None else []
    stars = row["My Rating"].strip()
    review = row.get("My Review", "")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.LIST_ITEM,
        identity=("book", text(row, "Book Id")),
        time=time,
        title=row["Title"] or None,
        content=texts.html_to_text(review) if review else None,
        metadata=chats.kept(
            {
                **tables.said(row, _NAMES),
                "writers": [row["Author"], *_several(row.get("Additional Authors", ""))],
                "isbn": _isbn(row.get("ISBN", "")),
                "isbn13": _isbn(row.get("ISBN13", "")),
                "labels": _several(row.get("Bookshelves", "")),
                "flags": flags,
                **_rating(stars),
            }
        ),
        mutable=True,
    )


def _day(written: str, flags: list[str]) -> Instant | None:
    if not written.strip():
        return None
    return timestamps.if_readable(partial(day_order.read, orders={}), written.strip(), flags)


def _isbn(cell: str) -> str:
    """The number in `="…"`, its digits or nothing."""
    found = _FORMULA.fullmatch(cell.strip())
    return found[1].strip() if found else cell.strip()


def _several(cell: str) -> list[str]:
    return [name for part in cell.split(",") if (name := part.strip())]


def _rating(stars: str) -> dict[str, object]:
    """Nought is none given."""
    if stars in ("", "0"):
        return {}
    try:
        return {"rating": float(stars), "rating_max": 5}
    except ValueError:
        return {"my_rating": stars}


def _looks_like(head: Head) -> int:
    return 2 * (tables.columns(head) >= _NEEDED)


FORMAT = Format(
    name=_NAME,
    title="Books on Goodreads",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?goodreads_library_export[^/]*\.csv",),
    products=("Goodreads",),
    record_types=(RecordType.LIST_ITEM,),
    fields=_READ | _NAMES.keys(),
)
