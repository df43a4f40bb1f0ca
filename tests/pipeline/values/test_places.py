from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.quality import broken_rule
from pipeline.values.coordinates import degrees, e7, iso6709, settled, wgs84
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import Point

NORTH = st.integers(-90 * 10**7, 90 * 10**7)
EAST = st.integers(-180 * 10**7, 180 * 10**7)


@pytest.mark.parametrize(
    ("value", "degrees"),
    [(500500000, 50.05), (-1800000000, -180.0), (0, 0.0), ("143400000", 14.34), (910000000, 91.0)],
)
def test_e7(value: int | str, degrees: float) -> None:
    assert e7(value) == degrees


@pytest.mark.parametrize(
    "value",
    [None, True, "north", "nan", "50,5", "1_0", "", 10**400, -(10**400), "1e400", float("inf"), []],
)
def test_e7_refuses_what_is_no_number(value: Any) -> None:
    with pytest.raises(BadValue) as caught:
        e7(value)
    assert caught.value.reason is Reason.BAD_NUMBER


@given(NORTH, EAST)
def test_e7_to_the_last_digit(north: int, east: int) -> None:
    for written in ((north, east), (str(north), str(east))):
        latitude, longitude = wgs84(e7(written[0]), e7(written[1]))
        assert (round(latitude * 1e7), round(longitude * 1e7)) == (north, east)


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
        ((True, 14.0), Reason.BAD_NUMBER),
        ((-14.34, 180.5), Reason.BAD_PLACE),
        ((151.2, -33.5), Reason.BAD_PLACE),  # swapped
    ],
)
def test_wgs84_refuses(pair: tuple[Any, Any], reason: Reason) -> None:
    with pytest.raises(BadValue) as caught:
        wgs84(*pair)
    assert caught.value.reason is reason


NUMBERS = st.floats() | st.integers() | st.booleans() | st.none() | st.text(max_size=5)


@given(NUMBERS, NUMBERS)
def test_any_pair_is_on_the_globe_or_refused(latitude: Any, longitude: Any) -> None:
    try:
        north, east = wgs84(latitude, longitude)
    except BadValue as refused:
        assert refused.reason in (Reason.BAD_NUMBER, Reason.BAD_PLACE)
    else:
        assert (north, east) == (latitude, longitude)
        assert abs(north) <= 90
        assert abs(east) <= 180


# --- texts: degrees, geo: URIs, ISO 6709 -------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "50.05°, 14.34°", "50.05, 14.34", "50.05,14.34", " 50.05°,14.34 ", "+50.05,+14.34",
        "50.05;14.34", "geo:50.05,14.34", "geo: 50.05,14.34", "GEO:50.05,14.34",
        "geo:50.05,14.34,183", "geo:50.05,14.34;u=35", "geo:50.05,14.34;crs=wgs84",
        "geo:50.05,14.34,-3.5;crs=WGS84;u=0.5;a=b;c", "geo:50.05,14.34;name=caf%C3%A9",
        "geo:50.0500000,14.340",
    ],
)  # fmt: skip
def test_degrees(text: str) -> None:
    assert degrees(text) == (50.05, 14.34)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.BAD_NUMBER),
        ("50.05", Reason.BAD_NUMBER),
        ("50,05 14,34", Reason.BAD_NUMBER),
        ("50,05;14,34", Reason.BAD_NUMBER),
        ("50,05, 14,34", Reason.BAD_NUMBER),
        ("nan, nan", Reason.BAD_NUMBER),
        ("inf,0", Reason.BAD_NUMBER),
        ("1e1,1e1", Reason.BAD_NUMBER),
        ("٥٠,١٤", Reason.BAD_NUMBER),
        ("N50.05, E14.34", Reason.BAD_NUMBER),
        ("geo:50.05", Reason.BAD_NUMBER),
        ("geo:50.05;14.34", Reason.BAD_NUMBER),
        ("geo:50.05,14.34;u=-1", Reason.BAD_NUMBER),
        ("geo:50.05,14.34;u=5;crs=wgs84", Reason.BAD_NUMBER),  # the order is fixed
        ("geo:50.05,14.34,1,2", Reason.BAD_NUMBER),
        ("https://x.example/50.05,14.34", Reason.BAD_NUMBER),
        ("geo:323482,4306480;crs=EPSG-32618", Reason.BAD_PLACE),
        ("geo:50.05,14.34;crs=nad27", Reason.BAD_PLACE),
        ("91.0°, 14.34°", Reason.BAD_PLACE),
        ("geo:0,180.0001", Reason.BAD_PLACE),
        ("151.2, -33.5", Reason.BAD_PLACE),
    ],
)
def test_degrees_refuses(text: str, reason: Reason) -> None:
    with pytest.raises(BadValue) as caught:
        degrees(text)
    assert caught.value.reason is reason


@given(NORTH, EAST)
def test_degrees_reads_what_is_written(north: int, east: int) -> None:
    latitude, longitude = f"{north / 1e7:.7f}", f"{east / 1e7:.7f}"
    meant = (float(latitude), float(longitude))
    for text in (f"geo:{latitude},{longitude};u=9", f"{latitude}°, {longitude}°"):
        assert degrees(text) == meant


