"""A chat exported from WhatsApp: `_chat.txt` (iOS) or a text named after the chat (Android).

Dates are in the device's spelling and local time. The whole file decides which part is the day;
without a decision the messages have the flag `day_month_ambiguous`. A name ends at the first `: `;
a message without one is the system's. So is a notice, which iOS writes under the chat's name and
begins with U+200E: it has no author, and a group is not a person.

Re-exported chats keep their name, which with date, clock, sender and words identifies a message.
The name is the file's; of a `_chat.txt` it is its folder's, its archive's, or the upload's if that
is called after WhatsApp. The first message identifies a chat without a name, so two such chats
never share a message. A date or clock that cannot be read leaves the message undated, with the flag
`time_unread`.

Source: `docs/reference/exports/whatsapp.md`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.readers import chat_dates, chat_headers
from pipeline.readers.chat_text import ChatText
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values import coordinates, day_periods, timestamps
from pipeline.values.fields import non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, RawRecord, Record, ZoneSource
from schemas.vocabulary import RecordType

_NAME = "whatsapp.chat"
_ANONYMOUS, _PRODUCT = "_chat", "whatsapp"
_EITHER = "day_month_ambiguous"
_CLOCK = re.compile(chat_headers.CLOCK)
_LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_SENDER = re.compile(r"\u200e?([^\n]{1,200}?): ", re.DOTALL)
_COPY = re.compile(r"\s?\(\d+\)$")
#: `IMG-1.jpg (file attached)`, and `<attached: 00000012-PHOTO.jpg>` at the beginning, or, marked as
#: WhatsApp's own, after a caption or a count of pages. The words are localised.
_ATTACHED = re.compile(
    r"\u200e?<[^<>:：\n]{1,40}[:：] ?([^<>\n]+\.\w{2,5})>|\u200e?(\S[^\n]*\.\w{2,5}) \([^()\n]+\)"
)
_ATTACHED_BEHIND = re.compile(r"\u200e<[^<>:：\n]{1,40}[:：] ?([^<>\n]+\.\w{2,5})>")
#: What iOS writes in place of a file that was left out: two or three words in any language.
_LEFT_OUT = re.compile(
    r"\u200e(?:[^\s.!?।。:,،、\u200e]+(?:\s[^\s.!?।。:,،、\u200e]+){1,2}|[\u3040-\u9fff]{2,7})"
)
_OMITTED = re.compile(r"<[^<>\n]+>|\u200e?(?:image|video|audio|sticker|GIF|document) omitted")
#: What follows an edited message; on iOS in any language, marked as WhatsApp's own.
_EDITED = re.compile(r"(?<=[^\u200e]) ?\u200e<[^<>:：\n]{1,60}>\Z| <This message was edited>\Z")
#: A missed call has equally few words.
_CALL = re.compile(
    r"call|anruf|appel|llamada|chiamata|chamada|liga[cç]|oproep|gesprek|samtal|opkald|anrop|puhelu"
    r"|звон|дзвін|połącze|hovor|hívás|apel|arama|κλήση|panggilan|gọi|通[話话]|전화|통화|कॉल|שיחה|مكالمة",
    re.IGNORECASE,
)
_MAP = re.compile(r"https://maps\.google\.com/\?q=(-?\d{1,3}\.\d+),(-?\d{1,3}\.\d+)")
#: A place with its name and address, in the form of iOS: `Library (1 Main St): URL`.
_VENUE = re.compile(
    r"\u200e?(?P<name>[^\n]{1,200}?)(?: \((?P<address>[^\n]{1,400})\))?:"
    r" (?P<url>https://(?:foursquare\.com/v/|maps\.google\.com/\?q=)\S+)"
)
_POLL = re.compile(
    r"\u200e?([^\W\d_]+):\n([^\n]+)((?:\n\u200e?[^\W\d_]+: [^\n]+ \(\d+ [^()\n]+\))+)"
)
_OPTION = re.compile(r"\n\u200e?[^\W\d_]+: ([^\n]+) \((\d+) [^()\n]+\)")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one message, or one line of the system."""
    date, clock, words = item.value["date"], item.value["clock"], item.value["text"]
    name = _conversation(member.path, item.around.get("upload") or "")
    conversation = name or item.around.get("opening") or ""
    found = _SENDER.match(words)
    sender, body = (found[1], words[found.end() :]) if found else (None, words)
    parts = _parts(body) if sender else {}
    notice = body.startswith("\u200e") and not parts
    content = body if notice else _EDITED.sub("", body)
    metadata = {
        "sender": None if notice else messaging.person(sender),
        "written_under": sender if notice else None,
        "conversation": conversation,
        "conversation_title": name,
        "flags": [_EITHER] if item.around["ambiguous"] else [],
        "edited": content != body,
        **parts,
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE if sender and not notice else RecordType.ACTIVITY,
        identity=("whatsapp", conversation, date, clock, sender or "", body),
        time=_when(date, clock, item.around),
        content=content.replace("\u200e", "") or None,
        metadata=non_empty(metadata),
    )


