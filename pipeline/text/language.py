"""The language of a text: langdetect's answers on a text's own words, the same every time.

`langdetect_rs` gives the answers of `langdetect` bit for bit at about fifty times the speed; where
it does not import, `langdetect` answers itself. Both are seeded, since langdetect samples. A text
in several languages is judged by its sentences: the language with the most letters wins.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from pipeline.text.cleaning import unquoted

UNDETERMINED = "und"
"""ISO 639-2 for an undetermined language."""

LONGEST = 2_000
"""Characters of a text that the detector sees.

More of them don't change the answer of a text in one language, and a mail of megabytes would cost
as much as thousands of short ones.
"""

SEED = 0

#: A text in one language gets 0.9999 and more, a mixed one hardly ever.
_SURE = 0.99
#: Under twenty letters langdetect is sure and wrong ("ok" is Slovak to 0.99999).
_TWENTY_LETTERS = re.compile(r"(?:[\W\d_]*[^\W\d_]){20}")
#: Fewer letters suffice in scripts of one language (Greek, Hebrew, Thai, Kana, Hangul), and in
#: Chinese, whose letters are words.
_FIVE_LETTERS = re.compile(
    r"(?:[^\u0370-\u03ff\u0590-\u05ff\u0e00-\u0e7f\u3040-\u30ff\uac00-\ud7af]*"
    r"[\u0370-\u03ff\u0590-\u05ff\u0e00-\u0e7f\u3040-\u30ff\uac00-\ud7af]){5}"
    r"|(?:[^\u4e00-\u9fff]*[\u4e00-\u9fff]){8}"
)
_NO_LETTERS = re.compile(r"[\W\d_]+")
_LETTER = re.compile(r"[^\W\d_]")
#: "On Monday Ana wrote:", above a quotation; in any language.
_INTRODUCED = re.compile(r"(?:^|\n)[^\n>]{1,300}(?:\n[^\n>]{1,80})?:[ \t]*\r?\n(?=\s*>)")
#: What each of those ends with.
_QUOTE_BEGINS = re.compile(r":(?=[ \t]*\r?\n\s*>)")
#: The rule above a whole mail: "-----Original Message-----", in any language.
_PASSED_ON = re.compile(r"^-{5,} ?[^\W\d_][^\n-]{2,60} ?-{5,}[ \t]*\r?$", re.MULTILINE)
_SENTENCES = re.compile(r"[\n.!?。！？]+")
#: Addresses are in no language. A word that may be one, a link, and the end of a mail address.
_MAYBE_ADDRESS = re.compile(r"(?<!\S)[^\s@:.]*+[@:.]\S*+")
_LINK = re.compile(r"\b(?:https?://|www\.)\S+")
_TO_LAST_DOT = re.compile(r".*\.(?=\w)", re.DOTALL)
_REST_OF_WORD = re.compile(r"\w+")
#: Half of a character, which UTF-8 can't carry to the detector.
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")

Detector: TypeAlias = Callable[[str], str]


def detect(texts: Sequence[str]) -> list[str]:
    """Return the ISO 639-1 code of each text (`zh-cn` and `zh-tw` for Chinese), else `und`."""
    one = detector()
    return [one(text) for text in texts]


def of_conversations(
    texts: Sequence[str], detected: Sequence[str], conversations: Sequence[str | None]
) -> list[str]:
    """Return the languages, with a short message's taken from its conversation.

    A message that was too short gets the language of its conversation's messages taken together, as
    far as they are among these texts.
    """
    found = list(detected)
    short: dict[str, list[int]] = {}
    for at, name in enumerate(conversations):
        if name and detected[at] == UNDETERMINED:
            short.setdefault(name, []).append(at)
    if not short:
        return found
    beginnings = _together(texts, conversations, short.keys())
    for name, places in short.items():
        answer = detector()(beginnings[name])
        for at in places:
            found[at] = answer
    return found


def _together(
    texts: Sequence[str], conversations: Sequence[str | None], wanted: Collection[str]
) -> dict[str, str]:
    """Return the beginning of each wanted conversation's texts, a line each, up to `LONGEST`."""
    beginnings = dict.fromkeys(wanted, "")
    for text, name in zip(texts, conversations, strict=True):
        if name in beginnings and len(beginnings[name]) < LONGEST:
            beginnings[name] += text[:LONGEST] + "\n"
    return beginnings


