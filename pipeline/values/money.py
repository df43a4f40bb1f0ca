"""Amounts of money as people read them."""

from __future__ import annotations

import re
from typing import Any

from babel.core import get_global

from pipeline.values.fields import in_ascii

_NUMBER = re.compile(r"[-+\u2212]?\s*\d[\d.,'\u2019\u066c\s]*")
_LONGEST = 200
#: A decimal as the lake stores it; and groups of digits, of two in India.
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
_GROUPED = re.compile(r"-?\d{1,3}(?:[.,]\d{2,3})*[.,]\d{3}", re.ASCII)
#: Flag of a record whose amount is in words, or can be read in two ways.
UNREADABLE = "amount_unreadable"
_OTHER = {".": ",", ",": "."}
_BELOW = re.compile(r"\s*(?:[-\u2212](?!\s*\d)|(?:DR|Dr|S)\b)")
_CODE = re.compile(r"(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])")
#: Signs that only one currency uses; `$`, `¥` and `kr` belong to several.
_SIGNS = {
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₩": "KRW",
    "₽": "RUB",
    "₺": "TRY",
    "₴": "UAH",
    "zł": "PLN",
    "US$": "USD",
    "R$": "BRL",
    "CA$": "CAD",
    "A$": "AUD",
}
#: Longer signs come first: `US$` contains `$`.
_BY_LENGTH = sorted(_SIGNS, key=len, reverse=True)
_SPACES = re.compile(r"[\s\u00a0\u202f'\u2019\u066c]")


def amount(text: str, currency: str | None = None, mark: str | None = None) -> dict[str, Any]:
    """Return the vocabulary's amount: value, currency and text.

    `€4,99` is `{"value": "4.99", "currency": "EUR", "text": "€4,99"}`. `value` is None where the
    number can be read in two ways or not at all, `currency` where the text names none for sure.
    `mark` is the decimal mark, where the surrounding texts show it.
    """
    plain = in_ascii(text)
    found = _NUMBER.search(plain) if len(plain) <= _LONGEST else None
    sure = currency or _currency(text)
    value = _decimal(found[0], sure, mark) if found else None
    if value and not value.startswith("-") and _negative(plain, found[0] if found else ""):
        value = f"-{value}"
    return {"value": value, "currency": sure, "text": text}


def without_unreadable(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return a record's metadata with an amount that is a decimal, or none under a flag.

    Returns the same object if the amount is good. The amount's `text` keeps what is written.
    """
    found = metadata.get("amount")
    if not isinstance(found, dict):
        return metadata
    value, text = found.get("value"), found.get("text")
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return metadata
    if value is None and not text:
        return metadata
    flags = sorted({*metadata.get("flags", ()), UNREADABLE})
    return {**metadata, "amount": {**found, "value": None}, "flags": flags}


def _currency(text: str) -> str | None:
    if code := _CODE.search(text):
        return code[0]
    return next((_SIGNS[sign] for sign in _BY_LENGTH if sign in text), None)


def decimal_mark(text: str) -> str | None:
    """Return the mark before the decimals of a sum, where its digits show it: `.` or `,`."""
    found = _NUMBER.search(text) if len(text) <= _LONGEST else None
    digits = _SPACES.sub("", found[0]).rstrip(".,") if found else ""
    marks = [c for c in digits if c in ".,"]
    if not marks:
        return None
    last = marks[-1]
    if len(marks) > 1:
        return _OTHER[last] if len(set(marks)) == 1 else last
    return last if _parts_decimals(digits, last) else None


def _parts_decimals(digits: str, mark: str) -> bool:
    """Tell whether the only mark of a number cannot separate thousands."""
    whole, _, decimals = digits.rpartition(mark)
    plain = whole.lstrip("+-\u2212")
    return len(decimals) != 3 or len(plain) > 3 or plain in ("", "0")


def _negative(text: str, number: str) -> bool:
    """Tell whether a sign or a word next to a number makes it negative: `12.00-`, `5 DR`.

    The dash of `12.-` is not a sign.
    """
    before, _, behind = text.partition(number)
    before = before.strip()
    if before[:1] in ("-", "\u2212", "(") or before[-1:] in ("-", "\u2212"):
        return True
    return number[-1:] not in (".", ",") and _BELOW.match(behind) is not None


def _decimal(number: str, currency: str | None, mark: str | None) -> str | None:
    """Return the number with a point; the last of two kinds of separator begins the decimals."""
    digits = _SPACES.sub("", number).replace("\u2212", "-").lstrip("+").rstrip(".,")
    marks = [c for c in digits if c in ".,"]
    if not marks:
        return digits
    last, several = marks[-1], len(set(marks)) > 1
    whole, _, decimals = digits.rpartition(last)
    if several:
        return f"{re.sub('[.,]', '', whole)}.{decimals}" if marks.count(last) == 1 else None
    if len(marks) > 1:
        return digits.replace(last, "") if _GROUPED.fullmatch(digits) else None
    if _parts_decimals(digits, last):
        return f"{whole}.{decimals}"
    if mark:
        return f"{whole}.{decimals}" if mark == last else whole + decimals
    places = _places(currency)
    return (
        f"{whole}.{decimals}" if places == 3 else whole + decimals if places is not None else None
    )


def _places(currency: str | None) -> int | None:
    """Return the number of decimals of a currency (CLDR); None for an unknown currency."""
    if currency is None:
        return None
    fractions = get_global("currency_fractions")
    return int(fractions.get(currency, fractions["DEFAULT"])[0])
