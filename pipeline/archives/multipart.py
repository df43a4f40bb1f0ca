"""Exports in parts: which files belong together, and which numbers are missing.

Takeout names its parts `takeout-<stamp>-<part>.zip`, since 2025 `takeout-<stamp>-<file>-<part>.zip`
or `.tgz`; a part may be a media file outside of an archive. The page that lists the whole export
may have the older name beside parts with the newer one, so the stamp alone identifies the set.
Snapchat's first part has no number.

Source: `docs/reference/exports/google-takeout.md#the-archives` and
`docs/reference/exports/snapchat.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

_COPY = r"(?: ?\(\d{1,3}\))?"  # a browser's suffix of a second download
_NAMES = (
    re.compile(
        r"(?P<stem>takeout-\d{8}T\d{6,8}Z)(?:-(?P<file>\d{1,4}))?-(?P<part>\d{1,4})"
        + _COPY
        + r"\.(?P<suffix>tar\.gz|[A-Za-z0-9]{2,5})"
    ),
    re.compile(r"(?P<stem>mydata~\d{6,20})(?:-(?P<part>\d{1,4}))?" + _COPY + r"\.(?P<suffix>zip)"),
)
_ARCHIVES = frozenset({"zip", "tgz", "tar.gz", "tar", "gz", "zst", "tzst"})


class Part(msgspec.Struct, frozen=True, order=True):
    """A part by its name. `file` is 0 if the name has no such number; both count from 1."""

    stem: str
    file: int
    part: int
    bare: bool = False
    """Whether it is not an archive, but one file of the export under another name."""


class Gap(msgspec.Struct, frozen=True):
    """Missing numbers before one that arrived: the parts `first` to `last` of `file`."""

    file: int
    first: int
    last: int

    @property
    def label(self) -> str:
        """Return the numbers for people: `2`, `3-002`, `2 to 4`."""
        first = label(self.file, self.first)
        return first if self.first == self.last else f"{first} to {label(self.file, self.last)}"


def part_of(name: str) -> Part | None:
    """Return the part that the name of a dropped file states; None if it is not part of a set."""
    for pattern in _NAMES:
        if found := pattern.fullmatch(name):
            numbers = found.groupdict()
            return Part(
                stem=numbers["stem"],
                file=int(numbers.get("file") or 0),
                part=int(numbers["part"] or 1),
                bare=numbers["suffix"].lower() not in _ARCHIVES,
            )
    return None


def label(file: int, part: int) -> str:
    """Return a part's number as in its name: `2`, or `3-002` if files are numbered too."""
    return f"{file}-{part:03d}" if file else str(part)


def gaps(here: Iterable[tuple[int, int]], failed: Iterable[tuple[int, int]] = ()) -> list[Gap]:
    """Return the gaps in (file, part); each file's parts are numbered from 1.

    `failed` are parts that produced nothing. No name states the number of parts, so nothing is
    known about parts after the last.
    """
    by_file: dict[int, set[int]] = {}
    for file, part in here:
        by_file.setdefault(file, set()).add(part)
    last = {file: max(parts) for file, parts in by_file.items()}
    for file, part in failed:
        last[file] = max(part, last.get(file, 0))
    return [gap for file in sorted(last) for gap in _holes(file, by_file.get(file, ()), last[file])]


def _holes(file: int, here: Iterable[int], last: int) -> Iterator[Gap]:
    before = 0
    for part in (*sorted(here), last + 1):
        if part > before + 1:
            yield Gap(file, before + 1, part - 1)
        before = part
