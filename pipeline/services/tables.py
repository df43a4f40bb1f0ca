"""What tables of many services share: columns, cells, times known to be in UTC."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC
from functools import lru_cache
from itertools import islice
from pathlib import Path

from pipeline.readers.csv.rows import CsvRows
from pipeline.values import open_zones, timestamps
from schemas.files import Context, Head, Member, Slice
from schemas.records import Instant, RawRecord

_BREAKS = re.compile(r"[\W_]+")
#: Armenian, which follows Cyrillic.
_FIRST_OF_OTHERS = "\u0530"
_BOM = b"\xef\xbb\xbf"
_NONE = Member(path="", ordinal=0, file=Path(), size=0, sha256="", media_type="text/csv")


def columns(head: Head) -> frozenset[str]:
    """Return the column names of a member that is read as CSV; empty if it has no header."""
    return frozenset(ordered_columns(head))


def ordered_columns(head: Head) -> tuple[str, ...]:
    """Return the column names of a member that is read as CSV, in their order."""
    if b"\0" in head.data or head.data[:1] in (b"{", b"[", b"<", b""):
        return ()
    context = _context(head.data)
    return tuple(context["columns"]) if context["header"] >= 0 else ()


@lru_cache(maxsize=8)
def _context(data: bytes) -> Context:
    """Return the CSV reader's context, cached, since many formats need it for the same head."""
    return CsvRows().prepare(io.BytesIO(data), _NONE)


def first_rows(head: Head, n: int = 20) -> list[dict[str, str]]:
    """Return the first whole rows of a member that is read as CSV."""
    if not ordered_columns(head):
        return []
    data = head.data.removeprefix(_BOM)
    items = CsvRows().items(io.BytesIO(data), Slice(0, len(data)), _context(data))
    return list(islice((item.value for item in items if isinstance(item, RawRecord)), n))


def in_utc(text: str) -> Instant:
    """Read an ISO time without a zone that is known to be in UTC."""
    return open_zones.in_zone(timestamps.iso(text), UTC)


@lru_cache(maxsize=512)
def snake(name: str) -> str:
    """Return a column's name in snake case: `Average speed (m/s)` is `average_speed_m_s`.

    Marks such as the vowels of Devanagari and Thai belong to their words, though they are not
    letters.
    """
    folded = name.casefold()
    if not folded.isascii():
        parts = (c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in folded)
        return "_".join("".join(parts).split())
    return _BREAKS.sub("_", folded).strip("_")


def without_accents(text: str) -> str:
    """Return the text without the accents of Latin, Greek and Cyrillic, as people type it.

    Marks of other scripts distinguish letters, as in `タグ` and `タク`, and stay.
    """
    characters: list[str] = []
    base = ""
    for character in unicodedata.normalize("NFKD", text):
        if not unicodedata.combining(character):
            base = character
        elif base < _FIRST_OF_OTHERS:
            continue
        characters.append(character)
    return unicodedata.normalize("NFC", "".join(characters))


def cells(row: Mapping[str, str], *names: str) -> str:
    """Return the first cell that is not blank, of columns that were renamed; empty if none is."""
    return next((row[name].strip() for name in names if row.get(name, "").strip()), "")


def rest(row: Mapping[str, str], taken: frozenset[str]) -> dict[str, str]:
    """Return the other cells that are not empty, under their names in snake case."""
    return {snake(name): text for name, text in row.items() if text and name not in taken}


def renamed(row: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """Return the cells of some columns that are not blank, under other names."""
    return {
        lake_name: cell
        for column, lake_name in names.items()
        if (cell := row.get(column, "").strip())
    }
