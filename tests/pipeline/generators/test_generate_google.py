"""What is generated for Google's activities, YouTube and Chrome is read again, to the record."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.contract import Format, Rank
from pipeline.quality import key_of
from pipeline.registry import recognise
from schemas.files import SliceLimits
from schemas.records import Record, Rejection
from tests.generators import chrome, my_activity, youtube
from tests.support.formats import head_of, member_of, read


def outcomes(folder: Path) -> list[Record | Rejection]:
    found: list[Record | Rejection] = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        path = file.relative_to(folder).as_posix()
        form = recognise(head_of(path, file.read_bytes()))
        assert isinstance(form, Format), path
        assert form.rank is Rank.PRODUCT or form.name == "bookmarks.netscape", path
        read_back = read(form, member_of(path, file), SliceLimits(records=70))[1]
        found += [out for _, _, out in read_back if isinstance(out, Record | Rejection)]
    return found


def counted(found: list[Record | Rejection]) -> dict[str, int]:
    return dict(Counter("rejected" if isinstance(o, Rejection) else o.record_type for o in found))


@pytest.mark.parametrize("generator", [my_activity, youtube, chrome], ids=lambda m: m.__name__)
@pytest.mark.parametrize("locale", ["en", "de"])
def test_all_that_is_generated_is_read(generator: ModuleType, locale: str, tmp_path: Path) -> None:
    promised = generator.generate(tmp_path, 437, 7, locale=locale)
    found = outcomes(tmp_path)
    assert counted(found) == promised
    keys = [key_of(outcome) for outcome in found if isinstance(outcome, Record)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("records", [0, 1, 9, 10, 99, 100, 101, 1_000])
def test_counts_of_activities_by_arithmetic(records: int, tmp_path: Path) -> None:
    my_activity.write_json(tmp_path / "a.json", range(records), 1)
    if records:
        assert counted(outcomes(tmp_path)) == my_activity.counts(records)
    assert sum(my_activity.counts(records).values()) == records


def test_both_languages_are_the_same_activities(tmp_path: Path) -> None:
    english, german = tmp_path / "en", tmp_path / "de"
    my_activity.generate(english, 200, 3)
    my_activity.generate(german, 200, 3, locale="de")

    def seen(folder: Path) -> list[object]:
        records = [o for o in outcomes(folder) if isinstance(o, Record) and o.time]
        kept = ("url", "query", "video_id", "channel")
        return sorted(
            (str(r.time and r.time.at), r.record_type, *(r.metadata.get(k, "") for k in kept))
            for r in records
        )

    assert seen(english) == seen(german)
