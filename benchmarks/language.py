"""`make bench-language`: how well and how fast languages are told, and its share of the time.

The labelled set, `language.tsv`, is of invented sentences: short ones of three to six words, as
they stand in chats, and long ones. A text of under twenty letters has no answer (*silent*). The
share is of the processor time that records of three formats take from bytes to lines of COPY.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from unittest import mock

from benchmarks import whole
from pipeline.text import language
from tests.generators import google_mail, my_activity, whatsapp

_SET = Path(__file__).with_name("language.tsv")
_RECORDS = {"whatsapp": 20_000, "my_activity": 20_000, "google_mail": 5_000}


class Text(NamedTuple):
    """A text, the language it is in, and whether it is `short` or `long`."""

    language: str
    length: str
    text: str


class Score(NamedTuple):
    """How many texts were told rightly, wrongly, and not at all."""

    right: int
    wrong: int
    silent: int


def labelled() -> list[Text]:
    """Return the labelled set."""
    lines = _SET.read_text(encoding="utf-8").splitlines()
    return [Text(*line.split("\t")) for line in lines if not line.startswith("#")]


def scores(texts: list[Text]) -> dict[tuple[str, str], Score]:
    """Return the counts by language and length."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for text, detected in zip(texts, language.detect([text.text for text in texts]), strict=True):
        counts = found.setdefault((text.language, text.length), Counter())
        counts[_verdict(text.language, detected)] += 1
    return {at: Score(c["right"], c["wrong"], c["silent"]) for at, c in found.items()}


def _verdict(true: str, detected: str) -> str:
    if detected == language.UNDETERMINED:
        return "silent"
    return "right" if detected == true else "wrong"


def rate(texts: list[str], seconds: float = 1.0) -> float:
    """Texts a second of processor time."""
    began, done = time.process_time(), 0
    while time.process_time() - began < seconds:
        language.detect(texts)
        done += len(texts)
    return done / (time.process_time() - began)


def share(path: Path, name: str) -> tuple[int, float, float]:
    """Records of a file; processor seconds from bytes to lines of COPY; those of languages."""
    spent = [0.0]

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            began = time.process_time()
            try:
                return function(*given)
            finally:
                spent[0] += time.process_time() - began

        return call

    names = ("detect", "of_conversations")
    patches = [mock.patch.object(language, n, timed(getattr(language, n))) for n in names]
    for patch in patches:
        patch.start()
    began = time.process_time()
    records = whole.run(path, name).becomes["rows"]
    worked = time.process_time() - began
    for patch in patches:
        patch.stop()
    return records, worked, spent[0]


def main() -> None:
    """Print the tables of docs/explanation/performance.md."""
    texts = labelled()
    found = scores(texts)
    print("| language | short: right, wrong, silent | long: right, wrong, silent |\n|---|---|---|")
    for tongue in dict.fromkeys(text.language for text in texts):
        cells = (", ".join(map(str, found[tongue, n])) for n in ("short", "long"))
        print(f"| {tongue} | {' | '.join(cells)} |")
    for length in ("short", "long"):
        several = [text.text for text in texts if text.length == length]
        right, wrong, silent = map(sum, zip(*(s for (_, n), s in found.items() if n == length)))  # noqa: B905
        detected = right / max(1, right + wrong)
        print(f"\n{length}: {detected:.3f} of the answers right, {silent} of {len(several)} silent")
        print(f"{rate(several):,.0f} texts a second, one core")
    print("\n| records | a CPU second | of that for languages |\n|---|---|---|")
    with TemporaryDirectory() as folder:
        for module in (whatsapp, my_activity, google_mail):
            name = module.__name__.rpartition(".")[2]
            root = Path(folder) / name
            module.generate(root, _RECORDS[name], seed=1)
            path = max((p for p in root.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
            records, worked, spent = share(path, path.relative_to(root).as_posix())
            print(f"| {name} | {records / worked:,.0f} | {spent / worked:.0%} |")


if __name__ == "__main__":
    main()
