"""Generated files of this family are read as exactly what their generators say they wrote."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.contract import Format
from pipeline.quality import key_of
from pipeline.registry import recognise
from pipeline.services.google.photo_sidecars import Sidecars
from schemas.records import Metric, Outcome, Point, Record
from tests.generators import apple_health, browsers, photos, sms, spotify
from tests.support.formats import head_of, member_of, read

GENERATORS = [apple_health, browsers, photos, sms, spotify]


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


@pytest.mark.parametrize("locale", ["en", "de"])
def test_every_generated_photo_finds_its_sidecar(locale: str, tmp_path: Path) -> None:
    """The names are cut and numbered as Takeout does, and the matching undoes it."""
    photos.generate(tmp_path, 200, seed=3, locale=locale)
    for folder in {path.parent for path in tmp_path.rglob("*.jpg")}:
        names = [path.name for path in folder.iterdir()]
        sidecars = Sidecars(dict.fromkeys(name for name in names if name.endswith(".json")))
        found = [sidecars.of(name) for name in names if name.endswith(".jpg")]
        assert None not in found
        assert len({match.sidecar for match in found if match}) == len(found)
