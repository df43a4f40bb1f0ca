"""What contacts of any address book have in common: who they are, and by which names and numbers.

The same person in a vCard and in a CSV of one address book is one contact, so both make the
identity here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from schemas.errors import BadValue
from schemas.reasons import Reason


def identity(name: str, addresses: Sequence[str], phones: Sequence[str]) -> tuple[str, ...]:
    """Name, first mail address and first phone number; cards have no id of their own.

    Raises `BadValue(MISSING_FIELD)` where there is none of the three.
    """
    first = next(iter(addresses), "").strip().lower()
    found = (name.strip(), first, "" if first else next(iter(phones), "").strip())
    if not any(found):
        raise BadValue(Reason.MISSING_FIELD, "no name, mail address or phone number")
    return found


def people(
    name: str | None, addresses: Sequence[str], phones: Sequence[str]
) -> list[dict[str, str]]:
    """The contact as the vocabulary's people: one entry for each further address or number."""
    found: list[dict[str, str]] = []
    for address, phone in zip_longest(addresses, phones):
        one = {"name": name, "address": (address or "").strip().lower(), "phone": phone}
        found.append({key: value for key, value in one.items() if value})
    return found or ([{"name": name}] if name else [])
