"""The parts of a proof: findings, and which files are read to their last byte."""

from __future__ import annotations

import secrets

import msgspec

#: Most members that a finding names.
_MOST_NAMED = 3

#: Of files that are named by their hash, and of spools, the first 200 are read by default, and one
#: in 20 of the others, chosen at random.
_READ_FIRST, _READ_ONE_IN = 200, 20


class Finding(msgspec.Struct, frozen=True):
    """One invariant: whether it holds, and if not, in numbers, how far it fails."""

    check: str
    ok: bool
    detail: str = ""


class Check:
    """Failures of one check: how many, and the ordinals of the first few members."""

    def __init__(self) -> None:
        self.checked = 0
        self.failed = 0
        self._first: list[int] = []

    def note(self, ok: bool, ordinal: int, number: int = 1, of: int = 1) -> None:
        """Add `of` things of a member to those checked; if not `ok`, `number` of them failed."""
        self.checked += of
        if not ok:
            self.failed += number
            self._first.append(ordinal)
            del self._first[_MOST_NAMED:]

    def finding(self, check: str, things: str) -> Finding:
        """Return what the check found, with the first members in which it failed."""
        if not self.failed:
            return Finding(check, True, f"{self.checked} {things}")
        where = ", ".join(map(str, self._first))
        return Finding(
            check, False, f"{self.failed} of {self.checked} {things}; first in members {where}"
        )


def is_sampled(deep: bool, before: int) -> bool:
    """Tell whether the next file is read whole, after `before` others."""
    return deep or before < _READ_FIRST or secrets.randbelow(_READ_ONE_IN) == 0
