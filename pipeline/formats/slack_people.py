"""The people of a Slack workspace: `users.json` or `org_users.json`.

The names of a person's fields are from Slack's own reference of its user object.

Source: `docs/reference/exports/slack.md`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values.fields import non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "slack.people"
_TAKEN = frozenset({"id", "name", "profile", "real_name"})
_FIELDS = _TAKEN | frozenset(
    {"color", "deleted", "enterprise_user", "has_2fa", "is_admin", "is_app_user"}
    | {"is_bot", "is_connector_bot", "is_email_confirmed", "is_invited_user", "is_owner"}
    | {"is_primary_owner", "is_restricted", "is_stranger", "is_ultra_restricted"}
    | {"is_workflow_bot", "locale", "team_id", "tz", "tz_label", "tz_offset", "updated"}
    | {"who_can_share_contact_card"}
)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one person; only the number stays the same."""
    fields: dict[str, Any] = item.value
    number = messaging.key(fields, "id")
    profile = fields.get("profile") or {}
    name = optional_text(fields, "real_name") or optional_text(profile, "real_name")
    name = name or optional_text(fields, "name")
    address = optional_text(profile, "email")
    who = {"handle": number, "name": name, "address": address.lower() if address else None}
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.CONTACT,
        identity=("slack", number),
        title=name,
        metadata={
            "people": [non_empty(who)],
            "username": fields.get("name"),
            **messaging.rest(fields, _TAKEN),
            **non_empty({"profile": profile}),
        },
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    """Recognise the ids of people, which begin with U or W, and one field of Slack."""
    items = peek.first_objects(head, "", 10)
    return 2 * any(
        str(item.get("id"))[:1] in ("U", "W")
        and "name" in item
        and not item.keys().isdisjoint({"team_id", "profile", "real_name"})
        for item in items
    )


FORMAT = Format(
    name=_NAME,
    title="Slack: people",
    version=1,
    data_type=DataType.STRUCTURED,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?(org_)?users\.json",),
    products=("Slack",),
    record_types=(RecordType.CONTACT,),
    fields=_FIELDS,
)
