"""Sound or video that is a record of its own: MP3, M4A, FLAC, Ogg, WAV, MP4, MOV and others.

The blob store keeps the file; tags and movie header give title, duration and time.
"""

from __future__ import annotations

from pipeline.contract import Format, Rank
from pipeline.readers.whole import WholeFile
from pipeline.services import media
from pipeline.services.google import photos as google_photos
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "media.audio_video"
_KINDS = ("audio/", "video/")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return the recording, reading its file in place, never as a whole."""
    return media.record(media.recording(member.file), member, _NAME)


def _looks_like(head: Head) -> bool:
    return head.media_type.startswith(_KINDS)


FORMAT = Format(
    name=_NAME,
    title="Sound or video: MP3, M4A, FLAC, Ogg, WAV, MP4, MOV",
    version=4,
    data_type=DataType.MEDIA,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=WholeFile(value_bytes=0),
    record=to_record,
    tried=("marph91/jimmy", "obsidianmd/obsidian-importer", "simulot/immich-go"),
    rank=Rank.WHOLE,
    record_types=(RecordType.MEDIUM,),
    from_siblings=google_photos.of_medium,
)
