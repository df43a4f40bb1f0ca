"""Goodreads: `goodreads_library_export.csv`, the books on the shelves with ratings and reviews.

ISBNs are written as formulas (`="9780123456786"`) so that spreadsheets do not change them; a review
contains `<br/>`; days are `2024/05/01`. Older exports have six columns more, and newer ones two
less. The `Book Id` identifies a book; everything else may change. Source: BookWyrm's importer of
Goodreads and the headers in its tests (bookwyrm-social/bookwyrm,
`bookwyrm/tests/data/goodreads.csv`).
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import tables
from pipeline.text import cleaning as texts
from pipeline.values import day_order, instants, timestamps
from pipeline.values.fields import joined, measure, non_empty, text
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
_DAYS = ("Date Read", "Date Added")
_FORMULA = re.compile(r'=?"?([^"]*)"?')


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one book, dated by when it was read, else by when it was put on the shelf."""
    row: dict[str, str] = item.value
    odd: dict[str, Any] = {}
    stars = measure(row["My Rating"], "my_rating", odd)
    review = row.get("My Review", "")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.LIST_ITEM,
        identity=("book", text(row, "Book Id")),
        time=_time(row),
        title=row["Title"] or None,
        content=texts.html_to_text(review) if review else None,
        metadata=joined(
            non_empty(
                {
                    **tables.renamed(row, _NAMES),
                    "writers": [row["Author"], *_several(row.get("Additional Authors", ""))],
                    "isbn": _isbn(row.get("ISBN", "")),
                    "isbn13": _isbn(row.get("ISBN13", "")),
                    "labels": _several(row.get("Bookshelves", "")),
                    "rating": stars or None,  # 0 means no rating
                    "rating_max": 5 if stars else None,
                }
            ),
            odd,
        ),
        mutable=True,
    )


def _time(row: dict[str, str]) -> Instant | None:
    """Return the first of its days that can be read."""
    written = [day for name in _DAYS if (day := row.get(name, "").strip())]
    days = [timestamps.or_unread(day, partial(day_order.read, orders={})) for day in written]
    return next((day for day in days if day.flag != instants.UNREAD), days[0] if days else None)


def _isbn(cell: str) -> str:
    """Return the number in `="…"` if it has digits, else ""."""
    found = _FORMULA.fullmatch(cell.strip())
    return found[1].strip() if found else cell.strip()


def _several(cell: str) -> list[str]:
    return [name for part in cell.split(",") if (name := part.strip())]


def _looks_like(head: Head) -> int:
    return 2 * (tables.columns(head) >= _NEEDED)


FORMAT = Format(
    name=_NAME,
    title="Books on Goodreads",
    version=2,
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
