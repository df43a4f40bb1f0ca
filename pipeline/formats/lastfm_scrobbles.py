"""Plays that Last.fm noted, as the usual exporters write them; Last.fm has none of its own.

`uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid` of lastfm.ghan.nl, with seconds
since 1970; `Artist;Album;AlbumId;Track;Date#user` of lastfmstats.com, with milliseconds. The table
without a header (benjaminbenben.com) says of no column what it is, and stays a table. Source: the
headers as importers read them (tests of "imports_a_lastfm_csv", LastFmStatsCsvReader).
"""

from __future__ import annotations

from pipeline import tables, timestamps
from pipeline.fields import kept
from pipeline.format import Format
from pipeline.readers.csv_rows import CsvRows
from schemas.files import Head, Member
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


def to_record(item: RawRecord, member: Member) -> Record:
    """One play, by when it began."""
    row: dict[str, str] = item.value
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
        metadata=kept(
            {
                "artist": artist,
                "album": row.get("album") or row.get("Album") or "",
                "track": track,
                "account": owner,
                "utc_time": row.get("utc_time") if time.flag == timestamps.UNREAD else None,
                **tables.said(row, _IDS),
                **tables.rest(row, _TAKEN | {n for n in row if n.startswith("Date")}),
            }
        ),
    )


def _time(row: dict[str, str]) -> tuple[str, Instant, str]:
    """The number as it stands there, its moment, and whose it is, if the header says it."""
    if "uts" in row:
        return row["uts"], timestamps.epoch_or_unread(row["uts"], "s"), ""
    column = next(name for name in row if name.startswith("Date"))
    return row[column], timestamps.epoch_or_unread(row[column], "ms"), column.partition("#")[2]


def _looks_like(head: Head) -> int:
    columns = tables.columns(head)
    dated = any(name == "Date" or name.startswith("Date#") for name in columns)
    return 2 * (columns >= _GHAN or (columns >= _STATS and dated))


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
    vintages=("lastfm.ghan.nl", "lastfmstats.com"),
    record_types=(RecordType.PLAY,),
    repeats=True,
)
