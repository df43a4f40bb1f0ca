"""No finder may find what the first look does not see: texts are drawn out of its own patterns."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.privacy import (
    detectors,
    find_addresses,
    find_numbers,
    find_places,
    find_secrets,
    findings,
    national_ids,
    prefilter,
)
from pipeline.privacy.suspects import suspects

_PATTERNS: dict[ModuleType, tuple[str, ...]] = {
    find_addresses: ("_V4", "_V6", "_MAC"),
    find_numbers: ("_CARD", "_IBAN", "_INTERNATIONAL", "_NATIONAL", "_AMERICAN"),
    find_places: ("_PAIR", "_LINKED", "_DMS", "_DATE"),
    find_secrets: ("_KEY", "_IN_URL", "_NAMED_SECRET", "_WEB_TOKEN"),
    national_ids: ("_BY_LETTERS", "_BY_DIGITS", "_NINO"),
}
_SAID = {name: getattr(of, name).pattern for of, names in _PATTERNS.items() for name in names}
_SAID |= {prefix: pattern.pattern for prefix, pattern in find_secrets.PATTERNS}

#: What stands before decides for some, and the name of a field.
_BEFORE = (
    "",
    " ",
    "/",
    "=",
    ":",
    "?q=",
    "(",
    ",",
    "\\",
    "\t",
    "\x07",
    "x",
    "born ",
    "tel ",
    "bsn ",
)
_HINTS = ("", "phone", "birthday", "pesel")


def _found(text: str, hint: str) -> set[tuple[str, int, int]]:
    """By every finder, whatever the first look says."""
    plain = text if text.isascii() else text.translate(detectors._ALIKE)
    within = findings.Text(plain, hint, findings.REGIONS)
    found = [one for finder in detectors._FINDERS.values() for one in finder(within)]
    kept = detectors._without_echoes(found)
    return {(one.kind.value, one.start, one.end) for one in kept}


@pytest.mark.parametrize("name", sorted(_SAID))
def test_what_a_finder_finds_has_a_clue(name: str) -> None:
    # Digits and blanks of other scripts are read as plain ones before, and tested there.
    signs = [*map(chr, range(128)), *(sign for sign in _SAID[name] if not sign.isascii())]
    texts = st.from_regex(re.compile(_SAID[name]), alphabet=st.sampled_from(signs))

    @settings(
        max_examples=80, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(texts, st.sampled_from(_BEFORE), st.sampled_from(_HINTS))
    def check(text: str, before: str, hint: str) -> None:
        said = before + text
        if detectors._ANYTHING(said) is None or detectors._STAMP(said):
            return
        wanted = _found(said, hint)
        assert {(f.kind.value, f.start, f.end) for f in detectors.find(said, hint=hint)} == wanted
        if wanted:
            assert suspects([b"{}", orjson.dumps({hint or "x": said}), b"{}"]) == [1]

    check()


@settings(
    max_examples=500, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(
    st.from_regex(find_places._BORN, fullmatch=True),
    st.sampled_from((str.lower, str.upper, str.title)),
    st.sampled_from((" ", "\u00a0", "_", "")),
    st.booleans(),
)
def test_each_word_for_a_birth_is_a_clue_of_a_record(
    word: str, written: Callable[[str], str], blank: str, as_name: bool
) -> None:
    """A date alone is no clue: many records have one."""
    word = written(word).replace(" ", blank or " ")
    text, hint = ("1999-01-02", word) if as_name else (f"{word}{blank}: 1999-01-02", "")
    if any(kind == "birth_date" for kind, _, _ in _found(text, hint)):
        assert suspects([b"{}", orjson.dumps({hint or "x": text}), b"{}"]) == [1]
    assert suspects([b"{}", orjson.dumps({"x": "on 2 January 1999"}), b"{}"]) == []


#: Beginnings and ends of what finders look for, and what stands between them.
_PIECES = (
    *"0123456789", *" .-/()+:;,@#_\n", "00", "+49", "+1 (", "AB", "ABCD", "Y1234567", "é", "漢",
    "年", "٣", "१", "\u00a0", "–", "ß", "İ", "ſ", " born ", "airborn ",
    "née le 1 mai 1980", "geb. ",
    "12.03.1999", "1999-01-02", "tel ", "id number ", "ssn ", "4111 1111 1111 1111", "DE89",
    "370400440532013000", "://", "u:password@", "sk-", "eyJ", ":AA", "aa:bb:", "1.234.567-8",
    "123456-789A", "12345678Z", "QQ 12 34 56 C", "\ud800",
)  # fmt: skip


@settings(
    max_examples=300, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(st.lists(st.sampled_from(_PIECES), max_size=30).map("".join), st.sampled_from(_HINTS))
def test_a_text_of_pieces_gives_what_all_finders_give(said: str, hint: str) -> None:
    if detectors._ANYTHING(said) is None or detectors._STAMP(said):
        return
    assert {(f.kind.value, f.start, f.end) for f in detectors.find(said, hint=hint)} == _found(
        said, hint
    )


@settings(max_examples=300, database=None, derandomize=True)
@given(st.lists(st.sampled_from(_PIECES), max_size=30).map("".join))
def test_one_pass_tells_what_a_pass_for_each_finder_tells(said: str) -> None:
    data = said.encode("utf-8", "replace")
    each = [name for name, one in prefilter._CLUES.items() if one.search(data)]
    assert prefilter.finders(data) == each


def test_a_set_without_memory_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Exhausted:
        def Match(self, _text: bytes) -> None:
            return None

    monkeypatch.setattr(prefilter, "_ALL", Exhausted())
    assert prefilter.finders(b"write to ana@example.org") == ["emails"]
    assert prefilter.finders(b"nothing at all") == []
