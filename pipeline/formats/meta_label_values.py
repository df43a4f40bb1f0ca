"""Facebook and Instagram since 2024: items of `label_values`, with labels in the owner's language.

`[{label, value

timestamp_value

dict: [{label, value}…]}]` and an `fbid`. The meaning of a label is not guessed: an item is an
activity with its labels and values unchanged.

Source: `docs/reference/exports/meta.md#facebook`.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import messaging, meta
from pipeline.text.cleaning import mend_meta
from pipeline.values.fields import non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "meta.label_values"
_KEY = "label_values"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one item, identified by its `fbid`."""
    raw: dict[str, Any] = item.value
    fields = mend_meta(raw)
    when = raw.get("timestamp") or meta.inner(raw[_KEY], "timestamp_value")
    lines = [f"{one['label']}: {one['value']}" for one in fields[_KEY] if one.get("value")]
    kind = PurePosixPath(member.path).stem
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.ACTIVITY,
        identity=("meta", messaging.key(raw, "fbid")),
        time=meta.moment(when),
        title=optional_text(fields, "title"),
        content="\n".join(lines) or None,
        metadata=non_empty(
            {"kind": kind, **messaging.rest(fields, ("timestamp", "title", "fbid"))}
        ),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    items = peek.first_objects(head, "", 5)
    return 2 * any(isinstance(item.get(_KEY), list) and "fbid" in item for item in items)


FORMAT = Format(
    name=_NAME,
    title="Facebook and Instagram: labelled items",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    products=("Facebook", "Instagram"),
    vintages=("since 2024",),
    record_types=(RecordType.ACTIVITY,),
    fields=frozenset({"timestamp", "media", _KEY, "fbid", "title"}),
)
