"""Items of no product that we know: kept as they are, and nothing is guessed."""

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
    """A JSON value as a record: its names and values are `fields`; what is no object stands there
    under `value`.

    It is who its canonical text says: keys sorted, no white space. So the same value in another
    file or container, in another order of keys, or pretty-printed, is the same document. `content`
    repeats what stands in it, a line each under the name of its field, so that it is found by that.
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
        **standing_in(member, around),
    )


def standing_in(member: Member, around: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    """What a record says of the file that it stands in, as arguments of `Record`; with what stands
    above or around all rows of it.

    The same row in two files is one document. So the file is none of its own metadata, and all of
    them are found by what it is related to.
    """
    told = {"around": dict(around)} if around else {}
    return {"beside": {"file": member.path, **told}, "related": (in_file(member.path),)}


@lru_cache(maxsize=256)
def in_file(path: str) -> Related:
    """How a row stands to the table or list in the file of that path."""
    return Related(Relation.PART_OF, RecordType.DOCUMENT, ("file", path))


def apart(written: str, value: Any) -> tuple[str, ...]:
    """What tells an entry apart that is who its time says, where it has none: all that it says.

    Nothing where there is a time as it is `written`, so that it is who it was.
    """
    return () if written else (blake2b(canonical(value), digest_size=16).hexdigest(),)


def _lines(value: Any, name: str = "") -> Iterator[str]:
    """`field: what it says`, by name; the items of a list share theirs."""
    if isinstance(value, dict):
        for key, inner in sorted(value.items()):
            yield from _lines(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _lines(inner, name)
    elif value not in (None, ""):
        said = value if isinstance(value, str) else json.dumps(value)
        yield f"{name}: {said}" if name else said


def canonical(value: Any) -> bytes:
    """The JSON text of a value, the same for equal values; lone surrogates as they are."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "surrogatepass")
