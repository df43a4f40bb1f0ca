"""What the formats of a Reddit export share.

Source: `docs/reference/exports/reddit.md`.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.values import timestamps
from schemas.records import Instant

SERVICE = "reddit"


def moment(cells: Mapping[str, str], name: str = "date") -> Instant:
    """Read `2024-01-02 03:04:05 UTC`."""
    return timestamps.or_unread(cells.get(name))


def address(cells: Mapping[str, str]) -> str | None:
    """Return the permalink, completed if it is only a path."""
    link = cells.get("permalink") or ""
    return f"https://www.reddit.com{link}" if link.startswith("/") else link or None
