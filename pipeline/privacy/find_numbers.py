"""Find numbers of cards, accounts, national registers and phones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

import phonenumbers
from stdnum import iban, luhn, numdb

from pipeline.privacy.findings import Finding, Text, starting, starting_at
from schemas.privacy import Kind

_NOT_DIGIT = re.compile(r"\D")

_CARD = re.compile(
    r"(?<![\w.+-])(?:\d{4}([ .-])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?"
    r"|\d{4}([ .-])\d{6}\2\d{4,5}|\d{13,19})(?![\w-]|[.,]\d)"
)
#: Issuers' ranges by the first digits, and the lengths that they issue.
_ISSUERS = (
    (re.compile(r"4"), (13, 16, 19)),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"6011|64[4-9]|65"), (16, 19)),
    (re.compile(r"30[0-5]|309|36|38|39"), (14,)),
    (re.compile(r"35(?:2[89]|[3-8])"), (16,)),
    (re.compile(r"62"), (16, 17, 18, 19)),
    (re.compile(r"220[0-4]"), (16,)),
    (re.compile(r"50|5[6-8]|6[37]"), (16, 18, 19)),
)
_CARD_WORDS = re.compile(
    r"card|karte|carte|tarjeta|carta|cart[ãa]o|karta|kort|visa|master|amex|maestro|карт|卡|カード"
)
_OTHER_WORDS = re.compile(
    r"order|bestell|track|sendung|invoice|rechnung|imei|isbn|ean\b|serial|artikel|ticket|booking"
    r"|commande|pedido|ordine|reference|\bid\b|\bsku|barcode|account number|session"
)


def cards(within: Text) -> Iterator[Finding]:
    """Find numbers of payment cards by issuer, length and check digit."""
    for match in starting_at(within.numbers(), _CARD, within.text):
        digits = _NOT_DIGIT.sub("", match[0])
        if not any(p.match(digits) and len(digits) in n for p, n in _ISSUERS):
            continue
        if len(set(digits)) < 2 or not luhn.is_valid(digits):
            continue
        before = within.before(match.start())
        if _CARD_WORDS.search(before):
            sure = 0.99
        elif _OTHER_WORDS.search(within.label(match.start())):
            sure = 0.4
        else:
            sure = 0.95 if len(match[0]) > len(digits) else 0.8
        yield Finding(Kind.CARD, match.start(), match.end(), sure, digits)


_IBAN = re.compile(r"(?<![^\W_])[A-Z]{2}\d\d(?:[ -]?[A-Z\d]){11,30}", re.IGNORECASE)


def _is_iban(text: str) -> bool:
    """Check length and check digits: lists of banks are never complete."""
    return iban.is_valid(text, check_country=False)


@lru_cache(maxsize=1_024)
def _iban_length(country: str) -> int:
    """Return how many letters and digits a country's accounts have; 0 where it has none."""
    ((_, facts), *_) = numdb.get("iban").info(country)
    parts = re.findall(r"(\d+)!", facts.get("bban", ""))
    return 4 + sum(map(int, parts)) if parts else 0


def ibans(within: Text) -> Iterator[Finding]:
    """Find IBANs.

    A country's IBANs have one length, so at most one of the texts with one start is valid.
    """
    for match in _IBAN.finditer(within.text):
        length = _iban_length(match[0][:2].upper())
        value = match[0].replace(" ", "").replace("-", "")[:length].upper()
        if len(value) < length or not length or not _is_iban(value):
            continue
        end = match.start() + _end_of(match[0], length)
        if not within.text[end : end + 1].isalnum():
            yield Finding(Kind.IBAN, match.start(), end, 0.98, value)


def _end_of(text: str, length: int) -> int:
    """Return the place after `length` letters and digits of a text, without blanks and hyphens."""
    places = (at for at, letter in enumerate(text, 1) if letter not in " -")
    return next(islice(places, length - 1, None))


