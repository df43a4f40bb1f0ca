"""LinkedIn's `Connections.csv`; newer exports have notes above the header.

Its address identifies a connection; in older exports without one, its name and day. The employer
changes.

Source: `docs/reference/exports/linkedin.md`.
"""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import linkedin, tables
from pipeline.values import timestamps
from pipeline.values.fields import non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "linkedin.connections"
_COLUMNS = frozenset(
    {"First Name", "Last Name", "URL", "Email Address", "Company", "Position", "Connected On"}
)
_KNOWN = _COLUMNS - {"URL"}


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one connection."""
    cells: dict[str, str] = item.value
    name = " ".join(filter(None, (cells["First Name"], cells["Last Name"])))
    day, url = cells["Connected On"], cells.get("URL") or ""
    if not name and not url:
        raise BadValue(Reason.MISSING_FIELD, "the connection has neither a name nor a 'URL'")
    address = cells.get("Email Address", "").lower()
    who = {"name": name, "handle": url, "address": address}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONNECTION,
        identity=(linkedin.SERVICE, url) if url else (linkedin.SERVICE, name, day),
        time=timestamps.or_unread(day, linkedin.day_or_clock),
        title=name or None,
        metadata=non_empty(
            {
                "people": [non_empty(who)],
                "status": "connected",
                "company": cells["Company"],
                "position": cells["Position"],
                "url": url,
            }
        ),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    return 2 * (tables.columns(head) >= _KNOWN)


FORMAT = Format(
    name=_NAME,
    title="LinkedIn: connections",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?Connections\.csv",),
    products=("LinkedIn",),
    vintages=("a clock beside the day (to 2019)", "without URL", "with URL and notes above"),
    record_types=(RecordType.CONNECTION,),
    fields=_COLUMNS,
)
