"""A JSON file that is one item."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, ClassVar

import msgspec

from pipeline.readers.json import decode as json_decode
from pipeline.readers.json.scan import BOM, PREFIX, SPACE, Oversized
from pipeline.syntax import json_events
from pipeline.text.cleaning import clean_json
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.records import RawRecord, Rejection

_NOTED_BYTES = 64 * 1024


class JsonWhole(msgspec.Struct, frozen=True, kw_only=True):
    """One slice, one item: the value of the whole text, or its rejection.

    For small files of one thing (a profile, an index). A file over `item_bytes` is rejected with
    its first 64 KiB. `noted` are fields at the top that other files of the export can use: the
    context has them, if the file is small.
    """

    name: ClassVar[str] = "json_whole"
    version: ClassVar[int] = 1
    #: The text is decoded; bytes that aren't UTF-8 are rewritten first.
    wants_utf8: ClassVar[bool] = True

    item_bytes: int = SliceLimits().item_bytes
    noted: tuple[str, ...] = ()

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return the `noted` fields of a readable file; else nothing."""
        if not self.noted or source.seek(0, 2) > _NOTED_BYTES:
            return {}
        source.seek(0)
        item = source.read().strip(SPACE).removeprefix(BOM)
        found = json_decode.outcome(item, 0, cut_off=False)
        value = found.value if isinstance(found, RawRecord) else None
        if not isinstance(value, dict):
            return {}
        return {"noted": clean_json({n: value[n] for n in self.noted if n in value})}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield the whole file, if it is not empty."""
        size = source.seek(0, 2)
        if size:
            yield Slice(0, size)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield the value of the text without white space around it; TRUNCATED if it is cut off."""
        if part != Slice(0, source.seek(0, 2)):
            return
        source.seek(0)
        if part.end > self.item_bytes:
            yield json_decode.too_large(Oversized(0, source.read(PREFIX), part.end))
            return
        text = source.read(part.end).rstrip(SPACE)
        item = text.removeprefix(BOM).lstrip(SPACE)
        cut_off = not item.endswith((b"}", b"]"))
        yield json_decode.outcome(item, len(text) - len(item), cut_off=cut_off)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return one if ijson can read the text to its end, else 0."""
        return json_events.count(source, lambda stream: deque(stream, maxlen=1))
