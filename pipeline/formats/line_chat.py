"""A chat exported from LINE as text: `[LINE]<name>.txt`, days and lines of clock, name, words.

The heading, the days and the clocks are in the device's language: `2024/03/15(Fri)`, `Fri,
03/15/2024`, `2024.03.15 星期五`; `09:05`, `午後9:47`, `9:47 PM`. Tabs separate the parts of a line;
a message of several lines is in quotation marks; a line without a name is LINE's note. Source:
meyfa/line-chat-parser (its README and tests), jyu0414/linelog2py.
"""

from __future__ import annotations

import re

from pipeline.contract import Format
from pipeline.readers.day_chat import DayChat
from pipeline.recognition import peek
from pipeline.services import day_chats
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME, _SERVICE = "line.chat", "line"
_DAY = (
    r"[^\d:\t]{0,16}(?:\d{4}(?:[/.-] ?|年)\d{1,2}(?:[/.-] ?|月)\d{1,2}日?|\d{1,2}/\d{1,2}/\d{4})"
    r"[^\d:\t]{0,24}"
)
_HEAD = r"(?P<clock>[^\d\t\n]{0,8}\d{1,2}:\d\d[^\d\t\n]{0,8})\t(?P<name>[^\t\n]*)\t"
_HEADING = re.compile(rb"(?:\xef\xbb\xbf)?\[LINE\]")
_FIRST_DAY = re.compile(_DAY)
_FIRST_HEAD = re.compile(_HEAD)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one message, or a note of LINE."""
    return day_chats.record(_NAME, _SERVICE, item, member)


def _looks_like(head: Head) -> int:
    """Recognise LINE's heading, or a day, and then a line of clock, name and words."""
    lines = [line.decode("utf-8", "replace") for line in peek.lines(head, 20)]
    has_message = any(map(_FIRST_HEAD.match, lines))
    days = any(map(_FIRST_DAY.fullmatch, lines))
    return 2 * (has_message and (days or _HEADING.match(head.data) is not None))


FORMAT = Format(
    name=_NAME,
    title="Chats exported from LINE as text",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(?s:.+)\.txt",),
    looks_like=_looks_like,
    reader=DayChat(name="line_chat", day=_DAY, head=_HEAD),
    record=to_record,
    hints=(r"(.+/)?\[LINE\][^/]*\.txt",),
    products=("LINE",),
    record_types=(RecordType.MESSAGE, RecordType.ACTIVITY),
    fields=frozenset({"day", "clock", "name", "text"}),
    repeats=True,
)
