"""Which bytes of a member a reader may pass over: its filler, as its grammar names it.

`FILLER` has an entry for each class of readers. It is told what was read of some bytes and yields
the bytes that belong to no item, to no rejection, and to nothing that the reader's own words call
filler. Each is written from those words and shares no code with the reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.contract import Format, Reader
from pipeline.readers.blocks import Blocks
from pipeline.readers.bookmarks import Bookmarks
from pipeline.readers.chat_text import ChatText
from pipeline.readers.csv.dated import CsvDated
from pipeline.readers.csv.days import CsvDays
from pipeline.readers.csv.preamble import CsvPreamble
from pipeline.readers.csv.rows import CsvRows
from pipeline.readers.day_chat import DayChat
from pipeline.readers.html_blocks import HtmlBlocks
from pipeline.readers.ics import Ics
from pipeline.readers.json.items import JsonItems
from pipeline.readers.json.ndjson import Ndjson
from pipeline.readers.json.tree import JsonTree
from pipeline.readers.json.values import JsonValues
from pipeline.readers.json.whole import JsonWhole
from pipeline.readers.json.wrapped import JsonWrapped
from pipeline.readers.lines import Lines
from pipeline.readers.mbox import Mbox
from pipeline.readers.parted_text import PartedText
from pipeline.readers.sqlite_tables import SqliteTable
from pipeline.readers.vcard import Vcards
from pipeline.readers.whole import WholeFile
from pipeline.readers.xml.elements import XmlElements
from pipeline.readers.ytd import Ytd
from pipeline.registry import all_formats
from schemas.files import Context, Member
from schemas.records import RawRecord, Rejection
from tests.support.formats import ONE_PASS, carried

_BOM = b"\xef\xbb\xbf"


class Read(NamedTuple):
    """What a reader made of some bytes."""

    reader: Any
    data: bytes
    context: Context
    items: list[RawRecord | Rejection]
    count: int

    @property
    def rejections(self) -> list[Rejection]:
        return [item for item in self.items if isinstance(item, Rejection)]

    def gaps(self) -> Iterator[tuple[int, bytes]]:
        """The bytes that belong to no item and to no rejection, in runs, each with its offset."""
        at = 0
        for item in sorted(self.items, key=lambda item: item.offset):
            if item.offset > at:
                yield at, self.data[at : item.offset]
            at = max(at, item.offset + item.length)
        if at < len(self.data):
            yield at, self.data[at:]


Filler = Callable[[Read], Iterator[bytes]]


def readers() -> dict[Reader, list[Format]]:
    """Every reader that a format has, however it is set up, and its formats."""
    found: dict[Reader, list[Format]] = {}
    for form in all_formats():
        found.setdefault(form.reader, []).append(form)
    return found


def stray(read: Read) -> list[bytes]:
    """What a reader passed over that is not filler; KeyError for a reader without an entry."""
    return list(FILLER[type(read.reader)](read))


# --- text


def _between(signs: bytes) -> Filler:
    """Filler is any of these signs, and a byte order mark at the start."""

    def passed(read: Read) -> Iterator[bytes]:
        for at, gap in read.gaps():
            bare = gap.removeprefix(_BOM) if at == 0 else gap
            if bare.strip(signs):
                yield bare

    return passed


_BLANKS = b" \t\r\n"
_blanks = _between(_BLANKS)
#: As `bytes.strip` has it.
_whitespace = _between(b" \t\r\n\x0b\x0c")


def _nothing(read: Read) -> Iterator[bytes]:
    """No byte may be passed over."""
    return (gap for _, gap in read.gaps())


def _parted(read: Read) -> Iterator[bytes]:
    """Lines that hold the separator, blanks, and byte order marks around a piece."""
    separator = read.reader.separator.encode()
    for _, gap in read.gaps():
        for line in gap.replace(_BOM, b"").split(b"\n"):
            if line.strip() not in (b"", separator):
                yield line


def _days(read: Read) -> Iterator[bytes]:
    """The heading, which items tell of; and lines of days."""
    day = re.compile(read.reader.day)
    for at, gap in read.gaps():
        heading = gap.removeprefix(_BOM).decode("utf-8", "replace").strip() if at == 0 else ""
        told = str(read.context["heading"])
        rest = gap if not heading.startswith(told) else heading[len(told) :].encode()
        for line in rest.split(b"\n"):
            shown = line.removeprefix(_BOM).decode("utf-8", "replace").rstrip("\r\n")
            if shown.strip() and not day.fullmatch(shown):
                yield line


# --- tables


def _rows(read: Read) -> Iterator[bytes]:
    return _table(read, read.context, 0)


def _two_tables(read: Read) -> Iterator[bytes]:
    """Two tables, each as it would be alone, and blank lines between them."""
    first, rows, cut = (read.context[name] for name in ("first", "rows", "cut"))
    before = [item for item in read.items if rows is None or item.offset < cut]
    cut = len(read.data) if rows is None else cut
    yield from _table(read._replace(data=read.data[:cut], items=before), first, 0)
    if rows is not None:
        behind = [item for item in read.items if item.offset >= cut]
        yield from _table(read._replace(items=behind), rows, cut)


_LEAD = re.compile(
    rb'(?:"?sep=[,;\t|]"?;*[ \t]*(?:\r?\n|\r))?'
    rb'(?:"?Notes:"?,*[ \t]*\r?\n(?:"(?:[^"]|"")*"|[^\r\n]+),*\r?\n(?:,*[ \t]*\r?\n)+)?',
    re.IGNORECASE,
)


def _table(read: Read, context: Context, begin: int) -> Iterator[bytes]:
    """What items tell of the lines above the table, its header, and rows without any text."""
    around = next((i.around for i in read.items if isinstance(i, RawRecord)), context)
    told = [cell for row in around.get("above", ()) for cell in row]
    names = [re.sub(r"\Acolumn_\d+\Z|_\d+\Z", "", name) for name in context["columns"]]
    for start, gap in read.gaps():
        at = max(start, begin)
        bare = gap[at - start :]
        if at == begin:
            bare = bare.removeprefix(_BOM)
            bare = bare[_LEAD.match(bare).end() :]  # type: ignore[union-attr]
        rest = _signs(bare.decode("utf-8", "replace"))
        for cell in filter(None, map(_signs, (*told, *names) if at == begin else ())):
            before, _, behind = rest.partition(cell)
            rest = before + behind
        if rest:
            yield bare


def _signs(text: str) -> str:
    """The letters and digits of a text."""
    return "".join(filter(str.isalnum, text))


# --- JSON


def _members(read: Read) -> Iterator[bytes]:
    """Commas and blanks between items; beside the arrays, the other members of sound JSON.

    With a zero for each item the text must be sound, or a rejection says that it is not.
    """
    begin = read.context.get("begin", 0)  # of what X's files have before the array
    at, parts = begin, []
    for item in read.items:
        if not item.length:
            return  # it tells of the text as a whole
        parts += [read.data[at : item.offset], b"0"]
        at = item.offset + item.length
    if not read.data[at:].strip(_BLANKS) and read.items and isinstance(read.items[-1], Rejection):
        return  # the last of them tells what follows the text, or that it breaks off
    text = b"".join((*parts, read.data[at:])).removeprefix(_BOM)
    if not text.strip(_BLANKS):
        return
    try:
        json.loads(_plain(text).decode("utf-8", "replace"), strict=False)
    except ValueError:
        yield text
    except RecursionError:
        return


_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},]|[^"\[\]{},]++|"', re.DOTALL)


def _plain(text: bytes) -> bytes:
    """JSON without commas that part nothing: `[,1,,2,]`."""
    kept: list[bytes] = []
    before = b""
    for token in _TOKEN.findall(text):
        if token in (b"]", b"}") and before == b",":
            kept.pop()
            before = kept[-1] if kept else b""
        if token == b"," and before in (b"[", b","):
            continue
        if token.strip(_BLANKS):
            kept.append(token)
            before = token
    return b" ".join(kept)


# --- markup


def _elements(read: Read) -> Iterator[bytes]:
    """Other elements, texts and comments: whatever has no tag of the names."""
    names = "|".join(map(re.escape, read.reader.names))
    hidden = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>", re.DOTALL)
    tag = re.compile(
        rf"</?(?:[^\s<>/:\"'=!?]{{1,64}}:)?(?:{names})(?=[^-.:\w\x80-\xff])".encode("latin-1")
    )
    for at, gap in read.gaps():
        seen = gap[max(0, read.context["root_at"] - at) :]
        if tag.search(hidden.sub(b"", seen)):
            yield seen


def _before_the_first(read: Read) -> Iterator[bytes]:
    """The head of a page; a page without a block is a head."""
    return (gap for at, gap in read.gaps() if at)


def _statements(read: Read) -> Iterator[bytes]:
    """What a statement says of itself: whatever holds no mark of an entry."""
    marks = "|".join(filter(None, (read.reader.begin, read.reader.end)))
    pattern = re.compile(marks.encode(), re.IGNORECASE)
    return (gap for _, gap in read.gaps() if pattern.search(gap))


_ZONE = re.compile(
    rb"^BEGIN[ \t]*:[ \t]*VTIMEZONE[ \t]*[\r\n].*?^END[ \t]*:[ \t]*VTIMEZONE[ \t]*(?=[\r\n]|\Z)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_OF_A_CALENDAR = re.compile(
    rb"\s*\Z|[ \t]|(?:BEGIN|END)[ \t]*:[ \t]*VCALENDAR\s*\Z|(?:[\w-]+\.)?[\w-]+\s*(?:[;:]|\Z)",
    re.IGNORECASE,
)


def _calendars(read: Read) -> Iterator[bytes]:
    """Lines of a calendar that say something of it, its zones, which items are told, and blanks."""
    for at, gap in read.gaps():
        bare = gap.removeprefix(_BOM) if at == 0 else gap
        lines = re.split(rb"[\r\n]+", _ZONE.sub(b"", bare.replace(b"\r", b"\n")))
        yield from (line for line in lines if not _OF_A_CALENDAR.match(line))


# --- databases


def _pages(read: Read) -> Iterator[bytes]:
    """Pages and parts of pages that hold no row: a row that SQLite sees is in no gap."""
    if not read.rejections and read.count > len(read.items):
        yield b"%d rows" % (read.count - len(read.items))


FILLER: Mapping[type, Filler] = {
    JsonItems: _members,
    JsonTree: _members,
    JsonWrapped: _members,
    Ytd: _members,
    JsonWhole: _blanks,
    JsonValues: _between(_BLANKS + b"\x1e"),
    Ndjson: _between(_BLANKS + b"\x1e,"),
    Lines: _whitespace,
    PartedText: _parted,
    WholeFile: _nothing,
    ChatText: _whitespace,
    DayChat: _days,
    Mbox: _whitespace,
    Vcards: _whitespace,
    Ics: _calendars,
    CsvRows: _rows,
    CsvDays: _rows,
    CsvDated: _rows,
    CsvPreamble: _two_tables,
    XmlElements: _elements,
    HtmlBlocks: _before_the_first,
    Bookmarks: _before_the_first,
    Blocks: _statements,
    SqliteTable: _pages,
}


def read_bytes(reader: Reader, file: Path, member: Member) -> Read:
    """What a reader makes of a file, in one pass."""
    data = file.read_bytes()
    with file.open("rb") as source:
        context = carried(reader.prepare(source, member))
        parts = list(reader.slices(source, context, ONE_PASS))
        items = [item for part in parts for item in reader.items(source, part, context)]
        count = reader.count(source, context)
    return Read(reader, data, context, items, count)
