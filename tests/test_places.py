from __future__ import annotations

import math
from typing import Any

import pytest

from pipeline.places import e7, wgs84
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
