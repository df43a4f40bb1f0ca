"""Google Wallet in Takeout: `Google Pay/Passes/<id>.json`, a ticket or card each.

Known are `classType` (EVENT_TICKET, TRANSIT, FLIGHT, LOYALTY, OFFER, GIFT_CARD), `state` and
`issuerName`; other fields of a pass keep their names.

Source: `docs/reference/exports/google-services.md#pay`.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.whole import JsonWhole
from pipeline.recognition import peek
from pipeline.values.fields import StableNames, non_empty, optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.pay_passes"
_NEEDED = frozenset({"classType", "state", "issuerName"})
_NAMES = StableNames(classType="kind", issuerName="merchant", state="status")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one pass; the file's name is its id."""
    fields: dict[str, Any] = item.value
    kind, issuer = text(fields, "classType"), optional_text(fields, "issuerName")
    metadata = {_NAMES[name]: value for name, value in fields.items()}
    status = (optional_text(fields, "state") or "").lower()
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.LIST_ITEM,
        identity=(PurePosixPath(member.path).stem,),
        title=issuer or kind.replace("_", " ").capitalize(),
        metadata=non_empty({**metadata, "status": status, "list": "Google Wallet"}),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    return 2 * (set(peek.top_keys(head)) >= _NEEDED)


FORMAT = Format(
    name=_NAME,
    title="Passes of Google Wallet (Takeout)",
    version=1,
    data_type=DataType.STRUCTURED,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonWhole(),
    record=to_record,
    products=("Google Takeout: Google Pay",),
    record_types=(RecordType.LIST_ITEM,),
)
