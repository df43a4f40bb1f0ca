"""Days of LinkedIn's tables: the month may be named in the language of the account."""

from __future__ import annotations

from datetime import date

import pytest
from babel.dates import get_month_names
from hypothesis import given
from hypothesis import strategies as st

from pipeline.services import linkedin

LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pl", "pt")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", ["abbreviated", "wide"])
@given(day=st.dates(date(2003, 5, 5), date(2030, 1, 1)))
def test_a_day_in_any_language(language: str, width: str, day: date) -> None:
    month = get_month_names(width, "format", language)[day.month]
    for written in (f"{day.day} {month} {day.year}", f"{day.day:02} {month.title()} {day.year}"):
        moment = linkedin.day(written)
        assert moment.at is not None and moment.at.date() == day
        assert (moment.text, moment.flag) == (written, "zone_assumed")
