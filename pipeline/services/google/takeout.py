"""What several products of Google Takeout share: people, times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipeline.values import google_dates, instants, timestamps
from pipeline.values.fields import non_empty, optional_text
from schemas.errors import BadValue
from schemas.records import Instant

_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:T|$)", re.ASCII)


def person(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a user, such as Chat's `{name, email, user_type}`; empty if both are missing."""
    address = (optional_text(value, "email") or "").lower()
    return non_empty({"name": optional_text(value, "name"), "address": address})


def moment(text: str) -> Instant:
    """Read a time of Takeout's tables: RFC 3339, or the spelling of My Activity's pages.

    A text that is neither is an unread time: the record has none.
    """
    try:
        return timestamps.iso(text) if _ISO_DATE.match(text) else google_dates.activity_time(text)
    except BadValue:
        return instants.unread(text)
