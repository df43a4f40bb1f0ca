"""Each kind of event has a sentence, which holds its details, whichever version noted them."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.progress import Event
from workers.cli import event_lines

CASES: list[tuple[Event, dict[str, Any], str]] = [
    (Event.RECEIVED, {"by": "add"}, "The file was taken in by datapunk add"),
    (Event.RECEIVED, {"by": "watch"}, "The file was taken in by the watcher, from staging"),
    (Event.DUPLICATE, {"of": "e81fea51-bdc6"},
     "The file is a duplicate: job e81fea51 had its bytes"),
    (Event.FINISHED, {"status": "done"}, "The job ended: done"),
    (Event.ROLLED_BACK, {"documents": 2, "handed_on": 1, "metrics": 0},
     "The import was taken back: 2 documents, 1 handed on"),
    (Event.ALERT, {"quarantined": 3, "seen": 9}, "Alert: 3 of 9 records are in quarantine"),
    (Event.ALERT, {"defects": 1}, "Alert: the lake's own code failed for 1 record"),
    (Event.ALERT, {"accuracy": 0.5}, "Alert: low quality: accuracy 50.0%"),
    (Event.QUARANTINED, {"records": 3, "codes": {"ragged_row": 2, "poison": 1}},
     "3 records were quarantined: 2 ragged_row, 1 poison"),
    (Event.REVEALED, {"document": 7}, "Document 7 was shown"),
    (Event.REVEALED, {"quarantine": 7}, "The content of quarantined record 7 was shown"),
    (Event.EXPORTED, {"form": "csv"}, "Documents were exported as csv"),
    (Event.EXPORTED, {"code": None}, "Quarantined records were exported with their content"),
    (Event.REPARSED, {"format": "csv.table", "version": 4, "files": 2, "changed": 5, "same": 0},
     "2 files were read again by csv.table version 4: 5 changed"),
    (Event.DEFECT, {"format": "csv.table", "records": 2},
     "The lake's own code failed for 2 records of csv.table"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "detail", "expected"), CASES)
def test_an_event_in_words(kind: Event, detail: dict[str, Any], expected: str) -> None:
    assert event_lines.sentence(kind, detail) == expected


@pytest.mark.parametrize("kind", Event)
def test_each_kind_has_a_sentence_even_without_details(kind: Event) -> None:
    line = event_lines.sentence(kind, {})
    assert " " in line
    assert not line.endswith(".")


def test_a_kind_of_a_later_version_is_shown_as_it_is() -> None:
    assert event_lines.sentence("mirrored", {"copies": 2}) == "mirrored: 2 copies"
