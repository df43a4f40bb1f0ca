"""mbox: mails in sequence, each after a line that begins `From `.

There is no single mbox format. Separators here, and where they were seen:

* `From <sender> Mon Jun  3 12:50:27 1996`, with or without a zone on either side of the year
  (classic asctime, and Google Takeout's `From <digits>@xxx Fri Sep 16 22:26:51 +0000 2016`), or
  with an RFC 5322 date: after a blank line.
* `From <40 or 64 hex> Mon Sep 17 00:00:00 2001` of `git format-patch`: after a blank line, with a
  header on the next line. In a file of patches that end in git's signature (`-- `, one line, blank
  lines) these are the only separators, and only directly after a signature: commit messages quote
  whole patches and mails, and git does not escape them.
* `From - ` of Netscape, with a date or none: with a header on the next line, after any line. Its
  cut-off mails end without a newline of their own. One mbox of 1996 that came with MimeKit holds 29
  mails, by MimeKit's own listing and a plain `grep -c '^From '`, and three of them have no blank
  line before them; its Content-Length headers are wrong, so they are not read.
* `From ` alone (newer Thunderbird): after a blank line, with a header next.

A file keeps to one style, that of its first line: in one of git's patches only git's are
separators, and in any other a patch is text of a mail; in Takeout's only Takeout's are; and if the
first is bare, bare ones need no blank line before them.

Everything else that begins with `From ` is text. Quoting is undone as in mboxrd: one `>` is removed
from each line of `>`s and `From `.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, ClassVar

import msgspec

from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

_BLOCK = 1 << 20
_HEAD = 1 << 20
#: How many bytes after a candidate its own line and the start of the next may extend.
_AHEAD = 2048
#: How many bytes before a candidate the blank line and git's signature may extend.
_BEHIND = 1024
#: How much of an invalid mail is kept for the quarantine.
_RAW_BYTES = 64 * 1024
_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"

_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_ZONE = rb"(?:[+-]\d{4}|[A-Z]{1,5})"
_DATE = re.compile(
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:"
    rb" +" + _MONTH + rb" +\d{1,2} +\d{1,2}:\d\d(?::\d\d)?"
    rb"(?: +" + _ZONE + rb"){0,2} +\d{4}(?: +" + _ZONE + rb")?"
    rb"|, *\d{1,2} +" + _MONTH + rb" +\d{4} +\d{1,2}:\d\d(?::\d\d)?"
    rb"(?: +" + _ZONE + rb")?(?: +\([^)\n]*\))?"
    rb")[ \t]*\Z"
)
_LINE = re.compile(rb"From ([^\n]{0,998})(?:\n|\Z)")
_HEADER = re.compile(rb"(?!From )[!-9;-~]{1,200}[ \t]*:")
_GIT_TEXT = rb"(?:[0-9a-f]{40}|[0-9a-f]{64}) Mon Sep 17 00:00:00 2001"
_SIGNATURE = rb"\n-- \r?\n[^\r\n][^\n]{0,200}\n(?:\r?\n){1,64}"
_GIT = re.compile(_GIT_TEXT + rb"\Z")
_GIT_SIGNATURE = re.compile(_SIGNATURE + rb"\Z")
_GIT_FIRST = re.compile(rb"From " + _GIT_TEXT + rb"\r?\n")
_GIT_SIGNED = re.compile(_SIGNATURE + rb"From " + _GIT_TEXT + rb"\r?\n")
_QUOTED = re.compile(rb"(?m)^>(>*From )")
#: A replacement for the text before the first byte of a range: a signature and a blank line.
_BEFORE = b"\n-- \n0\n\n"


class Mail(msgspec.Struct, frozen=True, gc=False):
    """A mail from an mbox: its separator line without the line end, and the mail itself.

    `body` is the whole mail with its headers, without the blank line that mbox puts after it.
    """

    separator: bytes
    body: bytes


def separator_date(separator: bytes) -> str | None:
    """Return the date in a separator line as written; None if it has none, or git's fixed one."""
    if _GIT.match(separator, 5):
        return None
    found = _DATE.search(separator)
    return found[0].decode("ascii", "replace") if found else None


#: The style of a file's first separator, which decides the others.
GIT, TAKEOUT, BARE, ANY = "git", "takeout", "bare", "any"
_TAKEOUT = re.compile(rb"\d+@xxx ")


def _style(head: bytes) -> str:
    """Return the style of the separator at the beginning of a file."""
    line = _LINE.match(head.removeprefix(_BOM).lstrip(_SPACE))
    text = line[1].rstrip() if line else b"-"
    if _GIT.match(text):
        return GIT
    if _TAKEOUT.match(text):
        return TAKEOUT
    return ANY if text else BARE


