"""Google's lists in Takeout: `Saved/<list>.csv` with `Title,Note,URL,Comment`, some with `Tags`.

Only the file's name gives the list's name, in any language; a place has coordinates only if its
link has them. Such files begin with an empty row. The column names are in the account's language
and always in the same order, so a table whose third column is `URL` with links to Google is such a
list, too.

Source: `docs/reference/exports/google-services.md#maps`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import tables
from pipeline.services.google import places as google_places
from pipeline.values.fields import non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.saved_list"
_COLUMNS = frozenset({"Title", "Note", "URL", "Comment"})
_BEFORE, _URL, _LAST = ("Title", "Note"), "URL", "Comment"
_WIDTHS = (4, 5)


def to_record(item: RawRecord, member: Member) -> Iterator[Record]:
    """Yield one entry: a place if its link leads to Maps, else a page. Empty rows yield none."""
    row = _in_english(item.value)
    if not any(row.values()):
        return
    url, title = row["URL"].strip(), row["Title"].strip()
    if not url:
        raise BadValue(Reason.MISSING_FIELD, "no value in 'URL'")
    named = PurePosixPath(member.path).stem
    on_maps = google_places.is_maps(url)
    place = non_empty({"name": title, **google_places.in_url(url)}) if on_maps else None
    yield Record(
        data_type=DataType.LOCATION if on_maps else DataType.BROWSER,
        source=_NAME,
        record_type=RecordType.PLACE if on_maps else RecordType.BOOKMARK,
        identity=(named, url),
        title=title or None,
        content="\n".join(filter(None, (row["Note"], row["Comment"]))) or None,
        metadata={
            **non_empty({"list": named, "url": url, "place": place}),
            **tables.rest(row, _COLUMNS),
        },
        mutable=True,
    )


def _in_english(row: dict[str, str]) -> dict[str, str]:
    """Return the row under English names, by the order of its columns."""
    if row.keys() >= _COLUMNS:
        return row
    names = list(row)
    english = dict(zip(names, _BEFORE, strict=False)) | {names[-1]: _LAST}
    return {english.get(name, name): cell for name, cell in row.items()}


def _looks_like(head: Head) -> int:
    columns = tables.ordered_columns(head)
    if set(columns) >= _COLUMNS:
        return 2
    if len(columns) not in _WIDTHS or columns[2] != _URL:
        return 0
    links = [row[_URL] for row in tables.first_rows(head) if row.get(_URL)]
    return 2 * (bool(links) and all(map(google_places.is_maps, links)))


FORMAT = Format(
    name=_NAME,
    title="Lists saved with Google (Takeout)",
    version=3,
    data_type=DataType.BROWSER,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?(Saved|Gespeichert|Enregistrés|Guardado|保存済み)/[^/]+\.csv",),
    products=("Google Takeout: Saved",),
    vintages=("without Tags", "with Tags", "columns in the account's language"),
    record_types=(RecordType.PLACE, RecordType.BOOKMARK),
)
