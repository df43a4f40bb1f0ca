"""Any CSV: a row is a document, its cells are text under the names of the header.

Types are not guessed: `01234` may be a zip code. A row's identity is all its cells under their
headers, as written. Two equal rows of one file are two facts (two coffees on one day); the same row
in another file is the same document.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from pathlib import PurePosixPath

from pipeline.contract import Format, Rank
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import generic_rows, tables
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "csv.table"
_SUFFIXES = (".csv", ".tsv", ".tab")
_TYPES = frozenset({"text/csv", "text/tab-separated-values"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one row. `content` repeats its cells that are not empty under the header's names."""
    row: dict[str, str] = item.value
    names = _standard_names(tuple(row))
    lines = [f"{name}: {cell}" for name, cell in row.items() if cell]
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type="row",
        identity=tuple(f"{name}={cell}" for name, cell in row.items()),
        content="\n".join(lines) or None,
        metadata={"fields": dict(zip(names, row.values(), strict=True))},
        **generic_rows.file_context(member, item.around),
    )


@lru_cache(maxsize=64)
def _standard_names(headers: tuple[str, ...]) -> tuple[str, ...]:
    """Return unique names in snake case, without accents; `Straße (Nr.)` is `strasse_nr`."""
    names: dict[str, None] = {}
    again = Counter[str]()
    for at, header in enumerate(headers, 1):
        letters = tables.without_accents(header.casefold())
        name = base = tables.snake(letters)[:60] or f"column_{at}"
        while name in names:
            again[base] += 1
            name = f"{base}_{again[base] + 1}"
        names[name] = None
    return tuple(names)


def _looks_like(head: Head) -> bool:
    """Recognise a table by its name, or by its content if it has no suffix; never mostly zeros."""
    if not head.data.strip(b"\0\r\n\t ") or head.data.count(0) * 10 > len(head.data):
        return False
    name = PurePosixPath(head.path).name.lower()
    return name.endswith(_SUFFIXES) or ("." not in name and head.media_type in _TYPES)


FORMAT = Format(
    name=_NAME,
    title="Rows of a CSV file",
    version=3,
    data_type=DataType.STRUCTURED,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    tried=(
        "Freika/dawarich",
        "marph91/jimmy",
        "max-mapper/csv-spectrum",
        "obsidianmd/obsidian-importer",
        "timelinize/timelinize",
    ),
    rank=Rank.SYNTAX,
    record_types=(RecordType.ROW,),
    repeats=True,
)
