"""Netflix: `NetflixViewingHistory.csv`, which the account's page offers for immediate download.

It has only `Title,Date`. The spelling of days depends on the country: `24.01.23`, `4/21/25`,
`21/04/2025`, `2023-01-24`; a spreadsheet that saved the file adds two more (leepeuker/movary issue
259, jensb89/Netflix-to-Trakt-Import issues 30 and 47, tegon/traktflix issue 13). The time of a play
is not known; a title played twice on a day is two plays.
"""

from __future__ import annotations

import re
from functools import partial

from pipeline.contract import Format
from pipeline.readers.csv.days import CsvDays
from pipeline.services import netflix, tables
from pipeline.values import day_order, timestamps
from pipeline.values.fields import text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "netflix.viewing_history"
_DAY = re.compile(r"\s*\d{1,4}[./\-]\d{1,2}[./\-]\d{1,4}\b")
_NAMED = r"(.+/)?[^/]*Netflix[^/]*History[^/]*\.csv"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one play. A day that cannot be read gives no time, and a flag."""
    row: dict[str, str] = item.value
    title_column, day_column = tuple(row)[:2]
    title, day = text(row, title_column), text(row, day_column)
    read = partial(day_order.read, orders=item.around["orders"])
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PLAY,
        identity=(title, day),
        time=timestamps.or_unread(day.strip(), read),
        title=title or None,
        metadata=tables.rest(row, frozenset({title_column, day_column})),
    )


def _looks_like(head: Head) -> int:
    """Recognise two columns in any language, since the file's name identifies Netflix.

    With more than two columns, the second must hold days.
    """
    width = len(tables.ordered_columns(head))
    if width <= 2:
        return 2 * (width == 2)
    return 2 * any(_DAY.match([*row.values()][1]) for row in tables.first_rows(head, 5))


FORMAT = Format(
    name=_NAME,
    title="What was watched on Netflix, by day (NetflixViewingHistory.csv)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(_NAMED,),
    looks_like=_looks_like,
    reader=CsvDays(nth=1),
    record=to_record,
    hints=(_NAMED,),
    products=(netflix.PRODUCT,),
    record_types=(RecordType.PLAY,),
    repeats=True,
)
