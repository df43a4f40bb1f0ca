"""The vocabulary of personal data: its kinds, and the actions of a policy."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec


class Kind(StrEnum):
    """The kind of a piece of personal data. `plural` is the word in a receipt."""

    plural: str

    def __new__(cls, value: str, plural: str) -> Kind:
        """Make a member that equals its text and has the plural as an attribute."""
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


#: The kinds that only a language model finds; and those that rules find.
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
        """The word for the action in a receipt."""
        return _DONE[self]


_DONE = {
    Action.KEEP: "kept",
    Action.MASK: "masked",
    Action.HASH: "hashed",
    Action.DROP: "dropped",
}

#: How often what was done, {kind: {action: n}}: it reveals nothing of the values.
Done: TypeAlias = dict[str, dict[str, int]]


class ReadUnder(msgspec.Struct, frozen=True):
    """The policy under which content was read, by its fingerprint.

    Content enters the lake with one of these, and only while that policy is the present one.
    """

    policy: str


class Since(msgspec.Struct, frozen=True):
    """The turn of the stored rows before some of them were read.

    Data derived from them is valid only while the turn is the same.
    """

    turn: int
