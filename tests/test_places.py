from __future__ import annotations

import math
from typing import Any

import pytest

from pipeline.places import e7, iso6709, wgs84
from schemas.errors import BadValue
from schemas.reasons import Reason


@pytest.mark.parametrize(
    ("value", "degrees"),
    [(500500000, 50.05), (-1800000000, -180.0), (0, 0.0), ("143400000", 14.34), (910000000, 91.0)],
)
def test_e7(value: int | str, degrees: float) -> None:
    assert e7(value) == degrees


@pytest.mark.parametrize("value", [None, True, "north", "nan", 10**400, float("inf"), []])
def test_e7_refuses_what_is_no_number(value: Any) -> None:
    with pytest.raises(BadValue) as caught:
        e7(value)
    assert caught.value.reason is Reason.BAD_NUMBER


@pytest.mark.parametrize("pair", [(90, 180), (-90, -180), (0, 0), (50.05, 14.34)])
def test_wgs84_takes_the_globe_with_its_ends(pair: tuple[float, float]) -> None:
    found = wgs84(*pair)
    assert found == pair
    assert all(type(degrees) is float for degrees in found)


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        ((91.0, 0.0), Reason.BAD_PLACE),
        ((math.nextafter(-90, -91), 0.0), Reason.BAD_PLACE),
        ((0.0, 180.1), Reason.BAD_PLACE),
        ((0.0, -1e300), Reason.BAD_PLACE),
        ((math.nan, 0.0), Reason.BAD_NUMBER),
        ((0.0, math.nan), Reason.BAD_NUMBER),
        ((math.inf, 0.0), Reason.BAD_NUMBER),
        (("50", 14.0), Reason.BAD_NUMBER),
        ((10**400, 14.0), Reason.BAD_NUMBER),
        ((None, None), Reason.BAD_NUMBER),
    ],
)
def test_wgs84_refuses(pair: tuple[Any, Any], reason: Reason) -> None:
    with pytest.raises(BadValue) as caught:
        wgs84(*pair)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("+52.5200+013.4050/", (52.52, 13.405, None)),
        ("+27.5916+086.5640+8850/", (27.5916, 86.564, 8850.0)),
        ("-90+000/", (-90.0, 0.0, None)),
        ("+4012.22-07500.25/", (40.2036667, -75.0041667, None)),
        ("+401213.1-0750015.1-12.5CRSWGS_84/", (40.2036389, -75.0041944, -12.5)),
        ("+00-025/\0", (0.0, -25.0, None)),
    ],
)
def test_iso_6709(text: str, place: tuple[float, float, float | None]) -> None:
    assert iso6709(text) == place


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.BAD_NUMBER),
        ("52.52, 13.40", Reason.BAD_NUMBER),
        ("+52.52/", Reason.BAD_NUMBER),
        ("+91.00+013.40/", Reason.BAD_PLACE),
        ("+52.00+181.00/", Reason.BAD_PLACE),
    ],
)
def test_iso_6709_refuses(text: str, reason: Reason) -> None:
    with pytest.raises(BadValue) as caught:
        iso6709(text)
    assert caught.value.reason is reason
