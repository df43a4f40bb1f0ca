"""What the files of Google Play Store in Takeout share: each item is an object of one key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.recognition import peek
from pipeline.values import timestamps
from pipeline.values.fields import optional_text
from schemas.errors import BadValue
from schemas.files import Head
from schemas.reasons import Reason
from schemas.records import Instant, RawRecord

#: The paths of such files; names are in the account's language.
PATHS = (r"(.+/)?[^/]+\.json",)


def holds(key: str, *inside: str) -> Callable[[Head], int]:
    """Return a check for an array of `{key: {...}}` whose inner objects have a key of `inside`."""

    def looks_like(head: Head) -> int:
        if not peek.is_json_array(head):
            return 0
        inner = [i.get(key) for i in peek.first_items(head, "", 5) if isinstance(i, dict)]
        return 2 * any(isinstance(one, dict) and not one.keys().isdisjoint(inside) for one in inner)

    return looks_like


def inner(item: RawRecord, key: str) -> dict[str, Any]:
    """Return the object under the item's one key. Raises `BadValue(BAD_SHAPE)`."""
    found = item.value.get(key)
    if isinstance(found, dict):
        return found
    raise BadValue(Reason.BAD_SHAPE, f"{key!r} is not an object")


def document(fields: dict[str, Any], name: str = "doc") -> tuple[str, str]:
    """Return kind and title of an item's app, film or book.

    A deleted one has a kind alone. Raises `BadValue(MISSING_FIELD)` if it has neither.
    """
    found = fields[name]
    kind, title = optional_text(found, "documentType") or "", optional_text(found, "title") or ""
    if not title and not kind:
        raise BadValue(Reason.MISSING_FIELD, "no field 'title'")
    return kind, title


def moment(fields: dict[str, Any], name: str) -> Instant | None:
    """Return a time of RFC 3339; None if it is missing or empty."""
    text = optional_text(fields, name)
    return timestamps.or_unread(text) if text else None


def written(fields: dict[str, Any], name: str) -> str:
    """Return a field's text as written, for identities; empty if there is none."""
    return optional_text(fields, name) or ""
