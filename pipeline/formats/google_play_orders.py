"""Google Play Store in Takeout: `Order History.json`, full of personal data.

Billing contacts are kept unchanged, since their fields are not verified one by one.

Source: `docs/reference/exports/google-services.md#play-store`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.services.google import play_store
from pipeline.values import money
from pipeline.values.fields import non_empty, text
from schemas.files import Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.play_orders"
_KEY = "orderHistory"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one order; a refund changes it later."""
    fields: dict[str, Any] = play_store.inner(item, _KEY)
    lines, card = fields.get("lineItem") or (), fields.get("billingInstrument") or {}
    titles = [play_store.document(line)[1] for line in lines]
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PURCHASE,
        identity=(text(fields, "orderId"),),
        time=play_store.moment(fields, "creationTime"),
        title=", ".join(titles) or None,
        metadata=non_empty(
            {
                "order": fields["orderId"],
                "amount": _amount(fields, "totalPrice"),
                "tax": _amount(fields, "tax"),
                "refund": _amount(fields, "refundAmount"),
                "payment_method": play_store.written(card, "displayName"),
                "billing_contact": fields.get("billingContact"),
                "associated_contacts": fields.get("associatedContact"),
                "ip": play_store.written(fields, "ipAddress"),
                "ip_country": play_store.written(fields, "ipCountry"),
                "preorder": fields.get("preorder"),
                "items": lines,
            }
        ),
        mutable=True,
    )


def _amount(fields: dict[str, Any], name: str) -> dict[str, Any] | None:
    price = play_store.written(fields, name)
    return money.amount(price) if price else None


FORMAT = Format(
    name=_NAME,
    title="Orders at Google Play (Takeout)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=play_store.PATHS,
    looks_like=play_store.holds(_KEY, "orderId", "lineItem"),
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?Google Play Store/Order History\.json",),
    products=("Google Takeout: Google Play Store",),
    record_types=(RecordType.PURCHASE,),
    fields=frozenset({_KEY}),
)
