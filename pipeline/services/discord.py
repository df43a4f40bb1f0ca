"""What the formats of a Discord export share.

Source: `docs/reference/exports/discord.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from pipeline.services import messaging
from pipeline.values import timestamps
from pipeline.values.fields import non_empty, optional_text
from schemas.errors import BadValue
from schemas.files import Member
from schemas.reasons import Reason
from schemas.records import DataType, Record
from schemas.vocabulary import RecordType

SERVICE = "discord"
#: The fields of a message, in CSV and in JSON.
COLUMNS = frozenset({"ID", "Timestamp", "Contents", "Attachments"})


def channel_of(path: str) -> str:
    """Return the number of the channel in whose folder a file is: `messages/c1234/messages.csv`."""
    folder = PurePosixPath(path.rsplit("!/", 1)[-1]).parent.name
    number = folder.removeprefix("c")
    return number if number.isdecimal() else ""


def message(source: str, fields: Mapping[str, Any], member: Member) -> Record:
    """Return one of the owner's messages."""
    number, channel = messaging.key(fields, "ID"), channel_of(member.path)
    if not number.isdecimal():
        raise BadValue(Reason.BAD_SHAPE, "'ID' is not a number")
    links = (optional_text(fields, "Attachments") or "").split()
    metadata = {
        "conversation": channel,
        "message_id": number,
        "direction": "out",
        "attachments": [{"name": _name(link), "url": link} for link in links],
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=source,
        record_type=RecordType.MESSAGE,
        identity=(SERVICE, number),
        time=timestamps.or_unread(fields.get("Timestamp")),
        content=optional_text(fields, "Contents") or None,
        metadata=non_empty(metadata),
        related=messaging.in_conversation(SERVICE, channel) if channel else (),
        mutable=True,
    )


def _name(link: str) -> str:
    return link.partition("?")[0].rsplit("/", 1)[-1] or link
