"""LinkedIn's `Invitations.csv`: sent and received invitations to connect.

Source: `docs/reference/exports/linkedin.md`.
"""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import linkedin, messaging, tables
from pipeline.values import timestamps
from pipeline.values.fields import non_empty
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "linkedin.invitations"
_COLUMNS = frozenset({"From", "To", "Sent At", "Message", "Direction"})
_DIRECTIONS = {"INCOMING": "in", "OUTGOING": "out"}


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one invitation. Its text is a message."""
    cells: dict[str, str] = item.value
    sent, way = cells["Sent At"], cells["Direction"]
    recipient = messaging.person(cells["To"])
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(linkedin.SERVICE, "invitation", cells["From"], cells["To"], sent),
        time=timestamps.or_unread(sent, linkedin.clock),
        title="Invitation",
        content=cells["Message"] or None,
        metadata=non_empty(
            {
                "sender": messaging.person(cells["From"]),
                "recipients": [recipient] if recipient else [],
                "direction": _DIRECTIONS.get(way.upper()),
                "kind": "invitation",
            }
        ),
    )


def _looks_like(head: Head) -> int:
    return 2 * (tables.columns(head) >= _COLUMNS)


FORMAT = Format(
    name=_NAME,
    title="LinkedIn: invitations",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?Invitations\.csv",),
    products=("LinkedIn",),
    record_types=(RecordType.MESSAGE,),
    fields=_COLUMNS | {"inviterProfileUrl", "inviteeProfileUrl"},
)
