"""The first scan for personal data: which texts hold a clue for one of the finders.

Most texts hold nothing, and finders are slow. RE2 scans for the clues of all finders in one pass,
in time that is linear in the length of any text. A text with a clue may hold nothing in the
end; a text without a finder's clue holds nothing that it would find.

Clues are searched in UTF-8: in a text, or in many JSON documents, a line each. None crosses the end
of a line except to test what precedes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Protocol

import re2


class _Match(Protocol):
    def end(self) -> int:
        """Return the position of the byte after the match."""


class Clue(Protocol):
    """A pattern that RE2 compiled."""

    def search(self, text: bytes, pos: int | None = None) -> _Match | None:
        """Return the first match from `pos` on."""


class _Clues(Protocol):
    """Several clues that RE2 looks for in one pass."""

    def Match(self, text: bytes) -> list[int] | None:  # noqa: N802 - RE2's name
        """Return the numbers of those that match, in no order."""


def _options() -> re2.Options:
    options = re2.Options()
    options.never_capture, options.max_mem, options.log_errors = True, 16 << 20, False
    return options


def _either(patterns: Iterable[str]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)


def clue(patterns: Iterable[str]) -> Clue:
    """Compile patterns of which any may match."""
    compiled: Clue = re2.compile(_either(patterns), _options())
    return compiled


def _clues(patterns: Iterable[str]) -> _Clues:
    compiled = re2.Set.SearchSet(_options())
    for pattern in patterns:
        compiled.Add(pattern)
    compiled.Compile()
    several: _Clues = compiled
    return several


#: Between two digits of a number; where a number begins: not within a word.
_BETWEEN = r"[ ().\-/\x{a0}]{0,3}"
_START = r"(?:^|\W)"
_MORE = rf"(?:{_BETWEEN}[0-9])"

#: What `re` takes for blanks; those that JSON escapes are six characters where `suspects` looks.
_BLANKS = r"(?:[\s\x{b}\x{1c}-\x{1f}]|[^\x{0}-\x{7f}]){0,12}"

_AT = ("@",)
_LONG = (rf"{_START}[0-9]{_MORE}{{8}}",)
#: A number of fewer digits may be a phone's where it stands alone, or as a number of JSON. Ids in
#: the addresses of pages don't count; a number that goes on after a sign is a time or a version.
_SHORT = (
    rf"""(?:^|[^\w./=#&:+%@-]|":)[0-9]{_MORE}{{5,13}}(?:[^\w.:/-]|[.:/-](?:[^0-9]|$)|$)""",
    rf"\+\(?[0-9]{_MORE}{{6}}",
)
#: Shapes of national ids that are not nine digits, as in `national_ids`, and begin with a letter.
_LETTERED = (
    r"[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z]",
    r"[A-Z]{4}[0-9]{6}[HM]",
    r"[XYZ]-?[0-9]{7}",
    r"[A-Z]{5}[0-9]{4}[A-Z]",
    r"[A-Z]{2}(?: ?[0-9]{2}){3} ?[A-D]",
)
#: And such as begin with a digit.
_DIGITAL = (
    r"[12](?: ?[0-9]){4} ?[0-9][AB] ?[0-9]{3}",
    r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9kK]",
    r"[0-9]{6,8}[-+A-FYXWVU][0-9]{3}[0-9A-Y]",
    r"[0-9]{7,8}-?[A-Z]",
)
_LETTERED_IDS, _DIGITAL_IDS = (
    tuple(rf"(?:^|[^\w-])(?:{shape})" for shape in shapes) for shapes in (_LETTERED, _DIGITAL)
)
#: What `re` takes for a sign of a word, or a hyphen.
_SIGN = r"(?:[\w-]|[^\x{0}-\x{7f}])"
_TOKENS = (
    r"(?:^|[^0-9A-Za-z_])(?:AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|sk-|[rs]k_live_|xox[abeprs]-"
    rf"|AIza|ya29\.|npm_|pypi-AgE|SG\.|hf_|eyJ|AGE-SECRET-KEY-){_SIGN}{{8}}",
    rf"(?:[0-9]|[^\x{{0}}-\x{{7f}}]):AA{_SIGN}{{20}}",
    "PRIVATE KEY",
    r"://[^\s/:@]+:[^\s/:@]+@",
)
_PASSWORDS = (
    r"(?i:pass|pwd|secret|token|api|contrase|senha|wachtwoord|hasło|пароль|密码|パスワード|비밀번호"
    r"|kennwort|lösenord|salasana)",
)
#: Dates with a year, except RFC 3339 times: nearly every record has one, and it is not personal.
_DATES = (
    rf"(?:^|[^0-9.])[0-9]{{1,2}}[-./]{_BLANKS}[0-9]{{1,2}}[-./]{_BLANKS}[0-9]{{2}}",
    r"[0-9]{4}[-./][0-9]{1,2}[-./][0-9]{1,2}(?:[^T0-9]|T[^0-9]|$)",
    r"[0-9][a-z.]{0,2},? (?:[^0-9\"\n]{2,24} )?(?:18|19|20)[0-9]{2}",
    rf"[0-9]{{4}}{_BLANKS}[年년]",
)
#: A date is personal after a word for a birth, which may be in the name of its field.
_BLANK = r"(?:[\s_]|[^\x{0}-\x{7f}])"
_BIRTHS = (
    rf"(?i:born|birth|d\W?o\W?b|geboren|geb\W|geburts|née?{_BLANK}le|nai(?:ss|ß)ance|nacid[oa]"
    rf"|nacimiento|nat[oa]{_BLANK}(?:il|a)|nascita|nascid[oa]|nascimento|geboorte|född?|födelse"
    r"|født?|fødsel|syntynyt|syntymä|urodz|рожд|родил|doğum|生年月日|出生|生日|생년월일|जन्म"
    r"|γέννησ|narozen|születés|תאריך לידה)",
)
_PAIRS = (rf"\.[0-9]{{2,15}}{_BLANKS}[,;/]{_BLANKS}[+-]?[0-9]{{1,3}}\.[0-9]{{2}}",)
_V4 = (r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",)
_V6 = (r"::|(?:[0-9A-Fa-f]{1,4}:){5}",)
_MACS = tuple(rf"[0-9A-Fa-f]{{2}}(?:{by}[0-9A-Fa-f]{{2}}){{5}}" for by in ":-")
_IBANS = (r"(?:^|[^0-9A-Za-z])[A-Za-z]{2}[0-9]{2}(?:[ \x{a0}-]?[0-9A-Za-z]){11}",)
_DEGREES = ("°",)
#: Characters that the finders read as plain ones, next to a digit or as one: JSON still has them.
_ODD = (
    r"[0-9)][\x{2000}-\x{200a}\x{2010}-\x{2015}\x{202f}\x{205f}\x{2212}\x{3000}\x{fe63}]",
    r"[\x{ff08}-\x{ff1a}\x{ff20}\x{660}-\x{669}\x{6f0}-\x{6f9}\x{966}-\x{96f}]",
)

#: What a text must hold for each finder.
_PATTERNS: dict[str, tuple[str, ...]] = {
    "emails": _AT,
    "cards": _LONG,
    "ibans": _IBANS,
    "digital_ids": _LONG + _DIGITAL_IDS,
    "lettered_ids": _LETTERED_IDS,
    "phones": _LONG + _SHORT,
    "ips": _V4,
    "ips_of_six": _V6,
    "macs": _MACS,
    "tokens": _TOKENS,
    "passwords": _PASSWORDS,
    "coordinates": _PAIRS,
    "degrees": _DEGREES,
    "birth_dates": _DATES,
}
_NAMES = tuple(_PATTERNS)
_CLUES = {finder: clue(patterns) for finder, patterns in _PATTERNS.items()}
_ANY = clue(dict.fromkeys(chain(*_PATTERNS.values(), _ODD)))
#: Most records have a date, and few a word for a birth.
_IN_RECORDS = clue(dict.fromkeys(chain(*{**_PATTERNS, "birth_dates": _BIRTHS}.values(), _ODD)))
_ALL = _clues(map(_either, (*_PATTERNS.values(), _ODD)))

#: A JSON text with a clue.
SUSPICIOUS = b'"@"'


def following(data: bytes, start: int) -> int:
    """Return the last byte of the next clue in the JSON of records from a place on, or -1."""
    match = _IN_RECORDS.search(data, start)
    return -1 if match is None else match.end() - 1


def finders(data: bytes) -> list[str]:
    """Return the names of the finders that have a clue in a text."""
    if _ANY.search(data) is None:
        return []
    if matched := _ALL.Match(data):
        return [_NAMES[n] for n in sorted(matched) if n < len(_NAMES)]
    # There is a clue: so the set ran out of memory, which it does not say.
    return [finder for finder, one in _CLUES.items() if one.search(data)]
