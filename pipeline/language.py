"""Which language a text is in: langdetect's answers, the same ones every time.

`langdetect_rs` gives the answers of `langdetect` bit for bit at about fifty times the speed;
where it does not import, `langdetect` answers itself. Both are seeded, since langdetect samples.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

UNDETERMINED = "und"
"""ISO 639-2 for a language that can't be told."""

LONGEST = 2_000
"""Characters of a text that the detector sees. More of them don't change the answer of a text in
one language, and a mail of megabytes would cost as much as thousands of short ones."""

SEED = 0

#: Under twenty letters langdetect is sure and wrong ("ok" is Slovak to 0.99999).
_TWENTY_LETTERS = re.compile(r"(?:[\W\d_]*[^\W\d_]){20}")
#: Half of a character, which UTF-8 can't carry to the detector.
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")

Detector: TypeAlias = Callable[[str], str]


def detect(texts: Sequence[str]) -> list[str]:
    """The ISO 639-1 code of each text (`zh-cn` and `zh-tw` for Chinese), else `und`."""
    one = detector()
    return [one(text) for text in texts]


@lru_cache(maxsize=1)
def detector() -> Detector:
    """The fast detector where it imports, else the plain one; loaded on the first call."""
    try:
        return fast_detector()
    except ImportError:
        return plain_detector()


def fast_detector() -> Detector:
    """langdetect_rs. Raises ImportError where it has no wheel.

    Its `detect_batch` gains nothing on the one thread that a worker of many should take, and its
    thread pool would not live through a fork; so texts go one by one.
    """
    import langdetect_rs  # noqa: PLC0415 - optional, and loads 55 profiles

    langdetect_rs.DetectorFactory.seed = SEED
    return _guarded(langdetect_rs.detect, langdetect_rs.LangDetectException)


def plain_detector() -> Detector:
    """langdetect, in Python."""
    import langdetect  # noqa: PLC0415 - only where the fast one is missing

    langdetect.DetectorFactory.seed = SEED
    return _guarded(langdetect.detect, langdetect.LangDetectException)


def _guarded(answer: Callable[[str], str], no_features: type[Exception]) -> Detector:
    def detect_one(text: str) -> str:
        text = text[:LONGEST]
        if not _TWENTY_LETTERS.match(text):
            return UNDETERMINED
        if not text.isascii():
            text = _LONE_SURROGATE.sub("\ufffd", text)
        try:
            found = answer(text)
        except no_features:
            return UNDETERMINED
        return UNDETERMINED if found == "unknown" else found

    return detect_one
