"""Words that code and docs do not use: each has a standard word (docs/reference/glossary.md)."""

from __future__ import annotations

import re
import subprocess
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
IN_PAGES = ("we", "us", "our", "ours", "told", "said")
_WORDS = re.compile(rf"(?<!\.)\b(?:{'|'.join(map(re.escape, INSTEAD))})\b", re.IGNORECASE)
_IN_PAGES = re.compile(rf"(?<![.`])\b(?:{'|'.join(IN_PAGES)})\b(?!`)", re.IGNORECASE)
#: Data, stored statements, what was released under old words, and this list.
_PASSED = ("tests/data/", "tests/formats/", "tests/reported/", "sql/migrations/", "CHANGELOG.md")
#: A sentence of the sample export, and the list itself.
_SAMPLES = frozenset({"workers/cli/sample.py", "tests/architecture/test_words.py"})


def offences(name: str, text: str) -> list[str]:
    """Return each private word in a file as `file:line word`."""
    return [
        f"{name}:{number} {found[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        for found in _WORDS.finditer(line)
    ]


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
        f"{page.relative_to(ROOT)}:{number} {word[0]}"
        for page in sorted(pages)
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
        for word in _IN_PAGES.finditer(re.sub(r'".*?"', "", line))
    ]
    assert found == []


@pytest.mark.parametrize("word", INSTEAD)
def test_a_private_word_is_found(word: str) -> None:
    assert offences("a.md", f"one\nsays {word.upper()} here") == [f"a.md:2 {word.upper()}"]
