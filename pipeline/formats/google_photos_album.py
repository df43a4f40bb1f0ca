"""Google Photos: an album's `metadata.json`, under localised names.

`Metadaten.json`, `métadonnées.json`, `metadatos.json`, `metadati.json`, `метаданные.json`: known by
its structure. An older form wraps everything in `albumData`.

Source: `docs/reference/exports/google-photos.md#albums`.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.whole import JsonWhole
from pipeline.recognition import peek
from pipeline.services.google import photos as google_photos
from pipeline.values.fields import StableNames, optional_text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.photos_album"
_WRAPPED = "albumData"
_FIELDS = frozenset(
    {
        "title",
        "description",
        "access",
        "date",
        "location",
        "enrichments",
        "sharedAlbumComments",
        _WRAPPED,
    }
)
_MARKS = frozenset({"access", "enrichments", "sharedAlbumComments"})
_NAMES = StableNames(location="geo")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one album, identified by its folder, as its photos refer to it.

    The title may be blank.
    """
    fields: dict[str, Any] = item.value.get(_WRAPPED) or item.value
    folder = PurePosixPath(member.path.rsplit("!/", 1)[-1]).parent.name
    if not folder:
        raise BadValue(Reason.MISSING_FIELD, "the album is not in a folder")
    names = fields.keys() & (_MARKS | {"location"})
    return Record(
        data_type=DataType.MEDIA,
        source=_NAME,
        record_type=RecordType.ALBUM,
        identity=("album", folder),
        time=google_photos.moment(fields.get("date")),
        title=optional_text(fields, "title") or folder,
        content=optional_text(fields, "description") or None,
        metadata={_NAMES[name]: fields[name] for name in sorted(names) if fields[name]},
        mutable=True,
    )


def _looks_like(head: Head) -> bool:
    """Recognise `albumData`, or a title with a date and some fields that only albums have."""
    keys = set(peek.top_keys(head))
    return _WRAPPED in keys or ({"title", "date"} <= keys and bool(_MARKS & keys))


FORMAT = Format(
    name=_NAME,
    title="An album of Google Photos (Takeout)",
    version=2,
    data_type=DataType.MEDIA,
    paths=(r"(.+/)?[^/]+/[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonWhole(),
    record=to_record,
    hints=(r"(.+/)?(metadata|Metadaten|métadonnées|metadatos|metadati|метаданные)\.json",),
    products=("Google Takeout: Google Photos",),
    locales=("de", "en", "es", "fr", "it", "ru"),
    vintages=("albumData", "fields at the top"),
    record_types=(RecordType.ALBUM,),
    fields=_FIELDS,
)
