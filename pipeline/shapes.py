"""Whether a record has the types and shapes that it promises, whatever its export held.

JSON promises a format nothing: a name may be a list, a list a number. A format that passes such a
value on would end whoever writes it, or break a query; here it costs that one record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.records import Metric, Point, Record
from schemas.vocabulary import KEYS, RecordType, Shape

_PERSON = frozenset({"address", "phone", "handle", "name"})
_PLACE = frozenset({"name", "address", "id", "latitude", "longitude"})
_AMOUNT = frozenset({"value", "currency", "text"})
_FILE = frozenset({"name", "url"})


def wrong_type(record: Record | Point | Metric) -> str | None:
    """What of the record has another type than it promises, by name; None if all is well."""
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
    if record.record_type != RecordType.ROW:
        said = record.metadata
        for name in said:
            if name in _FITS and not _FITS[name](said[name]):
                return repr(name)
    return None


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
    Shape.OBJECTS: _objects,
}
_FITS = {name: _SHAPES[shape] for name, shape in KEYS.items()}
