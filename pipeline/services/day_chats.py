"""What the formats of chats with day headings share: the moment, the record."""

from __future__ import annotations

import re
from datetime import date
from functools import partial
from pathlib import PurePosixPath

import msgspec

from pipeline.services import messaging
from pipeline.values import day_periods, prose_dates, spelled_dates, timestamps
from pipeline.values.fields import non_empty
from schemas.errors import BadValue
from schemas.files import Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

#: The characters around a day heading.
_RULES = " -"
_NUMBERS = re.compile(r"\d+")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)")
#: English names of the days, which decide whether 03/04/2024 is April or March.
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def record(source: str, service: str, item: RawRecord, member: Member) -> Record:
    """Return one message; or a note of the program, which has no author."""
    value, name = item.value, item.value["name"]
    day = value["day"].strip(_RULES)
    conversation = _conversation(item.around["heading"], member.path)
    written = f"{day} {value['clock']}".strip()
    time = timestamps.or_unread(written, partial(_moment, day, value["clock"]))
    metadata = {
        "sender": messaging.person(name or None),
        "conversation": conversation,
        "conversation_title": conversation,
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=source,
        record_type=RecordType.MESSAGE if name else RecordType.ACTIVITY,
        identity=(service, conversation, day, value["clock"], name, value["text"]),
        time=time,
        content=_unquoted(value["text"]) or None,
        metadata=non_empty(metadata),
    )


def _conversation(heading: str, path: str) -> str:
    """Return the heading's first line, the same in each export; the file's name changes."""
    first = heading.partition("\n")[0].strip()
    return first.removeprefix("[LINE]").strip() or PurePosixPath(path).stem


def _unquoted(text: str) -> str:
    """Return a message without the quotation marks of one with several lines."""
    if "\n" in text and text[:1] == text[-1:] == '"':
        return text[1:-1].replace('""', '"')
    return text


def _moment(day: str, clock: str, written: str) -> Instant:
    found = _CLOCK.search(clock)
    if found is None:
        raise BadValue(Reason.BAD_TIME, "the time has no clock")
    period = f"{clock[: found.start()]} {clock[found.end() :]}"
    hour = day_periods.hour_of(int(found[1]), day_periods.part_of(period.strip()))
    moment = timestamps.iso(f"{_date(day).isoformat()}T{hour:02}:{found[2]}:00")
    return msgspec.structs.replace(moment, text=written)


def _date(text: str) -> date:
    numbers = [int(digits) for digits in _NUMBERS.findall(text)]
    if len(numbers) != 3:
        return prose_dates.day(text)
    if numbers[0] > 31:
        return prose_dates.civil(spelled_dates.gregorian(numbers[0]), *numbers[1:])
    first, second, year = numbers[0], numbers[1], spelled_dates.gregorian(numbers[2])
    for month, day in ((first, second), (second, first)):
        if month <= 12 and _DAYS[prose_dates.civil(year, month, day).weekday()] in text.casefold():
            return prose_dates.civil(year, month, day)
    day_first = first > 12 or year != numbers[2]  # Buddhist years are of Thailand
    month, day = (second, first) if day_first else (first, second)
    return prose_dates.civil(year, month, day)
