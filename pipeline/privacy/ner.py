"""Find names in the texts of records with language models, next to what the rules find.

Texts of many records are passed at once, each once: most are short, and a model reads a batch of
short texts several times as fast as one by one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pipeline.ports import Name, Names
from pipeline.privacy.findings import Finding
from schemas.privacy import Kind

#: The names in the texts that have any.
NerResult: TypeAlias = Mapping[str, Sequence[Name]]
Spans: TypeAlias = list[tuple[int, int]]

#: One word of ASCII in small letters, or one with more than letters: an id, a type, an address, the
#: name of a file. Models take such words for names, and a record may need them as they are.
_CODE = re.compile(r"(?:[a-z]+|(?=\S*[\d_/@\\=#%~$|*^{}\[\]+])[!-~]+)\Z")
#: A time as mail writes it (RFC 5322).
_TIME = re.compile(
    r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(?::\d\d)?"
    r"(?: [+-]\d{4}| \(?[A-Z]+\)?)*\Z"
)
_LETTER = re.compile(r"[^\W\d_]")
#: A single letter of ASCII is not a name; one of Chinese may be.
_NAME = re.compile(r"[^\W\d_][\W\d_]*[^\W\d_]|(?![a-zA-Z])[^\W\d_]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
#: The text that replaces a finding that was hashed or dropped.
_MARK = re.compile(rf"\[(?:{'|'.join(kind.value for kind in Kind)})(?::[a-p]{{20}}| removed)\]")
_FIRST_TO_LAST = re.compile(r"[^\W_](?:.*[^\W_])?", re.DOTALL)


def strings(value: Any) -> Iterator[str]:
    """Yield every text in a JSON-able value, without the names of its fields."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from strings(one)


def find_names(
    names: Names, records: Iterable[tuple[str | None, Iterable[str]]]
) -> list[NerResult]:
    """Return the names in the texts of each record; `records` are their languages and texts.

    A record in a language without a model has none.
    """
    asked: list[tuple[str, list[str]]] = []
    known: dict[str, dict[str, Sequence[Name]]] = {}
    for language, texts in records:
        model = names.reads(language)
        worded = [] if model is None else [text for text in texts if _has_words(text)]
        asked.append((model or "", worded))
        known.setdefault(model or "", {}).update(dict.fromkeys(worded, ()))
    for model, findings_of in known.items():
        if findings_of:
            plain = [_LONE_SURROGATE.sub("\ufffd", text) for text in findings_of]
            findings_of.update(zip(list(findings_of), names.find(plain, model), strict=True))
    return [{t: found for t in worded if (found := known[model][t])} for model, worded in asked]


def _has_words(text: str) -> bool:
    return not (_CODE.match(text) or _TIME.match(text)) and _LETTER.search(text) is not None


def names_as_findings(
    text: str, names: Sequence[Name], found: Sequence[Finding]
) -> Iterator[Finding]:
    """Yield the names as findings that overlap none of `found`.

    A rule knows better than a model.
    """
    marks = [match.span() for match in _MARK.finditer(text)]
    taken = _merged(sorted([*((one.start, one.end) for one in found), *marks]))
    ends = [end for _, end in taken]
    for name in names:
        for start, end in _free_parts(name.start, name.end, taken, ends):
            yield from _finding(text, name, start, end)


def _merged(spans: Spans) -> Spans:
    """Return spans in order that do not overlap, over the same places."""
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _free_parts(at: int, last: int, taken: Spans, ends: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the free parts of [at, last); `ends` are the ends of the taken spans."""
    for n in range(bisect_right(ends, at), len(taken)):
        start, end = taken[n]
        if start >= last:
            break
        if start > at:
            yield at, start
        at = max(at, end)
    if at < last:
        yield at, last


def _finding(text: str, name: Name, start: int, end: int) -> Iterator[Finding]:
    """Yield the words there, without the signs around them and an English genitive's ending.

    A name is the same in any case and with any blanks.
    """
    match = _FIRST_TO_LAST.search(text, start, end)
    if match is None or _NAME.search(match[0]) is None:
        return
    words = match[0].removesuffix("'s").removesuffix("’s")
    value = " ".join(words.split()).casefold()
    yield Finding(name.kind, match.start(), match.start() + len(words), name.confidence, value)
