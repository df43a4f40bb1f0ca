"""A picture that is a record of its own: JPEG, PNG, HEIC and others, and raw files of cameras.

The blob store keeps the file; its EXIF gives time, place and camera. The same bytes in two albums
are one picture.
"""

from __future__ import annotations

from pipeline.contract import Format, Rank
from pipeline.readers.whole import WholeFile
from pipeline.services import media
from pipeline.services.google import photos as google_photos
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "media.image"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return the picture, reading its file in place, never as a whole."""
    return media.record(media.picture(member.file), member, _NAME)


#: Media types of libmagic. It takes much for a picture (a TGA is recognised by a few small
#: numbers), so only kinds with a signature count.
_KINDS = frozenset(
    f"image/{kind}"
    for kind in (
        *("jpeg", "png", "gif", "webp", "tiff", "avif", "heic", "heif", "bmp", "jxl", "jp2"),
        *("x-canon-cr2", "x-canon-cr3", "x-canon-crw", "x-fuji-raf", "x-panasonic-rw2"),
        *("x-olympus-orf", "x-minolta-mrw", "x-x3f", "vnd.adobe.photoshop"),
    )
)


def _looks_like(head: Head) -> bool:
    return head.media_type in _KINDS


FORMAT = Format(
    name=_NAME,
    title="A picture: JPEG, PNG, GIF, WebP, TIFF, AVIF, HEIC, raw",
    version=5,
    data_type=DataType.MEDIA,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=WholeFile(value_bytes=0),
    record=to_record,
    tried=(
        "cleder/fastkml",
        "marph91/jimmy",
        "obsidianmd/obsidian-importer",
        "simulot/immich-go",
        "timelinize/timelinize",
    ),
    rank=Rank.WHOLE,
    record_types=(RecordType.MEDIUM,),
    from_siblings=google_photos.of_medium,
)
