"""Google My Activity in HTML, Takeout's default: `MyActivity.html`, `watch-history.html`.

One `div.outer-cell` for each entry, on a single line: a header cell with the product; a cell of
lines separated by `<br>`, the title first and the time last; a caption with headings in bold, the
products first. Since July 2026 a `<br>` and paragraphs that an AI wrote may follow the time, so the
search for the time starts at the end.

Names, headings and times are in the account's language: classes identify the cells, and
`google_dates.activity_time` the time. If no line is a readable time, the last line that may be one
is kept as the time's text, so that a later parser dates the same record. Times are exact to the
second and often of an unknown zone, so an entry is not the same record as the one in JSON, and two
equal entries are two facts.

Source: `docs/reference/exports/google-my-activity.md#html`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from selectolax.lexbor import LexborNode

from pipeline.contract import Format
from pipeline.readers.html_blocks import HtmlBlocks
from pipeline.services.google import my_activity
from pipeline.text import html_inline
from pipeline.text.html_inline import Line
from pipeline.values import google_dates, instants
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, RawRecord, Record

_NAME = "google.my_activity_html"
_CELLS = {
    "header-cell": "header",
    "mdl-typography--text-right": "right",
    "mdl-typography--body-1": "body",
    "mdl-typography--caption": "caption",
}
_QUESTION = ("?", "？")
_DIGITS = re.compile(r"\d")
_LONGEST_TIME = 80


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one entry; `pipeline.services.google.my_activity` determines its kind."""
    cells = _cells(html_inline.parse(item.value))
    if "body" not in cells:
        raise BadValue(Reason.MISSING_FIELD, "the entry has no cell of text")
    lines = html_inline.lines(cells["body"])
    if not lines:
        raise BadValue(Reason.MISSING_FIELD, "the entry has no line of text")
    at, time = _find_time(lines)
    title = lines[0]
    caption = cells["caption"].html or "" if "caption" in cells else ""
    entry = my_activity.Entry(
        title=title.text,
        time=time,
        header=my_activity.plain(cells["header"].text()) if "header" in cells else "",
        about=title.links[0].text if title.links else None,
        url=title.links[0].url if title.links else "",
        subtitles=[_named(line) for line in lines[1:at] if line.text],
        summary="\n\n".join(line.text for line in lines[at + 1 :] if line.text),
        **(_remembered if len(caption) < _SHORT else _caption)(caption),
    )
    return my_activity.record(entry, _NAME)


def _cells(body: LexborNode) -> dict[str, LexborNode]:
    """Return the first cell of each kind in the entry."""
    cells: dict[str, LexborNode] = {}
    for node in _divisions(body):
        kind = _kind(node.attributes.get("class") or "")
        if kind is not None:
            cells.setdefault(kind, node)
    return cells


@lru_cache(maxsize=256)
def _kind(classes: str) -> str | None:
    """Return the kind of cell with these classes; a page has few combinations of them."""
    named = classes.split()
    return next((kind for name, kind in _CELLS.items() if name in named), None)


def _divisions(body: LexborNode) -> Iterator[LexborNode]:
    """Yield the divisions of an entry down to its cells: outer cell, grid, cells."""
    for outer in body.iter():
        for grid in outer.iter():
            yield grid
            yield from grid.iter()


def _find_time(lines: Sequence[Line]) -> tuple[int, Instant]:
    """Return the place and the value of the time: the last line but the first that is a time.

    The text below it may be of any length. Without a time, return the last short line with digits
    and no link, which a later parser may read; without that, the place after all lines and a time
    without text.
    """
    unread: tuple[int, Instant] | None = None
    for at in range(len(lines) - 1, 0, -1):
        line = lines[at]
        if line.block or not _DIGITS.search(line.text):
            continue
        try:
            return at, google_dates.activity_time(line.text)
        except BadValue:
            if unread is None and not line.links and len(line.text) <= _LONGEST_TIME:
                unread = at, instants.unread(line.text)
    return unread or (len(lines), instants.unread(""))


def _named(line: Line) -> dict[str, Any]:
    named = {"name": my_activity.plain(line.text)}
    return {**named, "url": line.links[0].url} if line.links else named


def _caption(html: str) -> dict[str, Any]:
    """Return products, details and other sections, without headings that are Google's questions."""
    cell = html_inline.parse(html).child
    caption: dict[str, Any] = {"products": [], "details": [], "more": {}}
    for nth, (heading, lines) in enumerate(_sections(html_inline.lines(cell)) if cell else ()):
        if nth == 0:
            caption["products"] = [my_activity.plain(line.text) for line in lines]
        elif any(_leads_to_a_map(line) for line in lines):
            caption["more"]["locations"] = [_location(line) for line in lines]
        elif not heading.endswith(_QUESTION):
            caption["details"] += [_named(line) for line in lines]
    return caption


#: Most entries of a page have one of a few short captions.
_remembered = lru_cache(maxsize=512)(_caption)
_SHORT = 4_000


def _sections(lines: Sequence[Line]) -> list[tuple[str, list[Line]]]:
    sections: list[tuple[str, list[Line]]] = []
    for line in lines:
        if line.heading:
            sections.append((my_activity.plain(line.text), []))
        elif sections and line.text:
            sections[-1][1].append(line)
    return sections


def _leads_to_a_map(line: Line) -> bool:
    return any("google." in link.url and "/maps" in link.url for link in line.links)


def _location(line: Line) -> dict[str, str]:
    """Return where Google located the owner, and how, in the form of the JSON export."""
    name, _, source = my_activity.plain(line.text).partition(" - ")
    maps = [link.url for link in line.links if "/maps" in link.url]
    other = [link.url for link in line.links if "/maps" not in link.url]
    location = {"name": name, "source": source, "url": "".join(maps[:1])}
    location["sourceUrl"] = "".join(other[:1])
    return {key: value for key, value in location.items() if value}


def _looks_like(head: Head) -> int:
    """Recognise an entry; if a style sheet fills the head, its classes and a deep folder."""
    if b'<div class="outer-cell ' in head.data:
        return 2
    deep = head.path.rsplit("!/", 1)[-1].count("/") > 1
    styled = b"<style" in head.data and b"</style" not in head.data
    return int(deep and styled and b".mdl-" in head.data)


FORMAT = Format(
    name=_NAME,
    title="Google My Activity in HTML (Takeout)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.html?",),
    hints=(
        r"(.+/)?(My ?Activity|MeineAktivitäten)\.html",
        r"(.+/)?((watch|search)-history|(Wiedergabe|Such)verlauf)\.html",
    ),
    looks_like=_looks_like,
    reader=HtmlBlocks(opening=r'<div class="outer-cell[ "]', element="div"),
    record=to_record,
    products=("Google Takeout: My Activity", "Google Takeout: YouTube"),
    tried=("purarue/google_takeout_parser",),
    vintages=(
        "times without a zone (to 2018)",
        "times with a zone's abbreviation (since 2020)",
        "U+202F before AM and PM (since 2023)",
        "text by an AI below the time (since July 2026)",
    ),
    record_types=my_activity.RECORD_TYPES,
    repeats=True,
)
