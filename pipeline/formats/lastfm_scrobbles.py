"""Plays that Last.fm recorded, as the usual exporters write them; Last.fm has no exporter.

`uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid` of lastfm.ghan.nl, with seconds
since 1970; `Artist;Album;AlbumId;Track;Date#user` of lastfmstats.com, with milliseconds; and
without a header artist, album, track and `01 Jan 2024 12:00` in UTC (benjaminbenben.com). Source:
the headers as importers read them (tests of "imports_a_lastfm_csv", LastFmStatsCsvReader).
"""

from __future__ import annotations

import csv
import re

import msgspec

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.recognition import peek
from pipeline.services import tables
from pipeline.values import day_order, instants, timestamps
from pipeline.values.fields import non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "lastfm.scrobbles"
_GHAN = frozenset({"uts", "utc_time", "artist", "album", "track"})
_STATS = frozenset({"Artist", "Album", "AlbumId", "Track"})
_IDS = {
    "artist_mbid": "artist_mbid",
    "album_mbid": "album_mbid",
    "track_mbid": "track_mbid",
    "AlbumId": "album_id",
}
_TAKEN = frozenset(
    {"artist", "Artist", "album", "Album", "track", "Track", "uts", "utc_time", *_IDS}
)


#: The columns of a table without a header.
_BARE = {"column_1": "artist", "column_2": "album", "column_3": "track", "column_4": "utc_time"}
_SPELLED = re.compile(r"(\d\d [A-Z][a-z]{2} \d{4}),? (\d\d:\d\d)")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one play, identified by when it began."""
    row: dict[str, str] = {_BARE.get(name, name): cell for name, cell in item.value.items()}
    written, time, owner = _time(row)
    artist = row.get("artist") or row.get("Artist") or ""
    track = row.get("track") or row.get("Track") or ""
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PLAY,
        identity=(written, artist, track),
        time=time,
        title=track or None,
        metadata=non_empty(
            {
                "artist": artist,
                "album": row.get("album") or row.get("Album") or "",
                "track": track,
                "account": owner,
                "utc_time": row.get("utc_time") if time.flag == instants.UNREAD else None,
                **tables.renamed(row, _IDS),
                **tables.rest(row, _TAKEN | {n for n in row if n.startswith("Date")}),
            }
        ),
    )


def _time(row: dict[str, str]) -> tuple[str, Instant, str]:
    """Return the number as written, its moment, and the user, if the header names one."""
    if "uts" in row:
        return row["uts"], timestamps.epoch_or_unread(row["uts"], "s"), ""
    if "utc_time" in row:
        return row["utc_time"], timestamps.or_unread(row["utc_time"], _spelled), ""
    column = next(name for name in row if name.startswith("Date"))
    return row[column], timestamps.epoch_or_unread(row[column], "ms"), column.partition("#")[2]


def _spelled(written: str) -> Instant:
    """Read a moment such as `01 Jan 2024 12:00`. Raises `BadValue(BAD_TIME)`."""
    found = _SPELLED.fullmatch(written.strip())
    if found is None:
        raise BadValue(Reason.BAD_TIME, "the form of the time of a play is unknown")
    day = day_order.read(found[1], {}).at
    if day is None:
        raise BadValue(Reason.BAD_TIME, "the day of a play is out of range")
    moment = tables.in_utc(f"{day.date().isoformat()}T{found[2]}:00")
    return msgspec.structs.replace(moment, text=written)


def _looks_like(head: Head) -> int:
    columns = tables.columns(head)
    dated = any(name == "Date" or name.startswith("Date#") for name in columns)
    return 2 * (columns >= _GHAN or (columns >= _STATS and dated) or _is_bare(head))


def _is_bare(head: Head) -> bool:
    """Return whether the first rows have four cells, with such a time in the last."""
    texts = [line.decode("utf-8", "replace") for line in peek.lines(head, 5)]
    try:
        rows = list(csv.reader(texts))
    except csv.Error:
        return False
    spelled = [len(row) == len(_BARE) and _SPELLED.fullmatch(row[3]) is not None for row in rows]
    return 2 * sum(spelled) > len(spelled)


FORMAT = Format(
    name=_NAME,
    title="Plays noted by Last.fm",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    products=("Last.fm",),
    vintages=("lastfm.ghan.nl", "lastfmstats.com", "benjaminbenben.com"),
    record_types=(RecordType.PLAY,),
    repeats=True,
)
