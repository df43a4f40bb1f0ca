"""Google Play Store in Takeout: `Subscriptions.json`, with the day of renewal.

Source: `docs/reference/exports/google-services.md#play-store`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.services.google import play_store
from pipeline.values import money
from pipeline.values.fields import non_empty
from schemas.errors import BadValue
from schemas.files import Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.play_subscriptions"
_KEY = "subscription"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one subscription, with its state at the export."""
    fields: dict[str, Any] = play_store.inner(item, _KEY)
    kind, title = play_store.document(fields)
    if not title:
        raise BadValue(Reason.MISSING_FIELD, "no field 'title'")
    pricing = fields.get("pricing") or ()
    price = next((p["price"] for p in pricing if isinstance(p.get("price"), str)), None)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SUBSCRIPTION,
        identity=(kind, title),
        title=title or None,
        metadata=non_empty(
            {
                "kind": kind,
                "status": play_store.written(fields, "state").lower(),
                "renewed_at": fields.get("renewalDate"),
                "period": fields.get("period"),
                "amount": money.amount(price) if price else None,
                "pricing": pricing,
                "changes": fields.get("userChangeRecord"),
            }
        ),
        mutable=True,
    )


FORMAT = Format(
    name=_NAME,
    title="Subscriptions at Google Play (Takeout)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=play_store.PATHS,
    looks_like=play_store.holds(_KEY, "renewalDate", "pricing", "period"),
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?Google Play Store/Subscriptions\.json",),
    products=("Google Takeout: Google Play Store",),
    record_types=(RecordType.SUBSCRIPTION,),
    fields=frozenset({_KEY}),
)
