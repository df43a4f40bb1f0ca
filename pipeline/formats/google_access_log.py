"""Access Log Activity in Takeout: `Activities - A list of Google services accessed by.csv`.

Times are `2026-10-01 06:59:59 UTC` since 2026, `Jun 15, 2026, 7:40:10 AM UTC` or RFC 3339 before.
Older files have `Country Code`, `City`, `Device Type` and `Device Model`. The file has one row for
each token that a phone refreshes, so it is never embedded.

Source: `docs/reference/exports/google-services.md#access-log`.
"""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import tables
from pipeline.services.google import takeout
from pipeline.values.fields import non_empty
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.access_log"
_WHO = ("IP Address", "User Agent String", "Product Name", "Sub-Product Name", "Activity Type")
_TAKEN = frozenset(
    {"Gaia ID", "Activity Timestamp", *_WHO, "Device Type", "Device Model", "Country Code", "City"}
    | {"Activity Country", "Activity Region", "Activity City"}
)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one use of the account. Rows that are equal in their identifying columns are one."""
    row: dict[str, str] = item.value
    written = tables.cells(row, "Activity Timestamp")
    product = tables.cells(row, "Product Name")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.LOGIN,
        identity=(written, *(row.get(name, "") for name in _WHO)),
        time=takeout.moment(written),
        title=product or None,
        metadata=non_empty(
            {
                "ip": row.get("IP Address"),
                "user_agent": row.get("User Agent String"),
                "product": product,
                "sub_product": row.get("Sub-Product Name"),
                "activity": row.get("Activity Type"),
                "device": tables.cells(row, "Device Model", "Device Type"),
                "device_type": row.get("Device Type") if row.get("Device Model") else None,
                "country": tables.cells(row, "Activity Country", "Country Code"),
                "region": row.get("Activity Region"),
                "city": tables.cells(row, "Activity City", "City"),
                **tables.rest(row, _TAKEN),
            }
        ),
    )


def _looks_like(head: Head) -> int:
    return 2 * (tables.columns(head) >= {"Gaia ID", "Activity Timestamp", "Product Name"})


FORMAT = Format(
    name=_NAME,
    title="Uses of a Google account (Takeout)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    embed=False,
    products=("Google Takeout: Access Log Activity",),
    locales=("en",),
    vintages=("Country Code, City, Device Type (to 2025)", "Activity Country (2026)"),
    record_types=(RecordType.LOGIN,),
)
