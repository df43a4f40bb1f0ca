"""What `stats` prints: labelled tables of a length that was asked for, and each thing once."""

from __future__ import annotations

from datetime import date

import pytest

from sql.analytics import Day, Measured, Named, Statistics, Total
from workers.cli.verbs import stats

DAY = date(2024, 3, 5)


def metric(name: str) -> Measured:
    return Measured(
        name=name, unit="count", samples=2, total=20.0, mean=10.0, least=5.0, greatest=15.0,
        first=DAY, last=DAY,
    )  # fmt: skip


def test_a_single_stream_is_counted_in_the_merged_one() -> None:
    raw, other = "com.google.step_count.delta", "com.google.weight"
    found = list(stats.counted_once([metric("steps"), metric(raw), metric(other)]))
    assert [m.counted_in for m in found] == [None, "steps", None]
    (alone,) = stats.counted_once([metric(raw)])
    assert alone.counted_in is None


def test_tables_are_labelled_and_cut(capsys: pytest.CaptureFixture[str]) -> None:
    sources = [Total(name=f"s.{n}", records=n, first=DAY, last=DAY, days=1) for n in (3, 2, 1)]
    people = [Named(value="a@b.org", name="A", records=3, first=DAY, last=DAY)]
    raw = stats.counted_once([metric("steps"), metric("com.google.step_count.delta")])
    found = Statistics(
        records=6, undated=1, up_to_date=True, days=[Day(DAY, 6)], sources=sources, types=[],
        people=people, places=[], domains=[], metrics=list(raw), gaps=[],
    )  # fmt: skip
    stats._show(found, 2)
    printed = capsys.readouterr()
    text = printed.out
    assert "the most on one day: 6, on 2024-03-05" in text
    assert ("s.2" in text, "s.1" in text) == (True, False)
    assert printed.err.splitlines() == [
        "source: these are the first 2; see more with -n.",
        "days are in UTC, in which they are counted as records load",
    ]
    heads = [line.split()[0] for line in text.splitlines() if "records  share" in line]
    assert heads == ["source", "person"]
    assert text.count("steps") == 1
    assert "step_count" not in text
    assert max(map(len, text.splitlines())) <= 80
