"""What Chrome fills into forms: `Chrome/Autofill.json` of Takeout.

`{"Autofill": [{name, value, usage_timestamp: […]}]}`, times in microseconds since 1601.

Source: `docs/reference/exports/browsers.md#chrome-in-takeout`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.values import timestamps
from pipeline.values.fields import text
from schemas.files import Head, Member
from schemas.records import UNDATED, DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.chrome_autofill"
_KEY = "Autofill"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one value of one field with its uses; the first use is the record's time."""
    fields: dict[str, Any] = item.value
    name, value = text(fields, "name"), text(fields, "value")
    times = fields.get("usage_timestamp") or ()
    used = [timestamps.epoch_or_unread(when, "webkit") for when in times]
    known = sorted((at for at in used if at.at), key=lambda at: at.at or UNDATED)
    return Record(
        data_type=DataType.BROWSER,
        source=_NAME,
        record_type=RecordType.LIST_ITEM,
        identity=(_KEY, name, value),
        time=next(iter(known or used), None),
        title=name,
        content=value or None,
        metadata={"list": _KEY, "used_at": [at.at.isoformat() for at in known if at.at]},
        mutable=True,
    )


def _looks_like(head: Head) -> bool:
    return any({"name", "value"} <= item.keys() for item in peek.first_objects(head, _KEY))


FORMAT = Format(
    name=_NAME,
    title="What Chrome fills into forms (Takeout)",
    version=2,
    data_type=DataType.BROWSER,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path=_KEY),
    record=to_record,
    products=("Google Takeout: Chrome",),
    record_types=(RecordType.LIST_ITEM,),
    fields=frozenset({"name", "value", "usage_timestamp"}),
)
