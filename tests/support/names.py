"""Language models that know three names: one that needs no package, and one of spaCy's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline.ports import Name, Names
from schemas.privacy import Kind

KNOWN = {
    "Ana Ruiz": Kind.PERSON,
    "Port Varnow": Kind.PLACE,
    "Kestrel Bank": Kind.ORGANISATION,
}
#: What spaCy calls them.
_LABELS = {Kind.PERSON: "PERSON", Kind.PLACE: "GPE", Kind.ORGANISATION: "ORG"}

needs_presidio = pytest.mark.skipif(
    find_spec("presidio_analyzer") is None or find_spec("spacy") is None,
    reason="datapunk-lake[presidio] is not installed",
)


class FakeNames(Names):
    """Knows the names wherever they stand in English; remembers what it was asked."""

    identity = "fake 1"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def load(self) -> None:
        pass

    def reads(self, language: str | None) -> str | None:
        return "en" if language == "en" else None

    def find(self, texts: Sequence[str], model: str) -> list[list[Name]]:
        assert model == "en"
        self.asked += texts
        return [sorted(self._in(text), key=lambda name: name.start) for text in texts]

    def _in(self, text: str) -> list[Name]:
        return [
            Name(kind, match.start(), match.end(), 0.34 if kind is Kind.ORGANISATION else 0.85)
            for said, kind in KNOWN.items()
            for match in re.finditer(said.replace(" ", r"\s+"), text, re.IGNORECASE)
        ]


def make_model(folder: Path, *, lang: str = "en", rules: bool = True) -> Path:
    """A pipeline of spaCy's on disk that knows the names by rules; or that knows nothing."""
    import spacy

    nlp = spacy.blank(lang)
    if rules:
        ruler = nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
        ruler.add_patterns(
            [{"label": _LABELS[kind], "pattern": said} for said, kind in KNOWN.items()]
            + [{"label": "PRODUCT", "pattern": "lantern"}]
        )
    nlp.to_disk(folder)
    return folder
