"""What contacts of any address book have in common: who they are, and by which names and numbers.

The same person in a vCard and in a CSV of one address book is one contact, so both make the
identity here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
) -> list[dict[str, Any]]:
    """The contact as the vocabulary's people: one person, with all addresses and numbers."""
    mails = [address.strip().lower() for address in addresses]
    person = {
        "name": name,
        "address": next(iter(mails), None),
        "addresses": mails[1:],
        "phone": next(iter(phones), None),
        "phones": list(phones[1:]),
    }
    found = {key: value for key, value in person.items() if value}
    return [found] if found else []
