"""The Google account's profile in Takeout: `Profile/Profile.json`.

Source: `docs/reference/exports/google-services.md#search-contributions-profile-and-the-rest`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.whole import JsonWhole
from pipeline.recognition import peek
from pipeline.values.fields import non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.profile"
_KEYS = frozenset({"name", "displayName", "emails", "birthday", "gender"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return the one profile of an account."""
    fields: dict[str, Any] = item.value
    names = fields.get("name") or {}
    shown = optional_text(fields, "displayName") or optional_text(names, "formattedName")
    addresses = [one["value"].lower() for one in fields.get("emails") or ()]
    people = [non_empty({"name": shown, "address": a, "self": True}) for a in addresses]
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.PROFILE,
        identity=("google", next(iter(addresses), shown or "")),
        title=shown,
        metadata=non_empty(
            {
                "people": people or [{"name": shown, "self": True}],
                "given_name": names.get("givenName"),
                "family_name": names.get("familyName"),
                "birthday": fields.get("birthday"),
                "gender": (fields.get("gender") or {}).get("type"),
            }
        ),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    keys = frozenset(peek.top_keys(head))
    mails = peek.first_items(head, "emails")
    return 2 * ({"name", "displayName", "emails"} <= keys and any(map(_is_address, mails)))


def _is_address(one: Any) -> bool:
    return "@" in str(one.get("value") if isinstance(one, dict) else one)


FORMAT = Format(
    name=_NAME,
    title="The profile of a Google account (Takeout)",
    version=1,
    data_type=DataType.STRUCTURED,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonWhole(),
    record=to_record,
    hints=(r"(.+/)?Profile/Profile\.json",),
    products=("Google Takeout: Profile",),
    record_types=(RecordType.PROFILE,),
    fields=_KEYS,
)