_SEPARATORS = r"[ ().\-/]{0,2}"
_INTERNATIONAL_START = re.compile(r"[+0](?<![\w+][+0])(?=[0(\d])")
_INTERNATIONAL = re.compile(rf"(?<![\w+])(?:\+|00(?=[1-9]))\(?\d(?:{_SEPARATORS}\d){{6,14}}(?!\d)")
_NATIONAL = re.compile(rf"(?<![\w.,/=#&:+%@-])\(?\d(?:{_SEPARATORS}\d){{5,13}}(?!\w|[.,:/-]\d)")
_AMERICAN = re.compile(r"\(\d{3}\) ?\d{3}[-. ]\d{4}|(\d{3}([-.])\d{3}\2\d{4})")
_DATE_LIKE = re.compile(r"\d{4}([-./])\d\d?\1\d\d?|\d\d?([-./ ])\d\d?\2\d{4}\b|(?:19|20)\d\d ")
_DECIMAL = re.compile(r"\d+\.\d+")
_PHONE_WORDS = re.compile(
    r"phone|\btel\b|\btel[.:]|telef|t[ée]l[ée]|mobil|handy|\bcell|\bcall\b|\bfax|whats ?app|\bsms\b"
    r"|\bruf|anruf|m[óo]vil|celular|cellulare|portable|\bgsm\b|тел|电话|電話|手机|전화|☎|📞|📱|फ़ोन"
)


def phones(within: Text) -> Iterator[Finding]:
    """Find phone numbers, with and without a country code."""
    for match in starting(_INTERNATIONAL_START, _INTERNATIONAL, within.text):
        if found := _international(within, match.start(), match[0]):
            yield found
    for match in starting_at(within.numbers(), _NATIONAL, within.text):
        sure, value = _national(within, match)
        if value:
            yield Finding(Kind.PHONE, match.start(), match.end(), sure, value)


def _international(within: Text, start: int, text: str) -> Finding | None:
    """Return an international number. The text after it may look like more of it."""
    for _ in range(3):
        number = "+" + _NOT_DIGIT.sub("", text).removeprefix("00" if text[0] == "0" else "")
        if value := _valid(number, None):
            sure = 0.95 if text[0] == "+" or _PHONE_WORDS.search(within.before(start)) else 0.7
            return Finding(Kind.PHONE, start, start + len(text), sure, value)
        shorter = re.sub(r"[ ().\-/]+\d+\Z", "", text)
        if shorter == text:
            break
        text = shorter
    if text[0] == "+" and _PHONE_WORDS.search(within.before(start)):
        return Finding(Kind.PHONE, start, start + len(text), 0.6, number)
    return None


def _national(within: Text, match: re.Match[str]) -> tuple[float, str]:
    """Return how sure it is that a number without a country code is one to call, and its value."""
    text, digits = match[0], _NOT_DIGIT.sub("", match[0])
    if _DATE_LIKE.match(text) or _DECIMAL.fullmatch(text):
        return 0.0, ""
    if _PHONE_WORDS.search(within.before(match.start(), 25)):
        if value := _valid_in(within.regions, digits):
            return 0.85, value
        return (0.6, digits) if len(digits) >= 7 else (0.0, "")
    bare = len(digits) == len(text)
    if not bare and not _OTHER_WORDS.search(within.label(match.start())):
        if _AMERICAN.fullmatch(text) and "US" in within.regions:
            return 0.7, _valid(digits, "US")
        if digits[0] == "0" and digits[1] != "0" and len(digits) > 8:
            return 0.6, _valid_in(within.regions, digits)
    return 0.0, ""


def _valid_in(regions: tuple[str, ...], digits: str) -> str:
    return next((value for region in regions if (value := _valid(digits, region))), "")


@lru_cache(maxsize=65_536)
def _valid(number: str, region: str | None) -> str:
    """Return the number as E.164 if it can be given out there; else nothing."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(parsed):
        return ""
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
