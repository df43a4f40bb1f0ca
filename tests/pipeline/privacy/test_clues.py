"""No finder may find what the first look does not see: texts are drawn out of its own patterns."""

from __future__ import annotations

import re

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.privacy import detectors, find_secrets, findings, national_ids
from pipeline.privacy.suspects import suspects

_SAID = {name: value.pattern for name, value in vars(detectors).items() if name in {
    "_CARD", "_IBAN", "_INTERNATIONAL", "_NATIONAL", "_AMERICAN", "_V4", "_V6", "_MAC", "_KEY",
    "_IN_URL", "_SAID", "_PAIR", "_LINKED", "_DMS", "_DATE",
}}  # fmt: skip
_SAID |= {"_ANY": national_ids._ANY.pattern, "_NINO": national_ids._NINO.pattern}
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
            assert suspects([b"{}", orjson.dumps({"x": said}), b"{}"]) == [1]

    check()
