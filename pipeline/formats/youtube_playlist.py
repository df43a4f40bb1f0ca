"""The videos on a YouTube playlist, one CSV each: `Liked videos.csv`, `Recipes-videos.csv`.

To 2023 two tables in one file: a row about the playlist, a blank line, and the videos with the time
of adding (iv-org/invidious, pull request 3697, in Italian and with a blank line of commas). Since
then the videos alone, and the list's name in that of the file (libre-tube/LibreTube, pull request
2380). Names of columns are in the account's language, so a video is known by its two cells.

Source: `docs/reference/exports/youtube.md#subscriptions-and-playlists`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from pipeline.contract import Format
from pipeline.readers.csv.preamble import CsvPreamble
from pipeline.recognition import peek
from pipeline.services import youtube
from pipeline.values import timestamps
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "youtube.playlist"
_ROWS = (b"video id,time added", b'"video id","time added"')
#: The columns of the first table, in every language in this order.
_PLAYLIST = (
    *("playlist id", "channel id", "time created", "time updated", "title", "description"),
    "visibility",
)
_VIDEO = ("video id", "time added")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return the playlist, or one video on it."""
    if item.around.get("table") != "preamble":
        return _video(_named(item.value, _VIDEO), _playlist_cells(item.around["preamble"]), member)
    if _names_video(list(item.value.values())):
        listed = PurePosixPath(member.path).stem.rpartition("-")[0]
        alone = {"title": listed} if listed else {}
        return _video(_named(item.value, _VIDEO), alone, member)
    return _playlist(_playlist_cells(item.value), member)


def _named(row: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Return the cells under English column names; in other languages by their places."""
    cells = youtube.cells(row)
    return cells if names[0] in cells else youtube.in_places(row, names)


def _playlist_cells(row: Mapping[str, str]) -> dict[str, str]:
    cells = list(row.values())
    dated = len(cells) == len(_PLAYLIST) and any(map(youtube.MOMENT.fullmatch, cells[2:4]))
    return _named(row, _PLAYLIST) if dated else youtube.cells(row)


def _playlist(row: dict[str, str], member: Member) -> Record:
    created = row.get("time created")
    cells = {name.replace(" ", "_"): cell for name, cell in row.items() if cell}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PLAYLIST,
        identity=_identity(row, member),
        time=timestamps.or_unread(created) if created else None,
        title=row.get("title") or PurePosixPath(member.path).stem,
        content=row.get("description") or None,
        metadata=cells,
        mutable=True,
    )


def _identity(row: dict[str, str], member: Member) -> tuple[str, ...]:
    name = row.get("playlist id") or row.get("title") or PurePosixPath(member.path).stem
    return (youtube.SERVICE, name)


def _video(row: dict[str, str], playlist: dict[str, str], member: Member) -> Record:
    video, added = youtube.required(row, "video id"), row.get("time added", "")
    of = _identity(playlist, member)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.LIST_ITEM,
        identity=(*of, video, added),
        time=timestamps.or_unread(added),
        metadata={
            "list": playlist.get("title") or PurePosixPath(member.path).stem,
            "video_id": video,
        },
        related=(Related(Relation.PART_OF, RecordType.PLAYLIST, of),),
    )


def _is_video(cells: Sequence[str]) -> bool:
    """Return whether a row has a video's id, a time and nothing else."""
    return _names_video(cells) and youtube.MOMENT.fullmatch(cells[1]) is not None


def _names_video(cells: Sequence[str]) -> bool:
    """Return whether a row has a video's id, and nothing after the place of a time."""
    if len(cells) < len(_VIDEO) or any(cells[2:]):
        return False
    return youtube.VIDEO.fullmatch(cells[0]) is not None


def _looks_like(head: Head) -> bool:
    """Recognise the second table's header, since the first's is not verified; or a video's row."""
    named = any(line.lower() in _ROWS for line in peek.lines(head, 50))
    return named or youtube.some_row(head, _is_video)


FORMAT = Format(
    name=_NAME,
    title="Videos on YouTube playlists (Takeout)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvPreamble(),
    record=to_record,
    products=("Google Takeout: YouTube",),
    vintages=("two tables (to 2023)", "one table", "columns in the account's language"),
    record_types=(RecordType.LIST_ITEM, RecordType.PLAYLIST),
)
