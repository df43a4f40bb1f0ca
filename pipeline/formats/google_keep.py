"""Google Keep in Takeout: `Keep/<title or time>.json`, one file for each note.

`createdTimestampUsec` is missing in exports before April 2022, and 0 means none; notes have no id.
The `.html` file of the same name is the same note for reading. A note may have its text only as
HTML, or be only a shared link, which is among its annotations (obsidianmd/obsidian-importer, issue
258).

Source: `docs/reference/exports/google-services.md#keep`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.whole import JsonWhole
from pipeline.recognition import peek
from pipeline.services import generic_rows
from pipeline.text.cleaning import html_to_text
from pipeline.values import instants, open_zones, timestamps
from pipeline.values.fields import non_empty, optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.keep"
_STATES = frozenset({"isTrashed", "isPinned", "isArchived"})
_TEXTS = frozenset(
    {"textContent", "textContentHtml", "listContent", "annotations", "attachments"}
    | {"userEditedTimestampUsec", "createdTimestampUsec"}
)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one note, identified by its creation time; in old files by its last edit and title."""
    fields: dict[str, Any] = item.value
    created = _instant(fields, "createdTimestampUsec")
    edited = _instant(fields, "userEditedTimestampUsec")
    title = optional_text(fields, "title") or ""
    if created is not None:
        identity: tuple[str, ...] = ("created", created.text)
    elif edited is not None:
        identity = ("edited", edited.text, title)
    else:
        identity = ("undated", *generic_rows.undated_key("", fields))
    return Record(
        data_type=DataType.DOCUMENT,
        source=_NAME,
        record_type=RecordType.NOTE,
        identity=identity,
        time=created or edited or instants.unread(""),
        title=title or None,
        content="\n".join(_lines(fields)) or "\n".join(_shared(fields)) or None,
        metadata=non_empty(_metadata(fields, edited)),
        mutable=True,
    )


def _instant(fields: dict[str, Any], name: str) -> Instant | None:
    value = fields.get(name)
    return timestamps.epoch_or_unread(value, "us") if value not in (None, 0, "0", "") else None


def _lines(fields: dict[str, Any]) -> Iterator[str]:
    if written := optional_text(fields, "textContent"):
        yield written
    elif marked := optional_text(fields, "textContentHtml"):
        yield html_to_text(marked)
    for entry in fields.get("listContent") or ():
        line = entry.get("text") or html_to_text(optional_text(entry, "textHtml") or "")
        yield f"[{'x' if entry.get('isChecked') else ' '}] {line}"


def _shared(fields: dict[str, Any]) -> Iterator[str]:
    """Yield the texts of the links of a note without words."""
    for link in fields.get("annotations") or ():
        yield from filter(None, (optional_text(link, n) for n in ("title", "description", "url")))


def _metadata(fields: dict[str, Any], edited: Instant | None) -> dict[str, Any]:
    return {
        "updated_at": open_zones.utc_text(edited) if edited else None,
        "labels": [n for one in fields.get("labels") or () if (n := optional_text(one, "name"))],
        "links": [text(a, "url") for a in fields.get("annotations") or () if a.get("url")],
        "annotations": fields.get("annotations"),
        "attachments": [_attachment(a) for a in fields.get("attachments") or ()],
        "participants": [_sharee(one) for one in fields.get("sharees") or () if one.get("email")],
        "color": optional_text(fields, "color"),
        "pinned": fields.get("isPinned") is True,
        "archived": fields.get("isArchived") is True,
        "deleted": fields.get("isTrashed") is True,
        "html": fields.get("textContentHtml"),
    }


def _attachment(value: dict[str, Any]) -> dict[str, str]:
    path = optional_text(value, "filePath") or ""
    kind = value.get("mimetype") or ""
    return non_empty({"name": PurePosixPath(path).name, "path": path, "media_type": kind})


def _sharee(value: dict[str, Any]) -> dict[str, Any]:
    role = "owner" if value.get("isOwner") else (value.get("type") or "").lower()
    return non_empty({"address": value["email"].lower(), "role": role})


def _looks_like(head: Head) -> bool:
    keys = frozenset(peek.top_keys(head))
    return len(keys & _STATES) >= 2 and not keys.isdisjoint(_TEXTS)


FORMAT = Format(
    name=_NAME,
    title="Notes of Google Keep (Takeout)",
    version=4,
    data_type=DataType.DOCUMENT,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonWhole(),
    record=to_record,
    products=("Google Takeout: Keep",),
    tried=("marph91/jimmy", "obsidianmd/obsidian-importer", "purarue/google_takeout_parser"),
    vintages=("without a time of creation (to 2022)", "with one (since 2022)"),
    record_types=(RecordType.NOTE,),
    fields=frozenset(
        {"title", "textContent", "textContentHtml", "listContent", "color", "labels"}
        | {"isTrashed", "isPinned", "isArchived", "annotations", "attachments", "sharees"}
        | {"userEditedTimestampUsec", "createdTimestampUsec"}
    ),
)
