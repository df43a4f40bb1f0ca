"""What the formats of Meta's exports (Facebook, Messenger, Instagram) share.

Names and texts are repaired for content and metadata; identities keep them as written, so that a
better repair makes no new records.

Source: `docs/reference/exports/meta.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.values import coordinates, instants, timestamps
from pipeline.values.fields import non_empty
from schemas.records import Instant

#: Seen in place of a photo's time: the year 0.
_NEVER = -62169958800


def moment(value: Any) -> Instant:
    """Return the moment of Unix seconds; a missing one, 0 and the year 0 are unread."""
    never = value in (0, _NEVER) and not isinstance(value, bool)
    return instants.unread(str(value)) if never else timestamps.epoch_or_unread(value, "s")


def inner(value: Any, name: str) -> Any:
    """Return the first text or number under a name, at any depth; None if there is none.

    Facebook wraps an item's values in lists and objects that differ by the year.
    """
    for found in _values(value, name):
        if isinstance(found, str | int | float):
            return found
    return None


def _first(value: Any, name: str) -> Any:
    """Return the first value under a name, at any depth, of any kind."""
    return next(_values(value, name), None)


def _values(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, dict):
        if name in value:
            yield value[name]
        for one in value.values():
            yield from _values(one, name)
    elif isinstance(value, list):
        for one in value:
            yield from _values(one, name)


def shown(value: Any) -> str:
    """Return the name of the first file, or the first link, as written; folders have moved."""
    found = inner(value, "uri") or inner(value, "link") or ""
    return str(found).rsplit("/", 1)[-1]


def medium(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a photo, video or sound as a file: its name, its place in the export, its details."""
    uri = str(value.get("uri") or value.get("path") or "")
    details = non_empty(
        {
            "title": value.get("title"),
            "description": value.get("description"),
            "created": value.get("creation_timestamp"),
            "taken": inner(value.get("media_metadata"), "taken_timestamp"),
            "comments": value.get("comments"),
        }
    )
    place = "url" if uri.startswith(("http://", "https://")) else "path"
    return {"name": uri.rsplit("/", 1)[-1], place: uri, **details}


def position(media: list[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the place of the first photo that has one."""
    for one in media:
        found = one.get("media_metadata") or {}
        latitude, longitude = _first(found, "latitude"), _first(found, "longitude")
        if latitude is not None and longitude is not None and (latitude or longitude):
            return coordinates.given(latitude, longitude)
    return None
