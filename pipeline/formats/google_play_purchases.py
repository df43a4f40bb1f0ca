"""Google Play Store in Takeout: `Purchase History.json`; prices are texts.

Source: `docs/reference/exports/google-services.md#play-store`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.services.google import play_store
from pipeline.values import money
from pipeline.values.fields import non_empty
from schemas.files import Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.play_purchases"
_KEY = "purchaseHistory"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one purchase; it has no id."""
    fields: dict[str, Any] = play_store.inner(item, _KEY)
    kind, title = play_store.document(fields)
    price = play_store.written(fields, "invoicePrice")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PURCHASE,
        identity=(
            kind,
            title,
            play_store.written(fields, "purchaseTime"),
            price,
        ),
        time=play_store.moment(fields, "purchaseTime"),
        title=title or None,
        metadata=non_empty(
            {
                "kind": kind,
                "amount": money.amount(price) if price else None,
                "payment_method": play_store.written(fields, "paymentMethodTitle"),
                "country": fields.get("userCountry"),
            }
        ),
    )


FORMAT = Format(
    name=_NAME,
    title="Purchases at Google Play (Takeout)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=play_store.PATHS,
    looks_like=play_store.holds(_KEY, "purchaseTime", "invoicePrice"),
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?Google Play Store/Purchase History\.json",),
    products=("Google Takeout: Google Play Store",),
    record_types=(RecordType.PURCHASE,),
    fields=frozenset({_KEY}),
)
