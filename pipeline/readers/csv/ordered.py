"""What tables share whose dates do not show by themselves whether day or month is first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, ClassVar

import msgspec

from pipeline.readers.csv.rows import CsvRows
from schemas.files import Context, Slice, SliceLimits
from schemas.records import RawRecord, Rejection

ROWS = CsvRows()


class CsvOrdered(msgspec.Struct, frozen=True):
    """Rows as in `CsvRows`, with the `orders` and `marks` of `prepare` around them."""

    #: As in `CsvRows`.
    wants_utf8: ClassVar[bool] = True

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """See `CsvRows`."""
        return ROWS.slices(source, context, limits)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """See `CsvRows`."""
        shown = {name: context[name] for name in ("orders", "marks") if name in context}
        for item in ROWS.items(source, part, context):
            if isinstance(item, RawRecord):
                yield msgspec.structs.replace(item, around={**item.around, **shown})
            else:
                yield item

    def count(self, source: BinaryIO, context: Context) -> int:
        """See `CsvRows`."""
        return ROWS.count(source, context)
