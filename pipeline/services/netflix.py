"""What the tables of Netflix's export share.

Source: `docs/reference/exports/netflix.md`.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.services import tables
from schemas.files import Head

#: Bare names in some exports, below a topic's folder in others, below a user's number in some.
PRODUCT = "Netflix"


def with_columns(*needed: str) -> Callable[[Head], bool]:
    """Recognises a table by its columns, whatever else it has."""
    wanted = frozenset(needed)
    return lambda head: wanted <= tables.columns(head)


def profile(row: dict[str, str]) -> dict[str, str]:
    """The profile as metadata, where the table names one."""
    return tables.said(row, {"Profile Name": "profile"})
