"""The owner's playlists on YouTube, a row each: `playlists/playlists.csv` of Takeout since 2023.

Names of columns are in the account's language. Their order is: the playlist's id, whether new
videos come first, its title and the title's language, optional values (a description), two times,
the order of its videos, its visibility (A-EDev/Flow, pull request 989). A row is known by its id
and by two adjacent times; cells between the first three and the times are kept under the names of
their columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import tables, youtube
from pipeline.values import open_zones, timestamps
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "youtube.playlists"
_ID = re.compile(r"(?:PL|LL|WL|FL|UU|OL|RD)[\w-]*", re.ASCII)
_FIRST_TIME = 4
#: From the first time to the end of a row: two times, the order, the visibility.
_SINCE_TIMES = 4


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one playlist, the same record that a table of its videos refers to."""
    cells = list(item.value.values())
    if not cells or not cells[0]:
        raise BadValue(Reason.MISSING_FIELD, "the column of the playlist's id is empty")
    if len(cells) <= _FIRST_TIME:
        raise BadValue(Reason.BAD_SHAPE, "the row has too few cells for two times")
    at = _times(cells)
    details = dict(list(item.value.items())[3:at])
    metadata = {
        "playlist_id": cells[0],
        "updated_at": open_zones.utc_text(timestamps.or_unread(cells[at + 1])),
        "details": {tables.snake(name): cell for name, cell in details.items() if cell},
        "add_to_top": cells[1],
        "video_order": cells[at + 2] if len(cells) > at + 2 else "",
        "visibility": cells[at + 3] if len(cells) > at + 3 else "",
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PLAYLIST,
        identity=(youtube.SERVICE, cells[0]),
        time=timestamps.or_unread(cells[at]),
        title=cells[2] or None,
        metadata={name: value for name, value in metadata.items() if value},
        mutable=True,
    )


def _times(cells: Sequence[str]) -> int:
    """Return the place of the first of two times; the usual one if neither can be read."""
    usual = len(cells) - _SINCE_TIMES
    places = range(_FIRST_TIME - 1, len(cells) - 1)
    return max(places, key=lambda at: (_known(cells, at), at == usual), default=usual)


def _known(cells: Sequence[str], at: int) -> int:
    """Return how many of two cells are times."""
    return sum(youtube.MOMENT.fullmatch(cell) is not None for cell in cells[at : at + 2])


def _is_playlist(cells: Sequence[str]) -> bool:
    if len(cells) < _FIRST_TIME + 2 or not _ID.fullmatch(cells[0]):
        return False
    return _known(cells, _times(cells)) == 2


def _looks_like(head: Head) -> bool:
    return youtube.some_row(head, _is_playlist)


FORMAT = Format(
    name=_NAME,
    title="YouTube playlists (Takeout)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    products=("Google Takeout: YouTube",),
    record_types=(RecordType.PLAYLIST,),
)
