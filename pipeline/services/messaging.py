"""What the formats of chats and networks share: small parts of a record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pipeline.values.fields import StableNames, non_empty
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import Record, Rejection, Related
from schemas.vocabulary import KEYS, RecordType, Relation, Shape

_NAMES = StableNames()


def rest(fields: Mapping[str, Any], taken: Iterable[str]) -> dict[str, Any]:
    """Return the other fields that are not empty, under names in snake case.

    A field whose name means something else in the lake (`description` that is an object) becomes
    `exported_description`.
    """
    others = {_NAMES[name]: value for name, value in fields.items() if name not in taken}
    return non_empty({_own(name, value): value for name, value in others.items()})


_PLAIN: dict[Shape, tuple[type, ...]] = {
    Shape.TEXT: (str,),
    Shape.FLAG: (bool,),
}


def _own(name: str, value: Any) -> str:
    shape = KEYS.get(name)
    # `record_checks.fitted` handles a value that is not a number
    if shape is None or shape is Shape.NUMBER:
        return name
    return name if type(value) in _PLAIN.get(shape, ()) else f"exported_{name}"


def key(fields: Mapping[str, Any], name: str) -> str:
    """Return a text or whole number that identifies something, as text. Raises `BadValue`."""
    value = fields.get(name)
    if type(value) is int or (isinstance(value, str) and value):
        return str(value)
    if value is None or value == "":
        raise BadValue(Reason.MISSING_FIELD, f"no field {name!r}")
    raise BadValue(Reason.BAD_SHAPE, f"{name!r} is neither a text nor a whole number")


#: Fields of a rich text that are words for people; a nesting that no real one reaches.
_WORDS = frozenset(
    {"text", "title", "content", "caption", "summary", "question", "credit", "author", "fallback"}
    | {"alt_text", "pretext", "value", "label", "description", "plain_text", "formula", "email"}
)
_DEEPEST = 40


def spoken(value: Any, level: int = 0) -> str:
    """Return the words of a rich text: nested lists and objects whose innermost values are texts.

    One list of texts is a line; all others are lines below each other.
    """
    if isinstance(value, str):
        return value
    if level > _DEEPEST:
        return ""
    if isinstance(value, list):
        parts = [spoken(one, level + 1) for one in value]
        inline = all(isinstance(one, str) or _is_inline(one) for one in value)
        return "".join(parts) if inline else "\n".join(filter(None, parts))
    if isinstance(value, dict):
        parts = [
            spoken(inner, level + 1)
            for name, inner in value.items()
            if not isinstance(inner, str) or name in _WORDS
        ]
        return "\n".join(filter(None, parts))
    return ""


def _is_inline(value: Any) -> bool:
    """Return whether it is a text with a mark, such as bold, and not a block."""
    return isinstance(value, dict) and isinstance(value.get("text"), str)


def person(name: str | None = None, handle: str | int | None = None) -> dict[str, Any] | None:
    """Return a person by name and by the service's key; None if neither is known."""
    return non_empty({"handle": None if handle is None else str(handle), "name": name}) or None


def attempt(make: Callable[[], Record]) -> Record | Rejection:
    """Return the record, or its rejection, for an item that holds more than this record."""
    try:
        return make()
    except BadValue as bad:
        return Rejection(reason=bad.reason, detail=bad.detail)
    except KeyError as missing:
        # A key is a field's name in the code, never content of the record.
        return Rejection(reason=Reason.MISSING_FIELD, detail=f"no field {missing}")
    except (TypeError, ValueError, AttributeError) as error:
        return Rejection(reason=Reason.BAD_SHAPE, detail=type(error).__name__)


def in_conversation(*identity: str) -> tuple[Related, ...]:
    """Return the relation of a message to its conversation; none without a name."""
    if not any(identity):
        return ()
    return (Related(Relation.IN_CONVERSATION, RecordType.CONVERSATION, identity),)


def reply_to(*identity: str, kind: str = RecordType.MESSAGE) -> tuple[Related, ...]:
    """Return the relation of a reply to the record that it answers."""
    return (Related(Relation.REPLY_TO, kind, identity),)
