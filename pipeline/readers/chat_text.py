"""Chats as lines of text: `date, time - Name: words`, one message after the other.

A line that begins with a date and a clock begins a message, all others go on with the last one.
What stands before the words is written in the device's language, so it is read by
a grammar and not by a list of spellings:

* a date: three numbers, parted by one of `. / -` or by the signs for year, month and day (年月日);
* a clock of hours and minutes, seconds or not, with words beside it: the half of the day, before
  or behind (`下午9:47`, `5:46 p. m.`), or a short word between date and clock (`um`, `às`);
* brackets around both; or behind them a dash, or a colon.

Digits are those of any script. Spaces are of any kind, and marks that show nothing, such as those
of the writing direction, may stand anywhere. A file keeps to one of the three ends, to one sign
between the parts of a date, and to words before the clock or none, so what is pasted into a
message from another chat is mostly told apart.

Source: `docs/reference/exports/whatsapp.md`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import chain
from typing import Any, BinaryIO, ClassVar, NamedTuple

import msgspec

from pipeline.values import spelled_dates
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

_LINE = 64 * 1024
_RAW_KEPT = 64 * 1024
#: Characters, of up to four bytes each, within which a header ends.
_REACH = 120

#: Characters that show nothing; and the spaces of all widths, which become plain ones.
MARKS = (
    "\u00ad\u061c\u200b\u200e\u200f"
    "\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_SPACES = (
    "\t\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
_PLAIN = str.maketrans(dict.fromkeys(MARKS, "") | dict.fromkeys(_SPACES, " "))
#: What words beside a clock are made of: no digits, and nothing that parts or ends a header.
_WORDS = r"[^\d:\[\]()<>{}\\\-\u2013\u2014+*=_~|\"#@&%$!?;\r\n]"
_DATE = (
    r"(?P<date>\d{1,4}(?:(?P<sign>[./-])[ ]?\d{1,2}(?P=sign)[ ]?\d{1,4}"
    r"|(?P<year>[年년])[ ]?\d{1,2}[月월][ ]?\d{1,2}[日일]))"
)
#: Hours, minutes and, where there are any, seconds; the unit behind the last is a word.
CLOCK = (
    r"\d{1,2}(?:[:.]\d\d(?:[:.]\d\d)?"
    r"|[ ]?[h時时點点시][ ]?\d{1,2}(?:(?:[:.]|[ ]?(?:min|[分분])[ ]?)\d{1,2})?)"
)
_HEADER = re.compile(
    rf"(?:(?P<open>\[)[ ]?)?{_DATE}(?P<before>{_WORDS}{{1,24}})"
    rf"(?P<time>{CLOCK})(?P<after>{_WORDS}{{0,24}}?)"
    r"(?P<end>\]|[ ][-\u2013\u2014]|:)(?:[ ]|(?=\r?\n|\Z))"
)
_BEGINS = frozenset(b"[0123456789")


class Header(NamedTuple):
    """What stands before the words of a message, as it is written."""

    style: str
    sign: str
    date: str
    clock: str
    length: int
    """In bytes."""
    worded: bool
    """Whether words stand between date and clock."""

    @property
    def look(self) -> tuple[str, str, bool]:
        """What all headers of a file have in common."""
        return self.style, self.sign, self.worded


def header(line: bytes) -> Header | None:
    """The header that a line begins with; None if it begins no message."""
    if not line or (line[0] not in _BEGINS and line[0] < 0x80):
        return None
    text = line[: 4 * _REACH].decode("utf-8", "surrogateescape")[:_REACH]
    shown = text if text.isascii() and "\t" not in text else plain(text)
    found = _HEADER.match(shown)
    if found is None or (found["open"] is None) == (found["end"] == "]"):
        return None
    begin, end, behind, length = (
        found.start("date"), found.end("date"), found.end("after"), found.end()
    )  # fmt: skip
    if shown is not text:
        # Where the last character before each of them stands in the text with its marks.
        places = [at for at, sign in enumerate(text) if sign not in _HIDDEN]
        begin = places[begin]
        end, behind, length = (places[at - 1] + 1 for at in (end, behind, length))
    return Header(
        "[" if found["open"] else ":" if found["end"] == ":" else "-",
        found["sign"] or found["year"],
        text[begin:end],
        text[end:behind].strip(_AROUND),
        len(text[:length].encode("utf-8", "surrogateescape")),
        _lettered(found["before"]),
    )


_HIDDEN = frozenset(MARKS)
#: Around a clock; what of it is words is kept as it is written.
_AROUND = f" ,،、{_SPACES}{MARKS}"


def plain(text: str) -> str:
    """A text of a header without marks, and with plain spaces."""
    return text.translate(_PLAIN)


class ChatText(msgspec.Struct, frozen=True, kw_only=True):
    """Messages as `{"date", "clock", "text"}`, verbatim but for CRLF.

    `around` is how the file writes dates: `order` (such as `dmy`) and `ambiguous`, true
    where the dates of the whole file tell days from months in neither way. The order is the one in
    which the days exist, rise, and lie neither in the future nor before there were such chats; a
    dot is never month-first; AM and PM decide last, as a hint that months come first (`p. m.`, as
    in Spanish, is none). `upload` is what the upload was called, and `opening` a digest of the
    first message, by which a chat without a name is known. Text before the first message is one
    rejection. A message over `item_bytes` is rejected with its first 64 KiB.
    """

    name: ClassVar[str] = "chat_text"
    version: ClassVar[int] = 2
    #: Messages are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    item_bytes: int = SliceLimits().item_bytes

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """The look of the first header; `order` and `ambiguous`, from all of them."""
        size = source.seek(0, 2)
        seen, opening = _Dates(), ""
        for _, line in _lines(source, Slice(0, size)):
            if found := header(line):
                opening = opening or sha256(line.rstrip(b"\r\n")).hexdigest()[:_DIGITS]
                seen.add(found)
        return {**seen.context(), "upload": member.upload, "opening": opening}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Ranges of whole messages; text before the first lies in the first range."""
        end = source.seek(0, 2)
        start = before = messages = 0
        for at in chain(_boundaries(source, Slice(0, end), context), (end,)):
            if at == before:
                continue
            if messages and (messages >= limits.records or at - start > limits.size):
                yield Slice(start, before)
                start, messages = before, 0
            before, messages = at, messages + 1
        if before > start:
            yield Slice(start, before)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """The messages of one slice, in order."""
        around = {name: context.get(name) for name in _AROUND_ITEMS}
        before = part.start
        for at in chain(_boundaries(source, part, context), (part.end,)):
            if at > before:
                yield from self._item(source, Slice(before, at), around)
            before = at

    def _item(
        self, source: BinaryIO, part: Slice, around: dict[str, Any]
    ) -> Iterator[RawRecord | Rejection]:
        length = part.end - part.start
        source.seek(part.start)
        data = source.read(length if length <= self.item_bytes else _RAW_KEPT)
        found = header(data)
        if length > self.item_bytes:
            reason, detail = Reason.ITEM_TOO_LARGE, f"a message of {length} bytes"
        elif found is None:
            reason, detail = Reason.BAD_SYNTAX, "text before the first message"
        else:
            yield _message(data, found, part.start, around)
            return
        if data.replace(_MARK, b"").strip():
            raw = data[:_RAW_KEPT]
            yield Rejection(reason=reason, detail=detail, raw=raw, offset=part.start, length=length)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Counted over the decoded lines, by their words."""
        source.seek(0)
        text = io.TextIOWrapper(source, "utf-8", errors="surrogateescape", newline="\n")
        messages, before, begins = 0, False, True
        while line := text.readline(_LINE):
            if begins and _begins(line, context):
                messages += 1
            elif not messages and line.strip(_NOTHING):
                before = True
            begins = line.endswith("\n")
        text.detach()
        return messages + before


#: A mark of the byte order alone is no text.
_MARK = b"\xef\xbb\xbf"
_NOTHING = "\ufeff \t\r\n\x0b\x0c"


_AROUND_ITEMS = ("order", "ambiguous", "upload", "opening")
#: Of the digest of a first message.
_DIGITS = 16
#: The first programs that wrote such chats.
_EARLIEST = date(2009, 1, 1)


def year_of(digits: str) -> int:
    """The year of a date: two digits are of this century, and Thai devices write Buddhist years."""
    year = int(digits)
    return 2000 + year if len(digits) <= 2 else spelled_dates.gregorian(year)


def numbers_of(written: str) -> list[str]:
    """The numbers of a date or a clock."""
    return re.findall(r"\d+", written)


#: Orders that are taken only where the dates speak against all before them.
_YEAR_FIRST = ("ymd", "ydm")


class _Dates:
    """What the dates of a file have in common."""

    def __init__(self) -> None:
        self._look: tuple[str, str, bool] | None = None
        self._halves = False
        self._before = ""
        self._orders = {order: _Order(order) for order in ("dmy", "mdy", *_YEAR_FIRST)}

    def add(self, found: Header) -> None:
        """Take the next header."""
        if self._look is None:
            self._look = found.look
        if found.look != self._look:
            return
        self._halves = self._halves or found.clock[-1:] in ("m", "M")
        if found.date != self._before:  # a day has many messages
            self._before = found.date
            parts = numbers_of(found.date)
            for order in self._orders.values():
                order.add(parts)

    def context(self) -> Context:
        """As the ledger holds it."""
        style, sign, worded = self._look or ("", "", False)
        faults = {name: order.faults for name, order in self._orders.items()}
        days, months = faults["dmy"], faults["mdy"]
        dotted = sign == "."
        told = dotted or days != months
        order = "dmy" if dotted or days < months or (not told and not self._halves) else "mdy"
        for other in _YEAR_FIRST:
            if faults[other] < faults[order]:
                order, told = other, True
        return {
            "style": style,
            "sign": sign,
            "worded": worded,
            "order": order,
            "ambiguous": not told,
        }


class _Order:
    """How often the dates of a chat speak against an order of their parts."""

    def __init__(self, order: str) -> None:
        self._at = [order.index(part) for part in "ymd"]
        self._last = _EARLIEST
        self._latest = datetime.now(UTC).date() + timedelta(days=2)
        self.faults = 0

    def add(self, parts: list[str]) -> None:
        """Take the next date: it must exist, and be neither before the last nor to come."""
        year, month, day = (parts[at] for at in self._at)
        try:
            found = date(year_of(year), int(month), int(day))
        except ValueError:
            self.faults += 1
            return
        self.faults += not self._last <= found <= self._latest
        self._last = min(found, self._latest)


def _lines(source: BinaryIO, part: Slice) -> Iterator[tuple[int, bytes]]:
    """The lines that begin in `part`, each with its offset; of a very long one the beginning."""
    source.seek(part.start)
    at, begins = part.start, True
    while at < part.end:
        line = source.readline(min(_LINE, part.end - at))
        if not line:
            return
        if begins:
            yield at, line
            source.seek(at + len(line))
        begins = line.endswith(b"\n")
        at += len(line)


def _boundaries(source: BinaryIO, part: Slice, context: Context) -> Iterator[int]:
    """The offsets of the lines of `part` that begin a message."""
    look = (context["style"], context["sign"], context.get("worded", False))
    for at, line in _lines(source, part):
        if (found := header(line)) and found.look == look:
            yield at


def _message(
    data: bytes, found: Header, offset: int, around: dict[str, Any]
) -> RawRecord | Rejection:
    try:
        words = data[found.length :].decode("utf-8")
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} of the message is not UTF-8"
        raw = data[:_RAW_KEPT]
        return Rejection(
            reason=Reason.BAD_ENCODING, detail=detail, raw=raw, offset=offset, length=len(data)
        )
    text = words.replace("\r\n", "\n").rstrip("\r\n")
    value = {"date": found.date, "clock": found.clock, "text": text}
    return RawRecord(value, offset, len(data), around)


def _begins(line: str, context: Context) -> bool:
    """Whether a line begins a message, by a look that `header` has no part in: cut at its signs."""
    text = line.rstrip("\r\n")[:_REACH].translate(_PLAIN)
    opened = text.startswith("[")
    if opened != (context["style"] == "["):
        return False
    cut = _Cut(text[1:].removeprefix(" ") if opened else text)
    if not _date_cut(cut, context["sign"]):
        return False
    before = cut.words()
    if not 1 <= len(before) <= _LONGEST_WORDS or _lettered(before) != context.get("worded", False):
        return False
    return _clock_cut(cut) and _end_cut(cut, context["style"])


_LONGEST_WORDS = 24
_NO_WORDS = frozenset(':[]()<>{}\\-\u2013\u2014+*=_~|"#@&%$!?;\r\n')


def _lettered(words: str) -> bool:
    return any(sign.isalpha() for sign in words)


class _Cut:
    """A text of which pieces are taken from the left."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def digits(self, least: int, most: int) -> bool:
        """Take a number of `least` to `most` digits."""
        end = self.at
        while end < len(self.text) and end - self.at < most and self.text[end].isdecimal():
            end += 1
        enough = end - self.at >= least
        self.at = end
        return enough

    def sign(self, signs: str) -> bool:
        """Take one of the signs."""
        if self.text[self.at : self.at + 1] not in tuple(signs):
            return False
        self.at += 1
        return True

    def unit(self, *units: str) -> bool:
        """Take one of the units, and a space on either side of it."""
        start = self.at
        self.sign(" ")
        for unit in units:
            if self.text.startswith(unit, self.at):
                self.at += len(unit)
                self.sign(" ")
                return True
        self.at = start
        return False

    def words(self) -> str:
        """Take what may stand beside a clock."""
        start = self.at
        while self.at < len(self.text) and self._is_word(self.text[self.at]):
            self.at += 1
        return self.text[start : self.at]

    @staticmethod
    def _is_word(sign: str) -> bool:
        return not sign.isdecimal() and sign not in _NO_WORDS


