"""Messages that the owner of a Discord account wrote: `messages/c<id>/messages.csv`, until 2024.

`ID,Timestamp,Contents,Attachments`; texts of several lines are quoted.

Source: `docs/reference/exports/discord.md`.
"""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.recognition import peek
from pipeline.services import discord
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "discord.messages_csv"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one message, which the owner wrote."""
    return discord.message(_NAME, item.value, member)


def _looks_like(head: Head) -> int:
    first = peek.lines(head, 1)
    names = first[0].decode("utf-8", "replace").split(",") if first else []
    return 2 * (frozenset(names) >= discord.COLUMNS)


FORMAT = Format(
    name=_NAME,
    title="Discord: own messages (CSV)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?c?\d{10,20}/messages\.csv",),
    products=("Discord",),
    vintages=("messages.csv (to 2024)",),
    record_types=(RecordType.MESSAGE,),
    fields=discord.COLUMNS,
)
