"""Words that code and docs do not use: each has a standard word (docs/reference/glossary.md)."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: A word or phrase, and what is written instead.
INSTEAD = {
    "weather": "transient error",
    "bury": "dead-letter",
    "buried": "dead-lettered",
    "burnt": "counted",
    "redress": "privacy reapply",
    "desk": "quarantine",
    "whoever": "a person who",
    "so many": "a number, or the verb",
    "of ours": "of the lake, of the format",
    "is no more": "has ended",
    "nobody's way": "at lower priority",
    "twice is once": "is a no-op",
    "behind our back": "without notice",
    "burn": "count",
    "burns": "counts",
}
#: What pages do not use: "you" is the reader, and the product or a component acts.
IN_PAGES = (
    "we", "us", "our", "ours", "told", "said", "somebody", "anybody", "everybody", "strangers",
    "are asked", "at rest", "became of", "came of", "comes of", "comes to", "dear", "dearest",
    "goes by", "gets past", "held to", "little else", "lying", "so often", "wherever",
)  # fmt: skip
#: Names that do not say what a value is, or what a function does.
NAMES = frozenset((
    "apart", "became", "beside", "gone", "heap", "held", "kept", "lying", "made", "ours", "said",
    "standing", "stands", "stood", "theirs", "told", "whereabouts", "wherever",
))  # fmt: skip
#: Rooms whose names are checked.
ROOMS = ("benchmarks", "pipeline", "schemas", "sql", "tasks", "workers")
_WORDS = re.compile(rf"(?<!\.)\b(?:{'|'.join(map(re.escape, INSTEAD))})\b", re.IGNORECASE)
_IN_PAGES = re.compile(rf"(?<![.`])\b(?:{'|'.join(IN_PAGES)})\b(?!`)", re.IGNORECASE)
#: Data, stored statements, what was released under old words, and this list.
_PASSED = (
    "tests/data/", "tests/formats/", "tests/reported/", "sql/baseline/", "sql/migrations/",
    "CHANGELOG.md",
)  # fmt: skip
#: A sentence of the sample export, and the list itself.
_SAMPLES = frozenset({"workers/cli/sample.py", "tests/architecture/test_words.py"})


def offences(name: str, text: str) -> list[str]:
    """Return each private word in a file as `file:line word`."""
    return [
        f"{name}:{number} {found[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        for found in _WORDS.finditer(line)
    ]


def names(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of each function, class, parameter, variable and attribute."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def _files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "*.py", "*.md", "*.sql"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    return [
        name for name in listed if name and not name.startswith(_PASSED) and name not in _SAMPLES
    ]


def test_no_private_word_is_used() -> None:
    found = []
    for name in _files():
        found += offences(name, (ROOT / name).read_text(encoding="utf-8"))
    assert found == []


def test_pages_speak_to_their_reader() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    found = [
        f"{page.relative_to(ROOT)}:{found}"
        for page in sorted(pages)
        for found in words_in_page(page.read_text(encoding="utf-8"))
    ]
    assert found == []


def words_in_page(text: str) -> list[str]:
    """Return each word of `IN_PAGES` in a page, outside quotes, as `line word`."""
    return [
        f"{number} {found[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        for found in _IN_PAGES.finditer(re.sub(r'".*?"', "", line))
    ]


@pytest.mark.parametrize("word", IN_PAGES)
def test_a_word_that_pages_do_not_use_is_found(word: str) -> None:
    assert words_in_page(f'one\n"{word}" and {word.title()} here') == [f"2 {word.title()}"]


@pytest.mark.parametrize("room", ROOMS)
def test_names_say_what_they_are(room: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for line, name in names(path.read_text(encoding="utf-8"))
        if name.strip("_").casefold() in NAMES or not {"said", "told"}.isdisjoint(name.split("_"))
    ]
    assert found == []


def test_a_name_is_found_wherever_it_is_defined() -> None:
    text = "def said(told):\n    kept = told\n    kept.held = 1\nclass Ours:\n    pass\n"
    assert sorted(names(text)) == [(1, "said"), (1, "told"), (2, "kept"), (3, "held"), (4, "Ours")]


@pytest.mark.parametrize("word", INSTEAD)
def test_a_private_word_is_found(word: str) -> None:
    assert offences("a.md", f"one\nsays {word.upper()} here") == [f"a.md:2 {word.upper()}"]
