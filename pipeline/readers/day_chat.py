"""Chats as lines of text under lines of days: a day, then messages with a clock each.

    2024/03/15(Fri)
    09:05	Mei	good morning

A line that is neither a day nor begins a message continues the message before. The text before
the first day or message is the file's heading, which names the chat.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, BinaryIO, ClassVar, NamedTuple

import msgspec

from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

_LINE = 64 * 1024
_RAW_KEPT = 64 * 1024
_BOM = b"\xef\xbb\xbf"
#: The maximum number of noted places at which a later pass knows the day, and the bytes of a
#: heading.
_PLACES, _STEP = 256, 64 * 1024
_HEADING = 1024


class _Line(NamedTuple):
    """A line with a day or a message's head: where it begins, and which of them it is."""

    at: int
    end: int
    kind: str
    day: str


class DayChat(msgspec.Struct, frozen=True, kw_only=True):
    """Messages as `{"day", "clock", "name", "text"}`, verbatim except for CRLF.

    `day` is a regular expression for a whole line that names a day, `head` one for the beginning of
    a message, with the groups `clock` and `name` (or `clock_`, `name_` in another branch), and
    `date` if a message states its own. A line after a day that begins no message is one without
    clock and name: the program's note. `around` has the `heading`. A message over `item_bytes` is
    rejected with its first 64 KiB.
    """

    version: ClassVar[int] = 1
    #: Messages are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    name: str
    day: str
    head: str
    item_bytes: int = SliceLimits().item_bytes

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return `first`, where the heading ends; `heading`; `places`, [offset, its day]."""
        size = source.seek(0, 2)
        first: int | None = None
        places: list[tuple[int, str]] = [(0, "")]
        step, day = _STEP, ""
        for line in self._marks(source, Slice(0, size), ""):
            first = line.at if first is None else first
            if line.at - places[-1][0] >= step:
                places.append((line.at, day))
                if len(places) > _PLACES:
                    places, step = places[::2], step * 2
            day = line.day
        source.seek(0)
        head = source.read(min(size if first is None else first, _HEADING))
        heading = head.removeprefix(_BOM).decode("utf-8", "replace").strip()
        return {"first": first, "heading": heading, "places": places}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges of whole messages, after the heading."""
        end = source.seek(0, 2)
        if context["first"] is None:
            if end:
                yield Slice(0, end)
            return
        start, items = context["first"], 0
        for line in self._marks(source, Slice(start, end), ""):
            full = items >= limits.records or line.at - start > limits.size
            if items and full:
                yield Slice(start, line.at)
                start, items = line.at, 0
            items += 1
        if end > start:
            yield Slice(start, end)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield the messages of one slice, in order."""
        if context["first"] is None:
            source.seek(0)
            raw, length = source.read(_RAW_KEPT), part.end - part.start
            if raw.replace(_BOM, b"").strip():
                detail = "no line names a day or begins a message"
                yield Rejection(reason=Reason.BAD_SYNTAX, detail=detail, raw=raw, length=length)
            return
        around = {"heading": context["heading"]}
        before: _Line | None = None
        for line in self._marks(source, part, self._day_at(source, part.start, context)):
            if before is not None:
                yield from self._item(source, before, line.at, around)
            before = line
        if before is not None:
            yield from self._item(source, before, part.end, around)

    def _day_at(self, source: BinaryIO, at: int, context: Context) -> str:
        """Return the day of the messages at an offset."""
        begin, day = next(place for place in reversed(context["places"]) if place[0] <= at)
        for line in self._marks(source, Slice(begin, at), day):
            day = line.day
        return str(day)

    def _item(
        self, source: BinaryIO, line: _Line, end: int, around: dict[str, Any]
    ) -> Iterator[RawRecord | Rejection]:
        start = line.end if line.kind == "day" else line.at
        length = end - start
        source.seek(start)
        data = source.read(length if length <= self.item_bytes else _RAW_KEPT)
        if not data.strip():
            return
        if length > self.item_bytes:
            reason, detail = Reason.ITEM_TOO_LARGE, f"a message of {length} bytes"
        elif (words := _decoded(data)) is None:
            reason, detail = Reason.BAD_ENCODING, "the message is not UTF-8"
        else:
            yield RawRecord(self._value(words, line), start, length, around)
            return
        raw = data[:_RAW_KEPT]
        yield Rejection(reason=reason, detail=detail, raw=raw, offset=start, length=length)

    def _value(self, words: str, line: _Line) -> dict[str, str]:
        shown = words.removeprefix("\ufeff")
        found = None if line.kind == "day" else _pattern(self.head).match(shown)
        group = found.groupdict() if found else {}
        text = shown[found.end() if found else 0 :].replace("\r\n", "\n").strip("\r\n")
        day = group.get("date") or line.day
        named = {name: group.get(name) or group.get(f"{name}_") or "" for name in ("clock", "name")}
        return {"day": day, **named, "text": text}

    def _marks(self, source: BinaryIO, part: Slice, day: str) -> Iterator[_Line]:
        """Yield the lines of `part` that name a day or begin a message."""
        source.seek(part.start)
        at, begins = part.start, True
        while at < part.end:
            line = source.readline(min(_LINE, part.end - at))
            if not line:
                return
            end = at + len(line)
            if begins and (kind := self._kind(line)):
                if kind == "day":
                    day = _text(line)
                yield _Line(at, end, kind, day)
                source.seek(end)
            begins, at = line.endswith(b"\n"), end

    def _kind(self, line: bytes) -> str:
        text = _text(line)
        if _pattern(self.head).match(text):
            return "head"
        return "day" if _pattern(self.day).fullmatch(text) else ""

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return the number of heads, and of days with text after them that is not a head."""
        source.seek(0)
        items, noted, blank, begins = 0, False, True, True
        behind_day = marked = False
        while line := source.readline(_LINE):
            if begins:
                text = _text(line)
                head = _pattern(self.head).match(text) is not None
                day = not head and _pattern(self.day).fullmatch(text) is not None
                items += head
                marked = marked or head or day
                behind_day, noted = day or (behind_day and not head), noted and not day
            if begins and (head or day):
                pass
            elif line.strip():
                blank = blank and not line.replace(_BOM, b"").strip()
                if behind_day and not noted:
                    items, noted = items + 1, True
            begins = line.endswith(b"\n")
        return items if marked else int(not blank)


def _text(line: bytes) -> str:
    """Return the line without its end and a byte order mark; invalid UTF-8 is replaced."""
    return line.removeprefix(_BOM).decode("utf-8", "replace").rstrip("\r\n")


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


@lru_cache(maxsize=16)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
