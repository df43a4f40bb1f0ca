"""Chats as lines of text: `date, time - Name: words`, one message after the other.

A line that begins with a date and a clock begins a message (`chat_headers`); all others continue
the last one. A file uses one of the three ends of a header, one sign between the parts of a date,
and either words before the clock or none, so most text pasted into a message from another chat is
recognised as text.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from hashlib import sha256
from itertools import chain
from typing import Any, BinaryIO, ClassVar

import msgspec

from pipeline.readers.chat_count import begins_message
from pipeline.readers.chat_dates import Dates
from pipeline.readers.chat_headers import Header, header
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

_LINE = 64 * 1024
_RAW_KEPT = 64 * 1024


class ChatText(msgspec.Struct, frozen=True, kw_only=True):
    """Messages as `{"date", "clock", "text"}`, verbatim except for CRLF.

    `around` describes the dates of the file: `order` (such as `dmy`) and `ambiguous`, true if no
    date of the whole file distinguishes days from months. The order is the one in which the days
    exist, rise, and are neither in the future nor before the first such chats; with dots it is
    never month-first; AM and PM decide last, as a hint that months come first (`p. m.`, as in
    Spanish, is not one). `upload` is the name of the upload, and `opening` a digest of the first
    message, which identifies a chat without a name. Text before the first message is one rejection.
    A message over `item_bytes` is rejected with its first 64 KiB.
    """

    name: ClassVar[str] = "chat_text"
    version: ClassVar[int] = 2
    #: Messages are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    item_bytes: int = SliceLimits().item_bytes

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return the form of the first header; `order` and `ambiguous`, from all of them."""
        size = source.seek(0, 2)
        seen, opening = Dates(), ""
        for _, line in _lines(source, Slice(0, size)):
            if found := header(line):
                opening = opening or sha256(line.rstrip(b"\r\n")).hexdigest()[:_DIGITS]
                seen.add(found)
        return {**seen.context(), "upload": member.upload, "opening": opening}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges of whole messages; text before the first is in the first range."""
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
        """Yield the messages of one slice, in order."""
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
        """Return the number of messages among the decoded lines, by their words."""
        source.seek(0)
        text = io.TextIOWrapper(source, "utf-8", errors="surrogateescape", newline="\n")
        messages, before, begins = 0, False, True
        while line := text.readline(_LINE):
            if begins and begins_message(line, context):
                messages += 1
            elif not messages and line.strip(_NOTHING):
                before = True
            begins = line.endswith("\n")
        text.detach()
        return messages + before


#: A byte order mark alone is not text.
_MARK = b"\xef\xbb\xbf"
_NOTHING = "\ufeff \t\r\n\x0b\x0c"


_AROUND_ITEMS = ("order", "ambiguous", "upload", "opening")
#: The length of the digest of a first message.
_DIGITS = 16


def _lines(source: BinaryIO, part: Slice) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that begin in `part`, with their offsets; only the start of a long line."""
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
    """Yield the offsets of the lines of `part` that begin a message."""
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
