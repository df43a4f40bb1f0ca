"""Where personal data stands in a text, and how sure that is.

Patterns find what may be something; check digits, ranges and the words before it decide. Nothing
is guessed from randomness alone: a secret is known by its prefix, or by the word before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from itertools import islice
from typing import TypeAlias

import msgspec
import phonenumbers
from stdnum import iban, luhn, numdb

from pipeline.privacy import national_ids, prefilter
from schemas.privacy import Kind

#: Below it a finding is a guess: no tag, and no rule that does not ask for guesses.
SURE = 0.5

#: Whose numbers are tried where a number has no country code.
REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN")

#: How much of the text before a number may say what it is.
_CONTEXT = 40


class Finding(msgspec.Struct, frozen=True, gc=False):
    """One piece of personal data: the characters [start, end) of a text.

    `value` is how it is compared: the same for the same thing, however it is written.
    """

    kind: Kind
    start: int
    end: int
    confidence: float
    value: str


class _Text:
    """A text, and what stands before a place in it."""

    def __init__(self, text: str, hint: str, regions: tuple[str, ...]) -> None:
        self.text, self.regions = text, regions
        self._hint = f"{hint.replace('_', ' ')}: ".casefold() if hint else ""

    def before(self, start: int, most: int = _CONTEXT) -> str:
        """In small letters; what the field is called stands before its beginning."""
        near = self.text[max(0, start - most) : start].casefold()
        return self._hint + near if start < most else near

    def label(self, start: int) -> str:
        """The same of its own line; of those above it too, where it begins the line."""
        near = self.before(start)
        line = near.rpartition("\n")[2]
        return line if line.strip() else near


_Finder: TypeAlias = Callable[[_Text], Iterator[Finding]]


#: What no finding can do without; and what is a time and nothing else.
_ANYTHING = re.compile(r"[\d@:_]").search
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{5,15}(?:Z|[+-]\d\d:\d\d)?").fullmatch


#: What programs and keyboards put for a plain character, one for one: spaces that don't break,
#: hyphens and dashes, wide signs, digits of other scripts.
_ALIKE = str.maketrans(
    dict.fromkeys("\u00a0\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))), " ")
    | dict.fromkeys("\u2212\ufe63\uff0d" + "".join(map(chr, range(0x2010, 0x2016))), "-")
    | dict(zip("\uff08\uff09\uff0b\uff0e\uff0f\uff1a\uff20", "()+./:@", strict=True))
    | {chr(zero + n): str(n) for zero in (0x660, 0x6F0, 0x966, 0xFF10) for n in range(10)}
)


def find(text: str, *, hint: str = "", regions: tuple[str, ...] = REGIONS) -> list[Finding]:
    """All findings, which may overlap, in no order. `hint` is the name of the field it stands in.

    `regions` are ISO 3166 countries whose phone numbers are known without a country code.
    """
    if _ANYTHING(text) is None or _STAMP(text):
        return []
    plain = text if text.isascii() else text.translate(_ALIKE)
    finders = _known_finders(plain) if len(plain) <= _SHORT_TEXT else _finders(plain)
    if not finders:
        return []
    within = _Text(plain, hint, regions)
    found = [finding for finder in finders for finding in finder(within)]
    return found if len(found) < 2 else _without_echoes(found)


def _finders(plain: str) -> tuple[_Finder, ...]:
    """Those of whose clues the text holds one."""
    return tuple(_FINDERS[name] for name in prefilter.finders(plain.encode("utf-8", "replace")))


#: The names of fields, and much of what stands in them, are the same in record after record.
_SHORT_TEXT = 120
_known_finders = lru_cache(maxsize=8_192)(_finders)


def _without_echoes(found: list[Finding]) -> list[Finding]:
    """A number that is a card for sure is no phone number: what lies in a surer finding goes.

    Taken are marked letter by letter: the findings of one finder don't overlap, so that takes no
    longer than the text is long, however many there are.
    """
    ranked = sorted(found, key=lambda f: (-f.confidence, f.start - f.end))
    first = min((one.start for one in found), default=0)
    taken = bytearray(max((one.end for one in found), default=0) - first)
    kept: list[Finding] = []
    for one in ranked:
        start, end = one.start - first, one.end - first
        if taken.find(1, start, end) < 0:
            taken[start:end] = b"\1" * (end - start)
            kept.append(one)
    return kept


# --- e-mail addresses ------------------------------------------------------------------------

#: Chinese, Japanese and Korean stand before an address without a space.
_LOCAL = re.compile(r"(?:(?![\u3040-\u9fff\uac00-\ud7af])[\w.+%-]){1,64}\Z")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])")
#: `icon@2x.png` is a file.
_FILES = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "html", "php"})
_IDS = re.compile(r"message[- ]id|references|in[- ]reply[- ]to|conversation")


def _emails(within: _Text) -> Iterator[Finding]:
    text, at = within.text, -1
    while (at := text.find("@", at + 1)) >= 0:
        local = _LOCAL.search(text[max(0, at - 64) : at])
        domain = _DOMAIN.match(text, at + 1)
        if local is None or domain is None:
            continue
        name = local[0].lstrip(".-%")
        start, end = at - len(name), domain.end()
        if not name or name.endswith(".") or domain[0].rpartition(".")[2].lower() in _FILES:
            continue
        if name == "git" and text[end : end + 1] == ":":
            continue  # a repository
        sure = 0.2 if _IDS.search(within.before(start, 20)) else 0.95
        yield Finding(Kind.EMAIL, start, end, sure, text[start:end].casefold())


# --- numbers ---------------------------------------------------------------------------------

_NOT_DIGIT = re.compile(r"\D")
#: Where numbers begin.
_DIGIT = re.compile(r"\d(?<![\d]\d)")
_DIGIT_OR_BRACKET = re.compile(r"[\d(](?<!\d[\d(])")
_DEGREE = re.compile(r"[+\-\d](?<!\d[+\-\d])(?=[\d.])")
_LINK = re.compile(r"[g/@?&l](?=eo:|[@+\-\d]|q=|ll=|ce|da|sa|oc:)")
_WORD_START = re.compile(
    r"[pPaAsStTmMcCwWhHkKlLпП密パ비]"
    r"(?=ass|wd|pi|ec|ok|ot|on|en|ac|as|al|ö|ASS|WD|PI|EC|OK|OT|ON|EN|AC|AS|AL|Ö|ар|АР|码|ス|밀)"
)

_CARD = re.compile(
    r"(?<![\w.+-])(?:\d{4}([ .-])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?"
    r"|\d{4}([ .-])\d{6}\2\d{4,5}|\d{13,19})(?![\w-]|[.,]\d)"
)
#: Issuers' ranges by the first digits, and the lengths that they give out.
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


def _cards(within: _Text) -> Iterator[Finding]:
    for match in national_ids.starting(_DIGIT, _CARD, within.text):
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
    """By length and check digits: lists of banks are never complete."""
    return iban.is_valid(text, check_country=False)


@lru_cache(maxsize=1_024)
def _iban_length(country: str) -> int:
    """How many letters and digits a country's accounts have; 0 where it has none."""
    ((_, said), *_) = numdb.get("iban").info(country)
    parts = re.findall(r"(\d+)!", said.get("bban", ""))
    return 4 + sum(map(int, parts)) if parts else 0


