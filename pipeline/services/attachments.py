"""Files that lie within a record (of a mail, of a message): kept as blobs of their own."""

from __future__ import annotations

from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

from pipeline.documents import text_of
from schemas.records import Blob, DataType, Instant, Record, Related
from schemas.vocabulary import RecordType


def blob_of(data: bytes, name: str, declared: str, *, fallback: str) -> Blob:
    """The bytes as a blob, under the last part of `name`, or under `fallback` if that is blank."""
    name = PurePosixPath(name.replace("\\", "/")).name
    return Blob(
        sha256=sha256(data).hexdigest(),
        size=len(data),
        media_type=text_of.media_type_of(data, name, declared),
        name=name or fallback,
        data=data,
    )


def summary(blob: Blob) -> dict[str, Any]:
    """What the record that it is attached to says of it: one of its `attachments`."""
    fields = {"name": blob.name, "media_type": blob.media_type}
    return {**fields, "size": blob.size, "sha256": blob.sha256}


def data_type_of(media_type: str) -> DataType:
    """Pictures, sound and video are media; all else is a document."""
    main = media_type.partition("/")[0]
    return DataType.MEDIA if main in ("image", "audio", "video") else DataType.DOCUMENT


def record(
    source: str,
    blob: Blob,
    ordinal: int,
    owner: Related,
    time: Instant | None,
    *,
    content: str | None = None,
    metadata: dict[str, Any],
) -> Record:
    """A file as a record of its own: `owner` says what it is attached to, and it has that time.

    `ordinal` tells it from an equal file of the same owner.
    """
    return Record(
        data_type=data_type_of(blob.media_type),
        source=source,
        record_type=RecordType.ATTACHMENT,
        identity=(*owner.identity, str(ordinal), blob.sha256),
        time=time,
        title=blob.name,
        content=content,
        content_type=blob.media_type,
        metadata=metadata,
        blob=blob,
        related=(owner,),
    )
