"""A visit of a page, out of the history database of any browser.

Source: `docs/reference/exports/browsers.md#history-databases`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from schemas.errors import BadValue
from schemas.files import Head
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Record
from schemas.vocabulary import RecordType


def visit(
    source: str,
    page: dict[str, Any] | None,
    time: Instant | None,
    verbatim: str,
    said: dict[str, Any],
) -> Record:
    """The record of a visit; `page` is the row with its address, which may be gone."""
    url = (page or {}).get("url")
    if not isinstance(url, str) or not url:
        raise BadValue(Reason.MISSING_FIELD, "a visit of a page that is not there")
    title = said.pop("title", None) or (page or {}).get("title")
    return Record(
        data_type=DataType.BROWSER,
        source=source,
        record_type=RecordType.VISIT,
        identity=(verbatim, url),
        time=time,
        title=title if isinstance(title, str) and title else None,
        metadata={"url": url} | {name: value for name, value in said.items() if value is not None},
    )


def holds(head: Head, *tables: str) -> bool:
    """Whether this is an SQLite database with these tables.

    The statements that create a browser's tables take more than the first page, and may lie
    anywhere in the file. Of a database that is cut off the head alone may still tell.
    """
    named = (name in head.tables or _created(name).search(head.data) for name in tables)
    return head.data.startswith(b"SQLite format 3\0") and all(named)


@lru_cache
def _created(table: str) -> re.Pattern[bytes]:
    return re.compile(rb"CREATE TABLE [\"'`\[]?%b\b" % table.encode())
