"""What the tables of YouTube's export share: names of columns in any case, texts in segments.

Columns are named in the account's language. Their order is the same in all, so a table whose names
are not the English ones is known by what stands in its cells, and read by their places.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.recognition import peek
from pipeline.services import tables
from schemas.errors import BadValue
from schemas.files import Head
from schemas.reasons import Reason

#: Ids of YouTube's things stand behind this word in identities: others count as it does.
SERVICE = "youtube"


VIDEO = re.compile(r"[\w-]{11}", re.ASCII)
CHANNEL = re.compile(r"UC[\w-]{22}", re.ASCII)
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d.*", re.ASCII)
_TEXT = '{"'


def header(head: Head) -> frozenset[str]:
    """The first line's cells in lower case; "Channel Id" and "Channel ID" are one column."""
    first = peek.lines(head, 1)
    line = first[0].decode("utf-8", "replace") if first else ""
    try:
        return frozenset(cell.strip().lower() for row in csv.reader([line]) for cell in row)
    except csv.Error:
        return frozenset()


def cells(row: Mapping[str, str]) -> dict[str, str]:
    """A row under its columns' names in lower case."""
    return {name.lower(): cell for name, cell in row.items()}


def some_row(head: Head, fits: Callable[[Sequence[str]], bool]) -> bool:
    """Whether some row of the first few, but the first, is like that."""
    lines = (line.decode("utf-8", "replace") for line in peek.lines(head, 60))
    try:
        return any(fits(row) for n, row in enumerate(csv.reader(lines)) if n)
    except csv.Error:
        return False


def in_places(row: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """A row under the names of its columns' places."""
    return dict(zip(names, row.values(), strict=False))


def further(row: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """The cells of columns that are none of the names, under their own; where the names are in
    another language, of those behind the places that are known."""
    known = set(names)
    named = known & {name.lower() for name in row}
    more = list(row.items()) if len(named) > 1 else list(row.items())[len(names) :]
    return {tables.snake(name): cell for name, cell in more if name.lower() not in known and cell}


def is_said(channel: str, time: str, words: str) -> bool:
    """Whether three cells are a channel's id, a time and a text in segments."""
    told = CHANNEL.fullmatch(channel) and MOMENT.fullmatch(time)
    return told is not None and words.startswith(_TEXT)


def required(row: Mapping[str, str], name: str) -> str:
    """A cell that must not be empty. Raises `BadValue(MISSING_FIELD)`."""
    if cell := row.get(name):
        return cell
    raise BadValue(Reason.MISSING_FIELD, f"nothing in the column {name!r}")


def said_text(cell: str) -> tuple[str, list[str]]:
    """The text and the links of a comment.

    Older cells hold one JSON object with `takeoutSegments`; newer ones its segments alone, parted
    by commas without brackets, with raw line feeds in their texts
    (`docs/reference/exports/youtube.md#comments`). A cell that is neither is the text. Raises
    `BadValue(BAD_SHAPE)` for segments that can't be read.
    """
    if not cell.lstrip().startswith('{"'):
        return cell, []
    try:
        found = json.loads(f"[{cell}]", strict=False)
    except (ValueError, RecursionError):
        found = None
    if found is None:
        raise BadValue(Reason.BAD_SHAPE, "the text's segments are no JSON")
    segments = [part for one in found for part in one.get("takeoutSegments", [one])]
    links = [_link(segment) for segment in segments]
    return "".join(segment.get("text", "") for segment in segments), list(filter(None, links))


def _link(segment: Mapping[str, Any]) -> str:
    link = segment.get("link") or {}
    return str(link.get("linkUrl") or "")
