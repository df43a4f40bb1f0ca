"""The plug-in contract: what a reader and a format are, and how a member finds its format.

A *reader* knows the syntax of a container and nothing of meaning. A *format* knows what an item
means and nothing of streams. A new format is one file in `pipeline/formats` with one constant,
`FORMAT`, and one folder in `tests/formats`; `docs/how-to/add-a-format.md` explains how.
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
    """Cuts a member into slices and reads the items of one slice, in bounded memory.

    Contract tests check these laws: the slices do not overlap, are in order and hold every item;
    slicing at any limits gives the same items at the same offsets; any truncation or corruption of
    the input yields outcomes, never an exception; bytes that should have been an item and are not
    become a `Rejection` with their offset and raw bytes.
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
        """Learn what slicing needs (dialect, encoding, header): small and JSON-able."""

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield item-bounded byte ranges, each about `limits` big, from one pass over `source`."""

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield the items of one slice, in order, each with its byte offset in the member."""

    def count(self, source: BinaryIO, context: Context) -> int:
        """Count the items (good or bad) of the whole member, in another way than `items`.

        `datapunk verify` uses it to count the sources again. It shares no cutting code with
        `slices` and `items`; on sound input the numbers agree.
        """


class Rank(IntEnum):
    """How specific a format's match is.

    A lower rank wins; two matches of one rank conflict.
    """

    PRODUCT = 0
    """The export of one product, known by path and structure."""
    SYNTAX = 1
    """Any records in a known container: CSV, JSON arrays, NDJSON, mbox."""
    WHOLE = 2
    """A file kept as it is."""


#: What other files of an export add to a record of this member.
FromSiblings: TypeAlias = Callable[[Record, Member, Neighbours], Addition]


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One export format.

    `paths` are regular expressions over the path inside the archive (POSIX, after the last `!/`, in
    NFC), matched whole with `re.fullmatch`, ignoring case: all places of such a file. `looks_like`
    then checks the structure and returns how sure it is: 0 (or False) is no, 1 (or True) yes, more
    is surer; `hints` are paths that add one to that. Of the matching formats of a rank the one with
    the highest score reads the member; two with the same score are a conflict.

    `record` turns one item into outcomes; it may raise `BadValue`, `KeyError`, `TypeError`,
    `ValueError` or `IndexError`, which become a `Rejection` of that one item. An empty iterable
    means that the item holds nothing (a separator); it is counted.
    """

    name: str
    """Dotted and stable, such as `google.location_records`; also the `source` of its records."""
    title: str
    """For people: a short title."""
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
    """Paths (as in `paths`) that make the match surer: the usual names of the file."""
    products: tuple[str, ...] = ()
    """The products whose export it is, as their makers name them: `("Google Takeout: Chrome",)`."""
    locales: tuple[str, ...] = ()
    """Supported languages of names and dates, as ISO 639-1; empty: it depends on none."""
    vintages: tuple[str, ...] = ()
    """The forms over the years that are read, for people: `("Records.json (2022-2024)",)`."""
    record_types: tuple[str, ...] = ()
    """The record types that come out of it."""
    sample: Literal["invented", "invented and real"] = "invented"
    """Whether its test files are all invented, or some come from other programs and people.

    The latter lie in `tests/data`.
    """
    tried: tuple[str, ...] = ()
    """Projects on GitHub whose test files were read, and compared with what their own tests expect.

    Empty: only this project's files were read.
    """
    fields: frozenset[str] | None = None
    """The known field names at the top of an item; others are reported as drift.

    None: an item has no named fields, or any.
    """
    repeats: bool = False
    """Whether two equal items are two facts (two plays in one minute).

    Each then has an occurrence number. False: they are one fact, written twice.
    """
    unread: str = ""
    """For people: what else such a file holds that is not read, and which file to drop for it."""
    from_siblings: FromSiblings | None = None
    """What other files of the export add to a record: metadata, flags, relations.

    For an export that spreads one thing over two files, such as a photo and its sidecar. A record's
    identity and time must not depend on which parts came. A format with this field waits for its
    set, up to the configured time; then a flag names what is missing.
    """

    @property
    def needs_set(self) -> bool:
        """Whether its records are only whole once every part of their export is there."""
        return self.from_siblings is not None

    def may_lie_at(self, path: str) -> bool:
        """Tell whether such a file can lie at that path of an archive."""
        return _matches(self.paths, _inner(path))

    def is_hinted_at(self, path: str) -> bool:
        """Tell whether a member's name hints at this format. Its bytes are not looked at."""
        return _matches(self.hints, _inner(path))

    def score(self, head: Head) -> int:
        """Return how sure this format is that it reads the member: 0 is not at all."""
        if not self.may_lie_at(head.path):
            return 0
        sure = int(self.looks_like(head))
        return sure + self.is_hinted_at(head.path) if sure else 0


def _inner(path: str) -> str:
    """Return the path inside the innermost archive."""
    return unicodedata.normalize("NFC", path.rsplit("!/", 1)[-1])


def _matches(paths: tuple[str, ...], path: str) -> bool:
    return any(re.fullmatch(p, path, re.IGNORECASE) for p in paths)
