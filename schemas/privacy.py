"""The words in which personal data is spoken of: its kinds, and what is done about it."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec


class Kind(StrEnum):
    """What a piece of personal data is. `plural` is how a receipt counts it."""

    plural: str

    def __new__(cls, value: str, plural: str) -> Kind:
        """A member is its text; the plural stands beside it."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.plural = plural
        return member

    EMAIL = "email", "e-mail addresses"
    PHONE = "phone", "phone numbers"
    CARD = "card", "payment cards"
    IBAN = "iban", "bank accounts"
    NATIONAL_ID = "national_id", "national ids"
    IP = "ip", "IP addresses"
    MAC = "mac", "MAC addresses"
    SECRET = "secret", "secrets"
    COORDINATES = "coordinates", "coordinates"
    BIRTH_DATE = "birth_date", "dates of birth"
    PERSON = "person", "names of people"
    PLACE = "place", "names of places"
    ORGANISATION = "organisation", "names of organisations"


#: What only a language model tells; and what rules of our own find.
BY_MODEL = frozenset({Kind.PERSON, Kind.PLACE, Kind.ORGANISATION})
BY_RULE = frozenset(Kind) - BY_MODEL


class Action(StrEnum):
    """What a policy does with a finding, from the mildest to the strictest."""

    KEEP = "keep"
    MASK = "mask"
    HASH = "hash"
    DROP = "drop"

    @property
    def done(self) -> str:
        """The word for it in a receipt."""
        return _DONE[self]


_DONE = {
    Action.KEEP: "kept",
    Action.MASK: "masked",
    Action.HASH: "hashed",
    Action.DROP: "dropped",
}

#: How often what was done, {kind: {action: n}}: it says nothing of the values.
Done: TypeAlias = dict[str, dict[str, int]]


class ReadUnder(msgspec.Struct, frozen=True):
    """The policy under which something was read, by its fingerprint. Content comes into the lake
    with one of these, and only while that policy is the present one."""

    policy: str


class Since(msgspec.Struct, frozen=True):
    """The turn of the stored rows that was seen before some of them were read: what is made of
    them is of use only while it is the same."""

    turn: int
