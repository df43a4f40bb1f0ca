"""A picture that stands for itself: JPEG, PNG, HEIC and their kin, and what cameras write raw.

The file is kept in the blob store; its EXIF tells when and where it was taken, and by what. The
same bytes in two albums are one picture.
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
    """The picture; its file is looked into where it lies, and never held."""
    return media.record(media.picture(member.file), member, _NAME)


#: What libmagic calls them. It takes much for a picture (a TGA is told by a few small numbers), so
#: only those count that begin with a signature.
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
