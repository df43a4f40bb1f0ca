"""What every writer takes: rows, and the columns of a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

Rows = Iterable[Mapping[str, Any]]

#: The columns of a document where a form has columns.
COLUMNS = (
    "id", "at", "record_type", "data_type", "source", "title", "content", "language", "latitude",
    "longitude", "job", "metadata",
)  # fmt: skip


def json_text(value: Any) -> str:
    """Return a value as JSON."""
    return msgspec.json.encode(value, enc_hook=str).decode()


def utc(at: datetime, form: str = "%Y%m%dT%H%M%SZ") -> str:
    """Return a time in UTC; without a form, in that of iCalendar."""
    return at.astimezone(UTC).strftime(form)
