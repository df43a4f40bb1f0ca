"""`python -m benchmarks.personal`: precision and recall of each kind, and megabytes a second.

The labelled set is the tests': invented lines, with the texts that are to be found in each; a
line that holds nothing is a hard negative. A finding counts where it is sure enough to be treated
by default, and is right if it is of the kind and covers the text.

Where `datapunk-lake[presidio]` is installed, also how fast a language model tells names: one of the
size of spaCy's small ones, trained here on invented sentences, so its speed says something and what
it finds does not.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pipeline.privacy import detectors, findings
from pipeline.privacy.suspects import suspects
from schemas.privacy import BY_RULE, Kind

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "personal"
#: Stands in the set within what scanners of repositories would take for a live secret.
BREAK = "·"


class Line(NamedTuple):
    """A text, and what it holds: (kind, text) each."""

    text: str
    holds: list[tuple[Kind, str]]


class Score(NamedTuple):
    """How often a kind was found rightly, found wrongly, and missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.right + self.missed)


def labelled() -> list[Line]:
    """Return the labelled set."""
    lines = []
    for path in sorted(FOLDER.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").replace(BREAK, "").splitlines():
            labelled = json.loads(line)
            lines.append(Line(labelled["text"], [(Kind(k), t) for k, t in labelled["holds"]]))  # type: ignore[call-arg]
    return lines


def scores(lines: list[Line]) -> dict[Kind, Score]:
    """Return the scores of `detectors.find` on the lines."""
    right, wrong, missed = Counter[Kind](), Counter[Kind](), Counter[Kind]()
    for line in lines:
        open_ = list(line.holds)
        for found in detectors.find(line.text):
            if found.confidence < findings.SURE:
                continue
            labelled = (found.kind, line.text[found.start : found.end])
            if labelled in open_:
                open_.remove(labelled)
                right[found.kind] += 1
            else:
                wrong[found.kind] += 1
        missed.update(kind for kind, _ in open_)
    return {kind: Score(right[kind], wrong[kind], missed[kind]) for kind in Kind if kind in BY_RULE}


def _speed(texts: list[str], seconds: float = 2.0) -> float:
    """Megabytes a second of processor time through `find`."""
    size = sum(len(text.encode()) for text in texts)
    began, rounds = time.process_time(), 0
    while time.process_time() - began < seconds:
        for text in texts:
            detectors.find(text)
        rounds += 1
    return size * rounds / (time.process_time() - began) / 1e6


def _first_look(texts: list[str], seconds: float = 2.0) -> float:
    documents = [json.dumps({"content": text}, ensure_ascii=False).encode() for text in texts] * 10
    began, rounds = time.process_time(), 0
    while time.process_time() - began < seconds:
        suspects(documents)
        rounds += 1
    return sum(map(len, documents)) * rounds / (time.process_time() - began) / 1e6


_PEOPLE = ("Ana Ruiz", "Bo Lindqvist", "Cyril Okafor", "Dara Nowak", "Edda Voss")
_PLACES = ("Hallstead", "Port Ennis", "Varnow", "Lake Tolva")
_QUIET = "Nothing else is new here, and the grey heron stands in the shallow water."


def _taught(folder: Path) -> Path:
    """Train a model of spaCy that finds names in sentences of one kind."""
    import spacy
    from spacy.training import Example

    dice = random.Random(1)
    nlp = spacy.blank("en")
    nlp.add_pipe("ner")
    examples = []
    for _ in range(200):
        who, where = dice.choice(_PEOPLE), dice.choice(_PLACES)
        text = f"Yesterday {who} came by train to {where}. {_QUIET}"
        at = text.index(where)
        spans = [(10, 10 + len(who), "PERSON"), (at, at + len(where), "GPE")]
        examples.append(Example.from_dict(nlp.make_doc(text), {"entities": spans}))
    optimiser = nlp.initialize(lambda: examples)
    for _ in range(4):
        for batch in spacy.util.minibatch(examples, 32):
            nlp.update(batch, sgd=optimiser)
    nlp.to_disk(folder)
    return folder


def _names() -> Iterator[str]:
    """Rows of the speed at which a model tells names."""
    from workers.adapters.presidio import PresidioNames

    short = f"Yesterday {_PEOPLE[0]} came by train to {_PLACES[0]}."
    with tempfile.TemporaryDirectory() as folder:
        models = PresidioNames({"en": str(_taught(Path(folder) / "en"))})
        models.load()
        for labelled, text, times in (
            ("a name", _PEOPLE[0], 2000),
            ("a sentence", short, 2000),
            ("2 kB", f"{short} {_QUIET} " * 17, 100),
        ):
            began = time.process_time()
            models.find([text] * times, "en")
            took = time.process_time() - began
            speed = len(text) * times / took / 1e6
            yield f"| names, in texts of {labelled} | {speed:.2f} ({times / took:,.0f} texts) |"


def main() -> None:
    """Print the tables of docs/explanation/privacy.md."""
    lines = labelled()
    print(f"{len(lines)} lines, {sum(not line.holds for line in lines)} of them hold nothing\n")
    print("| kind | labelled | found | wrong | precision | recall |\n|---|---|---|---|---|---|")
    for kind, score in scores(lines).items():
        print(
            f"| `{kind.value}` | {score.right + score.missed} | {score.right} | {score.wrong} "
            f"| {score.precision:.3f} | {score.recall:.3f} |"
        )
    prose = " ".join(
        "The grey heron stands in the shallow water and waits for a fish." for _ in range(4)
    )
    mails = [
        " ".join(line.text for line in lines[n : n + 3]) + prose * 8
        for n in range(0, len(lines), 3)
    ]
    print("\n| what is looked at | MB a second, one core |\n|---|---|")
    print(f"| a first look at records without a clue | {_first_look([prose] * 100):.0f} |")
    print(f"| texts without a finding | {_speed([prose * 8] * 100):.0f} |")
    print(f"| texts of 2 kB with some findings | {_speed(mails):.1f} |")
    print(f"| the labelled set, all lines | {_speed([line.text for line in lines]):.1f} |")
    if find_spec("presidio_analyzer"):
        for row in _names():
            print(row)


if __name__ == "__main__":
    main()
