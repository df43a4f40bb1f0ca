"""vCard 2.1, 3.0 (RFC 2426) and 4.0 (RFC 6350): cards in sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, ClassVar

import msgspec

from pipeline.readers import component_scan
from pipeline.readers.component_scan import Kinds
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.records import RawRecord, Rejection

_KINDS = Kinds(frozenset(), frozenset(), frozenset({"VCARD"}))


class Vcards(msgspec.Struct, frozen=True):
    """Cards as `content_lines.Component`; a card within another (AGENT) is a part of it.

    An unclosed card is rejected, and so is one over `item_bytes`. The lines themselves name
    charsets (vCard 2.1), so bytes are read unchanged.
    """

    name: ClassVar[str] = "vcard"
    version: ClassVar[int] = 2
    #: Lines are decoded after they are unfolded.
    wants_utf8: ClassVar[bool] = False

    item_bytes: int = component_scan.ITEM_BYTES

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return nothing."""
        return {}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges of whole cards."""
        return component_scan.slices(source, 0, _KINDS, limits)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield one `Component` each."""
        for span in component_scan.spans(source, part, _KINDS):
            data = component_scan.read(source, span, self.item_bytes)
            yield component_scan.item(data, span.start)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return the number of cards, line by line."""
        return component_scan.count(source, _KINDS)
