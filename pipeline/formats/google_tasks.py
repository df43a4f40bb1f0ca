"""Google Tasks in Takeout: `Tasks/Tasks.json`, lists of tasks in one object.

`due` is midnight of the due day; `created` is missing in some exports.

Source: `docs/reference/exports/google-services.md#tasks`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.values import open_zones, timestamps
from pipeline.values.fields import non_empty, optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, Instant, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "google.tasks"
_KIND = "tasks#taskLists"
_STATUS = {"needsAction": "open", "completed": "completed"}


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one task of a list."""
    fields: dict[str, Any] = item.value
    own_id, parent = text(fields, "id"), optional_text(fields, "parent")
    status = optional_text(fields, "status") or ""
    updated = _instant(fields, "updated")
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.TASK,
        identity=(own_id,),
        time=_instant(fields, "created") or updated,
        title=optional_text(fields, "title"),
        content=optional_text(fields, "notes"),
        metadata=non_empty(
            {
                "list": optional_text(item.around, "title"),
                "status": _STATUS.get(status, status),
                "due": (optional_text(fields, "due") or "")[:10],
                "completed_at": _text(_instant(fields, "completed")),
                "updated_at": _text(updated),
                "links": [text(one, "url") for one in fields.get("links") or () if one.get("url")],
                "link_titles": [
                    title for one in fields.get("links") or () if (title := one.get("description"))
                ],
                "task_type": fields.get("task_type"),
                "position": fields.get("position"),
                "hidden": fields.get("hidden"),
                "deleted": fields.get("deleted") is True,
                "starred": fields.get("starred"),
            }
        ),
        related=(Related(Relation.PART_OF, RecordType.TASK, (parent,)),) if parent else (),
        mutable=True,
    )


def _instant(fields: dict[str, Any], name: str) -> Instant | None:
    written = optional_text(fields, name)
    return timestamps.or_unread(written) if written else None


def _text(moment: Instant | None) -> str | None:
    return open_zones.utc_text(moment) if moment else None


def _looks_like(head: Head) -> int:
    return 2 * ({"kind", "items"} <= set(peek.top_keys(head)) and _KIND.encode() in head.data)


FORMAT = Format(
    name=_NAME,
    title="Google Tasks (Takeout)",
    version=2,
    data_type=DataType.STRUCTURED,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=("items[].items",)),
    record=to_record,
    products=("Google Takeout: Tasks",),
    vintages=("without created", "with created"),
    record_types=(RecordType.TASK,),
    fields=frozenset(
        {"id", "title", "task_type", "notes", "status", "due", "completed", "created", "updated"}
        | {"parent", "position", "links", "hidden", "deleted", "starred", "kind", "selfLink"}
    ),
)
