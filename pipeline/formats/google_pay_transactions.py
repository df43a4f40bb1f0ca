"""Google Pay in Takeout: `Google Pay/Google transactions/transactions_<account>.csv`.

`Time` was `Date`; it is `Jun 10, 2026, 10:35:12 AM UTC`, since 2026 `2026-10-01 10:35:12 UTC`, or
RFC 3339. Amounts hold their currency (`-129.00 NOK`, `NOK 2450.00`, `€4,99`) or are plain numbers
with a column `Currency`.

Source: `docs/reference/exports/google-services.md#pay`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import tables
from pipeline.services.google import takeout
from pipeline.values import money
from pipeline.values.fields import non_empty
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.pay_transactions"
_NEEDED = frozenset({"Transaction ID", "Description", "Payment Method", "Status", "Amount"})
_TAKEN = frozenset({"Time", "Date", "Product", "Currency", "Fee", "Net Amount", *_NEEDED})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one transaction; its status may change later."""
    row: dict[str, str] = item.value
    written = tables.cells(row, "Time", "Date")
    own_id, description = tables.cells(row, "Transaction ID"), tables.cells(row, "Description")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PAYMENT,
        identity=(own_id,) if own_id else ("", written, description, row["Amount"]),
        time=takeout.moment(written),
        title=description or None,
        metadata=non_empty(
            {
                "amount": _amount(row, "Amount"),
                "fee": _amount(row, "Fee"),
                "net_amount": _amount(row, "Net Amount"),
                "payment_method": row["Payment Method"],
                "status": row["Status"],
                "product": row.get("Product"),
                "transaction_id": own_id,
                **tables.rest(row, _TAKEN),
            }
        ),
        mutable=True,
    )


def _amount(row: dict[str, str], name: str) -> dict[str, Any] | None:
    written = row.get(name, "").strip()
    return money.amount(written, tables.cells(row, "Currency") or None) if written else None


def _looks_like(head: Head) -> int:
    columns = tables.columns(head)
    return 2 * (columns >= _NEEDED and not columns.isdisjoint({"Time", "Date"}))


FORMAT = Format(
    name=_NAME,
    title="Transactions of Google Pay (Takeout)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    products=("Google Takeout: Google Pay",),
    locales=("en",),
    vintages=("Jun 10, 2026, 10:35:12 AM UTC (to 2025)", "2026-10-01 10:35:12 UTC (2026)"),
    record_types=(RecordType.PAYMENT,),
)
