"""What the place files of Google Maps in Takeout share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipeline.values import coordinates as values_coordinates
from pipeline.values.fields import non_empty
from schemas.errors import BadValue

_AT = re.compile(
    r"(?:/(?:@|search/)|[?&]q=)(-?\d{1,2}(?:\.\d+)?),\s*\+?(-?\d{1,3}(?:\.\d+)?)(?![\d.])"
)
_MAPS = re.compile(
    r"https?://(?:www\.|maps\.)?google\.[a-z.]{2,6}/(?:maps\b.*|.*[?&]cid=.*)|https?://maps\.google\..*"
)


def position(latitude: Any, longitude: Any) -> dict[str, Any]:
    """Return degrees under the vocabulary's names; none for 0, 0, which Maps writes for "none"."""
    found = values_coordinates.given(latitude, longitude)
    return found if any(found.values()) else {}


def of_feature(feature: Mapping[str, Any]) -> dict[str, Any]:
    """Return the place of a GeoJSON feature, whose properties spell `Location` in two ways."""
    properties = feature["properties"]
    location = properties.get("Location") or properties.get("location") or {}
    coordinates = (feature.get("geometry") or {}).get("coordinates") or (None, None)
    found = {
        "name": _of(location, "Business Name", "name") or _of(properties, "Title"),
        "address": _of(location, "Address", "address"),
        **position(coordinates[1], coordinates[0]),
    }
    return non_empty(found)


def country_of(feature: Mapping[str, Any]) -> str | None:
    """Return the country code of a feature's place."""
    properties = feature["properties"]
    return _of(
        properties.get("Location") or properties.get("location") or {},
        "Country Code",
        "country_code",
    )


def url_of(feature: Mapping[str, Any]) -> str | None:
    """Return the address of the place on Google Maps."""
    return _of(feature["properties"], "Google Maps URL", "google_maps_url")


def in_url(url: str) -> dict[str, Any]:
    """Return the coordinates in a link to Maps: after `/@`, `/search/` or `?q=`."""
    found = _AT.search(url)
    try:
        north, east = values_coordinates.pair(found[1], found[2]) if found else (None, None)
    except BadValue:
        return {}
    return position(north, east)


def is_maps(url: str) -> bool:
    """Return whether a link leads to Google Maps."""
    return _MAPS.fullmatch(url) is not None


def _of(fields: Mapping[str, Any], *names: str) -> str | None:
    return next((str(fields[name]) for name in names if fields.get(name)), None)
