"""Read the paragraphs of a part of an office document, in one pass of expat."""

from __future__ import annotations

from typing import NamedTuple
from xml.parsers import expat

from pipeline.documents.office_package import Package, Unreadable


class Grammar(NamedTuple):
    """How an XML vocabulary writes text, by names without their prefix (`skipped`: or with it).

    `lines` are paragraphs, `texts` the elements with their words (None: anything in a paragraph),
    `marks` the elements for a character.
    """

    lines: frozenset[str]
    texts: frozenset[str] | None
    marks: dict[str, str]
    skipped: frozenset[str]


OOXML = Grammar(
    lines=frozenset({"p"}),
    texts=frozenset({"t", "text"}),
    marks={"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"},
    skipped=frozenset(
        # text that was deleted or moved away, the older copy of a drawing, properties
        {"del", "moveFrom", "Fallback", "pPr", "rPr", "tblPr", "sectPr", "instrText", "delText"}
    ),
)


SHARED_STRINGS = Grammar(frozenset({"si"}), frozenset({"t"}), {}, frozenset({"rPh", "rPr"}))


OPEN_DOCUMENT = Grammar(
    lines=frozenset({"p", "h"}),
    texts=None,
    marks={"tab": "\t", "line-break": "\n", "s": " "},
    skipped=frozenset(
        {"tracked-changes", "note-citation", "binary-data", "event-listeners", "settings"}
        | {"dc:creator", "dc:date", "meta:creator-initials", "loext:sender-initials"}
    ),
)


class Parser:
    """An expat parser that resolves nothing outside and accepts no document type."""

    def __init__(self) -> None:
        self.expat = expat.ParserCreate()
        self.expat.buffer_text = True
        self.expat.StartElementHandler = self.start
        self.expat.EndElementHandler = self.end
        self.expat.CharacterDataHandler = self.data
        self.expat.EntityDeclHandler = self._refuse

    def parse(self, data: bytes) -> None:
        """Parse a whole part. Raises `ExpatError` if it is not well-formed."""
        self.expat.Parse(data, True)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Handle the beginning of an element."""

    def end(self, name: str) -> None:
        """Handle the end of an element."""

    def data(self, chars: str) -> None:
        """Handle text within an element."""

    def _refuse(self, *_: object) -> None:
        raise Unreadable("broken")


class _Words(Parser):
    """The paragraphs of a part, in the order of their beginnings."""

    def __init__(self, grammar: Grammar) -> None:
        super().__init__()
        self._grammar = grammar
        self._lines: list[list[str]] = []
        self._open: list[int] = []
        self._skipped = self._within = 0

    def of(self, data: bytes) -> list[str]:
        self.parse(data)
        return ["".join(pieces) for pieces in self._lines]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local, grammar = name.rpartition(":")[2], self._grammar
        if self._skipped or local in grammar.skipped or name in grammar.skipped:
            self._skipped += 1
        elif local in grammar.lines:
            self._open.append(len(self._lines))
            self._lines.append([])
        elif local in grammar.marks:
            self._say(grammar.marks[local] * _times(attributes.get("text:c", "1")))
        elif grammar.texts and local in grammar.texts:
            self._within += 1

    def end(self, name: str) -> None:
        local, grammar = name.rpartition(":")[2], self._grammar
        if self._skipped:
            self._skipped -= 1
        elif local in grammar.lines:
            self._open.pop()
        elif local not in grammar.marks and grammar.texts and local in grammar.texts:
            self._within -= 1

    def data(self, chars: str) -> None:
        if not self._skipped and (self._within or self._grammar.texts is None):
            self._say(chars)

    def _say(self, chars: str) -> None:
        if self._open:
            self._lines[self._open[-1]].append(chars)
        elif self._within:
            self._lines.append([chars])


def _times(count: str) -> int:
    return min(int(count), 1_000) if count.isdecimal() and len(count) < 9 else 1


def read_words(package: Package, part: str, grammar: Grammar) -> list[str]:
    """Return the paragraphs of a part; none if there is no such part."""
    data = package.part(part)
    return [] if data is None else _Words(grammar).of(data)
