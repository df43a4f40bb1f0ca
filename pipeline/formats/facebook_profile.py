"""Facebook's `profile_information.json`: one object under `profile_v2`.

`name.full_name` and `emails.emails` are from d3i-infra/data-donation-task (`facebook.py`).

Source: `docs/reference/exports/meta.md#facebook`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.whole import JsonWhole
from pipeline.recognition import peek
from pipeline.services import messaging, meta
from pipeline.text.cleaning import mend_meta
from pipeline.values.fields import non_empty
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "facebook.profile"
_KEY = "profile_v2"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return the owner, as the account describes them."""
    fields: dict[str, Any] = mend_meta(item.value[_KEY])
    name = meta.inner(fields.get("name"), "full_name")
    addresses = (fields.get("emails") or {}).get("emails") or ()
    person = non_empty(
        {
            "name": name,
            "address": str(addresses[0]).lower() if addresses else None,
            "self": True,
        }
    )
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.PROFILE,
        identity=("facebook", "profile"),
        title=name,
        metadata={"people": [person], **messaging.rest(fields, ())},
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    return 2 * (_KEY in peek.top_keys(head))


FORMAT = Format(
    name=_NAME,
    title="Facebook: profile",
    version=2,
    data_type=DataType.STRUCTURED,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonWhole(),
    record=to_record,
    hints=(r"(.+/)?profile_information\.json",),
    products=("Facebook",),
    record_types=(RecordType.PROFILE,),
    fields=frozenset({_KEY}),
)
