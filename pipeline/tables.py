"""What tables of many services share: their columns, times known to be in UTC, clock durations."""

from __future__ import annotations

import io
import re
from functools import lru_cache
from pathlib import Path

import msgspec

from pipeline import timestamps
from pipeline.readers.csv_rows import CsvRows
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import Instant

_CLOCK = re.compile(r"(\d{1,5}):([0-5]\d):([0-5]\d)", re.ASCII)
_NONE = Member(path="", ordinal=0, file=Path(), size=0, sha256="", media_type="text/csv")


def columns(head: Head) -> frozenset[str]:
    """The column names of a member that is read as CSV; empty where it has no header."""
    if b"\0" in head.data or head.data[:1] in (b"{", b"[", b"<", b""):
        return frozenset()
    return _columns(head.data)


@lru_cache(maxsize=8)
def _columns(data: bytes) -> frozenset[str]:
    context = CsvRows().prepare(io.BytesIO(data), _NONE)
    return frozenset(context["columns"]) if context["header"] >= 0 else frozenset()


def in_utc(text: str) -> Instant:
    """An ISO time without a zone that its service is known to write in UTC."""
    found = timestamps.iso(text)
    if found.flag != "zone_assumed":
        return found
    return msgspec.structs.replace(found, offset=0, flag=None)


def clock_seconds(text: str) -> float:
    """`01:02:03` in seconds. Raises `BadValue(BAD_NUMBER)`."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        raise BadValue(Reason.BAD_NUMBER, "the duration is not hours, minutes and seconds")
    hours, minutes, seconds = map(int, found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def said(row: dict[str, str], names: dict[str, str]) -> dict[str, str]:
    """The cells of some columns that are not blank, under other names."""
    return {ours: cell for column, ours in names.items() if (cell := row.get(column, "").strip())}