def git_commit(separator: bytes) -> str | None:
    """Return the commit's hash in a separator of `git format-patch`; None for none or zeros."""
    if not _GIT.match(separator, 5):
        return None
    name = separator[5:].split(b" ", 1)[0].decode("ascii")
    return name if name.strip("0") else None


def begins_mbox(data: bytes) -> bool:
    """Return whether `data` starts with a separator and a header (after a BOM or blank lines)."""
    start = data.removeprefix(_BOM).lstrip(_SPACE)
    line = _LINE.match(start)
    return (
        line is not None
        and _is_boundary(_BEFORE + start, len(_BEFORE), signed=False, style=_style(start))
        and _HEADER.match(start, line.end()) is not None
    )


class Mbox(msgspec.Struct, frozen=True):
    """An mbox, read in blocks. A mail over `item_bytes` is rejected with its first 64 KiB."""

    name: ClassVar[str] = "mbox"
    version: ClassVar[int] = 3
    #: Bytes are read unchanged.
    wants_utf8: ClassVar[bool] = False

    item_bytes: int = SliceLimits().item_bytes

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return `start` and `signed`.

        `start`: the bytes of a BOM and blank lines before the first mail; `signed`: whether these
        are patches with git's signature.
        """
        source.seek(0)
        head = source.read(_HEAD)
        start = len(head) - len(head.removeprefix(_BOM).lstrip(_SPACE))
        signed = _GIT_FIRST.match(head, start) is not None and (
            _GIT_SIGNED.search(head) is not None or _ends_signed(source)
        )
        return {"start": start, "signed": signed, "style": _style(head)}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges of whole mails; text before the first separator is in the first range."""
        end = source.seek(0, 2)
        start = before = context["start"]
        mails = 0
        for at in chain(_boundaries(source, Slice(start, end), context), (end,)):
            if at == before:
                continue
            if mails and (mails >= limits.records or at - start > limits.size):
                yield Slice(start, before)
                start, mails = before, 0
            before, mails = at, mails + 1
        if before > start:
            yield Slice(start, before)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield one `Mail` each; text before the first separator is `not_a_mail`."""
        before, is_mail = part.start, False
        for at in chain(_boundaries(source, part, context), (part.end,)):
            if at > before:
                yield from self._item(source, before, at, is_mail=is_mail)
            before, is_mail = at, True

    def _item(
        self, source: BinaryIO, start: int, end: int, *, is_mail: bool
    ) -> Iterator[RawRecord | Rejection]:
        length = end - start
        if not is_mail and _blank(source, start, end):
            return
        source.seek(start)
        if is_mail and length <= self.item_bytes:
            yield RawRecord(_mail(source.read(length)), start, length)
            return
        raw = source.read(min(length, _RAW_BYTES))
        reason, detail = Reason.NOT_A_MAIL, "text before the first separator line"
        if is_mail:
            reason, detail = Reason.ITEM_TOO_LARGE, f"a mail of over {self.item_bytes} bytes"
        yield Rejection(reason=reason, detail=detail, raw=raw, offset=start, length=length)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return the number of mails, line by line, by the words of each line."""
        source.seek(context["start"])
        counter = _LineCounter(signed=context["signed"], style=context["style"])
        while line := source.readline(_BLOCK):
            counter.feed(line)
        return counter.total()


def _ends_signed(source: BinaryIO) -> bool:
    source.seek(max(0, source.seek(0, 2) - 256))
    return _GIT_SIGNATURE.search(source.read()) is not None


def _boundaries(source: BinaryIO, part: Slice, context: Context) -> Iterator[int]:
    """Yield the offsets of the separator lines in `part`, from one pass in blocks."""
    signed: bool = context["signed"]
    style: str = context["style"]
    window, base, done = _BEFORE, part.start - len(_BEFORE), 0
    while True:
        at = base + len(window)
        source.seek(at)
        block = source.read(min(_BLOCK, part.end - at))
        window += block
        limit = len(window) - _AHEAD if block else len(window)
        found = window.find(b"\nFrom ", done, limit + 6)
        while 0 <= found < limit:
            if _is_boundary(window, found + 1, signed=signed, style=style):
                yield base + found + 1
            found = window.find(b"\nFrom ", found + 1, limit + 6)
        if not block:
            return
        dropped = max(0, limit - _BEHIND)
        done = max(done, limit) - dropped
        window, base = window[dropped:], base + dropped


