"""What `--near` takes: a position or the name of a town, and a distance."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from workers.adapters import gazetteer
from workers.cli import console

#: Kilometres around a place where none are said.
_KM = 25.0
#: Letters of a country's code, and the degrees that a position has at most.
_COUNTRY, _LATITUDE, _LONGITUDE = 2, 90.0, 180.0

Near = Annotated[
    str | None,
    typer.Option(help="LAT,LON,KM, or a town: Rome · Rome,10 · Rome,IT,10. 25 km by default."),
]


def circle(text: str | None) -> tuple[float, float, float] | None:
    """Return latitude and longitude in degrees, and a radius in kilometres.

    The town that a name means is printed. Raises `typer.BadParameter` for an unknown town, or for
    numbers that are no position.
    """
    if text is None:
        return None
    words = [part.strip() for part in text.split(",")]
    numbers = [number for number in map(_number, words) if number is not None]
    if len(numbers) == len(words) > 1:
        return _position(*numbers)
    if len(words) > 1 and _number(words[-1]) is not None:
        return _town(words[:-1], numbers[-1])
    return _town(words, _KM)


def _number(word: str) -> float | None:
    try:
        number = float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _position(
    latitude: float, longitude: float, km: float = _KM, *more: float
) -> tuple[float, float, float]:
    if more or abs(latitude) > _LATITUDE or abs(longitude) > _LONGITUDE or km <= 0:
        raise typer.BadParameter("say LAT,LON,KM, such as 52.52,13.40,5", param_hint="--near")
    return latitude, longitude, km


def _town(named: list[str], km: float) -> tuple[float, float, float]:
    name, *country = named
    if not name or len(country) > 1 or any(len(code) != _COUNTRY for code in country) or km <= 0:
        raise typer.BadParameter("say a town, such as Rome or Rome,US,10", param_hint="--near")
    town = gazetteer.find(name, country[0].upper() if country else None)
    if town is None:
        raise typer.BadParameter(
            f"no town {', '.join(named)!r} of 15,000 inhabitants is known; say LAT,LON,KM",
            param_hint="--near",
        )
    where = f"{town.latitude:.2f}, {town.longitude:.2f}"
    console.say(f"near {town.name}, {town.country} ({where}), within {km:g} km")
    return town.latitude, town.longitude, km
