"""Dates that are written for people: every language of CLDR, both orders of date and clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from hypothesis import given
from hypothesis import strategies as st

from pipeline.values import google_dates, spelled_dates
from pipeline.values.spelled_dates import COMMON, OTHERS, parse
from schemas.errors import BadValue

LANGUAGES = (*COMMON, *OTHERS)
#: Every month, days below and above 12, and hours that tell halves of the day and midnight apart.
MOMENTS = [
    datetime(2019, month, day, hour, 14, 9, tzinfo=UTC)
    for month in range(1, 13)
    for day, hour in ((7, (month * 5) % 24), (28, (month * 7 + 12) % 24))
]


def written(moment: datetime, language: str) -> Iterator[str]:
    """The moment as software writes it in a language: in CLDR's order, and date first."""
    for width in ("medium", "long"):
        date = format_date(moment, width, language)
        for clock in ("medium", "long"):
            yield f"{date}, {format_time(moment, clock, UTC, language)}"
        yield format_datetime(moment, width, UTC, language)
        half = format_datetime(moment, "h:mm:ss a", UTC, language)
        full = format_datetime(moment, "HH:mm:ss", UTC, language)
        dotted = full.replace(":", ".")
        yield from (f"{date} {half} UTC", f"{date} {full}", f"{date} {dotted} CET")
        yield f"{full} {date}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_is_read_as_it_is_written(language: str) -> None:
    for moment in MOMENTS:
        for text in written(moment, language):
            found = parse(text)
            assert found is not None, text
            day = (moment.year, moment.month, moment.day)
            turned = (moment.year, moment.day, moment.month)
            assert found.date == day or (not found.sure and found.date == turned), text
            assert (found.hour, found.minute, found.second) == (moment.hour, 14, 9), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_offset_is_read_by_every_name_of_greenwich(language: str) -> None:
    zone = timezone(timedelta(hours=2))
    moment = datetime(2019, 3, 28, 22, 14, 9, tzinfo=zone)
    clock = format_datetime(moment, "HH:mm:ss ZZZZ", zone, language)
    found = parse(f"{format_date(moment, 'medium', language)}, {clock}")
    assert found is not None
    assert found.zone in ("GMT+02:00", "UTC+02:00"), clock


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("5.01.2021 г., 22:13:31 ч. Гринуич+2", 20),
        ("٠٥\u200f/٠١\u200f/٢٠٢١, ١٠:١٣:٣١ م غرينتش+٢", 20),
        ("۵ ژانویهٔ ۲۰۲۱،\u200f ۲۲:۱۳:۳۱ (+۳:۳۰ گرینویچ)", 18),
        ("Τρίτη 5 Ιανουαρίου 2021 στις 10:13:31 μ.μ. UTC", 22),
        ("मंगलवार, 5 जनवरी 2021 को 10:13:31 pm बजे UTC", 22),
        ("মঙ্গলবার, ৫ জানুয়ারী, ২০২১ এ ১০:১৩:৩১ PM UTC", 22),
        ("วันอังคารที่ 5 มกราคม พุทธศักราช 2564 เวลา 22:13:31 UTC", 22),
    ],
)
def test_what_google_writes_is_read(text: str, hour: int) -> None:
    moment = google_dates.activity_time(text).at
    assert moment is not None
    assert (moment.day, moment.hour) == (5, hour)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2024年3月4日 晚上12:10:09", 0),
        ("4 марта 2024 г., 4:10:09 ночи", 4),
        ("4 mar 2024, 12:10:09 de la noche", 0),
        ("2024年3月4日 晚上11:10:09", 23),
    ],
)
def test_the_bounds_of_a_part_of_the_day(text: str, hour: int) -> None:
    found = parse(text)
    assert found is not None
    assert found.hour == hour


def test_the_grid_can_fail() -> None:
    text = next(written(MOMENTS[0], "da"))
    assert parse(text.replace("jan", "jxn")) is None


def test_all_languages_that_disagree_on_a_month_are_looked_at_first() -> None:
    names = spelled_dates._names((*COMMON, *OTHERS))
    for name, months in names.months.items():
        if len(months) > 1:
            assert {one for each in months.values() for one in each} <= set(COMMON), name


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("7. lis 2019. 21:44:15", 10),  # Croatian
        ("7 lis 2019, 21:44:15", 11),  # Polish
        ("7. srp 2019. 21:44:15", 7),
        ("7. listopada 2019. 21:44:15 CET", 10),
        ("7 listopada 2019 21:44:15 CET", 11),
    ],
)
def test_the_layout_tells_a_name_of_two_months(text: str, month: int) -> None:
    found = parse(text)
    assert found is not None
    assert found.date == (2019, month, 7)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("7. dec. 2019 21.44.15 CET", "2019-12-07T21:44:15"),
        ("1. maj 2019 08.02.03 CEST", "2019-05-01T08:02:03"),
        ("2019. dec. 7. 21:44:15 CET", "2019-12-07T21:44:15"),
        ("7. 12. 2019 21:44:15 SEČ", "2019-12-07T21:44:15"),
        ("7 Ara 2019 21:44:15 GMT+03:00", "2019-12-07T18:44:15"),
        ("٧ ديسمبر ٢٠١٩ ٩:٤٤:١٥ م UTC", "2019-12-07T21:44:15"),
        ("7 груд. 2019 р., 21:44:15 EET", "2019-12-07T21:44:15"),
        ("7 ธ.ค. 2562 21:44:15", "2019-12-07T21:44:15"),
        ("21:44:15 UTC+7, 7 thg 12, 2019", "2019-12-07T14:44:15"),
        ("7.12.2019 klo 21.44.15 EET", "2019-12-07T21:44:15"),
        ("Saturday, December 7, 2019 at 9:44:15\u202fPM UTC", "2019-12-07T21:44:15"),
        ("2019. december 7., szombat 21:44:15 UTC", "2019-12-07T21:44:15"),
    ],
)
def test_times_of_real_pages(text: str, at: str) -> None:
    found = google_dates.activity_time(text).at
    assert found is not None
    assert found.isoformat() == f"{at}+00:00"


@pytest.mark.parametrize(
    "text",
    [
        "Watched on 7. dec. 2019 21.44.15 CET",
        "7. dec. 2019",
        "7. dec. 2019 21.44",
        "10.11.12.13 21:44:15",
        "7 dec 8 2019 21:44:15",
        "7 dec maj 2019 21:44:15",
        "Chapter 7, 1999: 21:44:15",
    ],
)
def test_what_is_more_or_less_than_a_time_is_none(text: str) -> None:
    with pytest.raises(BadValue):
        google_dates.activity_time(text)


@given(st.text(st.sampled_from("0127:. -/APMdec年月日下午م١Ç [],"), max_size=40))
def test_any_text_is_read_or_not(text: str) -> None:
    found = parse(text)
    assert found is None or all(part >= 0 for part in (*found.date, found.hour))


def test_no_language_is_named_twice() -> None:
    assert len(LANGUAGES) == len(set(LANGUAGES))
    for language in LANGUAGES:
        Locale.parse(language)
