"""Generated files of Google's products are read as exactly what their generators say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.contract import Format
from pipeline.quality import key_of
from pipeline.registry import recognise
from schemas.records import Metric, Outcome, Point, Record
from tests.generators import (
    google_calendar,
    google_chat,
    google_contacts,
    google_fit,
    google_keep,
    google_location,
    google_objects,
    google_play,
    google_tables,
)
from tests.support.formats import head_of, member_of, read

GENERATORS = [
    *(google_calendar, google_chat, google_contacts, google_fit, google_keep),
    *(google_location, google_objects, google_play, google_tables),
]


def kind_of(outcome: Outcome) -> str:
    if isinstance(outcome, Record):
        return outcome.record_type
    return {Point: "location", Metric: "metric"}.get(type(outcome), "rejected")


def read_all(folder: Path) -> list[Outcome]:
    """What becomes of every file, each of which some format must claim."""
    found: list[Outcome] = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        path = file.relative_to(folder).as_posix()
        form = recognise(head_of(path, file.read_bytes()))
        assert isinstance(form, Format), path
        assert form.name.startswith(("google.", "calendar.", "contacts.")), path
        found.extend(outcome for _, _, outcome in read(form, member_of(path, file))[1])
    return found


def keys_of(found: list[Outcome]) -> Counter[bytes]:
    return Counter(key_of(one) for one in found if kind_of(one) != "rejected")


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda g: g.__name__.rpartition(".")[2])
def test_counts_are_exact_and_the_same_in_both_languages(
    generator: ModuleType, tmp_path: Path
) -> None:
    keys = []
    for locale in ("en", "de"):
        counts = generator.generate(tmp_path / locale, 500, seed=7, locale=locale)
        found = read_all(tmp_path / locale)
        assert Counter(map(kind_of, found)) == Counter(counts)
        keys.append(keys_of(found))
        assert keys[-1].most_common(1)[0][1] == 1
    assert keys[0] == keys[1]
