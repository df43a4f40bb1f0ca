"""Sums of money as banks and shops write them: their signs, and what parts off decimals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.values import money


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [
        ("12.00-", None, "-12.00"),
        ("12,34 -", None, "-12.34"),
        ("12.00 DR", None, "-12.00"),
        ("12.00 CR", None, "12.00"),
        ("1.234,56 S", None, "-1234.56"),
        ("($1,234.56)", None, "-1234.56"),
        ("12.-", None, "12"),
        ("10 - 20", None, "10"),
        ("-123,450", ",", "-123.450"),
        ("-3.000", ",", "-3000"),
        ("-3.000", ".", "-3.000"),
        ("-3.000", None, None),
        ("10000,000", None, "10000.000"),
        ("0,125", None, "0.125"),
        ("1 234,5", ".", "1234.5"),
    ],
)
def test_a_sum_has_its_sign_and_its_decimals(text: str, mark: str | None, value: str) -> None:
    assert money.amount(text, None, mark)["value"] == value


@given(
    st.decimals(-(10**7), 10**7, places=2),
    st.sampled_from([(".", ","), (",", "."), (",", " "), (",", "\u202f"), (".", "'"), (",", "")]),
)
def test_a_sum_in_any_spelling_is_the_same(sum_: object, signs: tuple[str, str]) -> None:
    mark, thousands = signs
    text = f"{sum_:,.2f}".replace(",", "T").replace(".", mark).replace("T", thousands)
    assert money.amount(text)["value"] == f"{sum_:.2f}"
    assert money.decimal_mark(text) == mark
