"""Items of no product that we know: kept as they are, and nothing is guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import orjson

from schemas.records import DataType, Record
from schemas.vocabulary import RecordType


def row(value: Any, source: str) -> Record:
    """A JSON value as a record; what is no object stands under `value`.

    It is who its canonical text says: keys sorted, no white space. So the same value in another
    file or container, in another order of keys, or pretty-printed, is the same document. `content`
    repeats what stands in it, a line each under the name of its field, so that it is found by that.
    """
    return Record(
        data_type=DataType.STRUCTURED,
        source=source,
        record_type=RecordType.ROW,
        identity=(blake2b(canonical(value), digest_size=32).hexdigest(),),
        content="\n".join(_lines(value)) or None,
        content_type="application/json",
        metadata=value if isinstance(value, dict) else {"value": value},
    )


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
