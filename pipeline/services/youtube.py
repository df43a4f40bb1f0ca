"""What the tables of YouTube's export share: column names in any case, texts in segments.

Column names are in the account's language. Their order is the same in all, so the cells identify a
table without English names, and it is read by the places of its columns.
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

#: Ids in identities follow this word, since other services have equal numbers.
SERVICE = "youtube"


VIDEO = re.compile(r"[\w-]{11}", re.ASCII)
CHANNEL = re.compile(r"UC[\w-]{22}", re.ASCII)
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d.*", re.ASCII)
_TEXT = '{"'


def header(head: Head) -> frozenset[str]:
    """Return the first line's cells in lower case; "Channel Id" and "Channel ID" are one column."""
    first = peek.lines(head, 1)
    line = first[0].decode("utf-8", "replace") if first else ""
    try:
        return frozenset(cell.strip().lower() for row in csv.reader([line]) for cell in row)
    except csv.Error:
        return frozenset()


def cells(row: Mapping[str, str]) -> dict[str, str]:
    """Return a row under its columns' names in lower case."""
    return {name.lower(): cell for name, cell in row.items()}


def some_row(head: Head, fits: Callable[[Sequence[str]], bool]) -> bool:
    """Return whether one of the first rows, except the first, passes the check `fits`."""
    lines = (line.decode("utf-8", "replace") for line in peek.lines(head, 60))
    try:
        return any(fits(row) for n, row in enumerate(csv.reader(lines)) if n)
    except csv.Error:
        return False


def in_places(row: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return a row under the names of its columns' places."""
    return dict(zip(names, row.values(), strict=False))


def further(row: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return the cells of columns that have none of the names, under their own.

    If the names are in another language, return those after the known places.
    """
    known = set(names)
    named = known & {name.lower() for name in row}
    more = list(row.items()) if len(named) > 1 else list(row.items())[len(names) :]
    return {tables.snake(name): cell for name, cell in more if name.lower() not in known and cell}


def is_comment_row(channel: str, time: str, words: str) -> bool:
    """Return whether three cells are a channel's id, a time and a text in segments."""
    valid = CHANNEL.fullmatch(channel) and MOMENT.fullmatch(time)
    return valid is not None and words.startswith(_TEXT)


def required(row: Mapping[str, str], name: str) -> str:
    """Return a cell that must not be empty. Raises `BadValue(MISSING_FIELD)`."""
    if cell := row.get(name):
        return cell
    raise BadValue(Reason.MISSING_FIELD, f"the column {name!r} is empty")


def comment_text(cell: str) -> tuple[str, list[str]]:
    """Return the text and the links of a comment.

    Older cells hold one JSON object with `takeoutSegments`; newer ones its segments alone,
    separated by commas without brackets, with raw line feeds in their texts
    (`docs/reference/exports/youtube.md#comments`). Any other cell is the text. Raises
    `BadValue(BAD_SHAPE)` for segments that cannot be read.
    """
    if not cell.lstrip().startswith('{"'):
        return cell, []
    try:
        found = json.loads(f"[{cell}]", strict=False)
    except (ValueError, RecursionError):
        found = None
    if found is None:
        raise BadValue(Reason.BAD_SHAPE, "the text's segments are not JSON")
    segments = [part for one in found for part in one.get("takeoutSegments", [one])]
    links = [_link(segment) for segment in segments]
    return "".join(segment.get("text", "") for segment in segments), list(filter(None, links))


def _link(segment: Mapping[str, Any]) -> str:
    link = segment.get("link") or {}
    return str(link.get("linkUrl") or "")
