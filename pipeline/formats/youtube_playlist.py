"""YouTube playlists of Takeouts to 2023, one CSV each: `playlists/Liked videos.csv`.

Two tables in one file: a row about the playlist, a blank line, and the videos with when they were
added (reference 2.3). The later CSVs, of one table, are not verified, and stay plain tables.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from pipeline import peek, timestamps, youtube
from pipeline.format import Format
from pipeline.readers.csv_preamble import CsvPreamble
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "youtube.playlist"
_ROWS = (b"video id,time added", b'"video id","time added"')


def to_record(item: RawRecord, member: Member) -> Record:
    """The playlist, or one video on it."""
    row = youtube.cells(item.value)
    if item.around.get("table") == "preamble":
        return _playlist(row, member)
    return _video(row, youtube.cells(item.around["preamble"]), member)


def _playlist(row: dict[str, str], member: Member) -> Record:
    created = row.get("time created")
    kept = {name.replace(" ", "_"): cell for name, cell in row.items() if cell}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PLAYLIST,
        identity=_identity(row, member),
        time=timestamps.iso(created) if created else None,
        title=row.get("title") or PurePosixPath(member.path).stem,
        content=row.get("description") or None,
        metadata=kept,
        mutable=True,
    )


def _identity(row: dict[str, str], member: Member) -> tuple[str, ...]:
    return (youtube.SERVICE, row.get("playlist id") or PurePosixPath(member.path).stem)


def _video(row: dict[str, str], playlist: dict[str, str], member: Member) -> Record:
    video, added = youtube.required(row, "video id"), youtube.required(row, "time added")
    of = _identity(playlist, member)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.LIST_ITEM,
        identity=(*of, video, added),
        time=timestamps.iso(added),
        metadata={
            "list": playlist.get("title") or PurePosixPath(member.path).stem,
            "video_id": video,
        },
        related=(Related(Relation.PART_OF, RecordType.PLAYLIST, of),),
    )


def _looks_like(head: Head) -> bool:
    """The second table's header decides, since the first's is not verified."""
    return any(line.lower() in _ROWS for line in peek.lines(head, 50)[1:])


FORMAT = Format(
    name=_NAME,
    title="YouTube playlists (Takeout to 2023)",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvPreamble(),
    record=to_record,
    products=("Google Takeout: YouTube",),
    record_types=(RecordType.LIST_ITEM, RecordType.PLAYLIST),
)