def _ibans(within: _Text) -> Iterator[Finding]:
    """A country's accounts have one length, so of the texts that begin so one at most is valid."""
    for match in _IBAN.finditer(within.text):
        length = _iban_length(match[0][:2].upper())
        value = match[0].replace(" ", "").replace("-", "")[:length].upper()
        if len(value) < length or not length or not _is_iban(value):
            continue
        end = match.start() + _end_of(match[0], length)
        if not within.text[end : end + 1].isalnum():
            yield Finding(Kind.IBAN, match.start(), end, 0.98, value)


def _end_of(text: str, length: int) -> int:
    """The place behind `length` letters and digits of a text, blanks and hyphens not counted."""
    places = (at for at, letter in enumerate(text, 1) if letter not in " -")
    return next(islice(places, length - 1, None))


def _national_ids(within: _Text) -> Iterator[Finding]:
    for start, end, sure in national_ids.find(within.text, within.before):
        value = re.sub(r"[\W_]", "", within.text[start:end]).upper()
        yield Finding(Kind.NATIONAL_ID, start, end, sure, value)


# --- phone numbers ---------------------------------------------------------------------------

_SEPARATORS = r"[ ().\-/]{0,2}"
_INTERNATIONAL = re.compile(rf"(?<![\w+])(?:\+|00(?=[1-9]))\(?\d(?:{_SEPARATORS}\d){{6,14}}(?!\d)")
_NATIONAL = re.compile(rf"(?<![\w.,/=#&:+%@-])\(?\d(?:{_SEPARATORS}\d){{5,13}}(?!\w|[.,:/-]\d)")
_AMERICAN = re.compile(r"\(\d{3}\) ?\d{3}[-. ]\d{4}|(\d{3}([-.])\d{3}\2\d{4})")
_DATE_LIKE = re.compile(r"\d{4}([-./])\d\d?\1\d\d?|\d\d?([-./ ])\d\d?\2\d{4}\b|(?:19|20)\d\d ")
_DECIMAL = re.compile(r"\d+\.\d+")
_PHONE_WORDS = re.compile(
    r"phone|\btel\b|\btel[.:]|telef|t[ée]l[ée]|mobil|handy|\bcell|\bcall\b|\bfax|whats ?app|\bsms\b"
    r"|\bruf|anruf|m[óo]vil|celular|cellulare|portable|\bgsm\b|тел|电话|電話|手机|전화|☎|📞|📱|फ़ोन"
)


