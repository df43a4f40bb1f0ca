"""A chat exported from KakaoTalk as text: `KakaoTalk_<date>.txt`, `KakaoTalkChats.txt`.

From a computer: a line `--------------- 2024년 3월 15일 금요일 ---------------` for each day, and
messages `[name] [오전 9:05] words`. From a phone: `2024년 3월 15일 오전 9:05, name : words`, on an
iPhone `2024. 3. 15. 오전 9:05, name : words`, and a line for each day, too; without ` : ` it is the
program's note. English exports write AM and PM, and the month's name. Source:
uoneway/kakaotalk_msg_preprocessor (README); m00nlygreat/katalk, `export2csv.py`;
suziewithz/kakaoship.
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

_NAME, _SERVICE = "kakao.chat", "kakaotalk"
_NUMBERS = r"\d{4}(?:년|\.) ?\d{1,2}(?:월|\.) ?\d{1,2}(?:일|\.)"
_ENGLISH = r"(?:[A-Z][a-z]{2,8}, )?[A-Z][a-z]{2,8} \d{1,2}, \d{4}"
_DAY = rf"-{{3,}} ?[^:\n]{{6,60}} -{{3,}}|(?:{_NUMBERS} [^\W\d]요일|[A-Z][a-z]{{5,8}}, {_ENGLISH})"
_CLOCK = r"(?:[^\W\d]{2} )?\d{1,2}:\d\d(?: ?[AP]M)?"
_HEAD = (
    rf"\[(?P<name>[^\]\n]{{1,100}})\] \[(?P<clock>{_CLOCK})\] ?"
    rf"|(?P<date>{_NUMBERS}|{_ENGLISH})(?: at)? (?P<clock_>{_CLOCK})(?:, |: )"
    rf"(?:(?P<name_>[^:\n]{{1,100}}?) : )?"
)
_FIRST_HEAD = re.compile(_HEAD)
_FIRST_DAY = re.compile(_DAY)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one message, or a note of the program."""
    return day_chats.record(_NAME, _SERVICE, item, member)


def _looks_like(head: Head) -> int:
    """Recognise a day and a message of a computer, or the heading and a message of a phone."""
    lines = [line.decode("utf-8", "replace") for line in peek.lines(head, 20)]
    has_message = any(map(_FIRST_HEAD.match, lines))
    days = any(map(_FIRST_DAY.fullmatch, lines))
    named = any("카카오톡" in line or "KakaoTalk" in line for line in lines[:2])
    return 2 * (has_message and (days or named))


FORMAT = Format(
    name=_NAME,
    title="Chats exported from KakaoTalk as text",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(?s:.+)\.txt",),
    looks_like=_looks_like,
    reader=DayChat(name="kakao_chat", day=_DAY, head=_HEAD),
    record=to_record,
    hints=(r"(.+/)?KakaoTalk[^/]*\.txt",),
    products=("KakaoTalk",),
    vintages=("computer", "Android", "iOS"),
    record_types=(RecordType.MESSAGE, RecordType.ACTIVITY),
    fields=frozenset({"day", "clock", "name", "text"}),
    repeats=True,
)
