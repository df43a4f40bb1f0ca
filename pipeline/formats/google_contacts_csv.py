"""Google Contacts in CSV: `Contacts/<label>/<label>.csv` of Takeout, or Contacts' own export.

Older files have `Name`, newer ones `First Name`, `Middle Name`, `Last Name`; both repeat `E-mail
<n> - Value` and `Phone <n> - Value`. A cell holds several values of one label, separated by ` :::
`, and so does the cell of a contact's labels. The same contact in a vCard is the same record.

Source: `docs/reference/exports/calendars-and-contacts.md#contacts`.
"""

from __future__ import annotations

import re

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import contacts, tables
from pipeline.values.fields import non_empty
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.contacts_csv"
_NAMES = ("First Name", "Middle Name", "Last Name")
_VALUE = re.compile(r"(?P<kind>E-mail|Phone) (?P<n>\d+) - (?P<part>Value|Type|Label)")
_TAKEN = frozenset(
    {"Name", *_NAMES, "Birthday", "Gender", "Photo", "Notes", "Labels", "Group Membership"}
)
_BETWEEN = re.compile(r"\s*:::\s*")
#: Names for a contact without a name of its own, best first.
_CALLED = (
    *("File As", "Nickname", "Organization Name", "Organization 1 - Name", "Website 1 - Value"),
    *("Address 1 - Formatted", "Notes"),
)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one contact."""
    row: dict[str, str] = item.value
    name = tables.cells(row, "Name") or " ".join(filter(None, (row.get(n) for n in _NAMES)))
    called = name or tables.cells(row, *_CALLED[:4])
    emails, phones = _values(row, "E-mail"), _values(row, "Phone")
    addresses = [text for text, _ in emails]
    numbers = [text for text, _ in phones]
    others = {n: text for n, text in row.items() if n not in _TAKEN and not _VALUE.fullmatch(n)}
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.CONTACT,
        identity=_identity(row, name, addresses, numbers),
        title=called or None,
        content=row.get("Notes") or None,
        metadata=non_empty(
            {
                "people": contacts.people(called, addresses, numbers),
                "labels": _parts(tables.cells(row, "Labels", "Group Membership")),
                "emails": [non_empty({"address": a, "label": k}) for a, k in emails],
                "phones": [non_empty({"phone": n, "label": k}) for n, k in phones],
                "birthday": row.get("Birthday"),
                "gender": row.get("Gender"),
                "photo": row.get("Photo"),
                **tables.rest(others, frozenset()),
            }
        ),
        mutable=True,
    )


def _identity(
    row: dict[str, str], name: str, addresses: list[str], numbers: list[str]
) -> tuple[str, ...]:
    """Return a contact's identity; without a name, address or number, its other name."""
    found = name if name or addresses or numbers else tables.cells(row, *_CALLED)
    return contacts.identity(found, addresses, numbers)


def _parts(cell: str) -> list[str]:
    """Return the values in a cell, without the mark of Google's own labels."""
    return [part for one in _BETWEEN.split(cell) if (part := one.removeprefix("*").strip())]


def _values(row: dict[str, str], kind: str) -> list[tuple[str, str]]:
    """Return the addresses or numbers of a row, each with its label."""
    found = (m for column in row if (m := _VALUE.fullmatch(column)) and m["part"] == "Value")
    numbers = sorted(int(m["n"]) for m in found if m["kind"] == kind)
    heads = [f"{kind} {n} - " for n in numbers]
    cells = ((row[f"{h}Value"].strip(), tables.cells(row, f"{h}Label", f"{h}Type")) for h in heads)
    return [
        (value, label.removeprefix("*").strip())
        for cell, label in cells
        for value in _BETWEEN.split(cell)
        if value
    ]


def _looks_like(head: Head) -> int:
    columns = tables.columns(head)
    named = "Name" in columns or "First Name" in columns
    return 2 * (named and not columns.isdisjoint({"E-mail 1 - Value", "Phone 1 - Value"}))


FORMAT = Format(
    name=_NAME,
    title="Google Contacts (CSV)",
    version=2,
    data_type=DataType.STRUCTURED,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    products=("Google Takeout: Contacts",),
    vintages=("with a column Name", "with First, Middle and Last Name"),
    record_types=(RecordType.CONTACT,),
)
