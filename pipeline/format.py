"""The plug-in contract: what a reader and a format are, and how a member finds its format.

A *reader* knows the syntax of a container and nothing of meaning. A *format* knows what an item
means and nothing of streams. A new format is one file in `pipeline/formats` with one constant,
`FORMAT`, and one folder in `tests/formats`; `docs/add-a-format.md` walks through it.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any, BinaryIO, Protocol, TypeAlias

import msgspec

from pipeline.ports import Neighbours
from schemas.errors import ConfigurationError
from schemas.files import Context, Head, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import DataType, Outcome, RawRecord, Record, Rejection


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


#: What other files of an export add to the metadata of a record of this member.
Beside: TypeAlias = Callable[[Record, Member, Neighbours], dict[str, Any]]


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One export format.

    `paths` are regular expressions over the path inside the archive (POSIX, after the last
    `!/`), matched whole with `re.fullmatch`, ignoring case; `looks_like` then checks the
    structure. `record` turns one item into outcomes; it may raise `BadValue`, `KeyError`,
    `TypeError`, `ValueError` or `IndexError`, which become a `Rejection` of that one item.
    """

    name: str
    """Dotted and stable, such as `google.location_records`; also the `source` of its records."""
    title: str
    """For people: what this is."""
    version: int
    """Raised whenever the records of some input would change."""
    data_type: DataType
    paths: tuple[str, ...]
    looks_like: Callable[[Head], bool]
    reader: Reader
    record: Callable[[RawRecord, Member], Outcome | Iterable[Outcome]]
    rank: Rank = Rank.PRODUCT
    limits: SliceLimits = SliceLimits()
    embed: bool | None = None
    """None: as the policy for the data type says. False: never embedded."""
    beside: Beside | None = None
    """What other files of the export add to a record's metadata (its `flags` are joined).

    For what is told apart into two files, such as a photo and its sidecar. Only metadata: who a
    record is and when must not hang on which parts came. A format that has this waits for its
    set, or for as long as is configured; then it says in a flag what it missed.
    """

    @property
    def needs_set(self) -> bool:
        """Whether its records are only whole once every part of their export is there."""
        return self.beside is not None

    def claims(self, head: Head) -> bool:
        """Whether this format takes the member: by its path, then by its structure."""
        inner = head.path.rsplit("!/", 1)[-1]
        by_path = any(re.fullmatch(p, inner, re.IGNORECASE) for p in self.paths)
        return by_path and self.looks_like(head)


@lru_cache(maxsize=1)
def all_formats() -> tuple[Format, ...]:
    """Every format in the folder, by rank and name. Two of one name are refused."""
    from pipeline import formats as folder  # noqa: PLC0415 - the folder imports this module

    found: dict[str, Format] = {}
    for module in pkgutil.iter_modules(folder.__path__):
        if module.name.startswith("_"):
            continue
        made: Format = importlib.import_module(f"{folder.__name__}.{module.name}").FORMAT
        if made.name in found:
            raise ConfigurationError(f"Two formats are called {made.name}; rename one of them.")
        found[made.name] = made
    return tuple(sorted(found.values(), key=lambda f: (f.rank, f.name)))


def format_named(name: str) -> Format:
    """The format of that name; KeyError if there is none."""
    return {f.name: f for f in all_formats()}[name]


def recognise(head: Head, formats: Sequence[Format] | None = None) -> Format | tuple[Reason, str]:
    """The one format that claims the member, or why there is none.

    The most specific rank that has a claimant decides; two claimants in it are a conflict,
    which is shown and not tossed for.
    """
    claimants = [f for f in (formats or all_formats()) if f.claims(head)]
    if not claimants:
        return Reason.NO_FORMAT, "kept in the original, not read"
    best = [f for f in claimants if f.rank == claimants[0].rank]
    if len(best) > 1:
        return Reason.CONFLICT, ", ".join(f.name for f in best)
    return best[0]