def _conversation(path: str, upload: str) -> str:
    """Return the chat's name: the file's; for `_chat` the folder's or archive's; or none."""
    here = PurePosixPath(path)
    name = here.stem
    if name == _ANONYMOUS:
        name = PurePosixPath(here.parent.name.rstrip("!")).stem
        if not name and _PRODUCT in upload.casefold():
            name = PurePosixPath(upload).stem
    return _COPY.sub("", name)


def _when(date: str, clock: str, around: Mapping[str, Any]) -> Instant:
    """Read the moment, with a flag if day and month may be swapped."""
    moment = timestamps.or_unread(
        f"{date} {clock}", lambda _: _instant(date, clock, around["order"])
    )
    if moment.at is None or not around["ambiguous"]:
        return moment
    return msgspec.structs.replace(moment, flag=_EITHER, zone=ZoneSource.ASSUMED)


def _instant(date: str, clock: str, order: str) -> Instant:
    parts = chat_dates.numbers_of(date)
    year, month, day = (parts[order.index(letter)] for letter in "ymd")
    plain = chat_headers.plain(clock)
    found = _CLOCK.search(plain)
    if found is None:
        raise BadValue(Reason.BAD_TIME, "the clock cannot be read")
    before, behind = plain[: found.start()], plain[found.end() :]
    part = day_periods.part_of(behind) or day_periods.part_of(before)
    shown, *rest = map(int, chat_dates.numbers_of(found[0]))
    minute, second = (*rest, 0)[:2]
    day_at = f"{chat_dates.year_of(year):04}-{int(month):02}-{int(day):02}"
    written = f"{day_at}T{day_periods.hour_of(shown, part):02}:{minute:02}:{second:02}"
    return msgspec.structs.replace(timestamps.iso(written), text=f"{date} {clock}")


def _parts(body: str) -> dict[str, Any]:
    """Return what the words of a message stand for: a file, a place, a poll."""
    names = [found[1] or found[2]] if (found := _ATTACHED.match(body)) else []
    if names := names or _ATTACHED_BEHIND.findall(body):
        return {"attachments": [{"name": name, "path": name} for name in names]}
    if _OMITTED.fullmatch(body) or (_LEFT_OUT.fullmatch(body) and not _CALL.search(body)):
        return {"media_omitted": True}
    if place := _place(body):
        return place
    found = _POLL.fullmatch(body)
    if found is None or not ("\u200e" in body or found[1].isupper()):
        return {}
    options = [{"text": text, "votes": int(votes)} for text, votes in _OPTION.findall(found[3])]
    return {"poll": {"question": found[2], "options": options}}


def _place(body: str) -> dict[str, Any]:
    """Return a place by its degrees, its name and its address, as far as they are stated.

    Without an address a name is the word for a place in the device's language.
    """
    venue, degrees = _VENUE.fullmatch(body), _MAP.search(body)
    place: dict[str, Any] = {}
    if venue and (venue["address"] or not degrees):
        place = non_empty({"name": venue["name"], "address": venue["address"]})
    if degrees:
        place |= coordinates.given(degrees[1], degrees[2])
    links = [venue["url"]] if venue else []
    return non_empty({"place": place, "links": links}) if place else {}


def _looks_like(head: Head) -> int:
    """Recognise a first line that begins a message, and a sender in most lines that do.

    A log may look similar: a file with seconds after an ISO date and no brackets is not a chat.
    """
    lines = peek.lines(head, 40)
    found = [(one, line) for line in lines if (one := chat_headers.header(line))]
    if not found or chat_headers.header(lines[0]) is None:
        return 0
    first = found[0][0]
    if first.style != "[" and _LOGGED.fullmatch(f"{first.date} {first.clock}"):
        return 0
    senders = sum(b": " in line[one.length :] for one, line in found)
    return 1 if 2 * senders >= len(found) else 0


FORMAT = Format(
    name=_NAME,
    title="Chats exported from WhatsApp as text",
    version=5,
    data_type=DataType.ACTIVITY,
    paths=(r"(?s:.+)\.txt",),
    looks_like=_looks_like,
    reader=ChatText(),
    record=to_record,
    hints=(r"(.+/)?_chat\.txt", r"(.+/)?WhatsApp[^/]*\.txt"),
    products=("WhatsApp",),
    tried=(
        "joweich/chat-miner",
        "lucasrodes/whatstk",
        "mlomb/chat-analytics",
        "timelinize/timelinize",
    ),
    vintages=("iOS, [date, time]", "Android, date, time -", "without a dash"),
    record_types=(RecordType.MESSAGE, RecordType.ACTIVITY),
    fields=frozenset({"date", "clock", "text"}),
    repeats=True,
)
