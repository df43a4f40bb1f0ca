"""Snapchat's `account_history.json`: changes of the account, each kind under its name.

`Display Name Change`, `Mobile Number Change` and others, each an array of objects
with a `Date`.

Source: `docs/reference/exports/snapchat.md`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services import generic_rows, messaging, snapchat
from pipeline.values import timestamps
from pipeline.values.fields import as_written
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "snapchat.account_history"
_KNOWN = frozenset(
    {"Display Name Change", "Mobile Number Change", "Password Change"}
    | {"Snapchat Linked to Bitmoji", "Download My Data Reports"}
)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one change."""
    fields: dict[str, Any] = item.value
    kind, date = item.around["keys"][0], as_written(fields, "Date")
    others = {name: value for name, value in fields.items() if name != "Date"}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SETTING,
        identity=(
            snapchat.SERVICE,
            kind,
            date,
            generic_rows.canonical(others).decode("utf-8", "replace"),
        ),
        time=timestamps.or_unread(date, snapchat.moment),
        title=kind,
        metadata=messaging.rest(
            {name.replace(" ", "_"): value for name, value in others.items()}, ()
        ),
    )


def _looks_like(head: Head) -> int:
    return 2 * (len(_KNOWN.intersection(peek.top_keys(head))) > 1)


FORMAT = Format(
    name=_NAME,
    title="Snapchat: changes of the account",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=("*",)),
    record=to_record,
    embed=False,
    hints=(r"(.+/)?account_history\.json",),
    products=("Snapchat",),
    record_types=(RecordType.SETTING,),
)
