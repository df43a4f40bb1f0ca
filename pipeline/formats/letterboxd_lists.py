"""Letterboxd's export: `lists/<name>.csv`, a list and the films on it.

Below a line `Letterboxd list export v7` a table of one row describes the list; below that, after a
blank line, are the films: `Position,Name,Year,URL,Description`, without positions in an unordered
list. Source: the samples in the tests of importers of the zip, which agree.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from pipeline.contract import Format
from pipeline.readers.csv.preamble import CsvPreamble
from pipeline.recognition import peek
from pipeline.services import tables
from pipeline.text import cleaning as texts
from pipeline.values import timestamps
from pipeline.values.fields import non_empty, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "letterboxd.lists"
_TITLE = b"Letterboxd list export"
_SERVICE = "letterboxd"
_FILM = frozenset({"Position", "Name", "Year", "URL", "Description"})
_LIST = frozenset({"Date", "Name", "Tags", "URL", "Description"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return the list, or one film on it."""
    row: dict[str, str] = item.value
    if item.around.get("table") == "preamble":
        return _list(row, member)
    of = item.around["preamble"]
    address = text(row, "URL")
    description = row.get("Description", "")
    identity = _identity(of, member)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.LIST_ITEM,
        identity=(*identity, address),
        time=None,
        title=row.get("Name") or None,
        content=texts.html_to_text(description) if description else None,
        metadata=non_empty(
            {
                "url": address,
                "year": row.get("Year", ""),
                "list": of.get("Name") or PurePosixPath(member.path).stem,
                "position": row.get("Position", ""),
                **tables.rest(row, _FILM),
            }
        ),
        related=(Related(Relation.PART_OF, RecordType.PLAYLIST, identity),),
        mutable=True,
    )


def _list(row: dict[str, str], member: Member) -> Record:
    written, description = row.get("Date", ""), row.get("Description", "")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PLAYLIST,
        identity=_identity(row, member),
        time=timestamps.or_unread(written),
        title=row.get("Name") or PurePosixPath(member.path).stem,
        content=texts.html_to_text(description) if description else None,
        metadata=non_empty(
            {
                "url": row.get("URL", ""),
                "labels": [tag for part in row.get("Tags", "").split(",") if (tag := part.strip())],
                **tables.rest(row, _LIST),
            }
        ),
        mutable=True,
    )


def _identity(row: dict[str, str], member: Member) -> tuple[str, ...]:
    return (_SERVICE, row.get("URL") or row.get("Name") or PurePosixPath(member.path).stem)


def _looks_like(head: Head) -> int:
    return 2 * any(line.startswith(_TITLE) for line in peek.lines(head, 1))


FORMAT = Format(
    name=_NAME,
    title="Lists of films on Letterboxd",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvPreamble(),
    record=to_record,
    products=("Letterboxd",),
    record_types=(RecordType.LIST_ITEM, RecordType.PLAYLIST),
)
