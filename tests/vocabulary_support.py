"""Holds a record to `schemas.vocabulary`: shared by the contract tests."""

from __future__ import annotations

from typing import Any

from schemas.records import Record
from schemas.vocabulary import KEYS, REQUIRED, RecordType, Shape

_PERSON = {"address", "phone", "handle", "name"}
_PLACE = {"name", "address", "id", "latitude", "longitude"}


def misspoken(record: Record) -> list[str]:
    """What is wrong with a record's words; empty if nothing is."""
    wrong = [
        f"{name}: not a {KEYS[name]}"
        for name, value in record.metadata.items()
        if name in KEYS and record.record_type != RecordType.ROW and not _fits(KEYS[name], value)
    ]
    if record.record_type not in set(RecordType):
        return [*wrong, f"no record type {record.record_type}"]
    needed = REQUIRED.get(RecordType(record.record_type), ())
    missing = [g for g in needed if not any(record.metadata.get(name) for name in g)]
    return [*wrong, *(f"none of {', '.join(group)}" for group in missing)]


def _fits(shape: Shape, value: Any) -> bool:
    match shape:
        case Shape.TEXT:
            return isinstance(value, str)
        case Shape.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Shape.FLAG:
            return isinstance(value, bool)
        case Shape.TEXTS:
            return isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)
        case Shape.PERSON:
            return isinstance(value, dict) and bool(_PERSON & value.keys())
        case Shape.PLACE:
            return isinstance(value, dict) and bool(_PLACE & value.keys())
        case Shape.AMOUNT:
            return isinstance(value, dict) and {"value", "currency", "text"} >= value.keys()
        case Shape.PEOPLE:
            return isinstance(value, list) and all(_fits(Shape.PERSON, v) for v in value)
        case Shape.FILES:
            return isinstance(value, list) and all("name" in v or "url" in v for v in value)
        case Shape.OBJECTS:
            return isinstance(value, list) and all(isinstance(v, dict) for v in value)
