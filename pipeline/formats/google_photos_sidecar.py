"""Google Photos: the sidecar JSON of each photo and video.

The same item is in each of its albums and in its year's folder; the id in its `url` identifies it.
`pipeline.services.google.photo_sidecars` matches sidecars and files.

Source: `docs/reference/exports/google-photos.md#the-sidecar`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.whole import JsonWhole
from pipeline.recognition import peek
from pipeline.services.google import photos as google_photos
from pipeline.values.fields import StableNames, joined, optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = google_photos.SIDECAR
_TAKEN = "photoTakenTime"
_FIELDS = frozenset(
    {
        "title",
        "description",
        "imageViews",
        "creationTime",
        "photoTakenTime",
        "photoLastModifiedTime",
        "geoData",
        "geoDataExif",
        "people",
        "url",
        "googlePhotosOrigin",
        "appSource",
        "favorited",
        "archived",
        "trashed",
    }
)
_OWN = StableNames(googlePhotosOrigin="origin")
_AS_THEY_ARE = ("imageViews", "googlePhotosOrigin", "appSource", "favorited", "archived", "trashed")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return what Google knows about one photo or video."""
    fields: dict[str, Any] = item.value
    title, url = text(fields, "title"), optional_text(fields, "url") or ""
    album = google_photos.album_of(member.path)
    return Record(
        data_type=DataType.MEDIA,
        source=_NAME,
        record_type=RecordType.MEDIUM,
        identity=google_photos.identity(fields, title, url),
        time=google_photos.moment(fields.get(_TAKEN)),
        title=title,
        content=optional_text(fields, "description") or None,
        metadata=_metadata(fields),
        related=(Related(Relation.IN_ALBUM, RecordType.ALBUM, album),) if album else (),
        mutable=True,
    )


def _metadata(fields: dict[str, Any]) -> dict[str, Any]:
    odd: dict[str, Any] = {}
    where = google_photos.where(fields, odd)
    by_camera = google_photos.position(fields.get("geoDataExif"), "geo_data_exif", odd)
    metadata: dict[str, Any] = {
        **where,
        "camera_position": by_camera if by_camera != where else None,
        "people": google_photos.people(fields),
        "url": optional_text(fields, "url"),
        "created_at": google_photos.written(fields.get("creationTime")),
        "updated_at": google_photos.written(fields.get("photoLastModifiedTime")),
        **{_OWN[name]: fields.get(name) for name in _AS_THEY_ARE},
    }
    return joined({name: value for name, value in metadata.items() if value}, odd)


def _looks_like(head: Head) -> bool:
    return {"title", _TAKEN} <= set(peek.top_keys(head))


FORMAT = Format(
    name=_NAME,
    title="What Google Photos knows of a photo (Takeout)",
    version=3,
    data_type=DataType.MEDIA,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonWhole(noted=google_photos.NOTED),
    record=to_record,
    from_siblings=google_photos.of_sidecar,
    products=("Google Takeout: Google Photos",),
    tried=("simulot/immich-go",),
    vintages=("X.jpg.json (to 2024)", "X.jpg.supplemental-metadata.json (since the end of 2024)"),
    record_types=(RecordType.MEDIUM,),
    fields=_FIELDS,
)
