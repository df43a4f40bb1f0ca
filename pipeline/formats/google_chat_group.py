"""Google Chat's groups in Takeout: `Google Chat/Groups/<DM or Space> <id>/group_info.json`.

`{name?, members: [{name, email, user_type}]}`; the name of the folder has the id.

Source: `docs/reference/exports/google-services.md#chat`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.whole import JsonWhole
from pipeline.recognition import peek
from pipeline.services.google import chat as google_chat
from pipeline.services.google import takeout
from pipeline.values.fields import optional_text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.chat_group"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return the conversation and its members."""
    fields: dict[str, Any] = item.value
    group = google_chat.group_of(member.path)
    if group is None:
        raise BadValue(Reason.MISSING_FIELD, "the folder names no group")
    people = [takeout.person(one) for one in fields["members"]]
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONVERSATION,
        identity=(group,),
        title=optional_text(fields, "name"),
        metadata={"conversation": group, "participants": [one for one in people if one]},
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    members = peek.first_items(head, "members")
    known = [m for m in members if isinstance(m, dict) and {"name", "user_type"} <= m.keys()]
    return 2 * bool(known)


FORMAT = Format(
    name=_NAME,
    title="Groups of Google Chat (Takeout)",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/][^/ ]*+ [^/]+/[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonWhole(),
    record=to_record,
    hints=(r"(.+/)?Google Chat/.+/group_info\.json",),
    products=("Google Takeout: Google Chat",),
    record_types=(RecordType.CONVERSATION,),
    fields=frozenset({"name", "members"}),
)
