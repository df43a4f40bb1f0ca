"""Records as lines of COPY text, rendered once; and the columns that later stages read.

The order of the columns is that of `stage_documents` and `stage_locations` in
`sql/queries/lake.sql`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson

from schemas.records import UNDATED, Instant, Point, Record

_NULL = r"\N"
_needs_escape = re.compile(r"[\\\t\n\r]").search
_UNDATED = UNDATED.isoformat()

#: Cleans a JSON-able value that can't be stored as it is (lone surrogates, NUL, huge integers).
Cleaner = Callable[[Any], Any]


def escape(text: str) -> str:
    """Text as one field of COPY text format."""
    if _needs_escape(text) is None:
        return text
    text = text.replace("\\", "\\\\").replace("\t", "\\t")
    return text.replace("\n", "\\n").replace("\r", "\\r")


def json_field(value: Mapping[str, Any], clean: Cleaner) -> str:
    """JSON as one field; a value that Postgres or UTF-8 would refuse is cleaned first."""
    try:
        encoded = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, orjson.JSONEncodeError):
        encoded = orjson.dumps(clean(value), option=orjson.OPT_NON_STR_KEYS)
    if b"\\" not in encoded:
        return encoded.decode()
    if b"\\u0000" in encoded:
        encoded = orjson.dumps(clean(value), option=orjson.OPT_NON_STR_KEYS)
    return encoded.replace(b"\\", b"\\\\").decode()


def partition_at(time: Instant | None) -> datetime:
    """The instant that decides the partition: the record's own, or the fixed sentinel."""
    return UNDATED if time is None or time.at is None else time.at


def _with_time(metadata: dict[str, Any], time: Instant | None) -> dict[str, Any]:
    """Metadata with the time as it was written, its offset in minutes, and any doubt."""
    if time is None:
        return metadata
    written: dict[str, Any] = {"text": time.text}
    if time.offset is not None:
        written["offset"] = time.offset
    if time.flag is not None:
        written["flag"] = time.flag
    return {**metadata, "time": written}


def document_line(record: Record, key_hex: str, slot: int, clean: Cleaner) -> str:
    """One line for `stage_documents`, without its newline."""
    time = record.time
    at = time.at if time is not None else None
    stamp = at.isoformat() if at is not None else None
    metadata = _with_time(record.metadata, time)
    if record.blob is not None:
        blob = record.blob
        metadata = {
            **metadata,
            "blob": {
                "sha256": blob.sha256,
                "size": blob.size,
                "media_type": blob.media_type,
                "name": blob.name,
            },
        }
    return "\t".join(
        (
            str(slot),
            record.data_type,
            record.source,
            record.record_type,
            key_hex,
            stamp or _UNDATED,
            stamp or _NULL,
            _NULL if record.title is None else escape(record.title),
            _NULL if record.content is None else escape(record.content),
            escape(record.content_type),
            record.language or _NULL,
            json_field(metadata, clean),
        )
    )


def location_line(point: Point, key_hex: str, slot: int, clean: Cleaner) -> str:
    """One line for `stage_locations`, without its newline."""
    time = point.time
    at = time.at if time is not None else None
    return "\t".join(
        (
            str(slot),
            point.source,
            key_hex,
            at.isoformat() if at is not None else _UNDATED,
            repr(point.latitude),
            repr(point.longitude),
            _NULL if point.altitude_m is None else repr(point.altitude_m),
            _NULL if point.accuracy_m is None else repr(point.accuracy_m),
            json_field(_with_time(point.metadata, time), clean),
        )
    )
