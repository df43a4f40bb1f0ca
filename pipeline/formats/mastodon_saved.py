"""Mastodon's archive: `likes.json` and `bookmarks.json`, the liked and saved posts.

Collections of addresses only, without times; the collection's `id` is the name of the file. Source:
Mastodon's `app/services/backup_service.rb`, which writes them.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "mastodon.saved"
_ARRAY = "orderedItems"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return a like or a bookmark, identified by the address of the post."""
    address = item.value
    if not isinstance(address, str) or not address:
        raise BadValue(Reason.BAD_SHAPE, "an entry is not an address")
    liked = PurePosixPath(member.path).stem.casefold().startswith("like")
    metadata = {"url": address, **({"reaction": "like"} if liked else {})}
    return Record(
        data_type=DataType.ACTIVITY if liked else DataType.BROWSER,
        source=_NAME,
        record_type=RecordType.REACTION if liked else RecordType.BOOKMARK,
        identity=(address,),
        title="like" if liked else None,
        metadata=metadata,
    )


def _looks_like(head: Head) -> int:
    found = peek.first_items(head, _ARRAY)
    return 2 * any(isinstance(one, str) and "://" in one for one in found)


FORMAT = Format(
    name=_NAME,
    title="Likes and bookmarks on Mastodon",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?(likes|bookmarks)[^/]*\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path=_ARRAY),
    record=to_record,
    products=("Mastodon",),
    record_types=(RecordType.REACTION, RecordType.BOOKMARK),
)
