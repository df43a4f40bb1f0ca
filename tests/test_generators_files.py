"""Generated files of this family are read as exactly what their generators say they wrote."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.format import Format, recognise
from pipeline.screen import key_of
from schemas.records import Metric, Outcome, Point, Record
from tests.formats_support import head_of, member_of, read
from tests.generators import apple_health, browsers

GENERATORS = [apple_health, browsers]


def kind_of(outcome: Outcome) -> str:
    if isinstance(outcome, Record):
        return outcome.record_type
    return {Point: "location", Metric: "metric"}.get(type(outcome), "rejected")


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda g: g.__name__.rpartition(".")[2])
@pytest.mark.parametrize("locale", ["en", "de"])
def test_counts_are_exact(generator: ModuleType, locale: str, tmp_path: Path) -> None:
    counts = generator.generate(tmp_path, 1_000, seed=7, locale=locale)
    found: Counter[str] = Counter()
    keys: Counter[bytes] = Counter()
    for file in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        path = file.relative_to(tmp_path).as_posix()
        form = recognise(head_of(path, file.read_bytes()))
        assert isinstance(form, Format), path
        for _, _, outcome in read(form, member_of(path, file))[1]:
            found[kind_of(outcome)] += 1
            if kind_of(outcome) != "rejected" and not form.repeats:
                keys[key_of(outcome)] += 1
    assert found == Counter(counts)
    assert not keys or keys.most_common(1)[0][1] == 1
