"""A format that needs its set: rows that name a media file beside them, maybe in another part.

It lies outside the folder of formats; `tests.support.sets` adds it to the folder's path.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.ports import Neighbours
from pipeline.readers.json.ndjson import Ndjson
from schemas.files import Member
from schemas.records import Addition, DataType, RawRecord, Record


def record(item: RawRecord, member: Member) -> Record:
    row: dict[str, Any] = item.value
    return Record(
        data_type=DataType.MEDIA,
        source=FORMAT.name,
        record_type="media.sidecar",
        identity=(str(row["media"]),),
        title=row["media"],
        metadata={"flags": ["from_sidecar"]},
    )


def beside(found: Record, member: Member, neighbours: Neighbours) -> Addition:
    for other in neighbours.folder(member.path):
        if PurePosixPath(other.path).name == found.title:
            media = {"path": other.path, "sha256": other.sha256, "size": other.size}
            return Addition(metadata={"media": media})
    flag = "media_in_a_bare_part" if neighbours.bare() else "media_missing"
    return Addition(flags=(flag,))


FORMAT = Format(
    name="sidecar.rows",
    title="Rows that each name a media file",
    version=1,
    data_type=DataType.MEDIA,
    paths=(r"(.*/)?[^/]*\.sidecar",),
    looks_like=lambda head: True,
    reader=Ndjson(),
    record=record,
    beside=beside,
    embed=False,
)
