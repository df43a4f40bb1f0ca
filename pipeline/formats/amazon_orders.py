"""Amazon's data: `Retail.OrderHistory.<n>.csv`, a row for each item of each order.

The columns are those of the files with which importers of the export test. They are in English in
every country, with `Not Available` and `Not Applicable` for an empty value; since 2024 `Ship Date`
is also `Shipment Date`. Times are in UTC. Amounts are decimals with a point and commas between
thousands; negative ones may be quoted (`'-14.39'`). Two equal rows are two items.
"""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import tables
from pipeline.values import money, timestamps
from pipeline.values.fields import non_empty, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "amazon.orders"
_NEEDED = frozenset({"Website", "Order ID", "Order Date", "Currency", "Product Name"})
_PRICES = (
    "Unit Price",
    "Unit Price Tax",
    "Shipping Charge",
    "Total Discounts",
    "Shipment Item Subtotal",
    "Shipment Item Subtotal Tax",
)
_TAKEN = _NEEDED | {"Total Owed", "ASIN", "Payment Instrument Type", "Order Status", *_PRICES}
_NOTHING = ("", "Not Available", "Not Applicable")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one item of one order."""
    row: dict[str, str] = item.value
    order, asin = text(row, "Order ID"), row.get("ASIN", "")
    cells = {name: cell for name, cell in row.items() if cell.strip() not in _NOTHING}
    currency = cells.get("Currency")
    total = cells.get("Total Owed")
    prices = {
        n: money.amount(cells[n].strip("'"), currency)["value"] for n in _PRICES if n in cells
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PURCHASE,
        identity=(order, asin, text(row, "Product Name"), row["Order Date"]),
        time=timestamps.or_unread(cells.get("Order Date"), tables.in_utc),
        title=cells.get("Product Name"),
        metadata=non_empty(
            {
                "amount": money.amount(total.strip("'"), currency) if total else None,
                "merchant": cells.get("Website"),
                "order": order,
                "asin": asin,
                "payment_method": cells.get("Payment Instrument Type"),
                "status": cells.get("Order Status"),
                "prices": non_empty({tables.snake(n): value for n, value in prices.items()}),
                **tables.rest(cells, _TAKEN),
            }
        ),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    return 2 * (tables.columns(head) >= _NEEDED)


FORMAT = Format(
    name=_NAME,
    title="Orders at Amazon",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?Retail\.OrderHistory\.\d+\.csv",),
    products=("Amazon",),
    record_types=(RecordType.PURCHASE,),
    repeats=True,
)
