"""What is a number, and what becomes of what is none."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.quality import broken_rule
from pipeline.values import coordinates, fields, money
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import Metric


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7.0),
        (-2.5, -2.5),
        ("7", 7.0),
        (" 4.50 ", 4.5),
        ("+1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        # digits of any script, an Arabic point, a typographic minus, blanks that do not break
        ("１２", 12.0),
        ("٣٫٥", 3.5),
        ("\u22122.5", -2.5),
        ("\u00a03\u202f", 3.0),
    ],
)
def test_numbers(value: Any, number: float) -> None:
    assert fields.finite(value) == number


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            " ",
            "nan",
            "NaN",
            "inf",
            "-Infinity",
            "1e999",
            "-1e400",
            "1e101",
            "1_000",
            "0x10",
            "true",
        ),
        *(
            "1,5",
            "1.234,56",
            "1 234.5",
            "1'234",
            "１，５",
            "١٬٢٣٤",
            "1.2.3",
            "9" * 5000,
            "1e9999999",
        ),
        *(True, False, None, [], {}, math.nan, math.inf, 1e308, 10**400, b"1"),
    ],
)
def test_what_is_no_number(value: Any) -> None:
    assert fields.finite(value) is None
    assert fields.exact(value) is None


def test_a_comma_is_a_point_only_where_it_is_known_to_be() -> None:
    assert fields.finite("1,5", comma=True) == 1.5
    assert fields.finite("1.234,5", comma=True) is None
    assert fields.exact("0,10", comma=True) == Decimal("0.10")


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e99, max_value=1e99))
def test_a_number_is_what_its_text_says(number: float) -> None:
    assert fields.finite(number) == fields.finite(repr(number)) == number


def test_what_is_none_costs_the_field() -> None:
    odd: dict[str, Any] = {}
    assert fields.measure("nan", "ele", odd) is None
    assert fields.measure(True, "rating", odd) is None
    assert fields.whole("2.5", "count", odd) is None
    assert fields.measure("", "b", odd) is fields.measure(None, "c", odd) is None
    assert fields.joined({"a": 1, "flags": ["x"]}, odd) == {
        "a": 1,
        "ele": "nan",
        "exported_rating": True,  # as `rating` is a number in every record
        "count": "2.5",
        "flags": ["number_unusable", "x"],
    }
    with pytest.raises(BadValue) as caught:
        fields.number("nan", "lat")
    assert caught.value.reason is Reason.BAD_NUMBER


def test_coordinates_that_are_none_are_kept_as_they_are_written() -> None:
    odd: dict[str, Any] = {}
    assert coordinates.told(lambda: coordinates.pair("52,5", "13"), "52,5 13", "place", odd) == {}
    assert odd == {"exported_place": "52,5 13", "flags": ["place_unusable"]}
    assert coordinates.given("52.5", 13) == {"latitude": 52.5, "longitude": 13.0}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_metric_is_infinite(value: float) -> None:
    metric = Metric(source="a", identity=("a",), time=None, name="b", value=value, unit="")
    assert broken_rule(metric) == (Reason.BAD_NUMBER, "the value is not a finite number")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("１２．５０ €", "12.50"),
        ("٣٫٥ €", "3.5"),
        ("1,23,456.50 INR", "123456.50"),
        ("1.2.3 €", None),
        ("nan", None),
        ("1.234.567 €", "1234567"),
    ],
)
def test_amounts(text: str, value: str | None) -> None:
    amount = money.amount(text)
    assert (amount["value"], amount["text"]) == (value, text)
    flags = money.settled({"amount": amount}).get("flags")
    assert flags == (["amount_unreadable"] if value is None else None)


def test_an_amount_is_a_decimal_or_none() -> None:
    for value in ("NaN", "1E+5", "１２", "-"):
        settled = money.settled({"amount": {"value": value, "currency": None, "text": "x"}})
        assert settled["amount"]["value"] is None
    assert money.settled(given := {"amount": {"value": "-1.5", "text": "x"}}) is given
    assert money.settled(empty := {"amount": {"value": None, "text": ""}}) is empty
