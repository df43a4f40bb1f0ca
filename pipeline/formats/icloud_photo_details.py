"""iCloud Photos: `Photos/Photo Details(-N).csv`, what Apple knows about each photo.

Source: `docs/reference/exports/apple.md#icloud-photos`.
"""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.csv.rows import CsvRows
from pipeline.services import tables
from pipeline.values import mail_dates, timestamps
from pipeline.values.fields import StableNames, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "icloud.photo_details"
_COLUMNS = frozenset(
    {
        "imgName",
        "fileChecksum",
        "favorite",
        "hidden",
        "deleted",
        "originalCreationDate",
        "viewCount",
        "importDate",
    }
)
_NEEDED = frozenset({"imgName", "fileChecksum", "originalCreationDate"})
_NAMES = StableNames(deleted="trashed")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one photo or video, identified by its name and checksum."""
    row: dict[str, str] = item.value
    name, checksum = text(row, "imgName"), text(row, "fileChecksum")
    taken = row["originalCreationDate"].strip()
    names = {c: _NAMES[c] for c in row if c not in ("imgName", "originalCreationDate")}
    return Record(
        data_type=DataType.MEDIA,
        source=_NAME,
        record_type=RecordType.MEDIUM,
        identity=("icloud", name, checksum),
        time=timestamps.or_unread(taken, mail_dates.long_english) if taken else None,
        title=name,
        metadata=tables.renamed(row, names),
        mutable=True,
    )


def _looks_like(head: Head) -> bool:
    return tables.columns(head) >= _NEEDED


FORMAT = Format(
    name=_NAME,
    title="What iCloud knows of photos",
    version=2,
    data_type=DataType.MEDIA,
    paths=(r"(.+/)?[^/]+\.csv",),
    looks_like=_looks_like,
    reader=CsvRows(),
    record=to_record,
    hints=(r"(.+/)?Photo Details(-\d+)?\.csv",),
    products=("iCloud Photos",),
    locales=("en",),
    record_types=(RecordType.MEDIUM,),
    fields=_COLUMNS,
)
