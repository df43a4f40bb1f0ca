"""Google Play Store in Takeout: `Library.json`, what the account owns.

Source: `docs/reference/exports/google-services.md#play-store`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.services.google import play_store
from pipeline.values.fields import non_empty
from schemas.files import Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.play_library"
_KEY = "libraryDoc"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one app, film or book."""
    fields: dict[str, Any] = play_store.inner(item, _KEY)
    kind, title = play_store.document(fields)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.LIST_ITEM,
        identity=(
            kind,
            title,
            play_store.written(fields, "acquisitionTime"),
        ),
        time=play_store.moment(fields, "acquisitionTime"),
        title=title or None,
        metadata=non_empty({"list": "Google Play", "kind": kind}),
    )


FORMAT = Format(
    name=_NAME,
    title="The library of Google Play (Takeout)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=play_store.PATHS,
    looks_like=play_store.holds(_KEY, "acquisitionTime"),
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?Google Play Store/Library\.json",),
    products=("Google Takeout: Google Play Store",),
    record_types=(RecordType.LIST_ITEM,),
    fields=frozenset({_KEY}),
)
