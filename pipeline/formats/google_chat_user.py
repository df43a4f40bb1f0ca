"""Google Chat's own user in Takeout: `Google Chat/Users/User <id>/user_info.json`.

`{user: {name, email, user_type}, membership_info: [...]}`; the fields of a membership are not
verified, so they are kept unchanged.

Source: `docs/reference/exports/google-services.md#chat`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.whole import JsonWhole
from pipeline.recognition import peek
from pipeline.services.google import takeout
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.chat_user"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return the account's owner, as Chat knows them."""
    fields: dict[str, Any] = item.value
    owner = takeout.person(fields["user"])
    if not owner:
        raise BadValue(Reason.MISSING_FIELD, "the user has neither a name nor an address")
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.PROFILE,
        identity=("google chat", owner.get("address") or owner["name"]),
        title=owner.get("name"),
        metadata={
            "people": [{**owner, "self": True}],
            "memberships": fields.get("membership_info") or [],
        },
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    return 2 * ({"user", "membership_info"} <= set(peek.top_keys(head)))


FORMAT = Format(
    name=_NAME,
    title="The account in Google Chat (Takeout)",
    version=1,
    data_type=DataType.STRUCTURED,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonWhole(),
    record=to_record,
    hints=(r"(.+/)?Google Chat/.+/user_info\.json",),
    products=("Google Takeout: Google Chat",),
    record_types=(RecordType.PROFILE,),
    fields=frozenset({"user", "membership_info"}),
)
