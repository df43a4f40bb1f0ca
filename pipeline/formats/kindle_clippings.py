"""Kindle: `My Clippings.txt`, to which a device adds each highlight, note and bookmark.

A clipping is the book with its author in brackets; a line that begins with a dash and gives, in the
device's language and separated by bars, the kind, the place and the date; a blank line; the words.
Ten equals signs end it. The order identifies the parts, so that every language works; the words for
a page, a position and the kinds are those of Amazon's languages.

Source: hadynz/kindle-clippings, src/blocks/ParsedBlock.spec.ts (the forms and their languages).
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.readers.parted_text import PartedText
from pipeline.recognition import peek
from pipeline.values import google_dates, instants
from pipeline.values.fields import non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "kindle.clippings"
_SEPARATOR = "=========="
_BARS = re.compile(r"\s*[|\uff5c]\s*")
_DASH = re.compile(r"[-\u2013\u2014\u2212]\s*")
#: The last brackets of the line; brackets in them may be nested once.
_AUTHOR = re.compile(r"\(([^()]*(?:\([^()]*\)[^()]*)*)\)\s*$")
_NUMBERS = r"(?:\d+|[ivxlcdm]+\b)(?:[-\u2013](?:\d+|[ivxlcdm]+\b))?"
_PAGE = re.compile(
    rf"(?:page|seite|p[áa]gina|bladzijde|страниц\w*|페이지)\s+({_NUMBERS})"
    rf"|(?:第\s*)?({_NUMBERS})\s*(?:页|頁|ページ|페이지)",
    re.IGNORECASE,
)
_POSITION = re.compile(
    r"(?:locat\w*|loc\.|posi[ctzç]\w*|emplacement|место\w*|позици\w*|位置|위치)[^\d|]{0,6}"
    r"(\d+(?:[-\u2013]\d+)?)",
    re.IGNORECASE,
)
_KINDS = {
    "bookmark": r"bookmark|lesezeichen|marcador|signet|segnalibro|书签|書籤|ブックマーク|북마크"
    r"|bladwijzer|закладк",
    "highlight": r"highlight|markierung|zaznaczeni|vurgu|subrayado|surlign|evidenziazione|destaque"
    r"|标注|標註|ハイライト|하이라이트|markering|выделен",
    "clip": r"\bclip|ausschnitt|recorte|extrait|ritaglio|剪贴|剪貼|クリップ|클립|knipsel|вырезк",
    "note": r"\bnot[ea]\b|notiz|笔记|筆記|メモ|메모|notitie|заметк",
}
#: Week days that follow a date without a space.
_JOINED_DAY = re.compile(r"星期.|週.|[月火水木金土日]曜日")
#: Times with words or dots between their numbers: `23h32min06s`, `09时11分28秒`, `4.46 Uhr`.
_WORDED_CLOCK = re.compile(r"(?<!\d)(\d{1,2})(?:h|[时時시] ?)(\d\d)(?:min|[分분] ?)(\d\d)[s秒초]?")
_DOTTED_CLOCK = re.compile(r"(?<![\d.])(\d{1,2})\.(\d\d) Uhr")
_NO_SECONDS = re.compile(r"(?<![\d:+-])(\d{1,2}:\d\d)(?![\d:])")
_LEAD = 6


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one clipping, identified by the device's whole text."""
    lines = item.value.replace("\r\n", "\n").split("\n")
    if not _is_clipping(lines):
        raise BadValue(Reason.BAD_SHAPE, "no line with the place follows the title")
    head, about = lines[0].strip(), lines[1].strip()
    words = "\n".join(lines[2:]).strip()
    *where, added = _BARS.split(about[_dash(about) :])
    place = " | ".join(where)
    author = _AUTHOR.search(head)
    metadata: dict[str, Any] = {
        "book": (head[: author.start()].strip() or head) if author else head,
        "author": {"name": author[1].strip()} if author and author[1].strip() else None,
        "kind": _kind(place, words),
        "location": place,
        "page": _number(_PAGE, place),
        "position": _number(_POSITION, place),
    }
    return Record(
        data_type=DataType.DOCUMENT,
        source=_NAME,
        record_type=RecordType.NOTE,
        identity=(head, about, words),
        time=_instant(added),
        title=metadata["book"],
        content=words or None,
        metadata=non_empty(metadata),
    )


def _is_clipping(lines: list[str]) -> bool:
    if len(lines) < 2:
        return False
    about = lines[1].strip()
    return _dash(about) > 0 and len(_BARS.split(about)) > 1


def _dash(about: str) -> int:
    found = _DASH.match(about)
    return found.end() if found else 0


def _kind(place: str, words: str) -> str | None:
    for kind, names in _KINDS.items():
        if re.search(names, place, re.IGNORECASE):
            return kind
    return None if words else "bookmark"


def _number(pattern: re.Pattern[str], place: str) -> str | None:
    found = pattern.search(place)
    return next(filter(None, found.groups()), None) if found else None


def _instant(written: str) -> Instant:
    """Read when it was added, by the clock of the device: a date after a few words."""
    plain = _WORDED_CLOCK.sub(r"\1:\2:\3", _JOINED_DAY.sub(" ", written))
    plain = _NO_SECONDS.sub(r"\1:00", _DOTTED_CLOCK.sub(r"\1:\2", plain).replace(" um ", " "))
    words = re.sub(r",(?=\s+\d{1,2}:)", "", plain).split()
    for start in range(min(_LEAD, len(words))):
        try:
            found = google_dates.activity_time(" ".join(words[start:]))
        except BadValue:
            continue
        if found.offset is None and found.flag in ("zone_assumed", "zone_ambiguous"):
            return Instant(found.at, written, None, "zone_assumed")
        return msgspec.structs.replace(found, text=written)
    return instants.unread(written)


def _looks_like(head: Head) -> bool:
    begins = peek.text_of(head).decode("utf-8", "replace")
    pieces = re.split(rf"(?m)^{_SEPARATOR}[ \t]*\r?$", begins)
    found = [piece.strip("\ufeff \t\r\n") for piece in pieces[:-1]]
    return any(_is_clipping(piece.split("\n")) for piece in found[:20])


FORMAT = Format(
    name=_NAME,
    title="Highlights, notes and bookmarks of a Kindle (My Clippings.txt)",
    version=2,
    data_type=DataType.DOCUMENT,
    paths=(r"(.+/)?[^/]+\.txt",),
    looks_like=_looks_like,
    reader=PartedText(separator=_SEPARATOR),
    record=to_record,
    products=("Kindle",),
    record_types=(RecordType.NOTE,),
)
