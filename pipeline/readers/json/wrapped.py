"""The only list of objects in an object: `{"exported": …, "data": […]}`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, ClassVar

import msgspec

from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from schemas.files import Context, Head, Member, Slice, SliceLimits
from schemas.records import RawRecord, Rejection

_HEAD = 64 * 1024


class JsonWrapped(msgspec.Struct, frozen=True, kw_only=True):
    """Items as in `JsonTree`, of the array that the head shows (`peek.wrapped`).

    `around` of an item holds the small fields beside the array.
    """

    name: ClassVar[str] = "json_wrapped"
    version: ClassVar[int] = 1
    #: Items are text; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return `key`, the place of the array, and `tree`, the context of `JsonTree`."""
        size = source.seek(0, 2)
        source.seek(0)
        head = Head(path=member.path, data=source.read(_HEAD), size=size, media_type="")
        key = peek.wrapped(head) or ""
        return {"key": key, "tree": _tree(key).prepare(source, member)}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """See `JsonTree`."""
        return _tree(context["key"]).slices(source, context["tree"], limits)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """See `JsonTree`."""
        return _tree(context["key"]).items(source, part, context["tree"])

    def count(self, source: BinaryIO, context: Context) -> int:
        """See `JsonTree`."""
        return _tree(context["key"]).count(source, context["tree"])


def _tree(key: str) -> JsonTree:
    return JsonTree(paths=(key,))
