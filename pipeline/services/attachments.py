"""Files within a record (of a mail, of a message), kept as blobs of their own."""

from __future__ import annotations

from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

from pipeline.documents import text_of
from schemas.records import Blob, DataType, Instant, Record, Related
from schemas.vocabulary import RecordType


def blob_of(data: bytes, name: str, declared: str, *, fallback: str) -> Blob:
    """Return a blob named by the last part of `name`, or by `fallback` if that is blank."""
    name = PurePosixPath(name.replace("\\", "/")).name
    return Blob(
        sha256=sha256(data).hexdigest(),
        size=len(data),
        media_type=text_of.media_type_of(data, name, declared),
        name=name or fallback,
        data=data,
    )


def summary(blob: Blob) -> dict[str, Any]:
    """Return the blob's entry in the `attachments` of the record that it is attached to."""
    fields = {"name": blob.name, "media_type": blob.media_type}
    return {**fields, "size": blob.size, "sha256": blob.sha256}


def data_type_of(media_type: str) -> DataType:
    """Return media for pictures, sound and video, else document."""
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
    """Return a file as a record of its own, attached to `owner` and with its time.

    `ordinal` distinguishes it from an equal file of the same owner.
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
