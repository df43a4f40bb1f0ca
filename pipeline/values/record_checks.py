"""Checks that a record has the types and shapes that its format promises.

JSON promises a format nothing: a name may be a list, a list a number. Such a value would end the
process that writes it, or break a query; here it costs only that record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.records import Metric, Point, Record
from schemas.vocabulary import KEYS, Shape

#: Flag of a record with fields that are not as their names promise; they move to `fields`.
MISFIT = "field_unexpected"

_PERSON = frozenset({"address", "phone", "handle", "name"})
_PLACE = frozenset({"name", "address", "id", "latitude", "longitude"})
_AMOUNT = frozenset({"value", "currency", "text"})
_FILE = frozenset({"name", "url"})


def wrong_type(record: Record | Point | Metric) -> str | None:
    """Name the part of the record that has another type than it promises; None if all is well."""
    for text in record.identity:
        if not isinstance(text, str):
            return "the identity"
    return _wrong_in(record) if isinstance(record, Record) else None


def _wrong_in(record: Record) -> str | None:
    if record.title is not None and not isinstance(record.title, str):
        return "'title'"
    if record.content is not None and not isinstance(record.content, str):
        return "'content'"
    for related in record.related:
        if not _texts(related.identity):
            return "what it is related to"
    return None


def fitted(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return a record's metadata with each shared name in its shape; the same object if all are.

    An export may use such a name for something else, and a format may pass it on. That costs the
    field, which goes to `fields` under the same name and a flag, and never the record.
    """
    for name, value in metadata.items():
        if name in _FITS and not _FITS[name](value):
            return _without_misfits(metadata)
    return metadata


def _without_misfits(metadata: dict[str, Any]) -> dict[str, Any]:
    odd = {n: v for n, v in metadata.items() if n in _FITS and not _FITS[n](v)}
    fitting = {name: value for name, value in metadata.items() if name not in odd}
    fields = {**fitting.get("fields", {}), **odd}
    return {**fitting, "fields": fields, "flags": sorted({*fitting.get("flags", ()), MISFIT})}


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)


def _person(value: Any) -> bool:
    return isinstance(value, dict) and not _PERSON.isdisjoint(value)


def _people(value: Any) -> bool:
    return isinstance(value, list) and all(map(_person, value))


def _place(value: Any) -> bool:
    return isinstance(value, dict) and not _PLACE.isdisjoint(value)


def _amount(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() <= _AMOUNT


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, dict) for v in value)


def _files(value: Any) -> bool:
    return _objects(value) and not any(_FILE.isdisjoint(file) for file in value)


_SHAPES: dict[Shape, Callable[[Any], bool]] = {
    Shape.TEXT: _text,
    Shape.TEXTS: _texts,
    Shape.NUMBER: _number,
    Shape.FLAG: _flag,
    Shape.PERSON: _person,
    Shape.PEOPLE: _people,
    Shape.PLACE: _place,
    Shape.FILES: _files,
    Shape.AMOUNT: _amount,
    Shape.OBJECT: _object,
    Shape.OBJECTS: _objects,
}
_FITS = {name: _SHAPES[shape] for name, shape in KEYS.items()}
