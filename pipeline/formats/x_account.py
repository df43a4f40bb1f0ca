"""X (Twitter): `data/account.js` and `profile.js`, the account's data about its owner.

The fields of a profile are kept unchanged.

Source: `docs/reference/exports/x.md`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.ytd import Ytd
from pipeline.services import messaging, x
from pipeline.values.fields import non_empty, optional_text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "x.account"
_KINDS = frozenset({"account", "profile"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return the account, or its profile."""
    kind = item.around["name"]
    fields: dict[str, Any] = x.unwrapped(item.value, kind)
    if fields is item.value:
        raise BadValue(Reason.MISSING_FIELD, f"no field {kind!r}")
    name = optional_text(fields, "accountDisplayName")
    number = fields.get("accountId")
    who = {"handle": str(number), "name": name, "self": True} if number else None
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.PROFILE,
        identity=(x.SERVICE, kind, str(number or "")),
        title=name,
        metadata={"people": [non_empty(who)] if who else [], **messaging.rest(fields, ())},
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    return 2 * (x.name_of(head) in _KINDS)


FORMAT = Format(
    name=_NAME,
    title="X (Twitter): account and profile",
    version=1,
    data_type=DataType.STRUCTURED,
    paths=x.PATHS,
    looks_like=_looks_like,
    reader=Ytd(),
    record=to_record,
    hints=(r"(.+/)?(account|profile)\.js",),
    products=("X (Twitter)",),
    tried=("dogsheep/twitter-to-sqlite",),
    record_types=(RecordType.PROFILE,),
    fields=_KINDS,
)
