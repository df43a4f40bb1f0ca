"""Counts of records: every record that is seen is loaded, a duplicate or quarantined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Self

import msgspec

from schemas.privacy import Done

#: What is counted of records, for a chunk, a file and a job.
COUNTS = ("seen", "loaded", "duplicate", "quarantined")

#: Prefix of a kind and an action in a file's counts: what the policy did to its records.
PRIVACY = "privacy."


class UnbalancedTally(RuntimeError):
    """Records got lost or were counted twice: a defect of this product."""


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of records. Those of a difference between two tallies may be negative."""

    seen: int = 0
    loaded: int = 0
    duplicate: int = 0
    quarantined: int = 0

    @classmethod
    def of_job(cls, job: Mapping[str, Any]) -> Self:
        """Return the counts that a row of `imports.jobs` holds."""
        return cls(**{name: job[f"records_{name}"] for name in COUNTS})

    @property
    def adds_up(self) -> bool:
        """Whether no record is missing and none is counted twice."""
        return self.seen == self.loaded + self.duplicate + self.quarantined

    def check(self) -> Self:
        """Return the tally itself. Raises `UnbalancedTally` if it does not add up."""
        if not self.adds_up:
            numbers = ", ".join(f"{n} {name}" for name, n in self.records().items())
            raise UnbalancedTally(numbers)
        return self

    def records(self) -> dict[str, int]:
        """Return the four numbers by name."""
        return {name: getattr(self, name) for name in COUNTS}

    def __add__(self, other: Tally) -> Tally:
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in COUNTS})


class FileTally(Tally, frozen=True, kw_only=True):
    """The counts of one file: its records, its items, and more by name.

    `more` holds `newer` and `older`, versions among the loaded records, and what the privacy policy
    did (`PRIVACY`, a kind and an action).
    """

    items: int = 0
    more: dict[str, int] = {}

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> FileTally:
        """Return the tally of counts by name, as the database stores them."""
        more = {name: n for name, n in counts.items() if name not in _NAMES}
        return cls(**{name: counts.get(name, 0) for name in _NAMES}, more=more)

    def counts(self) -> dict[str, int]:
        """Return all counts by name, as the database stores them."""
        return {**self.records(), "items": self.items, **self.more}

    def privacy(self) -> Done:
        """Return what the privacy policy did to the records, by kind and action."""
        done: Done = {}
        for name, n in self.more.items():
            if name.startswith(PRIVACY):
                kind, action = name.removeprefix(PRIVACY).split(".")
                done.setdefault(kind, {})[action] = n
        return done

    def __add__(self, other: Tally) -> FileTally:
        more = other.counts() if isinstance(other, FileTally) else other.records()
        return FileTally.of(_sum(self.counts(), more))

    def __sub__(self, other: FileTally) -> FileTally:
        less = {name: -n for name, n in other.counts().items()}
        return FileTally.of(_sum(self.counts(), less))


_NAMES = (*COUNTS, "items")


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> Counter[str]:
    total = Counter(one)
    total.update(other)
    return total


def by_file(column: Mapping[str, Mapping[str, int]]) -> dict[int, FileTally]:
    """Return the tallies of a chunk, by the id of the file, out of its column in the database."""
    return {int(file): FileTally.of(counts) for file, counts in column.items()}


def as_column(tallies: Mapping[int, FileTally]) -> dict[str, dict[str, int]]:
    """Return the tallies of a chunk in the form of its column in the database."""
    return {str(file): tally.counts() for file, tally in tallies.items()}


def total(tallies: Mapping[int, FileTally]) -> Tally:
    """Return the sum over the files of a chunk."""
    return sum(tallies.values(), Tally())
