"""Day One: `<journal>.json` of an export as JSON, an object with an array `entries`.

`text` is Markdown; its first line is the heading, as the app shows it. Media are in `photos`,
`videos`, `audios` and `pdfs` of the zip, named by the MD5 of their bytes; the text refers to them
as `dayone-moment://<identifier>`. `richText` repeats the text for the app's editor and is left out
if `text` exists. Source: entries in public exports (gokuvinoth/Cairns `app.js`, zizyzhang/zizy-blog
`debug/import-dayone.js`) and Day One's page on exporting entries.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values import timestamps
from pipeline.values.fields import non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "dayone.journal"
_NEEDED = frozenset({"uuid", "creationDate"})
#: The folder of the files of each kind of media.
_MEDIA = {"photos": "photos", "videos": "videos", "audios": "audios", "pdfAttachments": "pdfs"}
_TAKEN = _NEEDED | {"text", "richText", "modifiedDate", "location", "tags", *_MEDIA}
_LONGEST_HEADING = 200


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one entry; a changed entry is a new version."""
    fields: dict[str, Any] = item.value
    words = optional_text(fields, "text") or optional_text(fields, "richText")
    return Record(
        data_type=DataType.DOCUMENT,
        source=_NAME,
        record_type=RecordType.NOTE,
        identity=(messaging.key(fields, "uuid"),),
        time=timestamps.or_unread(optional_text(fields, "creationDate")),
        title=_heading(words or ""),
        content=words,
        content_type="text/markdown" if fields.get("text") else "text/plain",
        metadata=non_empty(
            {
                "updated_at": fields.get("modifiedDate"),
                "labels": fields.get("tags"),
                "files": _files(fields),
                **_where(fields.get("location")),
                **messaging.rest(fields, _TAKEN),
            }
        ),
        mutable=True,
    )


def _heading(words: str) -> str | None:
    first = words.strip().partition("\n")[0].lstrip("# ").strip()
    return first if 0 < len(first) <= _LONGEST_HEADING and not first.startswith("![") else None


def _where(location: object) -> dict[str, Any]:
    """Return the place, with the other details of it."""
    if not isinstance(location, dict):
        return {}
    names = {"placeName": "name", "latitude": "latitude", "longitude": "longitude"}
    place = non_empty({lake_name: location.get(name) for name, lake_name in names.items()})
    return {"place": place, "place_details": messaging.rest(location, names)}


def _files(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the media under their file names, with the other details of them."""
    found = []
    for kind, folder in _MEDIA.items():
        for one in fields.get(kind) or ():
            ending = one.get("type") or one.get("format") or ""
            name = f"{one['md5']}.{ending}" if one.get("md5") else str(one.get("identifier"))
            path = f"{folder}/{name}" if one.get("md5") else None
            details = messaging.rest(one, {"md5"})
            found.append(non_empty({"name": name, "path": path, "details": details}))
    return found


def _looks_like(head: Head) -> int:
    return 2 * any(one.keys() >= _NEEDED for one in peek.first_objects(head, "entries"))


FORMAT = Format(
    name=_NAME,
    title="Journal entries from Day One (JSON)",
    version=2,
    data_type=DataType.DOCUMENT,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path="entries"),
    record=to_record,
    products=("Day One",),
    record_types=(RecordType.NOTE,),
)
