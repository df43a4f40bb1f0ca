"""Very many files of one user: bounded steps, a bounded memory, and the others have their turn."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from tests.workers.intake.many import fill, fill_flat
from tests.workers.intake.place import Place
from workers import staging, watcher
from workers.staging import Found, Prints, StabilityCheck, fingerprint


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def test_a_large_folder_stalls_nobody_and_is_put_aside_in_the_end(place: Place) -> None:
    place.watcher._prints = Prints(most=300)
    fill(place.folders.staging / "anna" / "Takeout", 2_000)
    for n in range(20):
        place.drop(f"{n}.txt", user="ben")
        assert len(place.watcher.scan()) == 1, "ben waits for anna"
        if n == 2:
            assert place.watcher.waiting, "it is gone on with"
            assert (place.folders.staging / "anna" / "Takeout").exists(), "it is not read at once"
    assert (place.folders.failed / "anna" / "Takeout").is_dir()
    assert not place.watcher.waiting


def test_a_large_folder_that_still_changes_is_left_alone(place: Place) -> None:
    place.watcher = place.new_watcher(settle_s=3_600)
    place.watcher._prints = Prints(most=300)
    fill(place.folders.staging / "anna" / "Takeout", 1_000)
    for _ in range(12):
        place.watcher.scan()
    assert (place.folders.staging / "anna" / "Takeout").exists()


def test_a_step_reads_no_more_entries_than_it_may(tmp_path: Path) -> None:
    fill(tmp_path / "a", 1_500)
    found = Found(tmp_path / "a", "anna", os.lstat(tmp_path / "a"))
    prints, steps = Prints(most=100), 1
    prints.begin()
    while (mark := prints.of(found)) is None:
        prints.begin()
        steps += 1
    assert steps == 1_502 // 100 + 1
    assert mark == fingerprint(found)


def _peak(count: int, top: Path) -> int:
    """The most memory that a look at `count` files takes, and at a folder with as many."""
    fill_flat(top / "staging" / "anna", count)
    fill_flat(top / "staging" / "ben" / "Takeout", count)
    prints, stability = Prints(), StabilityCheck(60)
    tracemalloc.start()
    for _ in range(3):
        prints.begin()
        for found in staging.in_turns(staging.look(top / "staging")):
            mark = prints.of(found)
            if mark is not None:
                stability.is_stable(found.path, mark, 0.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    prints.keep(set())
    return peak


def test_memory_is_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "WINDOW", 200)
    small, large = _peak(1_000, tmp_path / "small"), _peak(8_000, tmp_path / "large")
    assert large < small * 1.5


def test_very_many_files_side_by_side_leave_the_others_their_turn(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "WINDOW", 40)
    monkeypatch.setattr(watcher, "_SCAN_S", 0.0)  # each scan is over after its first item
    fill_flat(place.folders.staging / "anna", 60)
    place.drop("b.txt", user="ben")
    place.drop("c.txt", user="cleo")
    scans = 0
    while {"b.txt", "c.txt"} - {*place.ledger.jobs.values()}:
        place.watcher.scan()
        scans += 1
        assert scans < 10, "each user's turn comes"
    monkeypatch.setattr(watcher, "_SCAN_S", 60.0)
    while place.watcher.waiting:
        place.watcher.scan()
    assert len(place.ledger.jobs) == 62
