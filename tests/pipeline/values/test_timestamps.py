"""Every spelling of a time in sections 2.1 to 2.7 of the format reference that is not prose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.values.google_dates import activity_time
from pipeline.values.mail_dates import long_english, mail_date
from pipeline.values.timestamps import epoch, iso, spaced
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import Instant, ZoneSource


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


ISO = [
    # My Activity, Records.json, Semantic Location History
    ("2026-03-04T09:00:00Z", utc(2026, 3, 4, 9), 0, None),
    ("2026-03-04T09:00:00.123Z", utc(2026, 3, 4, 9, 0, 0, 123000), 0, None),
    ("2026-03-04T09:00:00.123456Z", utc(2026, 3, 4, 9, 0, 0, 123456), 0, None),
    ("2026-03-04T09:00:00.123456789Z", utc(2026, 3, 4, 9, 0, 0, 123456), 0, None),
    ("2026-03-04T09:00:00,5Z", utc(2026, 3, 4, 9, 0, 0, 500000), 0, None),
    ("2026-03-04T10:00:00+01:00", utc(2026, 3, 4, 9), 60, None),
    ("2026-03-04T10:00:00.000+01:00", utc(2026, 3, 4, 9), 60, None),
    ("2026-03-04T03:30:00-0530", utc(2026, 3, 4, 9), -330, None),
    ("2026-03-04T09:00:00-00:00", utc(2026, 3, 4, 9), None, "zone_unknown"),
    ("2026-03-04T09:00:00+00:00", utc(2026, 3, 4, 9), 0, None),
    # YouTube comments: CSV and both vintages of HTML
    ("2023-09-19T17:42:53.434647+00:00", utc(2023, 9, 19, 17, 42, 53, 434647), 0, None),
    ("2020-04-27 23:18:23 UTC", utc(2020, 4, 27, 23, 18, 23), 0, None),
    ("2016-06-15T08:50:49Z", utc(2016, 6, 15, 8, 50, 49), 0, None),
    # no zone; a date alone
    ("2026-03-04 09:00:00", utc(2026, 3, 4, 9), None, "zone_assumed"),
    ("2026-03-04T09:00", utc(2026, 3, 4, 9), None, "zone_assumed"),
    ("2026-03-04", utc(2026, 3, 4), None, "zone_assumed"),
    # Apple Health, Uber (Go), basic format, lower case
    ("2016-11-14 07:25:44 -0700", utc(2016, 11, 14, 14, 25, 44), -420, None),
    ("2022-12-03 13:28:36 +0000 UTC", utc(2022, 12, 3, 13, 28, 36), 0, None),
    ("20260304T090000Z", utc(2026, 3, 4, 9), 0, None),
    ("2026-03-04t09:00:00z", utc(2026, 3, 4, 9), 0, None),
    # invisible characters
    ("2026-03-04\u202f09:00:00\u00a0UTC", utc(2026, 3, 4, 9), 0, None),
    ("\ufeff2026-03-04T09:00:00Z\u200e", utc(2026, 3, 4, 9), 0, None),
    # a date with a zone (XML), the end of a day, a day of a week
    ("2026-03-04+02:00", utc(2026, 3, 3, 22), 120, None),
    ("2026-03-04-05:00", utc(2026, 3, 4, 5), -300, None),
    ("2026-03-04Z", utc(2026, 3, 4), 0, None),
    ("2026-03-04T24:00:00Z", utc(2026, 3, 5), 0, None),
    ("2026-W10-3", utc(2026, 3, 4), None, "zone_assumed"),
    # the clock of the phone: FitnessKit/TcxDataProtocol#4, irvinlim/apple-health-ingester#24
    ("2019-10-29T6:43:25.139 PMZ", utc(2019, 10, 29, 18, 43, 25, 139000), 0, None),
    ("2024-09-21 7:57:00\u202fam +1000", utc(2024, 9, 20, 21, 57), 600, None),
    ("2024-05-01 12:00:00 π.μ. +0200", utc(2024, 4, 30, 22), 120, None),
    ("2024-05-01 17:00:00 PM", utc(2024, 5, 1, 17), None, "zone_assumed"),
    ("٢٠٢٤-٠٥-٠١ ٠٧:٠٠:٠٠ +0300", utc(2024, 5, 1, 4), 180, None),
    # the ends of the range
    ("1900-01-01T00:00:00Z", utc(1900, 1, 1), 0, None),
    ("2100-12-31T23:59:59Z", utc(2100, 12, 31, 23, 59, 59), 0, None),
    ("1900-01-01T00:00:00+01:00", None, 60, "out_of_range"),
    ("2100-12-31T23:59:59-01:00", None, -60, "out_of_range"),
    ("1899-12-31T23:59:59Z", None, 0, "out_of_range"),
    ("0000-01-01T00:00:00Z", None, 0, "out_of_range"),
    ("9999-12-31T23:59:59-14:00", None, -840, "out_of_range"),
    ("99999-01-01T00:00:00Z", None, 0, "out_of_range"),
    ("+002026-03-04T09:00:00Z", utc(2026, 3, 4, 9), 0, None),
    # leap seconds
    ("2016-12-31T23:59:60Z", utc(2017, 1, 1), 0, "leap_second"),
    ("2017-01-01T05:29:60+05:30", utc(2017, 1, 1), 330, "leap_second"),
]


@pytest.mark.parametrize(("text", "at", "offset", "flag"), ISO, ids=[row[0] for row in ISO])
def test_iso(text: str, at: datetime | None, offset: int | None, flag: str | None) -> None:
    assert iso(text) == Instant(at, text, offset, flag)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "soon",
        "2024-02-30",
        "2023-02-29T00:00:00Z",
        "12345-02-30",
        "2024-13-01",
        "2024-01-01T24:00:01Z",
        "2024-01-01T00:00:60Z",  # no leap second has ever been at midnight UTC
        "2024-01-01T00:00:00+25:00",
        "2024-01-01T00:00:00 MESZ",
        "2024-01-01 7:00:00",
        "2024-01-01 7:00:00 xx +0200",
        "1612110112345",  # milliseconds, that fromisoformat takes for a day in 1612
        "１９９９-01-01",
        "2024-01-01T00:00:00Z; DROP",
        None,
        1704067200,
    ],
)
def test_iso_refuses_what_is_no_time(text: Any) -> None:
    with pytest.raises(BadValue) as caught:
        iso(text)
    assert caught.value.reason is Reason.BAD_TIME
    assert caught.value.__context__ is None, "an error of datetime would quote the text"


@given(
    st.datetimes(datetime(1901, 1, 2), datetime(2099, 12, 30)),
    st.integers(-14 * 60, 14 * 60),
)
def test_iso_reads_back_what_python_writes(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    found = iso(moment.isoformat())
    assert (found.at, found.offset, found.flag) == (moment, minutes, None)
    assert found.at is not None
    assert found.at.tzinfo is UTC


EPOCHS: list[tuple[Any, Any, datetime | None]] = [
    (1704067200, "s", utc(2024, 1, 1)),
    ("1704067200", "s", utc(2024, 1, 1)),  # Photos sidecars
    (1704067200.25, "s", utc(2024, 1, 1, 0, 0, 0, 250000)),
    (1704067200.1, "s", utc(2024, 1, 1, 0, 0, 0, 100000)),
    ("1456427378.000002", "s", utc(2016, 2, 25, 19, 9, 38, 2)),  # Slack
    ("1.7040672E9", "s", utc(2024, 1, 1)),
    ("1704067200123", "ms", utc(2024, 1, 1, 0, 0, 0, 123000)),  # timestampMs
    (1704067200123, "ms", utc(2024, 1, 1, 0, 0, 0, 123000)),
    (1704067200123456, "us", utc(2024, 1, 1, 0, 0, 0, 123456)),  # time_usec
    (1704067200123456789, "ns", utc(2024, 1, 1, 0, 0, 0, 123456)),  # Fit
    ("1704067200123456789", "ns", utc(2024, 1, 1, 0, 0, 0, 123456)),
    (13348540800000000, "webkit", utc(2024, 1, 1)),  # Chrome's Autofill.json
    ("13348540800000000", "webkit", utc(2024, 1, 1)),
    (-1, "s", utc(1969, 12, 31, 23, 59, 59)),
    (" 1704067200\u202f", "s", utc(2024, 1, 1)),
    (-2208988800, "s", utc(1900, 1, 1)),
    (4133980799, "s", utc(2100, 12, 31, 23, 59, 59)),
    # out of range: flagged, never guessed
    (-2208988801, "s", None),
    (4133980800, "s", None),
    (1704067200123, "s", None),  # milliseconds given for seconds
    (-62169958800, "s", None),  # the year 0, in Facebook's photo data
    (0, "webkit", None),
    (1e20, "s", None),
    (-1e300, "ms", None),
    ("1e999999", "s", None),
    ("9" * 60, "us", None),
    (10**40, "ns", None),
]


@pytest.mark.parametrize(("value", "unit", "at"), EPOCHS)
def test_epoch(value: Any, unit: Any, at: datetime | None) -> None:
    flag = None if at else "out_of_range"
    assert epoch(value, unit) == Instant(at, str(value), None, flag)


@pytest.mark.parametrize(
    "value",
    ["", "now", "NaN", "inf", "1_000", "0x10", "１２", "9" * 5000, float("nan"), True, None, [1]],
)
def test_epoch_refuses_what_is_no_number(value: Any) -> None:
    with pytest.raises(BadValue) as caught:
        epoch(value, "s")
    assert caught.value.reason is Reason.BAD_TIME
    assert caught.value.__context__ is None


def test_epoch_refuses_an_integer_that_python_will_not_print() -> None:
    with pytest.raises(BadValue, match="too many digits"):
        epoch(10**5000, "s")


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 12, 31, 23, 59, 59, 999999)))
def test_epoch_is_exact_to_the_microsecond(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    micros = (moment - utc(1970, 1, 1)) // timedelta(microseconds=1)
    assert epoch(micros, "us").at == moment
    assert epoch(str(micros * 1000), "ns").at == moment


MAIL = [
    # the separator of Takeout's mbox, asctime, `date`
    ("Fri Sep 16 22:26:51 +0000 2016", utc(2016, 9, 16, 22, 26, 51), 0, None),
    ("Mon Mar 02 10:15:00 +0000 2026", utc(2026, 3, 2, 10, 15), 0, None),
    ("Fri Sep  6 22:26:51 2016", utc(2016, 9, 6, 22, 26, 51), None, "zone_assumed"),
    ("Tue Jan 02 03:04:05 UTC 2024", utc(2024, 1, 2, 3, 4, 5), 0, None),
    ("Tue Jan  2 03:04:05 2024 -0800", utc(2024, 1, 2, 11, 4, 5), -480, None),
    # RFC 5322, with its appendix A
    ("Mon, 02 Mar 2026 11:15:00 +0100", utc(2026, 3, 2, 10, 15), 60, None),
    ("Fri, 21 Nov 1997 09:55:06 -0600", utc(1997, 11, 21, 15, 55, 6), -360, None),
    ("2 Mar 2026 11:15 +0100", utc(2026, 3, 2, 10, 15), 60, None),
    ("Mon, 2 Mar 2026 11:15:00 -0000", utc(2026, 3, 2, 11, 15), None, "zone_unknown"),
    (
        "Thu,\r\n      13\r\n Feb\r\n 1969\r\n 23:32\r\n -0330 (Newfoundland (old) Time)",
        utc(1969, 2, 14, 3, 2),
        -210,
        None,
    ),
    ("21 Nov 97 09:55:06 GMT", utc(1997, 11, 21, 9, 55, 6), 0, None),
    ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", utc(1997, 11, 21, 15, 55, 6), -360, None),
    ("21 Nov 49 00:00 Z", utc(2049, 11, 21), 0, None),
    ("21 Nov 50 00:00 Z", utc(1950, 11, 21), 0, None),
    ("21 Nov 124 00:00 Z", utc(2024, 11, 21), 0, None),
    ("Mon, 2 Mar 2026 11:15:00 EST", utc(2026, 3, 2, 16, 15), -300, None),
    ("Mon, 2 Mar 2026 11:15:00 PDT", utc(2026, 3, 2, 18, 15), -420, None),
    ("Mon, 2 Mar 2026 11:15:00 +0100 (CET)", utc(2026, 3, 2, 10, 15), 60, None),
    ("Mon, 2 Mar 2026 11:15:00 CET", utc(2026, 3, 2, 11, 15), None, "zone_ambiguous"),
    ("Mon, 2 Mar 2026 11:15:00 A", utc(2026, 3, 2, 11, 15), None, "zone_ambiguous"),
    ("Mon, 2 Mar 2026 11:15:00", utc(2026, 3, 2, 11, 15), None, "zone_assumed"),
    # by no standard
    ("Sunday, 06-Nov-94 08:49:37 GMT", utc(1994, 11, 6, 8, 49, 37), 0, None),
    ("2016-09-16 22:26:51 +0200", utc(2016, 9, 16, 20, 26, 51), 120, None),
    ("Mon, 2 Mar 2026 11.15.00 +0100", utc(2026, 3, 2, 10, 15), 60, None),
    # what the standard library takes silently for the morning, or for UTC
    ("2 Mar 2026 11:15:00 PM", utc(2026, 3, 2, 23, 15), None, "zone_assumed"),
    ("2 Mar 2026 12:15:00 AM +0100", utc(2026, 3, 1, 23, 15), 60, None),
    ("2 Mar 2026 17:15:00 PM +0100", utc(2026, 3, 2, 16, 15), 60, None),
    ("Mar 2 2026 11:15 PM", utc(2026, 3, 2, 23, 15), None, "zone_assumed"),
    ("Mar 2 2026 11.15", utc(2026, 3, 2, 11, 15), None, "zone_assumed"),
    ("Mar 2 2026 11.15.00 GMT", utc(2026, 3, 2, 11, 15), 0, None),
    ("Mon, 2 Mar 2026 11:15:00 Europe/Berlin", utc(2026, 3, 2, 11, 15), None, "zone_ambiguous"),
    ("2 Mar 2026 11:15:00 MST-07:00", utc(2026, 3, 2, 18, 15), -420, None),
    ("２ Mar 2026 11:15:00 +0000", utc(2026, 3, 2, 11, 15), 0, None),
    ("Fri, 31 Dec 99999 00:00:00 GMT", None, 0, "out_of_range"),
    ("Mon, 1 Jan 1601 00:00:00 +0000", None, 0, "out_of_range"),
    # by no standard: the offset from a named zone, in quotes, in other languages
    ("Tue, 5 Mar 2019 10:00:00 GMT+0100", utc(2019, 3, 5, 9), 60, None),
    ("Tue, 5 Mar 2019 10:00:00 UTC+01:00", utc(2019, 3, 5, 9), 60, None),
    ('"Tue, 5 Mar 2019 10:00:00 +0100"', utc(2019, 3, 5, 9), 60, None),
    ("lun., 5 févr. 2019 10:00:00 +0100", utc(2019, 2, 5, 9), 60, None),
    ("Вт, 5 мар 2019 10:00:00 +0300", utc(2019, 3, 5, 7), 180, None),
    ("Tue, 5 Mar 2019 10:00:00 PM", utc(2019, 3, 5, 22), None, "zone_assumed"),
    ("Tue, 5 Mar 2019 10:00:00 America/New_York", utc(2019, 3, 5, 10), None, "zone_ambiguous"),
]


@pytest.mark.parametrize(("text", "at", "offset", "flag"), MAIL, ids=[row[0] for row in MAIL])
def test_mail_date(text: str, at: datetime | None, offset: int | None, flag: str | None) -> None:
    assert mail_date(text) == Instant(at, text, offset, flag)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "Mon, 30 Feb 2026 11:15:00 +0000",
        "Mon, 2 Mrz 2026 11:15:00 +0000",
        "Mon, 2 Mar 2026 25:15:00 +0000",
        "Mon, 2 Mar 2026 11:15:00 +9900",
        "2 Mar",
        "(" * 199,
        "2 Mar 2026 11:15:00 " + "(x)" * 100,
        None,
    ],
)
def test_mail_date_refuses_what_is_no_date(text: Any) -> None:
    with pytest.raises(BadValue) as caught:
        mail_date(text)
    assert caught.value.reason is Reason.BAD_TIME
    assert caught.value.__context__ is None


_MARCH = utc(2024, 3, 4, 15, 5, 9)
ACTIVITY = [
    # spellings of My Activity: without a zone, UTC, an abbreviation, day first, German
    ("Mar 8, 2018, 5:14:40 PM", utc(2018, 3, 8, 17, 14, 40), None, "zone_assumed"),
    ("Jan 15, 2021, 6:54:12 PM UTC", utc(2021, 1, 15, 18, 54, 12), 0, None),
    ("Jan 15, 2021, 6:54:12\u202fPM UTC", utc(2021, 1, 15, 18, 54, 12), 0, None),
    ("\u2003Jan\u00a015,\u20032021, 6:54:12 PM UTC ", utc(2021, 1, 15, 18, 54, 12), 0, None),
    ("Jan 15, 2021, 6:54:12 PM BST", utc(2021, 1, 15, 18, 54, 12), None, "zone_ambiguous"),
    ("6 Oct 2020, 14:32:28 PDT", utc(2020, 10, 6, 14, 32, 28), None, "zone_ambiguous"),
    ("6 Oct 2020, 14:32:28 GMT", utc(2020, 10, 6, 14, 32, 28), 0, None),
    ("01.09.2022, 21:08:12 MESZ", utc(2022, 9, 1, 21, 8, 12), None, "zone_ambiguous"),
    # offsets that are said outright
    ("2 sept. 2026, 09:00:00 UTC+02:00", utc(2026, 9, 2, 7), 120, None),
    ("Jan 4, 2025, 3:04:05 PM GMT+05:30", utc(2025, 1, 4, 9, 34, 5), 330, None),
    ("2024年3月4日 GMT+8 15:05:09", utc(2024, 3, 4, 7, 5, 9), 480, None),
    ("4 Mar 2024, 15:05:09 GMT\u22123", utc(2024, 3, 4, 18, 5, 9), -180, None),
    # noon and midnight
    ("Mar 4, 2024, 12:00:00 AM UTC", utc(2024, 3, 4), 0, None),
    ("Mar 4, 2024, 12:00:00 PM UTC", utc(2024, 3, 4, 12), 0, None),
    ("2024年3月4日 中午12:30:00 [UTC]", utc(2024, 3, 4, 12, 30), 0, None),
    ("2024年3月4日 凌晨12:30:00 [UTC]", utc(2024, 3, 4, 0, 30), 0, None),
    # by structure: CLDR's medium dates
    ("4. März 2024, 15:05:09 UTC", _MARCH, 0, None),
    ("4 mars 2024, 15:05:09 UTC", _MARCH, 0, None),
    ("4 mar 2024, 15:05:09 UTC", _MARCH, 0, None),
    ("4 mar 2024, 3:05:09 p.\u00a0m. UTC", _MARCH, 0, None),
    ("4 de mar. de 2024 15:05:09 UTC", _MARCH, 0, None),
    ("4 de marzo de 2024, 15:05:09 UTC", _MARCH, 0, None),
    ("4 mrt 2024, 15:05:09 UTC", _MARCH, 0, None),
    ("4 marca 2024, 15:05:09 UTC", _MARCH, 0, None),
    ("4 мар. 2024 г., 15:05:09 UTC", _MARCH, 0, None),
    ("2024/03/04 15:05:09 UTC", _MARCH, 0, None),
    ("2024. 3. 4. 오후 3:05:09 UTC", _MARCH, 0, None),
    ("2024. 3. 4. PM 3:05:09 KST", _MARCH, None, "zone_ambiguous"),
    ("2024年3月4日 15:05:09 UTC", _MARCH, 0, None),
    ("2024年3月4日 下午3:05:09 [CST]", _MARCH, None, "zone_ambiguous"),
    ("25/03/2024, 15:05:09 UTC", utc(2024, 3, 25, 15, 5, 9), 0, None),
    ("03/25/2024, 15:05:09 UTC", utc(2024, 3, 25, 15, 5, 9), 0, None),
    ("04/03/2024, 15:05:09 UTC", _MARCH, 0, "day_first_assumed"),
    ("04.03.2024, 15:05:09 UTC", _MARCH, 0, None),
]


@pytest.mark.parametrize(
    ("text", "at", "offset", "flag"), ACTIVITY, ids=[row[0] for row in ACTIVITY]
)
def test_activity_time(
    text: str, at: datetime | None, offset: int | None, flag: str | None
) -> None:
    known = ZoneSource.ASSUMED if flag == "zone_assumed" else None  # in UTC, as far as known
    assert activity_time(text) == Instant(at, text, offset, flag, known)


def test_activity_time_knows_the_months_of_a_dozen_languages() -> None:
    december = ("Dez", "Dec", "dic", "déc.", "dicembre", "dezember", "grudnia", "дек.", "dez.")
    for name in december:
        assert activity_time(f"31 {name} 2023, 23:59:59 UTC").at == utc(2023, 12, 31, 23, 59, 59)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mar 8, 2018",
        "Mar 8, 2018, 5:14 PM",
        "Feb 30, 2018, 5:14:40 PM UTC",
        "Mar 8, 2018, 15:14:40 PM UTC",
        "Mar 8, 2018, 25:14:40 UTC",
        "Foo 8, 2018, 5:14:40 PM UTC",
        "Mar 8, 2018, 5:14:40 PM UTC and more",
        "Watched on Mar 8, 2018, 5:14:40 PM UTC",
        "31.02.2022, 21:08:12 MESZ",
        "13/13/2022, 21:08:12 UTC",
        "x" * 5_000,
        None,
    ],
)
def test_activity_time_refuses_what_is_no_time(text: Any) -> None:
    with pytest.raises(BadValue) as caught:
        activity_time(text)
    assert caught.value.reason is Reason.BAD_TIME
    assert caught.value.__context__ is None


@given(st.text(max_size=250))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    for understand in (iso, mail_date, activity_time, lambda t: epoch(t, "s")):
        try:
            assert understand(text).text == text
        except BadValue as refused:
            assert refused.reason is Reason.BAD_TIME


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sunday May 3,2020 5:45 PM GMT", "2020-05-03T17:45:00+00:00"),
        ("Sunday May 3,2020 12:05 AM GMT", "2020-05-03T00:05:00+00:00"),
        ("Sunday May 3, 2020 12:05\u202fPM GMT", "2020-05-03T12:05:00+00:00"),
        ("Sunday May 3,2020 17:45 PM GMT", "2020-05-03T17:45:00+00:00"),
    ],
)
def test_long_english_dates(text: str, expected: str) -> None:
    found = long_english(text)
    assert found.at is not None and found.at.isoformat() == expected
    assert (found.text, found.offset, found.flag) == (text, 0, None)


@pytest.mark.parametrize(
    "text", ["", "May 3,2020", "Sunday May 33,2020 5:45 PM GMT", "Sunday Mai 3,2020 5:45 PM GMT"]
)
def test_long_english_dates_that_are_none(text: str) -> None:
    with pytest.raises(BadValue):
        long_english(text)


def test_a_blank_before_the_offset() -> None:
    found = spaced("2016-11-14 07:25:44 -0700")
    assert found.at is not None and found.at.isoformat() == "2016-11-14T14:25:44+00:00"
    assert (found.text, found.offset) == ("2016-11-14 07:25:44 -0700", -420)
    assert spaced("2016-11-14").flag == "zone_assumed"