def _date_cut(cut: _Cut, sign: str) -> bool:
    signs = {"年": "年月日", "년": "年月日"}.get(sign, sign * 2)
    kin = {"年": "年년", "月": "月월", "日": "日일"}
    if not cut.digits(1, 4):
        return False
    for nth, one in enumerate(signs):
        if not cut.sign(sign if nth == 0 else kin.get(one, one)):
            return False
        if nth < 2:
            cut.sign(" ")
            if not cut.digits(1, 2 if nth == 0 or len(signs) > 2 else 4):
                return False
    return True


def _clock_cut(cut: _Cut) -> bool:
    if not cut.digits(1, 2):
        return False
    by_units = not cut.sign(":.")
    if by_units and not cut.unit(*"h時时點点시"):
        return False
    least = 1 if by_units else 2
    if not cut.digits(least, 2):
        return False
    minutes = cut.at
    more = cut.sign(":.") or (by_units and cut.unit("min", *"分분"))
    if not (more and cut.digits(least, 2)):
        cut.at = minutes
    return True


def _end_cut(cut: _Cut, style: str) -> bool:
    after = cut.words()
    if style == "-":
        # The words take the space before the dash.
        ends = after.endswith(" ") and len(after) <= _LONGEST_WORDS + 1
        ends = ends and cut.sign("-\u2013\u2014")
    else:
        ends = len(after) <= _LONGEST_WORDS and cut.sign("]" if style == "[" else ":")
    return ends and cut.text[cut.at : cut.at + 1] in ("", " ")