def _phones(within: _Text) -> Iterator[Finding]:
    for match in _INTERNATIONAL.finditer(within.text):
        if found := _international(within, match.start(), match[0]):
            yield found
    for match in national_ids.starting(_DIGIT_OR_BRACKET, _NATIONAL, within.text):
        sure, value = _national(within, match)
        if value:
            yield Finding(Kind.PHONE, match.start(), match.end(), sure, value)


def _international(within: _Text, start: int, text: str) -> Finding | None:
    """With its country code. What follows the number may look like more of it."""
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


def _national(within: _Text, match: re.Match[str]) -> tuple[float, str]:
    """How sure it is that a number without a country code is one to call, and its value."""
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
    """The number as E.164 if it can be given out there; else nothing."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(parsed):
        return ""
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


# --- machines --------------------------------------------------------------------------------

_V4 = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?!\w|[.-]\w)")
_V6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:]|\.\d)")
_VERSION_WORDS = re.compile(
    r"(?:version|ver|v|release|build|firmware|update|driver|section|§|kapitel|chapter|rev"
    r"|assembly|chrome|firefox|windows|oid|upgraded to|to)[ .:=]{0,3}\Z"
)
_IP_WORDS = re.compile(r"\bip|address|adresse|host|server|login|from\s?\Z|client|connect")


def _ips(within: _Text) -> Iterator[Finding]:
    for match in national_ids.starting(_DIGIT, _V4, within.text):
        if sure := _sure_of_ip(match[0], within.before(match.start(), 25)):
            yield Finding(Kind.IP, match.start(), match.end(), sure, match[0])


def _sure_of_ip(text: str, before: str) -> float:
    try:
        address = IPv4Address(text)
    except AddressValueError:
        return 0.0
    if address.is_unspecified or address.is_loopback or text.startswith("255."):
        return 0.0  # nobody's
    if _IP_WORDS.search(before):
        return 0.95
    if _VERSION_WORDS.search(before) or max(address.packed) < 20:
        return 0.2
    return 0.7


def _ips_of_six(within: _Text) -> Iterator[Finding]:
    for match in _V6.finditer(within.text):
        groups = [group for group in match[0].split(":") if group]
        if len(groups) < 3 or not any(c.isdigit() for c in match[0]):
            continue
        try:
            address = IPv6Address(match[0])
        except AddressValueError:
            continue
        yield Finding(Kind.IP, match.start(), match.end(), 0.9, str(address))


_MAC = re.compile(
    r"(?<![\w:-])[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}(?!\w|[:-][0-9A-Fa-f])"
)


def _macs(within: _Text) -> Iterator[Finding]:
    for match in _MAC.finditer(within.text):
        value = re.sub("[:-]", "", match[0]).lower()
        if value in ("0" * 12, "f" * 12):
            continue  # nobody's
        sure = 0.4 if match[1] == "-" and value.isdigit() else 0.95
        yield Finding(Kind.MAC, match.start(), match.end(), sure, value)


# --- secrets ---------------------------------------------------------------------------------

#: What begins so is a token of a known service; nothing else does.
_TOKENS = (
    ("AKIA", r"AKIA[0-9A-Z]{16}"),
    ("ASIA", r"ASIA[0-9A-Z]{16}"),
    ("gh", r"gh[pousr]_[0-9A-Za-z]{36,251}"),
    ("github_pat_", r"github_pat_\w{40,100}"),
    ("glpat-", r"glpat-[\w-]{20,64}"),
    ("sk-", r"sk-(?:proj-|ant-|live-)?[\w-]{20,200}"),
    ("k_live_", r"[rs]k_live_[0-9A-Za-z]{16,99}"),
    ("xox", r"xox[abeprs]-[0-9A-Za-z-]{10,250}"),
    ("AIza", r"AIza[\w-]{35}"),
    ("ya29.", r"ya29\.[\w-]{20,250}"),
    ("npm_", r"npm_[0-9A-Za-z]{36}"),
    ("pypi-AgE", r"pypi-AgE[\w-]{50,250}"),
    ("SG.", r"SG\.[\w-]{16,32}\.[\w-]{16,64}"),
    ("hf_", r"hf_[A-Za-z]{30,40}"),
    (":AA", r"\d{8,10}:AA[\w-]{33}"),
    ("AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
)
_PATTERNS = tuple((p, re.compile(rf"(?<![A-Za-z0-9_]){t}(?![A-Za-z0-9_])")) for p, t in _TOKENS)
#: A JSON Web Token. What begins like one and isn't is taken up to where it ends, so that no part of
#: it is looked at again for each `eyJ` within.
_WEB_TOKEN = re.compile(r"(?<![A-Za-z0-9_])eyJ[\w-]{8,}+(?P<rest>\.eyJ[\w-]{8,}+\.[\w-]*)?")
_KEY = re.compile(r"-----BEGIN ([A-Z ]{0,30}PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
_IN_URL = re.compile(r"://[^\s/:@]{1,64}:([^\s/:@]{3,128})@")


def _tokens(within: _Text) -> Iterator[Finding]:
    text = within.text
    for prefix, pattern in _PATTERNS:
        if prefix in text:
            for match in pattern.finditer(text):
                yield _secret(match, 0, 0.97)
    if "eyJ" in text:
        for match in _WEB_TOKEN.finditer(text):
            if match["rest"] is not None:
                yield _secret(match, 0, 0.97)
    if "PRIVATE KEY-----" in text:
        for match in _KEY.finditer(text):
            yield _secret(match, 0, 0.99)
    if "://" in text:
        for match in _IN_URL.finditer(text):
            yield _secret(match, 1, 0.98)


def _secret(match: re.Match[str], group: int, sure: float) -> Finding:
    start, end = match.span(group)
    return Finding(Kind.SECRET, start, end, sure, match[group])


_SAID = re.compile(
    r"(?:passwor[dt]|passwd|pwd|passphrase|api[_ -]?key|secret(?:[_ -]?(?:access[_ -]?)?key)?|token"
    r"|mot de passe|contraseña|senha|wachtwoord|hasło|пароль|密码|パスワード|비밀번호|kennwort"
    r"|lösenord|salasana)[\"']?(?: (?:is|ist|lautet|est|es|é))?\s{0,2}[:=：]?\s{0,2}[\"']?"
    r"(?P<value>[^\s\"'<>\[\](){}*•…,;]{6,128})",
    re.IGNORECASE,
)


def _passwords(within: _Text) -> Iterator[Finding]:
    """What follows the word for one, if it is no word itself."""
    for match in national_ids.starting(_WORD_START, _SAID, within.text):
        value = match["value"].rstrip(".!?")
        start = match.start("value")
        assigned = within.text[match.start() : start].rstrip(" \"'")[-1:] in ":=："
        mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
        if len(value) >= 6 and mixed and "://" not in value and "@" not in value[1:]:
            end = start + len(value)
            yield Finding(Kind.SECRET, start, end, 0.8 if assigned else 0.6, value)


# --- places and dates ------------------------------------------------------------------------

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


def _coordinates(within: _Text) -> Iterator[Finding]:
    for match in national_ids.starting(_LINK, _LINKED, within.text):
        if _on_earth(match):
            yield _place(match, match.start("lat"), 0.9)
    for match in national_ids.starting(_DEGREE, _PAIR, within.text):
        if _on_earth(match):
            named = _PLACE_WORDS.search(within.before(match.start()))
            fine = min(len(match[g].partition(".")[2]) for g in ("lat", "lon")) >= 4
            yield _place(match, match.start(), 0.9 if named else 0.7 if fine else 0.3)


def _on_earth(match: re.Match[str]) -> bool:
    return abs(float(match["lat"])) <= 90 and abs(float(match["lon"])) <= 180


def _place(match: re.Match[str], start: int, sure: float) -> Finding:
    value = f"{float(match['lat']):.5f},{float(match['lon']):.5f}"
    return Finding(Kind.COORDINATES, start, match.end(), sure, value)


def _degrees(within: _Text) -> Iterator[Finding]:
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
_MONTH_BEFORE = re.compile(r"[^\W\d_]{3,12}\.? \Z")


def _birth_dates(within: _Text) -> Iterator[Finding]:
    text = within.text
    for match in national_ids.starting(_DIGIT, _DATE, text):
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


# --- who looks where -------------------------------------------------------------------------

#: By the names that `clues` has for them.
_FINDERS: dict[str, _Finder] = {
    "emails": _emails,
    "cards": _cards,
    "ibans": _ibans,
    "national_ids": _national_ids,
    "phones": _phones,
    "ips": _ips,
    "ips_of_six": _ips_of_six,
    "macs": _macs,
    "tokens": _tokens,
    "passwords": _passwords,
    "coordinates": _coordinates,
    "degrees": _degrees,
    "birth_dates": _birth_dates,
}
