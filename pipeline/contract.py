"""The plug-in contract: what a reader and a format are, and how a member finds its format.

A *reader* knows the syntax of a container and nothing of meaning. A *format* knows what an item
means and nothing of streams. A new format is one file in `pipeline/formats` with one constant,
`FORMAT`, and one folder in `tests/formats`; `docs/how-to/add-a-format.md` walks through it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import BinaryIO, Literal, Protocol, TypeAlias

import msgspec

from pipeline.ports import Neighbours
from schemas.files import Context, Head, Member, Slice, SliceLimits
from schemas.records import Addition, DataType, Outcome, RawRecord, Record, Rejection


class Reader(Protocol):
    """Cuts a member into slices and walks the items of one slice, in bounded memory.

    Laws, held by the contract tests: the slices do not overlap, are in order and hold every item;
    slicing at any limits gives the same items at the same offsets; any truncation or corruption
    of the input yields outcomes, never an exception; bytes that should have been an item and are
    not come out as a `Rejection` with their offset and raw bytes.
    """

    @property
    def name(self) -> str:
        """A short stable name; part of a chunk's identity."""

    @property
    def version(self) -> int:
        """Raised whenever the slices of some input would change."""

    @property
    def wants_utf8(self) -> bool:
        """Whether it reads text: then a member in another encoding is rewritten as UTF-8 first."""

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Learn what slicing needs to know (dialect, encoding, header): small and JSON-able."""

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Item-bounded byte ranges, each about `limits` big, from one pass over `source`."""

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """The items of one slice, in order, each with its byte offset in the member."""

    def count(self, source: BinaryIO, context: Context) -> int:
        """How many items (good or bad) `items` yields over the whole member, found another way.

        `datapunk verify` re-reads the sources by it. It shares no cutting code with `slices`
        and `items`; on sound input the numbers agree.
        """


class Rank(IntEnum):
    """How specific a format's claim is. A lower rank wins; two claims of one rank conflict."""

    PRODUCT = 0
    """The export of one product, known by path and structure."""
    SYNTAX = 1
    """Any records in a known container: CSV, JSON arrays, NDJSON, mbox."""
    WHOLE = 2
    """A file kept as it is."""


#: What other files of an export add to a record of this member.
Beside: TypeAlias = Callable[[Record, Member, Neighbours], Addition]


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One export format.

    `paths` are regular expressions over the path inside the archive (POSIX, after the last
    `!/`, in NFC), matched whole with `re.fullmatch`, ignoring case: where such a file can lie at
    all. `looks_like` then checks the structure and says how sure it is: 0 (or False) is no, 1 (or
    True) yes, more is surer; `hints` are paths that add one to that. Of the claimants of a rank
    the one with the highest score takes the member; two with the same score are a conflict.

    `record` turns one item into outcomes; it may raise `BadValue`, `KeyError`, `TypeError`,
    `ValueError` or `IndexError`, which become a `Rejection` of that one item. An empty iterable
    means that the item holds nothing (a separator); it is counted.
    """

    name: str
    """Dotted and stable, such as `google.location_records`; also the `source` of its records."""
    title: str
    """For people: what this is."""
    version: int
    """Raised whenever the records of some input would change."""
    data_type: DataType
    paths: tuple[str, ...]
    looks_like: Callable[[Head], bool | int]
    reader: Reader
    record: Callable[[RawRecord, Member], Outcome | Iterable[Outcome]]
    rank: Rank = Rank.PRODUCT
    limits: SliceLimits = SliceLimits()
    embed: bool | None = None
    """None: as the policy for the data type says. False: never embedded."""
    hints: tuple[str, ...] = ()
    """Paths (as in `paths`) that make the claim surer: the names that the file is known by."""
    products: tuple[str, ...] = ()
    """Whose export it is, as its makers name it: `("Google Takeout: Chrome",)`."""
    locales: tuple[str, ...] = ()
    """Languages of names and dates that are known, as ISO 639-1; empty: it depends on none."""
    vintages: tuple[str, ...] = ()
    """The forms over the years that are read, for people: `("Records.json (2022-2024)",)`."""
    record_types: tuple[str, ...] = ()
    """The record types that come out of it."""
    sample: Literal["invented", "invented and real"] = "invented"
    """Whether what it is tested with is all invented, or some of it was written by programs and
    people that know nothing of us (`tests/data`)."""
    tried: tuple[str, ...] = ()
    """Projects on GitHub whose test files were read, and compared with what their own tests expect
    where they say it. Empty: nobody's file but ours."""
    fields: frozenset[str] | None = None
    """The field names at the top of an item that are known; others are reported as drift. None:
    an item has no named fields, or any."""
    repeats: bool = False
    """Whether two items that are the same are two facts (two plays in one minute), so that each
    has an occurrence number. False: they are one fact, written twice."""
    unread: str = ""
    """For people: what else such a file holds, which is not read, and which file to drop for it."""
    beside: Beside | None = None
    """What other files of the export add to a record: metadata, flags, relations.

    For what is told apart into two files, such as a photo and its sidecar. Who a record is and
    when must not hang on which parts came. A format that has this waits for its
    set, or for as long as is configured; then it says in a flag what it missed.
    """

    @property
    def needs_set(self) -> bool:
        """Whether its records are only whole once every part of their export is there."""
        return self.beside is not None

    def may_lie_at(self, path: str) -> bool:
        """Whether such a file can lie at that path of an archive."""
        return _matches(self.paths, _inner(path))

    def is_hinted_at(self, path: str) -> bool:
        """Tell whether a member's name hints at this format. Its bytes are not looked at."""
        return _matches(self.hints, _inner(path))

    def score(self, head: Head) -> int:
        """How sure this format is that the member is its own: 0 is not at all."""
        if not self.may_lie_at(head.path):
            return 0
        sure = int(self.looks_like(head))
        return sure + self.is_hinted_at(head.path) if sure else 0


def _inner(path: str) -> str:
    """The path inside the innermost archive."""
    return unicodedata.normalize("NFC", path.rsplit("!/", 1)[-1])


def _matches(paths: tuple[str, ...], path: str) -> bool:
    return any(re.fullmatch(p, path, re.IGNORECASE) for p in paths)