def _is_boundary(window: bytes, at: int, *, signed: bool, style: str) -> bool:
    """Return whether the line at `at`, which begins `From `, separates two mails."""
    line = _LINE.match(window, at)
    if line is None:
        return False
    text = line[1].rstrip()
    has_header = _HEADER.match(window, line.end()) is not None
    blank = window[at - 2 : at] == b"\n\n" or window[at - 3 : at] == b"\n\r\n"
    if style == GIT:
        ends = not signed or _GIT_SIGNATURE.search(window, max(0, at - 512), at) is not None
        return blank and has_header and ends and _GIT.match(text) is not None
    if not text:
        return has_header and (blank or style == BARE)
    if text == b"-" or text.startswith(b"- "):
        return has_header and (text == b"-" or _DATE.search(text) is not None)
    own = _TAKEOUT.match(text) is not None if style == TAKEOUT else _GIT.match(text) is None
    return blank and own and _DATE.search(text) is not None


def _blank(source: BinaryIO, start: int, end: int) -> bool:
    source.seek(start)
    return end - start <= _RAW_BYTES and not source.read(end - start).strip()


def _mail(data: bytes) -> Mail:
    separator, _, body = data.partition(b"\n")
    if body.endswith((b"\n\n", b"\n\r\n")):
        body = body[:-1].removesuffix(b"\r")
    if b">From " in body:
        body = _QUOTED.sub(rb"\1", body)
    return Mail(separator.rstrip(b"\r"), body)


class _LineCounter:
    """A counter of mails by each line's words, which shares nothing with the cutter."""

    def __init__(self, *, signed: bool, style: str) -> None:
        self._signed, self._style = signed, style
        self._texts = (b"-- ", b"0")  # the last two lines that are not blank
        self._blank = True
        self._mails = 0
        self._junk = False
        self._waiting = False  # for the header that must follow a doubtful separator
        self._mid_line = False

    def feed(self, line: bytes) -> None:
        """Process the next line, or the next piece of a very long one."""
        if self._mid_line:
            self._mid_line = not line.endswith(b"\n")
            return
        self._mid_line = not line.endswith(b"\n")
        text = line.rstrip(b"\r\n")
        if self._waiting:
            self._settle(is_mail=_looks_like_header(text))
        if text.startswith(b"From ") and len(line) <= 5 + 998 + 1:
            self._separator(text[5:].split())
        if not self._mails and not self._waiting and text.strip():
            self._junk = True
        self._blank = not text
        if text:
            self._texts = (self._texts[1], text)

    def _settle(self, *, is_mail: bool) -> None:
        self._waiting = False
        self._mails += is_mail
        if not self._mails:
            self._junk = True

    def _separator(self, words: list[bytes]) -> None:
        blank = self._blank
        if self._style == GIT:
            git = words[1:] == [b"Mon", b"Sep", b"17", b"00:00:00", b"2001"] and _is_hash(words[0])
            ended = not self._signed or self._texts[0] == b"-- "
            self._waiting = git and blank and ended
        elif words[:1] == [b"-"]:
            self._waiting = len(words) == 1 or _ends_in_date(words)
        elif not words:
            self._waiting = blank or self._style == BARE
        elif blank and self._is_own(words) and _ends_in_date(words):
            self._mails += 1

    def _is_own(self, words: list[bytes]) -> bool:
        if self._style == TAKEOUT:
            name, _, host = words[0].partition(b"@")
            return name.isdigit() and host == b"xxx"
        git = words[1:] == [b"Mon", b"Sep", b"17", b"00:00:00", b"2001"]
        return not (git and _is_hash(words[0]))

    def total(self) -> int:
        """Return the number of mails, plus one if other text comes before the first of them."""
        if self._waiting:
            self._settle(is_mail=False)
        return self._mails + self._junk


def _is_hash(word: bytes) -> bool:
    return len(word) in (40, 64) and not word.strip(b"0123456789abcdef")


def _looks_like_header(text: bytes) -> bool:
    name, colon, _ = text.partition(b":")
    if text.startswith(b"From "):
        return False
    name = name.rstrip(b" \t")
    return bool(colon) and 0 < len(name) <= 200 and all(33 <= byte <= 126 for byte in name)


_DAYS = frozenset(b"Mon Tue Wed Thu Fri Sat Sun".split())
_MONTHS = frozenset(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())


def _ends_in_date(words: list[bytes]) -> bool:
    """Return whether the last words are a week day, then a month, a time and a year, not prose."""
    for at in range(max(0, len(words) - 8), len(words)):
        if words[at].rstrip(b",") in _DAYS:
            kinds = {_kind(word) for word in words[at + 1 :]}
            return kinds >= {"month", "clock", "year"} and "prose" not in kinds
    return False


def _kind(word: bytes) -> str:
    if word in _MONTHS:
        return "month"
    if word[:1].isdigit():
        return "clock" if b":" in word else "year" if len(word) == 4 else "day"
    return "zone" if word[:1] in b"+-(" or word.isupper() else "prose"
