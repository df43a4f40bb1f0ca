"""A share of a grid: never none of it, and in turn all of it."""

from __future__ import annotations

import pytest

from tests.support.share import share


@pytest.fixture(autouse=True)
def _not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WHOLE_GRIDS", raising=False)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 50])
def test_each_case_has_its_turn(count: int) -> None:
    taken = [share(range(count), 4, turn) for turn in range(12)]
    assert all(taken)
    assert {case for cases in taken for case in cases} == set(range(count))
    assert max(map(len, taken)) <= -(-count // 4)


def test_a_commit_has_one_share() -> None:
    assert share(range(100), 4) == share(range(100), 4)
    assert len(share(range(100), 4)) == 25
    assert share([], 4) == []


def test_all_of_it_is_taken_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHOLE_GRIDS", "1")
    assert share(range(100), 4) == range(100)
