"""Chats as lines of text: `date, time - Name: words`, one message after the other.

A line that begins with a date and a clock begins a message, all others go on with the last one.
What is written before the words varies with the device's language and system (reference 4.4):

* `[20/06/2017, 20:28:11] ` (brackets; marks of writing direction may stand before);
* `6/20/17, 8:28 PM - ` and `20/6/2017 8:28 p. m. - ` (a dash);
* `09/12/2012 17:03:48: ` (a colon).

A file keeps to one of the three, and to one sign between the parts of a date, so what is pasted
into a message from another chat is mostly told apart. Spaces may be of any kind (U+202F).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

import msgspec

from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

_LINE = 64 * 1024
_RAW_KEPT = 64 * 1024

_SPACE = rb"(?:[ \t]|\xc2\xa0|\xe2\x80[\x80-\x8a\xaf])"
_MARKS = rb"(?:\xef\xbb\xbf|\xe2\x80[\x8e\x8f\xaa-\xae])*"
_DATE = rb"(?P<date>\d{1,4}(?P<sign>[./-])\d{1,2}(?P=sign)\d{1,4})"
_CLOCK = (
    rb"(?P<clock>\d{1,2}[:.]\d\d(?:[:.]\d\d)?"
    rb"(?:" + _SPACE + rb"?[AaPp]\.?" + _SPACE + rb"?[Mm]\.?)?)"
)
_BOTH = _DATE + rb",?" + _SPACE + _CLOCK
_HEADER = re.compile(
    _MARKS + rb"(?:\[" + _BOTH.replace(b"?P<", b"?P<b_").replace(b"?P=", b"?P=b_") + rb"\]"
    rb"|" + _BOTH + rb"(?P<end>" + _SPACE + rb"-|:))(?:" + _SPACE + rb"|(?=\r?\n|\Z))"
)


class Header(NamedTuple):
    """What stands before the words of a message, as it is written."""

    style: str
    sign: str
    date: str
    clock: str
    length: int


def header(line: bytes) -> Header | None:
    """The header that a line begins with; None if it begins no message."""
    found = _HEADER.match(line)
    if found is None:
        return None
    group = {
        name: (text or b"").decode("utf-8", "replace") for name, text in found.groupdict().items()
    }
    if group["b_date"]:
        return Header("[", group["b_sign"], group["b_date"], group["b_clock"], found.end())
    return Header(group["end"][-1], group["sign"], group["date"], group["clock"], found.end())


class ChatText(msgspec.Struct, frozen=True, kw_only=True):
    """Messages as `{"date", "clock", "text"}`, verbatim but for CRLF.

    `around` is how the file writes dates: `order` (`ymd`, `dmy` or `mdy`) and `ambiguous`, true
    where no date of the whole file tells days from months: then AM and PM are taken for a hint that
    months come first (`p. m.`, as in Spanish, is none). Text before the first message is one
    rejection. A message over `item_bytes` is rejected with its first 64 KiB.
    """

    item_bytes: int = SliceLimits().item_bytes

    @property
    def name(self) -> str:
        """See `Reader`."""
        return "chat_text"

    @property
    def wants_utf8(self) -> bool:
        """Messages are text; bytes that aren't UTF-8 are rewritten first."""
        return True

    @property
    def version(self) -> int:
        """See `Reader`."""
        return 1

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """`style` and `sign` of the first header; `order` and `ambiguous`, from all of them."""
        size = source.seek(0, 2)
        seen = _Dates()
        for _, line in _lines(source, Slice(0, size)):
            if found := header(line):
                seen.add(found)
        return seen.context()

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
        around = {"order": context["order"], "ambiguous": context["ambiguous"]}
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
        if data.strip():
            raw = data[:_RAW_KEPT]
            yield Rejection(reason=reason, detail=detail, raw=raw, offset=part.start, length=length)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Counted over the decoded lines, by their words."""
        source.seek(0)
        text = io.TextIOWrapper(source, "utf-8-sig", errors="replace", newline="\n")
        messages, before = 0, False
        for line in text:
            if _begins(line, context):
                messages += 1
            elif not messages and line.strip():
                before = True
        text.detach()
        return messages + before


class _Dates:
    """What the dates of a file have in common."""

    def __init__(self) -> None:
        self._first: Header | None = None
        self._largest = [0, 0]
        self._year_first = self._halves = False

    def add(self, found: Header) -> None:
        """Take the next header."""
        if self._first is None:
            self._first = found
        if (found.style, found.sign) != (self._first.style, self._first.sign):
            return
        parts = found.date.split(found.sign)
        self._year_first = self._year_first or len(parts[0]) == 4
        self._halves = self._halves or found.clock[-1:] in ("m", "M")
        if len(parts[0]) < 3:
            self._largest = [max(a, int(b)) for a, b in zip(self._largest, parts[:2], strict=True)]

    def context(self) -> Context:
        """As the ledger holds it."""
        first, second = self._largest
        order = "mdy" if second > 12 >= first or (self._halves and first <= 12) else "dmy"
        return {
            "style": self._first.style if self._first else "",
            "sign": self._first.sign if self._first else "",
            "order": "ymd" if self._year_first else order,
            # Neither says which is the day, or both say that they are.
            "ambiguous": not self._year_first and (first > 12) == (second > 12),
        }


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
    look = (context["style"], context["sign"])
    for at, line in _lines(source, part):
        if (found := header(line)) and (found.style, found.sign) == look:
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


_WORD = re.compile(r"[\[\u200e\u200f\u202a-\u202e\ufeff]*(\d+)([./-])\d+\2\d+,?\s\d+[:.]\d\d")


def _begins(line: str, context: Context) -> bool:
    """Whether a line begins a message, by a look that `header` has no part in."""
    found = _WORD.match(line)
    if found is None or found[2] != context["sign"]:
        return False
    rest = line[found.end() : found.end() + 16]
    ends = {"[": r"[^\]]*\](\s|$)", "-": r"[^-]*\s-(\s|$)", ":": r"[^\]-]*?[^\d]?:(\s|$)"}
    return re.match(ends[context["style"]], rest) is not None and (
        ("[" in line[: found.end()]) == (context["style"] == "[")
    )
