"""National identification numbers: their shapes, and the checks of `python-stdnum`.

A distinctive shape counts by itself where its check digits hold; any other number counts where a
word before it names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Protocol

import msgspec

from pipeline.privacy import prefilter
from pipeline.privacy.findings import Finding, Text, starting, starting_at
from schemas.privacy import Kind


class Checker(Protocol):
    """The interface of a module of `stdnum`."""

    def is_valid(self, number: str) -> bool:
        """Tell whether digits, checksum and parts (such as a date) hold."""


class Scheme(msgspec.Struct, frozen=True):
    """One kind of number: `alone` is the confidence where no word names it."""

    module: str
    alone: float
    words: str

    def checker(self) -> Checker:
        """Return its module, imported when it is first needed."""
        checker: Checker = import_module(f"stdnum.{self.module}")
        return checker


#: The confidence where a word before the number names it.
NAMED = 0.9

_TAX = r"\btax\b|\btin\b|steuer|fiscal"

#: Shapes, the longest first; for each the schemes that have it.
_SHAPES: dict[str, tuple[str, tuple[Scheme, ...]]] = {
    "codice": (
        r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]",
        (Scheme("it.codicefiscale", 0.95, "codice|fiscale"),),
    ),
    "curp": (r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d", (Scheme("mx.curp", 0.95, "curp"),)),
    "nie": (r"[XYZ]-?\d{7}-?[A-Z]", (Scheme("es.nie", 0.85, r"\bnie\b|extranjero"),)),
    "pan": (r"[A-Z]{5}\d{4}[A-Z]", (Scheme("in_.pan", 0.4, r"\bpan\b|permanent account"),)),
    "ric": (r"\d{17}[\dX]", (Scheme("cn.ric", 0.85, "身份证|resident id"),)),
    "nir": (
        r"[12] ?\d\d ?\d\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d\d",
        (Scheme("fr.nir", 0.8, r"\bnir\b|s[ée]curit[ée] sociale|\binsee\b"),),
    ),
    "ahv": (r"756\.\d{4}\.\d{4}\.\d\d", (Scheme("ch.ssn", 0.95, r"\bahv\b|\bavs\b"),)),
    "belgian": (
        r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d",
        (Scheme("be.nn", 0.95, "rijksregister|registre national"),),
    ),
    "cpf": (r"\d{3}\.\d{3}\.\d{3}-\d\d", (Scheme("br.cpf", 0.95, r"\bcpf\b"),)),
    "rut": (r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]", (Scheme("cl.rut", 0.9, r"\brut\b"),)),
    "ssn": (
        r"\d{3}-\d\d-\d{4}",
        (Scheme("us.ssn", 0.75, r"\bssn\b|social security|" + _TAX),),
    ),
    "rrn": (r"\d{6}-\d{7}", (Scheme("kr.rrn", 0.85, "주민|resident"),)),
    "nordic": (
        r"(?:\d\d)?\d{6}[-+]\d{4}",
        (
            Scheme("se.personnummer", 0.7, "personnummer|person number"),
            Scheme("dk.cpr", 0.4, r"\bcpr\b"),
        ),
    ),
    "hetu": (r"\d{6}[-+A-FYXWVU]\d{3}[\dA-Y]", (Scheme("fi.hetu", 0.9, "hetu|henkil"),)),
    "dni": (r"\d{8}-?[A-Z]", (Scheme("es.dni", 0.8, r"\bdni\b|\bnif\b"),)),
    "pps": (r"\d{7}[A-W][A-IW]?", (Scheme("ie.pps", 0.4, r"\bpps"),)),
    "plain": (
        r"\d(?:[ .-]?\d){8,12}",
        (
            Scheme("pl.pesel", 0.0, "pesel"),
            Scheme("nl.bsn", 0.0, r"\bbsn\b|burgerservice|sofi"),
            Scheme("de.idnr", 0.0, r"steuer-?id|idnr|\bsteuerliche"),
            Scheme("no.fodselsnummer", 0.0, "f[øo]dselsnummer|personnummer"),
            Scheme("se.personnummer", 0.0, "personnummer"),
            Scheme("dk.cpr", 0.0, r"\bcpr\b"),
            Scheme("tr.tckimlik", 0.0, r"kimlik|\btckn\b"),
            Scheme("ro.cnp", 0.0, r"\bcnp\b"),
            Scheme("gb.nhs", 0.0, r"\bnhs\b"),
            Scheme("ca.sin", 0.0, r"\bsin\b|social insurance"),
            Scheme("au.tfn", 0.0, r"\btfn\b|tax file"),
            Scheme("in_.aadhaar", 0.0, "aadhaa?r|आधार"),
            Scheme("za.idnr", 0.0, r"\bid (?:number|no)|identity"),
            Scheme("at.vnr", 0.0, r"\bsvnr\b|sozialversicherung"),
            Scheme("ch.ssn", 0.0, r"\bahv\b|\bavs\b"),
            Scheme("be.nn", 0.0, "rijksregister|registre national"),
            Scheme("br.cpf", 0.0, r"\bcpf\b"),
            Scheme("pt.nif", 0.0, r"\bnif\b|contribuinte"),
            Scheme("us.ssn", 0.0, r"\bssn\b|social security"),
            Scheme("fr.nif", 0.0, r"num[ée]ro fiscal"),
            Scheme("il.idnr", 0.0, "תעודת זהות|teudat"),
        ),
    ),
}

#: Those that begin with a letter. None of the others begins within one of them, nor the reverse.
_LETTERED = ("codice", "curp", "nie", "pan")


def _either(names: Iterable[str]) -> re.Pattern[str]:
    shapes = "|".join(f"(?P<{name}>{_SHAPES[name][0]})" for name in names)
    return re.compile(rf"(?<![\w.,+/#-])(?:{shapes})(?![\w]|[-.,/+]\d)")


_BY_LETTERS = _either(_LETTERED)
_BY_DIGITS = _either(name for name in _SHAPES if name not in _LETTERED)
#: Where those may begin: with four capitals, or with one before digits.
_LETTERS = re.compile(r"[A-Z](?<![\w.,+/#-][A-Z])(?=[A-Z]{3}|-?\d)")
#: Where one of the words may stand, bounds of words aside.
_NAMES = prefilter.clue(
    dict.fromkeys(s.words.replace(r"\b", "") for _, named in _SHAPES.values() for s in named)
)

#: The United Kingdom has no check digit, but some letters are never issued.
_LETTER = re.compile(r"[A-Z](?<!\w[A-Z])(?=[A-Z] ?\d)")
_NINO = re.compile(
    r"(?<![\w-])(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
    r"(?: ?\d\d){3} ?[A-D](?!\w)"
)


def digital_ids(within: Text) -> Iterator[Finding]:
    """Yield the ids that begin with a digit."""
    matches = starting_at(within.numbers(), _BY_DIGITS, within.text)
    return _rated(within, matches)


def lettered_ids(within: Text) -> Iterator[Finding]:
    """Yield the ids that begin with a letter."""
    yield from _rated(within, starting(_LETTERS, _BY_LETTERS, within.text))
    for match in starting(_LETTER, _NINO, within.text):
        yield _finding(match, 0.8)


def _rated(within: Text, matches: Iterable[re.Match[str]]) -> Iterator[Finding]:
    for match in matches:
        _, schemes = _SHAPES[match.lastgroup or ""]
        context = within.before(match.start())
        if _NAMES.search(context.encode("utf-8", "replace")) is None:
            context = ""
        if sure := max(_sure(scheme, match[0], context) for scheme in schemes):
            yield _finding(match, sure)


def _finding(match: re.Match[str], sure: float) -> Finding:
    value = re.sub(r"[\W_]", "", match[0]).upper()
    return Finding(Kind.NATIONAL_ID, match.start(), match.end(), sure, value)


def _sure(scheme: Scheme, number: str, context: str) -> float:
    named = bool(context) and re.search(scheme.words, context) is not None
    if not (named or scheme.alone) or not _holds(scheme, number):
        return 0.0
    return NAMED if named else scheme.alone


def _holds(scheme: Scheme, number: str) -> bool:
    """Tell whether its check accepts the number.

    Some checks look up a part of it without testing that it exists: the county in `stdnum.cn.ric`.
    """
    try:
        return scheme.checker().is_valid(number)
    except LookupError:
        return False
