"""A chat exported from WhatsApp: `_chat.txt` (iOS) or a text named after the chat (Android).

Dates are in the device's spelling and local time; which part is the day is inferred over the
whole file and flagged `day_month_ambiguous` where nothing in it decides (reference 4.4). A name
ends at the first `: `; a message without one is the system's. Re-exported chats keep their name,
which with date, clock, sender and words is who a message is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec

from pipeline import chats, peek, places, timestamps
from pipeline.format import Format
from pipeline.readers import chat_text
from pipeline.readers.chat_text import ChatText
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, RawRecord, Record, ZoneSource
from schemas.vocabulary import RecordType

_NAME = "whatsapp.chat"
_ANONYMOUS = "_chat"
_EITHER = "day_month_ambiguous"
_CLOCK = re.compile(r"(\d+)[:.](\d\d)(?:[:.](\d\d))?\s?(?:([AaPp])\.?\s?[Mm]\.?)?")
_SENDER = re.compile(r"\u200e?([^\n]{1,200}?): ", re.DOTALL)
_COPY = re.compile(r"\s?\(\d+\)$")
#: `<attached: 00000012-PHOTO.jpg>` and `IMG-1.jpg (file attached)`; the words are localised.
_ATTACHED = re.compile(
    r"\u200e?<[^<>:\n]+: ([^<>\n]+\.\w{2,5})>|\u200e?(\S[^\n]*\.\w{2,5}) \([^()\n]+\)"
)
_OMITTED = re.compile(r"<[^<>\n]+>|\u200e?(?:image|video|audio|sticker|GIF|document) omitted")
_MAP = re.compile(r"https://maps\.google\.com/\?q=(-?\d{1,3}\.\d+),(-?\d{1,3}\.\d+)")
_POLL = re.compile(
    r"\u200e?([^\W\d_]+):\n([^\n]+)((?:\n\u200e?[^\W\d_]+: [^\n]+ \(\d+ [^()\n]+\))+)"
)
_OPTION = re.compile(r"\n\u200e?[^\W\d_]+: ([^\n]+) \((\d+) [^()\n]+\)")


def to_record(item: RawRecord, member: Member) -> Record:
    """One message, or one line of the system's."""
    date, clock, words = item.value["date"], item.value["clock"], item.value["text"]
    conversation = _conversation(member.path)
    found = _SENDER.match(words)
    sender, said = (found[1], words[found.end() :]) if found else (None, words)
    metadata = {
        "sender": chats.person(sender),
        "conversation": conversation,
        "conversation_title": conversation,
        "flags": [_EITHER] if item.around["ambiguous"] else [],
        **(_parts(said) if sender else {}),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE if sender else RecordType.ACTIVITY,
        identity=("whatsapp", conversation, date, clock, sender or "", said),
        time=_instant(date, clock, item.around),
        content=said.replace("\u200e", "") or None,
        metadata=chats.kept(metadata),
    )


def _conversation(path: str) -> str:
    """The chat's name: the file's, or where that is `_chat` the folder's or archive's; or none."""
    here = PurePosixPath(path)
    name = here.stem
    if name == _ANONYMOUS:
        name = PurePosixPath(here.parent.name.rstrip("!")).stem
    return _COPY.sub("", name)


def _instant(date: str, clock: str, around: Mapping[str, Any]) -> Instant:
    parts = re.split(r"[./-]", date)
    year, month, day = (parts[around["order"].index(letter)] for letter in "ymd")
    found = _CLOCK.fullmatch(clock)
    if found is None:
        raise BadValue(Reason.BAD_TIME, "the clock is not understood")
    hour = int(found[1])
    if found[4]:
        hour = hour % 12 + (12 if found[4] in "Pp" else 0)
    full = f"20{year}" if len(year) == 2 else year.zfill(4)
    written = f"{full}-{month:0>2}-{day:0>2}T{hour:02}:{found[2]}:{found[3] or '00'}"
    moment = msgspec.structs.replace(timestamps.iso(written), text=f"{date} {clock}")
    if not around["ambiguous"]:
        return moment
    return msgspec.structs.replace(moment, flag=_EITHER, zone=ZoneSource.ASSUMED)


def _parts(said: str) -> dict[str, Any]:
    """What the words of a message say that they stand for: a file, a place, a poll."""
    if found := _ATTACHED.match(said):
        name = found[1] or found[2]
        return {"attachments": [{"name": name, "path": name}]}
    if _OMITTED.fullmatch(said):
        return {"media_omitted": True}
    if found := _MAP.search(said):
        latitude, longitude = places.wgs84(float(found[1]), float(found[2]))
        return {"place": {"latitude": latitude, "longitude": longitude}}
    found = _POLL.fullmatch(said)
    if found is None or not ("\u200e" in said or found[1].isupper()):
        return {}
    options = [{"text": text, "votes": int(votes)} for text, votes in _OPTION.findall(found[3])]
    return {"poll": {"question": found[2], "options": options}}


def _looks_like(head: Head) -> int:
    """The first line begins a message, and most lines that do name a sender.

    A log may look so, too: with seconds after an ISO date and no brackets it is none of ours.
    """
    lines = peek.lines(head, 40)
    found = [(one, line) for line in lines if (one := chat_text.header(line))]
    if not found or chat_text.header(lines[0]) is None:
        return 0
    first = found[0][0]
    if first.style != "[" and first.sign == "-" and re.match(r"\d+:\d\d:", first.clock):
        return 0
    senders = sum(b": " in line[one.length :] for one, line in found)
    return 1 if 2 * senders >= len(found) else 0


FORMAT = Format(
    name=_NAME,
    title="Chats exported from WhatsApp as text",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(?s:.+)\.txt",),
    looks_like=_looks_like,
    reader=ChatText(),
    record=to_record,
    hints=(r"(.+/)?_chat\.txt", r"(.+/)?WhatsApp[^/]*\.txt"),
    products=("WhatsApp",),
    vintages=("iOS, [date, time]", "Android, date, time -", "without a dash"),
    record_types=(RecordType.MESSAGE, RecordType.ACTIVITY),
    fields=frozenset({"date", "clock", "text"}),
    repeats=True,
)
