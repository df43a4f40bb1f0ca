"""Trakt's export: `watched-history-<n>.json`, an array of watched films and episodes.

`{id, watched_at, action, type, movie

episode + show}`; `action` is the source of the entry (`scrobble`, `checkin`, `watch`). Source: the
tests of importers of the zip that Trakt offers since 2025 ("TraktExportTest",
"ParseTraktExportTests") and the documentation of its API (`/sync/history`).
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import messaging, trakt
from pipeline.values import timestamps
from pipeline.values.fields import non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "trakt.history"
_NEEDED = frozenset({"id", "watched_at"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one film or episode, identified by the number of the play."""
    fields: dict[str, Any] = item.value
    written = optional_text(fields, "watched_at")
    title, details = trakt.thing(fields)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PLAY,
        identity=(messaging.key(fields, "id"),),
        time=timestamps.or_unread(written),
        title=title,
        metadata=non_empty(
            {
                **details,
                "action": fields.get("action"),
                **messaging.rest(fields, _NEEDED | {"type", "action", *trakt.KINDS}),
            }
        ),
    )


def _looks_like(head: Head) -> int:
    return 2 * any(
        one.keys() >= _NEEDED and not one.keys().isdisjoint(("movie", "episode"))
        for one in peek.first_objects(head)
    )


FORMAT = Format(
    name=_NAME,
    title="Films and episodes seen, on Trakt",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?watched-history[^/]*\.json",),
    products=("Trakt",),
    record_types=(RecordType.PLAY,),
    fields=_NEEDED | {"type", "action", *trakt.KINDS},
)
