"""What the formats of X's (Twitter's) archive share.

Source: `docs/reference/exports/x.md`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.readers.ytd import assignment
from pipeline.recognition import peek
from schemas.files import Head

SERVICE = "x"
#: The paths of the archive's files: in `data/`, before 2020 beside it.
PATHS = (r"(.+/)?[^/]+\.js",)


def name_of(head: Head) -> str:
    """Return the name in a file's assignment (`tweets`); "" if it has none."""
    found = assignment(head.data)
    return found[0] if found else ""


def first_items(head: Head) -> list[Any]:
    """Return the first items after the assignment."""
    found = assignment(head.data)
    begin = found[1] if found else 0
    return peek.first_items(msgspec.structs.replace(head, data=head.data[begin:]), "", 5)


def unwrapped(value: Any, *names: str) -> Any:
    """Return the value under an item's one key; the item itself if it has none of the names."""
    for name in names:
        if isinstance(value, dict) and isinstance(value.get(name), dict):
            return value[name]
    return value
