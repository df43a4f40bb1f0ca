"""A page visit from the history database of any browser.

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
    metadata: dict[str, Any],
) -> Record:
    """Return the record of a visit; `page` is the row with its address, which may be deleted."""
    url = (page or {}).get("url")
    if not isinstance(url, str) or not url:
        raise BadValue(Reason.MISSING_FIELD, "the page of the visit is missing")
    title = metadata.pop("title", None) or (page or {}).get("title")
    return Record(
        data_type=DataType.BROWSER,
        source=source,
        record_type=RecordType.VISIT,
        identity=(verbatim, url),
        time=time,
        title=title if isinstance(title, str) and title else None,
        metadata={"url": url}
        | {name: value for name, value in metadata.items() if value is not None},
    )


def holds(head: Head, *tables: str) -> bool:
    """Return whether this is an SQLite database with these tables.

    The statements that create a browser's tables exceed the first page, and may be anywhere in the
    file. For a file that is cut off, the head alone may decide.
    """
    named = (name in head.tables or _created(name).search(head.data) for name in tables)
    return head.data.startswith(b"SQLite format 3\0") and all(named)


@lru_cache
def _created(table: str) -> re.Pattern[bytes]:
    return re.compile(rb"CREATE TABLE [\"'`\[]?%b\b" % table.encode())
