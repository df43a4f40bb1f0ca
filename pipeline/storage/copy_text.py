"""Records as lines of COPY text, in the order of the columns of `schemas.copy_tables`.

Fields by name would cost a point a thirtieth of its time, so
`tests/pipeline/storage/test_copy_tables.py` checks that each field is in its column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any
from unicodedata import is_normalized

import orjson

from schemas.records import REUSED, UNDATED, Instant, Metric, Point, Record, ZoneSource

#: A field without a value.
NULL = r"\N"
_needs_escape = re.compile(r"[\\\t\n\r]").search
_UNDATED = UNDATED.isoformat()

#: The metadata name under which a stored document lists the names that sibling files added.
_FROM_SIBLINGS = "beside"
#: The metadata name for a document's own key, where it may be stored under a shared key.
_OWN_KEY = "own_key"
#: Letters instead of digits: a policy may look for numbers of people, phones or cards.
_LETTERS = str.maketrans("0123456789", "ghijklmnop")
_FIELDS = "fields"

#: Cleans a JSON-able value that can't be stored as it is (lone surrogates, NUL, huge integers).
Cleaner = Callable[[Any], Any]


def escape(text: str) -> str:
    """Return text as one field of COPY text format."""
    if (text.isprintable() and "\\" not in text) or _needs_escape(text) is None:
        return text
    text = text.replace("\\", "\\\\").replace("\t", "\\t")
    return text.replace("\n", "\\n").replace("\r", "\\r")


def _stamp(at: datetime) -> str:
    """Return a moment in UTC as `isoformat` writes it, in a sixth of the time."""
    return orjson.dumps(at)[1:-1].decode()


#: Sorted, so that the same values give the same text, and the same hash.
_JSON = orjson.OPT_SORT_KEYS
#: Names that are not texts take longer to encode, and are rare.
_ODD_JSON = _JSON | orjson.OPT_NON_STR_KEYS


def json_field(value: Mapping[str, Any], clean: Cleaner) -> str:
    """Return JSON as one field.

    A value that Postgres or UTF-8 would refuse, or that is not in NFC, is cleaned first.
    """
    try:
        encoded = orjson.dumps(value, option=_JSON)
    except (TypeError, orjson.JSONEncodeError):
        encoded = orjson.dumps(clean(value), option=_ODD_JSON)
    if not encoded.isascii() and not is_normalized("NFC", encoded.decode()):
        encoded = orjson.dumps(clean(value), option=_ODD_JSON)
    if b"\\" not in encoded:
        return encoded.decode()
    if b"\\u0000" in encoded:
        encoded = orjson.dumps(clean(value), option=_ODD_JSON)
    return encoded.replace(b"\\", b"\\\\").decode()


def partition_at(time: Instant | None) -> datetime:
    """Return the instant that decides the partition: the record's own, or the fixed sentinel."""
    return UNDATED if time is None or time.at is None else time.at


def partition_of(record: Record) -> datetime:
    """Return the instant that decides a document's partition.

    A mutable document lies where its time can't move it, since a new version must meet the old one.
    For the same reason a clock in the account's zone lies where it would in UTC: read in another
    zone, it is the same record.
    """
    time = record.time
    if record.mutable or time is None or time.at is None:
        return UNDATED
    if time.zone is ZoneSource.ACCOUNT and time.offset is not None:
        return time.at + timedelta(minutes=time.offset)
    return time.at


def _with_time(metadata: dict[str, Any], time: Instant | None) -> dict[str, Any]:
    """Return metadata with the time as it was written.

    Adds its offset in minutes, any doubt, and the source of its zone, where that does not follow
    from the rest.
    """
    if time is None:
        return metadata
    written: dict[str, Any] = {"text": time.text}
    if time.offset is not None:
        written["offset"] = time.offset
    if time.flag is not None:
        written["flag"] = time.flag
    if time.zone is not None and not (
        time.zone is ZoneSource.ASSUMED and time.flag == "zone_assumed"
    ):
        written["zone"] = time.zone
    return {**metadata, "time": written}


def own_key(key_hex: str) -> str:
    """Return a document's own key in letters; `in_letters` of the queries is the same."""
    return key_hex.translate(_LETTERS)


def _with_blob(record: Record, key_hex: str) -> dict[str, Any]:
    """Return all metadata, the names that sibling files added, and the stored bytes."""
    blob, metadata, added = record.blob, record.all_metadata, sorted(record.context_metadata)
    if record.own_identity:
        metadata, added = {**metadata, _OWN_KEY: own_key(key_hex)}, sorted({*added, _OWN_KEY})
    if added:
        metadata = {**metadata, _FROM_SIBLINGS: added}
    if blob is None:
        return metadata
    blob_fields = {
        "sha256": blob.sha256,
        "size": blob.size,
        "media_type": blob.media_type,
        "name": blob.name,
    }
    return {**metadata, "blob": blob_fields}


def _tagged(metadata: dict[str, Any], record: Record) -> dict[str, Any]:
    """Return metadata with what the privacy policy did, if anything."""
    return {**metadata, tag_name(metadata): record.privacy} if record.privacy else metadata