@lru_cache(maxsize=1)
def detector() -> Detector:
    """Return the fast detector where it imports, else the plain one; loaded on the first call."""
    try:
        return fast_detector()
    except ImportError:
        return plain_detector()


def fast_detector() -> Detector:
    """Return langdetect_rs. Raises ImportError where it has no wheel.

    Its `detect_batch` gains nothing on a worker's single thread, and its thread pool would not
    survive a fork; so texts are passed one by one.
    """
    import langdetect_rs  # noqa: PLC0415 - optional, and loads 55 profiles

    langdetect_rs.DetectorFactory.seed = SEED
    return _guarded(langdetect_rs.detect_langs, langdetect_rs.LangDetectException)


def plain_detector() -> Detector:
    """Return langdetect, which is in Python."""
    import langdetect  # noqa: PLC0415 - only where the fast one is missing

    langdetect.DetectorFactory.seed = SEED
    return _guarded(langdetect.detect_langs, langdetect.LangDetectException)


def _guarded(answers: Callable[[str], list[Any]], no_features: type[Exception]) -> Detector:
    def best(text: str) -> tuple[str, float]:
        """Return the likeliest language of a text, and its probability from 0 to 1."""
        try:
            found = answers(text)
        except no_features:
            return UNDETERMINED, 1.0
        return (found[0].lang, found[0].prob) if found else (UNDETERMINED, 1.0)

    def detect_one(text: str) -> str:
        text = _own_words(text[:LONGEST])
        if not _is_long_enough(text):
            return UNDETERMINED
        if not text.isascii():
            text = _LONE_SURROGATE.sub("\ufffd", text)
        found, sure = best(text)
        return found if sure >= _SURE else _most_letters(text, best) or found

    return detect_one


def _is_long_enough(text: str) -> bool:
    if _TWENTY_LETTERS.match(text):
        return True
    return not text.isascii() and _FIVE_LETTERS.match(text) is not None


def _own_words(text: str) -> str:
    """Return the text without addresses, quotations, forwarded parts and signature.

    If that leaves no word, only addresses are removed.
    """
    if "@" in text or "://" in text or "www." in text:
        text = _MAYBE_ADDRESS.sub(_without_address, text)
    if "\n" not in text:
        return text
    own = unquoted(_PASSED_ON.split(_without_introductions(text), maxsplit=1)[0])
    return own if _LETTER.search(own) else text


def _without_introductions(text: str) -> str:
    """Return what `_INTRODUCED.sub("\\n", text)` gives.

    The pattern is tried only where it may match: `sub` tries it at each letter of a line.
    """
    parts: list[str] = []
    at = 0
    for colon in _QUOTE_BEGINS.finditer(text):
        line = text.rfind("\n", 0, colon.start())
        above = text.rfind("\n", 0, max(line, 0))
        for start in (max(above, 0), max(line, 0)):
            if start >= at and (found := _INTRODUCED.match(text, start)):
                parts += (text[at:start], "\n")
                at = found.end()
    return "".join((*parts, text[at:]))


def _without_address(found: re.Match[str]) -> str:
    """Return a word without the link or the mail address in it.

    Written by hand, since a single regular expression (signs, `@`, signs, a dot) takes time that
    grows with the third power of the word's length.
    """
    word = found[0]
    end = _end_of_mail_address(word)
    if end and not _LINK.match(word):
        return " " + _LINK.sub(" ", word[end:])
    return _LINK.sub(" ", word)


def _end_of_mail_address(word: str) -> int:
    """Return the end of a mail address, after its last dot before a letter or digit; or 0."""
    dotted = _TO_LAST_DOT.match(word)
    if dotted is None or word.rfind("@", 1, max(1, dotted.end() - 2)) < 0:
        return 0
    rest = _REST_OF_WORD.match(word, dotted.end())
    return rest.end() if rest else 0


def _most_letters(text: str, best: Callable[[str], tuple[str, float]]) -> str | None:
    """Return the language of the most letters, by sentences; None for fewer than two sentences."""
    sentences = [one for one in _SENTENCES.split(text) if _is_long_enough(one)]
    if len(sentences) < 2:
        return None
    letters: Counter[str] = Counter()
    for sentence in sentences:
        letters[best(sentence)[0]] += len(_NO_LETTERS.sub("", sentence))
    letters.pop(UNDETERMINED, None)
    return letters.most_common(1)[0][0] if letters else None
