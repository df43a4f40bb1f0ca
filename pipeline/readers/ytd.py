"""X's archive files: `window.YTD.<name>.part<n> = ` and a JSON array after it.

Archives of 2012 to 2018 have a file for each month: `Grailbird.data.tweets_2014_01 = `.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, ClassVar, cast

import msgspec

from pipeline.readers.json.items import JsonItems
from pipeline.readers.json.tree import JsonTree
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.records import RawRecord, Rejection

#: The text before the array; the name says what the items are.
_ASSIGNMENT = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:window\.YTD\.(\w+)\.part\d+|Grailbird\.data\.(\w+))\s*=\s*"
)
_HEAD = 1024


def assignment(data: bytes) -> tuple[str, int] | None:
    """Return the name in the assignment at the beginning of `data`, and where the array begins."""
    found = _ASSIGNMENT.match(data[:_HEAD])
    if found is None:
        return None
    return (found[1] or found[2]).decode("ascii", "replace"), found.end()


class Ytd(msgspec.Struct, frozen=True, kw_only=True):
    """Items of the array as `inner` reads them; `around` has `name`, the name in the assignment.

    A file without the assignment is read as JSON.
    """

    #: Items are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    inner: JsonItems | JsonTree = JsonItems()

    @property
    def name(self) -> str:
        """See `Reader`."""
        return f"ytd:{self.inner.name}"

    @property
    def version(self) -> int:
        """See `Reader`."""
        return self.inner.version

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return `name` and `begin`, from the assignment; `inner`, the context of `inner`."""
        source.seek(0)
        name, begin = assignment(source.read(_HEAD)) or ("", 0)
        context: Context = {"name": name, "begin": begin}
        return {**context, "inner": self.inner.prepare(_blanked(source, context), member)}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """See `JsonItems`."""
        return self.inner.slices(_blanked(source, context), context["inner"], limits)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """See `JsonItems`."""
        name = {"name": context["name"]}
        for item in self.inner.items(_blanked(source, context), part, context["inner"]):
            if isinstance(item, Rejection):
                yield _with_raw_bytes(source, item) if item.offset < context["begin"] else item
            else:
                yield RawRecord(item.value, item.offset, item.length, {**item.around, **name})

    def count(self, source: BinaryIO, context: Context) -> int:
        """See `JsonItems`."""
        return self.inner.count(_blanked(source, context), context["inner"])


def _with_raw_bytes(source: BinaryIO, bad: Rejection) -> Rejection:
    """Return the rejection with the bytes that were read as spaces."""
    at = source.tell()
    source.seek(bad.offset)
    raw = source.read(len(bad.raw))
    source.seek(at)
    return msgspec.structs.replace(bad, raw=raw)


def _blanked(source: BinaryIO, context: Context) -> BinaryIO:
    return cast("BinaryIO", _Blanked(source, context["begin"]))


class _Blanked:
    """A source whose first bytes are read as spaces, which JSON ignores: offsets stay the same."""

    def __init__(self, source: BinaryIO, begin: int) -> None:
        self._source, self._begin = source, begin

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._source.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        at = self._source.tell()
        data = self._source.read(size)
        hidden = max(0, min(self._begin - at, len(data)))
        return b" " * hidden + data[hidden:]
