"""Messages that the owner of a Discord account wrote: `messages/c<id>/messages.json`.

An array with the columns of the older CSV (`discord.messages_csv`). Folder names were capitalised
in 2024. Ids are numbers of up to 20 digits, or texts. The export has no messages of other people.

Source: `docs/reference/exports/discord.md`.
"""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.services import discord
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "discord.messages"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one message, which the owner wrote."""
    return discord.message(_NAME, item.value, member)


def _looks_like(head: Head) -> int:
    items = peek.first_objects(head)
    return 2 * any(item.keys() >= discord.COLUMNS for item in items)


FORMAT = Format(
    name=_NAME,
    title="Discord: own messages (JSON)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?c?\d{10,20}/messages\.json",),
    products=("Discord",),
    vintages=("messages.json (since 2024)",),
    record_types=(RecordType.MESSAGE,),
    fields=discord.COLUMNS,
)
