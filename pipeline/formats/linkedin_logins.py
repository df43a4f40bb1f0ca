"""LinkedIn's `Logins.csv`.

Source: `docs/reference/exports/linkedin.md`.
"""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import linkedin, tables
from pipeline.values import mail_dates, timestamps
from pipeline.values.fields import non_empty
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "linkedin.logins"
_COLUMNS = frozenset({"Login Date", "IP Address", "User Agent", "Login Type"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one sign-in: `Mon Jan 01 10:00:00 UTC 2024`."""
    cells: dict[str, str] = item.value
    date, ip = cells["Login Date"], cells["IP Address"]
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.LOGIN,
        identity=(linkedin.SERVICE, date, ip),
        time=timestamps.or_unread(date, mail_dates.mail_date),
        title="LinkedIn",
        metadata=non_empty(
            {
                "product": "LinkedIn",
                "ip": ip,
                "user_agent": cells["User Agent"],
                "kind": cells["Login Type"],
            }
        ),
    )


def _looks_like(head: Head) -> int:
    return 2 * (tables.columns(head) >= _COLUMNS)


FORMAT = Format(
    name=_NAME,
    title="LinkedIn: logins",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    embed=False,
    hints=(r"(.+/)?Logins\.csv",),
    products=("LinkedIn",),
    record_types=(RecordType.LOGIN,),
    fields=_COLUMNS,
    repeats=True,
)
