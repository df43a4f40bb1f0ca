"""What several products of Google Takeout share: people, times, columns."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import UTC
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline import timestamps
from pipeline.fields import optional_text
from pipeline.readers.csv_rows import CsvRows
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import Instant

_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:T|$)", re.ASCII)
_BREAKS = re.compile(r"[\W_]+")


def person(value: Mapping[str, Any]) -> dict[str, Any]:
    """A user of Chat and its like: `{name, email, user_type}`; empty where nothing is said."""
    address = (optional_text(value, "email") or "").lower()
    return kept({"name": optional_text(value, "name"), "address": address})


def moment(text: str) -> Instant:
    """A time as tables of Takeout have it: RFC 3339, or as the pages of My Activity spell it."""
    return timestamps.iso(text) if _ISO_DATE.match(text) else timestamps.activity_time(text)


def in_utc(text: str) -> Instant:
    """A time of a column whose name says that it is in UTC."""
    return timestamps.in_zone(timestamps.iso(text), UTC)


def columns(head: Head) -> frozenset[str]:
    """The column names of a member that is read as CSV; empty where it has no header."""
    if b"\0" in head.data or head.data[:1] in (b"{", b"[", b"<"):
        return frozenset()
    return _columns(head.data)


@lru_cache(maxsize=8)
def _columns(data: bytes) -> frozenset[str]:
    member = Member(
        path="", ordinal=0, file=Path(), size=len(data), sha256="", media_type="text/csv"
    )
    context = CsvRows().prepare(io.BytesIO(data), member)
    return frozenset(context["columns"]) if context["header"] >= 0 else frozenset()


@lru_cache(maxsize=512)
def snake(name: str) -> str:
    """A column's name in snake case: `Average speed (m/s)` is `average_speed_m_s`."""
    return _BREAKS.sub("_", name.casefold()).strip("_")


def cells(row: Mapping[str, str], *names: str) -> str:
    """The first cell that is not empty, of columns that were renamed over the years."""
    return next((row[name].strip() for name in names if row.get(name, "").strip()), "")


def cell(row: Mapping[str, str], *names: str) -> str:
    """As `cells`, for what must be there. Raises `BadValue(MISSING_FIELD)`."""
    found = cells(row, *names)
    if not found:
        raise BadValue(Reason.MISSING_FIELD, f"nothing under {names[0]!r}")
    return found


def rest(row: Mapping[str, str], taken: frozenset[str]) -> dict[str, str]:
    """The other cells that are not empty, under their names in snake case."""
    return {snake(name): text for name, text in row.items() if text and name not in taken}


def kept(found: Mapping[str, Any]) -> dict[str, Any]:
    """Only what says something: not None, empty or false."""
    return {n: v for n, v in found.items() if v or (v == 0 and v is not False)}
