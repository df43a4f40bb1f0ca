"""Generated exports of chats and networks are read back to exactly the counts they promise."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path

import pytest

from pipeline.contract import Format, Rank
from pipeline.registry import recognise
from schemas.files import SliceLimits
from schemas.records import Metric, Point, Record, Rejection
from tests.support.formats import head_of, member_of, read

SERVICES = (
    "chatgpt", "discord", "facebook", "instagram", "reddit", "telegram", "whatsapp", "x",
)  # fmt: skip


def found_in(folder: Path) -> Counter[str]:
    """Outcomes by what they are, over all files; each file must have one product's format."""
    counts: Counter[str] = Counter()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        path = file.relative_to(folder).as_posix()
        form = recognise(head_of(path, file.read_bytes()))
        assert isinstance(form, Format), path
        assert form.rank is Rank.PRODUCT, path
        limits = SliceLimits(records=700, size=100_000)
        counts.update(_kind(found[2]) for found in read(form, member_of(path, file), limits)[1])
    return counts


def _kind(outcome: Record | Point | Metric | Rejection) -> str:
    if isinstance(outcome, Rejection):
        return "rejected"
    return outcome.record_type if isinstance(outcome, Record) else type(outcome).__name__.lower()


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(("records", "locale"), [(23, "en"), (3_210, "de"), (3_000, "en")])
def test_counts_are_as_promised(service: str, records: int, locale: str, tmp_path: Path) -> None:
    generate = importlib.import_module(f"tests.generators.{service}").generate
    promised = generate(tmp_path, records, 42, locale=locale)
    assert found_in(tmp_path) == promised
    assert sum(promised.values()) >= records // 2


@pytest.mark.parametrize("service", SERVICES)
def test_one_seed_gives_one_export(service: str, tmp_path: Path) -> None:
    generate = importlib.import_module(f"tests.generators.{service}").generate
    exports = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generate(tmp_path / name, 200, seed)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        exports.append(b"".join(path.read_bytes() for path in files))
    assert exports[0] == exports[1] != exports[2]
