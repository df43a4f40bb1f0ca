"""What the JSON files of Google Photos share, and how they relate to their media.

Source: `docs/reference/exports/google-photos.md`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from pipeline.ports import Neighbour, Neighbours
from pipeline.services.google.photo_sidecars import Sidecars
from pipeline.values import coordinates, timestamps
from pipeline.values.fields import measure
from schemas.errors import BadValue
from schemas.files import Member
from schemas.records import Addition, Instant, Record, Related
from schemas.vocabulary import RecordType, Relation

#: The format of sidecars. Media get only what it notes about them.
SIDECAR = "google.photos_sidecar"
NOTED = ("title", "description", "photoTakenTime", "geoData", "geoDataExif", "people", "url")
_MEDIA = ("image/", "video/", "audio/")

#: Folders by year repeat every photo and are not albums; only these names are verified.
_BY_YEAR = re.compile(r"(Photos from|Fotos von) \d{4}", re.IGNORECASE)


def album_of(path: str) -> tuple[str, ...]:
    """Return the identity of the album of a file of the export: its folder's name."""
    folder = PurePosixPath(path.rsplit("!/", 1)[-1]).parent.name
    return ("album", folder) if folder and not _BY_YEAR.fullmatch(folder) else ()


def moment(value: Any) -> Instant | None:
    """Read `{timestamp, formatted}`: epoch seconds as text, and an unused localised text."""
    if not isinstance(value, dict) or value.get("timestamp") in (None, "", "0"):
        return None
    return timestamps.epoch_or_unread(value["timestamp"], "s")


def position(value: Any, name: str, odd: dict[str, Any]) -> dict[str, float]:
    """Read `geoData`; all zeros mean none. Unusable values go into `odd`, flagged."""
    found = value if isinstance(value, dict) else {}
    north, east = found.get("latitude"), found.get("longitude")
    if not (north or east):
        return {}
    written = {"latitude": north, "longitude": east}
    place = coordinates.or_noted(lambda: coordinates.pair(north, east), written, name, odd)
    if not any(place.values()):
        return {}
    altitude = measure(found.get("altitude"), f"{name}_altitude", odd)
    return place | ({"altitude_m": altitude} if altitude else {})


def identity(fields: dict[str, Any], title: str, url: str) -> tuple[str, ...]:
    """Return the identity of a sidecar's item: the id in its `url`, or its name and time."""
    taken = moment(fields.get("photoTakenTime"))
    return ("url", url) if url else ("title", title, taken.text if taken else "")


def where(fields: dict[str, Any], odd: dict[str, Any]) -> dict[str, float]:
    """Return the place that Google states for the picture, else the one in its EXIF."""
    stated = position(fields.get("geoData"), "geo_data", odd)
    return stated or position(fields.get("geoDataExif"), "geo_data_exif", odd)


def people(fields: dict[str, Any]) -> list[dict[str, str]]:
    """Return the people in the picture; those without a name are left out."""
    found = fields.get("people")
    named = (p.get("name") for p in found if isinstance(p, dict)) if isinstance(found, list) else ()
    return [{"name": name} for name in named if isinstance(name, str) and name]


class _Folder:
    """The sidecars and media of one folder, joined from all parts of the export."""

    def __init__(self, files: Sequence[Neighbour]) -> None:
        self.noted: dict[str, dict[str, Any]] = {}
        media: dict[str, Neighbour] = {}
        for file in files:
            name = _name(file.path)
            if file.format == SIDECAR:
                self.noted[name] = file.context.get("noted") or {}
            elif file.media_type.startswith(_MEDIA):
                media.setdefault(name, file)
        self.sidecars = Sidecars({n: _text(noted, "title") for n, noted in self.noted.items()})
        self.media: dict[str, list[Neighbour]] = {}
        for name, file in media.items():
            if match := self.sidecars.of(name):
                self.media.setdefault(match.sidecar, []).append(file)


def of_sidecar(record: Record, member: Member, neighbours: Neighbours) -> Addition:
    """Return the media of a sidecar: a photo, its edited copy, both halves of a live photo."""
    media = neighbours.known(member.path, _Folder).media.get(_name(member.path), ())
    if not media:
        bare = any(part.media_type.startswith(_MEDIA) for part in neighbours.bare())
        return Addition(flags=("media_in_a_bare_part" if bare else "media_missing",))
    files = [
        {
            "name": PurePosixPath(f.path).name,
            "path": f.path,
            "media_type": f.media_type,
            "size": f.size,
            "sha256": f.sha256,
        }
        for f in media
    ]
    related = dict.fromkeys(_same(("sha256", file.sha256)) for file in media)
    return Addition(metadata={"files": files}, related=tuple(related))


def of_medium(record: Record, member: Member, neighbours: Neighbours) -> Addition:
    """Return the sidecar's data for a photo or video; nothing in a folder without sidecars.

    The file's own metadata is in the record and takes precedence.
    """
    folder = neighbours.known(member.path, _Folder)
    if not folder.noted:
        return Addition()
    album = album_of(member.path)
    in_album = (Related(Relation.IN_ALBUM, RecordType.ALBUM, album),) if album else ()
    match = folder.sidecars.of(_name(member.path))
    if match is None:
        return Addition(flags=("no_sidecar",), related=in_album)
    noted = folder.noted[match.sidecar]
    metadata = _metadata(noted)
    if "latitude" not in record.metadata:
        metadata |= where(noted, {})  # the sidecar reports what cannot be used
    return Addition(metadata=metadata, related=(*_item_of(noted), *in_album))


def _metadata(noted: dict[str, Any]) -> dict[str, Any]:
    """Return a sidecar's fields under the lake's names, without empty ones."""
    metadata = {
        "original_title": _text(noted, "title"),
        "description": _text(noted, "description"),
        "taken_at": written(noted.get("photoTakenTime")),
        "url": _text(noted, "url"),
        "people": people(noted),
    }
    return {name: value for name, value in metadata.items() if value}


def written(value: Any) -> str | None:
    """Return a moment in RFC 3339; None if there is none or it cannot be read."""
    try:
        found = moment(value)
    except BadValue:
        return None
    return found.at.isoformat() if found is not None and found.at is not None else None


def _item_of(noted: dict[str, Any]) -> tuple[Related, ...]:
    """Return the relation to the sidecar's own record; none if that was rejected."""
    title = _text(noted, "title")
    try:
        return (_same(identity(noted, title, _text(noted, "url") or "")),) if title else ()
    except BadValue:
        return ()


def _same(identity: tuple[str, ...]) -> Related:
    return Related(Relation.SAME_AS, RecordType.MEDIUM, identity)


def _text(noted: dict[str, Any], name: str) -> str | None:
    value = noted.get(name)
    return value if isinstance(value, str) else None


def _name(path: str) -> str:
    """Return a file's name, the same for NFC and NFD."""
    return unicodedata.normalize("NFC", PurePosixPath(path).name)
