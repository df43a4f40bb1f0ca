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
    """Return a check for a table with these columns, and maybe others."""
    wanted = frozenset(needed)
    return lambda head: wanted <= tables.columns(head)


def profile(row: dict[str, str]) -> dict[str, str]:
    """Return the profile as metadata, if the table names one."""
    return tables.renamed(row, {"Profile Name": "profile"})
