"""Find coordinates and dates of birth."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.privacy import prefilter
from pipeline.privacy.find_addresses import NUMBER_START
from pipeline.privacy.findings import Finding, Text, starting
from schemas.privacy import Kind

_DEGREE = re.compile(r"[+\-\d](?<!\d[+\-\d])(?=[\d.])")
_LINK = re.compile(r"[g/@?&l](?=eo:|[@+\-\d]|q=|ll=|ce|da|sa|oc:)")


_PAIR = re.compile(
    r"(?<![\w.,/-])(?<!\d, )(?P<lat>[+-]?\d{1,2}\.\d{3,15})\s?[,;/]\s{0,2}"
    r"(?P<lon>[+-]?\d{1,3}\.\d{3,15})"
    r"(?!\w|[.,]\s?[+-]?\d)"
)
_LINKED = re.compile(
    r"(?:geo:|[/@]@?|[?&](?:q|ll|center|query|daddr|saddr)=|loc:)"
    r"(?P<lat>[+-]?\d{1,2}\.\d{2,15}),(?P<lon>[+-]?\d{1,3}\.\d{2,15})(?!\.?\d)"
)
_DMS = re.compile(
    r"\d{1,2}°\s?\d{1,2}[′']\s?(?:\d{1,2}(?:\.\d+)?[″\"])?\s?[NS],?\s{0,2}"
    r"\d{1,3}°\s?\d{1,2}[′']\s?(?:\d{1,2}(?:\.\d+)?[″\"])?\s?[EWO]"
)
_PLACE_WORDS = re.compile(r"coord|koord|gps|\blat|locat|position|standort|ubicaci|posizion|\bgeo")


def coordinates(within: Text) -> Iterator[Finding]:
    """Find pairs of decimal degrees."""
    for match in starting(_LINK, _LINKED, within.text):
        if _on_earth(match):
            yield _place(match, match.start("lat"), 0.9)
    for match in starting(_DEGREE, _PAIR, within.text):
        if _on_earth(match):
            named = _PLACE_WORDS.search(within.before(match.start()))
            fine = min(len(match[g].partition(".")[2]) for g in ("lat", "lon")) >= 4
            yield _place(match, match.start(), 0.9 if named else 0.7 if fine else 0.3)


def _on_earth(match: re.Match[str]) -> bool:
    return abs(float(match["lat"])) <= 90 and abs(float(match["lon"])) <= 180


def _place(match: re.Match[str], start: int, sure: float) -> Finding:
    value = f"{float(match['lat']):.5f},{float(match['lon']):.5f}"
    return Finding(Kind.COORDINATES, start, match.end(), sure, value)


def degrees(within: Text) -> Iterator[Finding]:
    """Find pairs of degrees, minutes and seconds."""
    for match in _DMS.finditer(within.text):
        value = re.sub(r"\s", "", match[0])
        yield Finding(Kind.COORDINATES, match.start(), match.end(), 0.9, value)


_DATE = re.compile(
    r"(?<![\d.])(?:(?:18|19|20)\d\d[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\s?\d{1,2}[-./]\s?\d{2,4}"
    r"|\d{1,2}(?:st|nd|rd|th|er|\.)?(?: de)? [^\W\d_]{3,12}\.?,?(?: de| of)? (?:18|19|20)\d\d"
    r"|\d{1,2}(?:st|nd|rd|th)?,? (?:18|19|20)\d\d"
    r"|\d{4}\s?年\s?\d{1,2}\s?月\s?\d{1,2}\s?日|\d{4}년 ?\d{1,2}월 ?\d{1,2}일)(?!\d)"
)
_BORN = re.compile(
    r"\bborn\b|birth ?da(?:y|te)|date of birth|\bd\.?o\.?b\b|birth:|geboren|\bgeb\.|geburts"
    r"|\bnée? le\b|naissance|\bnacid[oa]\b|nacimiento|\bnat[oa] il\b|\bnat[oa] a\b|nascita"
    r"|\bnascid[oa]\b|nascimento|geboorte|\bfödd?\b|födelse|\bfødt?\b|fødsel|syntynyt|syntymä"
    r"|urodz|рожд|родил|doğum|生年月日|出生|生日|생년월일|जन्म|γέννησ|narozen|születés|תאריך לידה"
)
#: Wherever a word begins: what stands before a date may begin within one.
_BORN_ANYWHERE = prefilter.clue([_BORN.pattern.replace(r"\b", "")])
_MONTH_BEFORE = re.compile(r"[^\W\d_]{3,12}\.? \Z")


def birth_dates(within: Text) -> Iterator[Finding]:
    """Find dates after a word for a birth."""
    text = within.text
    if _BORN_ANYWHERE.search(within.folded()) is None:
        return
    for match in starting(NUMBER_START, _DATE, text):
        if not _BORN.search(within.before(match.start())):
            continue
        start = match.start()
        if re.fullmatch(r"\d{1,2}(?:st|nd|rd|th)?,? \d{4}", match[0]):
            month = _MONTH_BEFORE.search(text[max(0, start - 14) : start])
            if month is None:
                continue
            start -= len(month[0])
        value = re.sub(r"\W", "", text[start : match.end()]).casefold()
        yield Finding(Kind.BIRTH_DATE, start, match.end(), 0.9, value)
