"""Joplin: a JEX file (a tar) or a raw export, `<id>.md` for each note, notebook, tag and file.

An item is its title, a blank line, the body, a blank line, and its fields, one a line; `type_`
gives its kind. Files are in `resources/` under the id of their item, and are members of their own.
Times without `user_` are those of the copy in Joplin, not of the note.

Source: joplinapp.org/help/api/references/rest_api (fields, item types); laurent22/joplin,
packages/lib/models/BaseItem.ts (how an item is written).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.whole import WholeFile
from pipeline.text import cleaning
from pipeline.values import coordinates, open_zones, timestamps
from pipeline.values.fields import joined, measure, non_empty, whole
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "joplin.items"
_FIELD = re.compile(r"([a-z_]+):(?: (.*))?")
_NOTE, _NOTEBOOK, _FILE, _TAG, _TAGGED = "1", "2", "4", "5", "6"
_LISTS = {_NOTEBOOK: "notebooks", _TAG: "tags", _TAGGED: "tagged notes"}
_KINDS = {_NOTE: RecordType.NOTE, _FILE: RecordType.ATTACHMENT}
#: Fields that have a field of their own in the record.
_TAKEN = frozenset(
    {"id", "type_", "parent_id", "note_id", "tag_id", "author", "source_url", "mime", "size"}
    | {"created_time", "updated_time", "user_created_time", "user_updated_time", "ocr_text"}
    | {"latitude", "longitude", "altitude", "todo_due", "todo_completed", "deleted_time"}
    | {"encryption_cipher_text", "encryption_applied", "is_todo"}
)
_NOTHING = frozenset({"", "0", "0.0000", "0.00000000"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one item, identified by its id."""
    if item.value is None:
        raise BadValue(Reason.ITEM_TOO_LARGE, "the note is larger than 32 MiB")
    written, fields = _parted(cleaning.decode(item.value)[0].replace("\r\n", "\n"))
    kind, identity = fields.get("type_", ""), fields.get("id", "")
    if not identity:
        raise BadValue(Reason.MISSING_FIELD, "no value in 'id'")
    if kind not in _KINDS and kind not in _LISTS:
        raise BadValue(Reason.BAD_SHAPE, "this kind of item is not read")
    title, _, body = written.partition("\n")
    flags = ["encrypted"] if fields.get("encryption_applied") == "1" else []
    odd: dict[str, Any] = {}
    content = fields.get("ocr_text") if kind == _FILE else body.strip()
    return Record(
        data_type=DataType.DOCUMENT,
        source=_NAME,
        record_type=_KINDS.get(kind, RecordType.LIST_ITEM),
        identity=(identity,),
        time=_instant(fields, "created_time"),
        title=title.strip() or None,
        content=content or None,
        content_type="text/markdown" if kind == _NOTE else "text/plain",
        metadata=joined(non_empty(_metadata(fields, kind, flags, odd)), odd),
        related=tuple(_related(fields, kind)),
        mutable=True,
    )


def _parted(written: str) -> tuple[str, dict[str, str]]:
    """Return the text before the fields, and the fields: the last lines without a blank one."""
    words, _, last = written.rstrip().rpartition("\n\n")
    found = (_FIELD.fullmatch(line) for line in last.split("\n"))
    return words, {field[1]: field[2] or "" for field in found if field}


def _instant(fields: Mapping[str, str], name: str) -> Instant:
    return timestamps.or_unread(fields.get(f"user_{name}") or fields.get(name))


def _metadata(
    fields: Mapping[str, str], kind: str, flags: list[str], odd: dict[str, Any]
) -> dict[str, Any]:
    author = fields.get("author")
    return {
        "list": _LISTS.get(kind),
        "updated_at": open_zones.utc_text(_instant(fields, "updated_time")),
        "author": {"name": author} if author else None,
        "url": fields.get("source_url"),
        "notebook_id": fields.get("parent_id"),
        "note_id": fields.get("note_id"),
        "tag_id": fields.get("tag_id"),
        "attachments": [_file(fields, odd)] if kind == _FILE else None,
        "todo": fields.get("is_todo") == "1",
        "due": _moment(fields, "todo_due"),
        "completed_at": _moment(fields, "todo_completed"),
        "flags": flags,
        "deleted": fields.get("deleted_time", "0") not in _NOTHING,
        **_place(fields, odd),
        **{n: v for n, v in fields.items() if n not in _TAKEN and v not in _NOTHING},
    }


def _moment(fields: Mapping[str, str], name: str) -> str | None:
    written = fields.get(name, "")
    if written in _NOTHING:
        return None
    return open_zones.utc_text(timestamps.epoch_or_unread(written, "ms"))


def _place(fields: Mapping[str, str], odd: dict[str, Any]) -> dict[str, Any]:
    """Return where the note was written; a note without a place has zeros."""
    degrees = {name: fields.get(name, "") for name in ("latitude", "longitude")}
    if _NOTHING.issuperset(degrees.values()):
        return {}
    where = coordinates.or_noted(lambda: coordinates.pair(*degrees.values()), degrees, "place", odd)
    return {**where, "altitude_m": measure(fields.get("altitude"), "altitude", odd)}


def _file(fields: Mapping[str, str], odd: dict[str, Any]) -> dict[str, Any]:
    end = fields.get("file_extension")
    name = f"{fields['id']}.{end}" if end else fields["id"]
    details = {"name": name, "media_type": fields.get("mime", ""), "path": f"resources/{name}"}
    size = whole(fields.get("size"), "size", odd)
    return details if size is None else {**details, "size": size}


def _related(fields: Mapping[str, str], kind: str) -> list[Related]:
    """Relate notes and notebooks to their notebook, and a tagged note to both of its ends."""
    found = []
    if (parent := fields.get("parent_id")) and kind in (_NOTE, _NOTEBOOK):
        found.append(Related(Relation.PART_OF, RecordType.LIST_ITEM, (parent,)))
    if kind == _TAGGED and fields.get("tag_id") and fields.get("note_id"):
        found.append(Related(Relation.PART_OF, RecordType.LIST_ITEM, (fields["tag_id"],)))
        found.append(Related(Relation.PART_OF, RecordType.NOTE, (fields["note_id"],)))
    return found


def _looks_like(head: Head) -> bool:
    """Recognise the fields, which name the file's id; in a long note they may be after the head."""
    if not head.complete:
        return True
    identity = PurePosixPath(head.path).stem.encode()
    return re.search(rb"(?m)^(?:\xef\xbb\xbf)?id: %s\r?$" % identity, head.data) is not None and (
        re.search(rb"(?m)^type_: \d", head.data) is not None
    )


FORMAT = Format(
    name=_NAME,
    title="Notes, notebooks, tags and files of Joplin (JEX, raw export)",
    version=2,
    data_type=DataType.DOCUMENT,
    paths=(r"(.+/)?[0-9a-f]{32}\.md",),
    looks_like=_looks_like,
    reader=WholeFile(),
    record=to_record,
    products=("Joplin",),
    tried=("marph91/jimmy",),
    record_types=(RecordType.ATTACHMENT, RecordType.LIST_ITEM, RecordType.NOTE),
)
