"""What contacts of any address book share: their identity, their names and numbers.

The same person in a vCard and in a CSV of one address book is one contact, so both compute the
identity here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas.errors import BadValue
from schemas.reasons import Reason


def identity(name: str, addresses: Sequence[str], phones: Sequence[str]) -> tuple[str, ...]:
    """Return name, first mail address and first phone number; cards have no id of their own."""
    first = next(iter(addresses), "").strip().lower()
    found = (name.strip(), first, "" if first else next(iter(phones), "").strip())
    if not any(found):
        raise BadValue(Reason.MISSING_FIELD, "no name, mail address or phone number")
    return found


def people(
    name: str | None, addresses: Sequence[str], phones: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the contact in the vocabulary's form: one person, with all addresses and numbers."""
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