@given(
    st.integers(0, 90 * 3600 * 10**4),
    st.integers(0, 180 * 3600 * 10**4),
    st.sampled_from("+-"),
    st.sampled_from("+-"),
    st.sampled_from(["", "+8850", "-12.5"]),
    st.sampled_from(["", "CRSWGS_84", "CRSEPSG:4326"]),
)
def test_iso_6709_of_every_width(north: int, east: int, n: str, e: str, up: str, crs: str) -> None:
    """Degrees, minutes and seconds of the same place, in ten-thousandths of a second."""
    latitude, longitude = ((-1 if s == "-" else 1) * v / 36e6 for s, v in ((n, north), (e, east)))
    for divided in (_degrees, _minutes, _seconds):
        found = iso6709(f"{n}{divided(north, 2)}{e}{divided(east, 3)}{up}{crs}/")
        assert found[:2] == pytest.approx((latitude, longitude), abs=1e-7)
        assert found[2] == (float(up) if up else None)


def _degrees(value: int, digits: int) -> str:
    return f"{value / 36e6:0{digits + 11}.10f}"


def _minutes(value: int, digits: int) -> str:
    whole, rest = divmod(value, 36_000_000)
    minutes, parts = divmod(rest, 600_000)
    return f"{whole:0{digits}}{minutes:02}.{parts * 10**6 // 6:011}"


def _seconds(value: int, digits: int) -> str:
    whole, rest = divmod(value, 36_000_000)
    minutes, parts = divmod(rest, 600_000)
    return f"{whole:0{digits}}{minutes:02}{parts // 10**4:02}.{parts % 10**4:04}"


@given(st.text(st.sampled_from("+-.,;:°/ 0123456789geoCRSWGS_84nai\0"), max_size=40))
def test_any_text_is_a_place_or_refused(text: str) -> None:
    for read in (degrees, iso6709):
        try:
            north, east, *_ = read(text)
        except BadValue as refused:
            assert refused.reason in (Reason.BAD_NUMBER, Reason.BAD_PLACE)
        else:
            assert wgs84(north, east) == (north, east)


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
        ("+4060.00-07500.00/", Reason.BAD_NUMBER),  # 60 minutes
        ("+401260-0750000/", Reason.BAD_NUMBER),  # 60 seconds
        ("+52,5200+013,4050/", Reason.BAD_NUMBER),
        ("52.5200+013.4050/", Reason.BAD_NUMBER),
        ("+52.5200+13.4050/", Reason.BAD_NUMBER),
        ("+013.4050+52.5200/", Reason.BAD_NUMBER),  # swapped
        ("+52.5200+013.4050CRSEPSG:27700/", Reason.BAD_PLACE),
        ("+52.5200+013.4050+" + "9" * 400 + "/", Reason.BAD_NUMBER),
    ],
)
def test_iso_6709_refuses(text: str, reason: Reason) -> None:
    with pytest.raises(BadValue) as caught:
        iso6709(text)
    assert caught.value.reason is reason


# --- what a record says of places --------------------------------------------------------------

BERLIN = {"latitude": 52.52, "longitude": 13.405}
NONE = {"latitude": 0, "longitude": 0.0}


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [
        ({"place": {"name": "Bar", **NONE}}, {"place": {"name": "Bar"}}),
        ({"place": NONE, "from_place": BERLIN}, {"from_place": BERLIN}),
        ({**NONE, "camera": "A"}, {"camera": "A"}),
        ({"place": {"id": "1", "latitude": -0.0, "longitude": 0}}, {"place": {"id": "1"}}),
        (
            {"place": {"name": "Bar", "latitude": 91.0, "longitude": 13.0}, "flags": ["odd_lines"]},
            {
                "place": {"name": "Bar"},
                "exported_place": {"latitude": 91.0, "longitude": 13.0},
                "flags": ["odd_lines", "place_unusable"],
            },
        ),
        ({"latitude": 52.5}, {"exported_latitude": 52.5, "flags": ["place_unusable"]}),
        (
            {"to_place": {"latitude": "52", "longitude": "13"}},
            {
                "exported_to_place": {"latitude": "52", "longitude": "13"},
                "flags": ["place_unusable"],
            },
        ),
        (
            {"latitude": "nan", "longitude": 1.0},
            {
                "exported_latitude": "nan",
                "exported_longitude": 1.0,
                "flags": ["place_unusable"],
            },
        ),
    ],
)
def test_coordinates_that_are_none_go(metadata: dict[str, Any], kept: dict[str, Any]) -> None:
    before = repr(metadata)
    assert settled(metadata) == kept
    assert repr(metadata) == before


@pytest.mark.parametrize(
    "metadata",
    [{}, BERLIN, {"place": {"latitude": 0.0, "longitude": 6.7}}, {"place": {"name": "Bar"}},
     {"place": {"latitude": 51.48, "longitude": 0}}, {"place": "Bar"}],
)  # fmt: skip
def test_what_is_a_place_stays(metadata: dict[str, Any]) -> None:
    assert settled(metadata) is metadata


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ((0.0, 0.0, None), Reason.BAD_PLACE),
        ((0.0, -0.0, 5.0), Reason.BAD_PLACE),
        ((52.5, 13.4, math.nan), Reason.BAD_NUMBER),
        ((52.5, 13.4, math.inf), Reason.BAD_NUMBER),
        ((0.0, 13.4, 5.0), None),
        ((52.5, 0.0, None), None),
    ],
)
def test_a_point_has_a_position(
    place: tuple[float, float, float | None], reason: Reason | None
) -> None:
    latitude, longitude, up = place
    point = Point(
        source="gpx",
        identity=("1",),
        time=None,
        latitude=latitude,
        longitude=longitude,
        altitude_m=up,
    )
    broken = broken_rule(point)
    assert (broken and broken[0]) == reason
