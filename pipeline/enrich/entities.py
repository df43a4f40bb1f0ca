"""The people, places and links in a record, by the names of the vocabulary.

Formats do not know entities; they use the shared names (`sender`, `attendees`, `place`, `links`),
and this module reads those. An entity's key is made of its kind and its value alone, so that it is
the same in every import and needs no lookup. A value in another shape than its name promises (from
an older lake, or after the privacy policy) is ignored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
import phonenumbers

from schemas.records import Record
from schemas.vocabulary import KEYS, RecordType, Shape

#: Most mentions of one record; a mail to 20,000 people says little about them.
_MOST = 200
_NAME_CHARS = 200

_PEOPLE = tuple(n for n, shape in KEYS.items() if shape in (Shape.PERSON, Shape.PEOPLE))
_PLACES = tuple(name for name, shape in KEYS.items() if shape is Shape.PLACE)
#: A visit or a bookmark is its address; only texts between people hold links.
_LINKED = frozenset({RecordType.MESSAGE, RecordType.POST, RecordType.COMMENT, RecordType.NOTE})
_NAMED = frozenset({*_PEOPLE, *_PLACES, "links"})
_SPACE = re.compile(r"\s+")


class Mention(msgspec.Struct, frozen=True, gc=False):
    """One entity in one record. `key` has 16 bytes; `value` is in the form for comparison."""

    key: bytes
    role: str
    kind: str
    value: str
    name: str | None = None


def mentions(record: Record) -> Iterator[Mention]:
    """Return the entities of a record, each once a role.

    A person is identified by mail address, phone number, handle (with the service) or, where the
    export gives no more, by name (with the service). A person object with several of them gives
    several mentions; their place in one contact makes them one person.
    """
    metadata = record.all_metadata
    return iter(()) if _NAMED.isdisjoint(metadata) else _once(_all(record, metadata))


def _once(found: Iterable[Mention]) -> Iterator[Mention]:
    seen: set[tuple[bytes, str]] = set()
    for mention in found:
        if len(seen) >= _MOST:
            return
        if (mention.key, mention.role) not in seen:
            seen.add((mention.key, mention.role))
            yield mention


def _all(record: Record, found: Mapping[str, Any]) -> Iterator[Mention]:
    service = record.source.partition(".")[0]
    for role in _PEOPLE:
        for person in _objects(found.get(role)):
            yield from _person(role, person, service)
    for role in _PLACES:
        for place in _objects(found.get(role)):
            yield from _place(role, place, service)
    if record.record_type in _LINKED and isinstance(links := found.get("links"), list | tuple):
        yield from _links(links)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the object, or the objects of a list."""
    if value:
        several = value if isinstance(value, list | tuple) else (value,)
        yield from (one for one in several if isinstance(one, dict))


def _person(role: str, person: Mapping[str, Any], service: str) -> Iterator[Mention]:
    name = _tidy(person.get("name"))
    identifiers = list(_identifiers(person, service))
    if not identifiers and name:
        identifiers = [("person_name", f"{service}:{name.casefold()}")]
    for kind, value in identifiers:
        yield _mention(role, kind, value, name)


def _identifiers(person: Mapping[str, Any], service: str) -> Iterator[tuple[str, str]]:
    """Yield an address, a phone number, a handle; a contact may have several of the first two."""
    for address in _several(person, "address", "addresses"):
        yield "address", address.casefold()
    for phone in _several(person, "phone", "phones"):
        yield "phone", _phone(phone)
    for handle in _several(person, "handle", "handles"):
        yield "handle", f"{service}:{handle}"


def _several(person: Mapping[str, Any], one: str, many: str) -> Iterator[str]:
    others = person.get(many)
    for value in (person.get(one), *(others if isinstance(others, list | tuple) else ())):
        if tidy := _tidy(value):
            yield tidy


def _place(role: str, place: Mapping[str, Any], service: str) -> Iterator[Mention]:
    name = _tidy(place.get("name")) or _tidy(place.get("address"))
    if own := _tidy(place.get("id")):
        yield _mention(role, "place", f"{service}:{own}", name)
    elif name:
        yield _mention(role, "place", name.casefold(), name)


def _links(links: Iterable[Any]) -> Iterator[Mention]:
    for link in links:
        if tidy := _tidy(link):
            yield _mention("link", "link", tidy, None)


@lru_cache(maxsize=65_536)
def _phone(number: str) -> str:
    """Return a number with its country in E.164; any other as its digits."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return re.sub(r"\D", "", number) or number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _tidy(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    # Surrogates and NUL can't be stored, and they are never part of a name.
    text = _SPACE.sub(" ", value.encode("utf-8", "replace").decode().replace("\x00", " ")).strip()
    return unicodedata.normalize("NFC", text)[:_NAME_CHARS] or None


def _mention(role: str, kind: str, value: str, name: str | None) -> Mention:
    return Mention(entity_key(kind, value), role, kind, value, name)


def entity_key(kind: str, value: str) -> bytes:
    """Return 16 bytes that are always the same for the same entity."""
    return blake2b(f"{kind}\x1f{value}".encode(), digest_size=16).digest()
