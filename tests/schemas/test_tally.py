"""Counts of records add up by name, and a tally that loses a record raises."""

from __future__ import annotations

import pytest

from pipeline import defects
from schemas.tally import FileTally, Tally, UnbalancedTally, as_column, by_file, total

COLUMN = {
    "7": {"seen": 3, "loaded": 1, "duplicate": 2, "quarantined": 0, "items": 2, "newer": 1},
    "8": {
        "seen": 1, "loaded": 0, "duplicate": 0, "quarantined": 1, "items": 1,
        "privacy.email.masked": 4,
    },
}  # fmt: skip


def test_a_column_of_the_database_is_read_and_written_unchanged() -> None:
    assert as_column(by_file(COLUMN)) == COLUMN


def test_tallies_add_up_by_name() -> None:
    tallies = by_file(COLUMN)
    assert total(tallies) == Tally(seen=4, loaded=1, duplicate=2, quarantined=1)
    both = tallies[7] + tallies[8]
    assert (both.items, both.more) == (3, {"newer": 1, "privacy.email.masked": 4})
    assert both.privacy() == {"email": {"masked": 4}}
    assert (both - tallies[8]).records() == tallies[7].records()


def test_a_tally_that_does_not_add_up_is_a_defect() -> None:
    for tally in by_file(COLUMN).values():
        assert tally.check() is tally
    with pytest.raises(UnbalancedTally, match="3 seen, 1 loaded") as found:
        FileTally(seen=3, loaded=1).check()
    assert defects.is_defect(found.value)
