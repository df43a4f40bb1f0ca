"""Which records may hold personal data: usually none, as one scan of their JSON shows."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import orjson

from pipeline.privacy import prefilter
from pipeline.values import instants
from schemas.records import Instant, Record


def unread_text(time: Instant | None) -> str:
    """Return the text of a time that can't be read, which may be any text; else empty."""
    return time.text if time is not None and time.flag == instants.UNREAD else ""


def suspects_of(records: Iterable[Record]) -> list[int]:
    """Return the numbers of the records that may hold personal data.

    Usually there are none, which one scan of all shows.
    """
    contents = [
        (
            one.title,
            one.content,
            one.metadata,
            one.context_metadata,
            one.blob and (one.blob.name, one.blob.media_type),
            (one.content_type, one.language),
            unread_text(one.time),
        )
        for one in records
    ]
    try:
        if prefilter.following(_unescaped(orjson.dumps(contents)), 0) < 0:
            return []
    except (TypeError, orjson.JSONEncodeError):
        pass  # so each by itself
    return suspects(list(map(_json_of, contents)))


def _json_of(contents: Any) -> bytes:
    try:
        return orjson.dumps(contents, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, orjson.JSONEncodeError):
        return prefilter.SUSPICIOUS  # surrogates, huge integers: read it as it is


def suspects(documents: Sequence[bytes]) -> list[int]:
    """Return the numbers of the JSON texts that may hold personal data."""
    whole = _unescaped(b"\n".join(documents))
    ends = list(accumulate(len(document) + 1 for document in documents))
    found: list[int] = []
    at = 0
    while (place := prefilter.following(whole, at)) >= 0:
        found.append(bisect_right(ends, place))
        at = ends[found[-1]] - 1  # where a line ends, a word may begin
    return found


#: How JSON writes control characters: with letters, which hide where a word begins.
_CONTROLS = (b"\\n", b"\\r", b"\\t", b"\\b", b"\\f")
_BY_NUMBER = re.compile(rb"\\u00[01][0-9a-f]")


def _unescaped(documents: bytes) -> bytes:
    """Return the documents with blanks in the place of control characters, of the same length."""
    if b"\\" not in documents:
        return documents
    whole = documents.replace(b"\\\\", b"\\ ")
    for written in _CONTROLS:
        whole = whole.replace(written, b"  ")
    return _BY_NUMBER.sub(b" " * 6, whole) if b"\\u00" in whole else whole