def document_line(
    record: Record, key_hex: str, slot: int, clean: Cleaner, repeat: tuple[str, int] | None = None
) -> tuple[str, bytes, datetime]:
    """Return a line for `stage_documents` without newline, its content hash, and its partition.

    The hash has 16 bytes and is the same for the same time, texts and metadata, whichever format
    read them and wherever in an export they lay. `partition_of` gives the partition. `repeat` is
    the key without its occurrence number, and that number.
    """
    time = record.time
    at = time.at if time is not None else None
    stamp = _stamp(at) if at is not None else None
    lies = partition_of(record)
    title = NULL if record.title is None else escape(record.title)
    content = NULL if record.content is None else escape(record.content)
    stored = own = json_field(_with_time(_hashed(record.metadata), time), clean)
    name = title
    if _stores_more(record):
        stored = json_field(_tagged(_with_time(_with_blob(record, key_hex), time), record), clean)
        if record.blob is not None and record.blob.name == record.title:
            name = NULL  # a file's name depends on where it lay, too
    meaning = _meaning(stamp, name, content, record.content_type, own)
    digest = blake2b(meaning, digest_size=16).digest()
    base, nth = (repeat[0], str(repeat[1])) if repeat else (NULL, NULL)
    line = "\t".join(
        (
            str(slot),
            record.data_type,
            record.source,
            record.record_type,
            key_hex,
            stamp if stamp and lies is at else _stamp(lies),
            stamp or NULL,
            title,
            content,
            escape(record.content_type),
            record.language or NULL,
            stored,
            digest.hex(),
            base,
            nth,
        )
    )
    return line, digest, lies


def _stores_more(record: Record) -> bool:
    """Tell whether more is stored as the metadata than is hashed of them."""
    more = (
        record.blob is not None or record.context_metadata or record.own_identity or record.privacy
    )
    return bool(more) or _FIELDS in record.metadata


def _hashed(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return metadata in the form that is hashed.

    The values in `fields` are hashed as if they were outside it, as in older lakes, so that a row
    of an older lake is the same row today.
    """
    fields = metadata.get(_FIELDS)
    if not isinstance(fields, dict):
        return metadata
    return {**fields, **{name: value for name, value in metadata.items() if name != _FIELDS}}


def _meaning(
    stamp: str | None, title: str, content: str, content_type: str, metadata: str
) -> bytes:
    """Return what distinguishes two versions of a record; all but the time as COPY fields."""
    fields = "\t".join((stamp or NULL, title, content, content_type, metadata))
    return fields.encode("utf-8", "replace")


def tag_name(metadata: Mapping[str, Any]) -> str:
    """Return the metadata name for what the privacy policy did.

    An export may use `privacy` for something of its own.
    """
    return "privacy" if "privacy" not in metadata else "privacy_policy"


def content_hash(row: Mapping[str, Any], metadata: Mapping[str, Any], clean: Cleaner) -> bytes:
    """Return the 16 bytes that `document_line` would give a stored document.

    `metadata` is the document's own, time included, but without the tag of the privacy policy.
    """
    at = row["source_timestamp"]
    stamp = at.astimezone(UTC).isoformat() if at is not None else None
    title, content = (NULL if row[n] is None else escape(row[n]) for n in ("title", "content"))
    if (metadata.get("blob") or {}).get("name") == row["title"]:
        title = NULL
    added = {"blob", _FROM_SIBLINGS, *metadata.get(_FROM_SIBLINGS, ())}
    own = {n: value for n, value in metadata.items() if n not in added}
    if REUSED in own.get("flags", ()):  # added by the load
        own["flags"] = [flag for flag in own["flags"] if flag != REUSED]
        own = {n: value for n, value in own.items() if n != "flags" or value}
    fields = json_field(_hashed(own), clean)
    meaning = _meaning(stamp, title, content, row["content_type"], fields)
    return blake2b(meaning, digest_size=16).digest()


def metric_line(metric: Metric, key_hex: str, slot: int, clean: Cleaner) -> str:
    """Return one line for `stage_metrics`, without its newline."""
    time, until = metric.time, metric.until
    at = time.at if time is not None else None
    end = until.at if until is not None else None
    return "\t".join(
        (
            str(slot),
            metric.source,
            key_hex,
            _stamp(at) if at is not None else _UNDATED,
            _stamp(end) if end is not None else NULL,
            escape(metric.name),
            repr(metric.value),
            escape(metric.unit),
            json_field(_with_time(metric.metadata, time), clean),
        )
    )


def location_line(point: Point, key_hex: str, slot: int, clean: Cleaner) -> str:
    """Return one line for `stage_locations`, without its newline."""
    time = point.time
    at = time.at if time is not None else None
    return "\t".join(
        (
            str(slot),
            point.source,
            key_hex,
            _stamp(at) if at is not None else _UNDATED,
            repr(point.latitude),
            repr(point.longitude),
            NULL if point.altitude_m is None else repr(point.altitude_m),
            NULL if point.accuracy_m is None else repr(point.accuracy_m),
            json_field(_with_time(point.metadata, time), clean),
        )
    )
