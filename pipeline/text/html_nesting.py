"""Checks that an HTML parser takes linear time and little more memory than the text.

Five things make lexbor, like any parser that follows the standard, grow with the square of a page
or beyond all memory: elements within each other (100,000 `<div>` take 12 s); attributes of one tag
(20,000 take half a second); `<b>` and its like that nothing closes, since each later paragraph gets
a copy of all of them (2,000 times `<p><b x=1>`, each with another attribute, become 700 MB); names
of tags and attributes that are all different (200,000 take 24 s: lexbor's tables of names do not
grow); and very many tags. So a long page is scanned first, tag by tag, with quotes, comments and
scripts recognised as the parser does; in a short page none of this costs much.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import NamedTuple

#: A page of fewer characters is never too much.
_SHORT = 4_000
#: Most nodes that a page may become: each takes a third of a kilobyte.
_MOST_NODES = 300_000
#: Fewer tags than this are parsed in a fraction of a second, however they are nested.
_MANY_TAGS = 10_000
_DEEP = 500
_MOST_ATTRIBUTES = 500
#: A tag of fewer characters has fewer attributes than `_MOST_ATTRIBUTES`.
_LONG_TAG = 2 * _MOST_ATTRIBUTES

#: Different names of tags and attributes; HTML has some 300.
_MOST_NAMES = 20_000
#: A page of fewer characters has fewer names than `_MOST_NAMES`.
_LONG = 3 * _MOST_NAMES

#: Tags that are not closed, or need not be, and so say nothing of depth.
_OPEN_ENDED = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"),
        *("track", "wbr", "p", "li", "dt", "dd", "option", "optgroup", "tr", "td", "th", "thead"),
        *("tbody", "tfoot", "colgroup"),
    }
)
#: Elements that open anew in each paragraph until closed. At most one `a` and `nobr` is open.
_FORMATTING = frozenset(
    {"b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u"}
)
#: The standard keeps this many with the same attributes (its "Noah's Ark clause").
_ALIKE = 3

_OPENS_FORMATTING = re.compile(rf"<(?:{'|'.join(sorted(_FORMATTING))})[\s/>]", re.IGNORECASE)
_PLAIN_TAG = re.compile(r"</?[a-zA-Z][^>]*+")
#: The start of a quoted value that holds the sign that ends a tag.
_QUOTED_END = re.compile(r"""=\s*+(?:"[^">]*+>|'[^'>]*+>)""")

_NAME = r"[^\s/>][^\s/>=]*+"
_VALUE = r"""(?:\s*+=\s*+(?:"[^"]*+"?|'[^']*+'?|[^\s>]*+))?"""
_ATTRIBUTE = rf"[\s/]*+{_NAME}{_VALUE}"
_BETWEEN_NAMES = str.maketrans("</\"'", "    ")
_ONE_ATTRIBUTE = re.compile(rf"[\s/]*+({_NAME}){_VALUE}")
_TOKEN = re.compile(
    rf"""<!--(?:-?>|.*?(?:--!?>|\Z))
    |<(?P<raw>script|style|textarea|title|xmp|iframe|noembed|noframes)(?=[\s/>])
     (?:{_ATTRIBUTE})*+.*?(?:</(?P=raw)(?=[\s/>])|\Z)
    |<(?P<close>/?)(?P<name>[a-z][^\s/>]*+)(?P<attributes>(?:{_ATTRIBUTE})*+)
    |<[!?/][^>]*+""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


class _Tag(NamedTuple):
    closes: bool
    name: str
    attributes: str


def too_tangled(html: str) -> bool:
    """Tell whether a page needs something simpler than a parser."""
    if len(html) < _SHORT:
        return False
    tags = html.count("<")
    if tags > _MOST_NODES:
        return True
    if tags < _MANY_TAGS and not _looks_odd(html, tags):
        return False
    walk = _Walk(_DEEP if tags >= _MANY_TAGS else tags)
    return any(walk.is_too_much(tag) for tag in _tags(html))


def _looks_odd(html: str, tags: int) -> bool:
    """Return true for any page that could be too much, after a quick look."""
    if _QUOTED_END.search(html):
        return True
    if tags * tags > _MOST_NODES and tags * len(_OPENS_FORMATTING.findall(html)) > _MOST_NODES:
        return True
    found = _PLAIN_TAG.findall(html)
    if len(html) >= _LONG and _has_many_names(set(found)):
        return True
    return max(map(len, found), default=0) > _LONG_TAG


def _has_many_names(tags: AbstractSet[str]) -> bool:
    # A name begins a word, so a page of few words has few names; words are quick to count.
    words = "\n".join(tags).translate(_BETWEEN_NAMES).split()
    if len(words) <= _MOST_NAMES or len(set(words)) <= _MOST_NAMES:
        return False
    return len(_names(tag.lstrip("</") for tag in tags)) > _MOST_NAMES


def _names(attributes: Iterable[str]) -> set[str]:
    return {name for one in attributes for name in _ONE_ATTRIBUTE.findall(one)}


def _tags(html: str) -> Iterator[_Tag]:
    for found in _TOKEN.finditer(html):
        if found["name"]:
            yield _Tag(bool(found["close"]), found["name"].lower(), found["attributes"])


class _Walk:
    """What is open at a place of a page, and how many nodes it has become up to there."""

    def __init__(self, deepest: int) -> None:
        self._deepest = deepest
        self._nodes = self._depth = 0
        self._open = Counter[str]()
        self._formatting: dict[str, list[str]] = {name: [] for name in _FORMATTING}
        self._alike = Counter[tuple[str, str]]()
        self._copied = 0
        self._names = set[str]()
        self._attributes = set[str]()

    def is_too_much(self, tag: _Tag) -> bool:
        """Take the next tag; tell whether the page is now too much for a parser."""
        self._nodes += 1 + self._copied
        self._names.add(tag.name)
        if tag.attributes and tag.attributes not in self._attributes:
            self._attributes.add(tag.attributes)
            self._names.update(_names((tag.attributes,)))
        if tag.name in _FORMATTING:
            self._format(tag)
        elif tag.name not in _OPEN_ENDED:
            self._nest(tag)
        return (
            self._nodes > _MOST_NODES
            or self._depth > self._deepest
            or len(self._names) > _MOST_NAMES
            or (len(tag.attributes) > _LONG_TAG and _has_many(tag.attributes))
        )

    def _format(self, tag: _Tag) -> None:
        open_tags = self._formatting[tag.name]
        if tag.closes:
            if open_tags:
                self._alike[tag.name, open_tags.pop()] -= 1
                self._copied -= 1
        elif self._alike[tag.name, tag.attributes] < _ALIKE:
            self._alike[tag.name, tag.attributes] += 1
            open_tags.append(tag.attributes)
            self._copied += 1

    def _nest(self, tag: _Tag) -> None:
        if not tag.closes:
            self._open[tag.name] += 1
            self._depth += 1
        elif self._open[tag.name]:  # one that closes nothing is ignored
            self._open[tag.name] -= 1
            self._depth -= 1


def _has_many(attributes: str) -> bool:
    return sum(1 for _ in _ONE_ATTRIBUTE.finditer(attributes)) > _MOST_ATTRIBUTES
