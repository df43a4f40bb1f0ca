"""Items of unknown products: they are kept unchanged, and nothing is guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

from schemas.files import Member
from schemas.records import NOTHING, DataType, Record, Related
from schemas.vocabulary import RecordType, Relation


def row(value: Any, source: str, member: Member, around: Mapping[str, Any] = NOTHING) -> Record:
    """Return a JSON value as a record: its names and values are `fields`.

    A value that is not an object is under `fields.value`. Its canonical text is the identity: keys
    sorted, no white space. So the same value in another file or container, with another order of
    keys, or pretty-printed, is the same document. `content` repeats the values, a line each under
    the name of its field, so that a search finds them.
    """
    fields = value if value and isinstance(value, dict) else {"value": value}
    return Record(
        data_type=DataType.STRUCTURED,
        source=source,
        record_type=RecordType.ROW,
        identity=(blake2b(canonical(value), digest_size=32).hexdigest(),),
        content="\n".join(_lines(value)) or None,
        content_type="application/json",
        metadata={"fields": fields},
        **file_context(member, around),
    )


def file_context(member: Member, around: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    """Return arguments of `Record` that name the file of a row, and values outside all rows.

    The same row in two files is one document. So the file is not part of its own metadata, and its
    relations lead to all files.
    """
    context = {"around": dict(around)} if around else {}
    return {
        "context_metadata": {"file": member.path, **context},
        "related": (in_file(member.path),),
    }


@lru_cache(maxsize=256)
def in_file(path: str) -> Related:
    """Return the relation of a row to the table or list in the file of that path."""
    return Related(Relation.PART_OF, RecordType.DOCUMENT, ("file", path))


def undated_key(written: str, value: Any) -> tuple[str, ...]:
    """Return an identity for an entry without a time: all its values.

    Return nothing if `written`, its time, exists, so that its identity stays the same.
    """
    return () if written else (blake2b(canonical(value), digest_size=16).hexdigest(),)


def _lines(value: Any, name: str = "") -> Iterator[str]:
    """Yield `field: value`, sorted by name; the items of a list share its name."""
    if isinstance(value, dict):
        for key, inner in sorted(value.items()):
            yield from _lines(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _lines(inner, name)
    elif value not in (None, ""):
        text = value if isinstance(value, str) else json.dumps(value)
        yield f"{name}: {text}" if name else text


def canonical(value: Any) -> bytes:
    """Return the JSON text of a value, the same for equal values; lone surrogates stay."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "surrogatepass")
