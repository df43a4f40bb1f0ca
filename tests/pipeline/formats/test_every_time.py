"""Every spelling of a time in `docs/reference/exports/`, read the way its format reads it.

One row a spelling: the page, how it is read, the text, the moment in UTC, minutes
east of UTC, what named the zone, and whether the text could mean another moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import pytest
from PIL import ExifTags, Image

from pipeline.registry import format_named
from pipeline.services import linkedin, media, meta, reddit, snapchat, tables
from pipeline.services.google import play_store, takeout
from pipeline.values import time_zones
from pipeline.values.google_dates import activity_time
from pipeline.values.mail_dates import long_english, mail_date
from pipeline.values.open_zones import in_zone
from pipeline.values.timestamps import epoch, iso, spaced
from schemas.errors import BadValue
from schemas.files import Member
from schemas.reasons import Reason
from schemas.records import NOTHING, Instant, RawRecord, Record, ZoneSource
from tests.support.formats import member_of, read

pytestmark = pytest.mark.sweep

SURE, FILE, GUESS = ZoneSource.EXPLICIT, ZoneSource.FILE, ZoneSource.ASSUMED
HERE = Member(path="x", ordinal=0, file=Path("x"), size=0, sha256="", media_type="text/plain")
Read: TypeAlias = Callable[[Any], Instant | None]


def of(form: str, around: Mapping[str, Any] = NOTHING, **fields: Any) -> Read:
    """The time of what a format makes of an item, where the text takes the place of `...`."""

    def understand(text: Any) -> Instant | None:
        value = {name: text if value is ... else value for name, value in fields.items()}
        found = format_named(form).record(RawRecord(value, 0, 1, around), HERE)
        assert isinstance(found, Record)
        return found.time

    return understand


s, ms, us, ns, webkit = (partial(epoch, unit=unit) for unit in ("s", "ms", "us", "ns", "webkit"))
chat = of(
    "google.chat_messages", created_date=..., message_id="g/t/m", creator={"name": "A"}, text="x"
)
PAGES = {"history_items": {"id": 1, "url": "http://x.example/"}}
safari = of("safari.history", PAGES, id=1, visit_time=..., title="x")
discord = of("discord.messages", ID=1, Timestamp=..., Contents="x", Attachments="")

EVERY: list[tuple[str, Read, Any, str | None, int | None, ZoneSource, bool]] = [
    # Google
    (
        "google-my-activity", iso, "2026-03-04T09:00:00.123Z",
        "2026-03-04T09:00:00.123Z", 0, SURE, False,
    ),
    (
        "google-my-activity", iso, "2026-03-04T09:00:00.123456Z",
        "2026-03-04T09:00:00.123456Z", 0, SURE, False,
    ),
    (
        "google-my-activity", activity_time, "Mar 8, 2018, 5:14:40 PM",
        "2018-03-08T17:14:40Z", None, GUESS, False,
    ),
    (
        "google-my-activity", activity_time, "Jan 15, 2021, 6:54:12 PM UTC",
        "2021-01-15T18:54:12Z", 0, SURE, False,
    ),
    (
        "google-my-activity", activity_time, "Jan 15, 2021,\u20036:54:12\u202fPM\u00a0UTC",
        "2021-01-15T18:54:12Z", 0, SURE, False,
    ),
    (
        "google-my-activity", activity_time, "Jan 15, 2021, 6:54:12 PM BST",
        "2021-01-15T18:54:12Z", None, GUESS, True,
    ),
    (
        "google-my-activity", activity_time, "6 Oct 2020, 14:32:28 PDT",
        "2020-10-06T14:32:28Z", None, GUESS, True,
    ),
    (
        "google-my-activity", activity_time, "01.09.2022, 21:08:12 MESZ",
        "2022-09-01T21:08:12Z", None, GUESS, True,
    ),
    (
        "youtube", iso, "2023-09-19T17:42:53.434647+00:00",
        "2023-09-19T17:42:53.434647Z", 0, SURE, False,
    ),
    ("youtube", iso, "2020-04-27 23:18:23 UTC", "2020-04-27T23:18:23Z", 0, SURE, False),
    ("youtube", iso, "2016-06-15T08:50:49Z", "2016-06-15T08:50:49Z", 0, SURE, False),
    ("browsers", us, 1_772_614_800_000_000, "2026-03-04T09:00:00Z", None, SURE, False),
    ("browsers", webkit, 13_417_088_400_000_000, "2026-03-04T09:00:00Z", None, SURE, False),
    ("browsers", s, "1772614800", "2026-03-04T09:00:00Z", None, SURE, False),  # ADD_DATE
    ("2.5a", ms, "1772614800123", "2026-03-04T09:00:00.123Z", None, SURE, False),
    ("2.5a", iso, "2026-03-04T09:00:00.123Z", "2026-03-04T09:00:00.123Z", 0, SURE, False),
    ("2.5b", iso, "2026-03-04T10:00:00+01:00", "2026-03-04T09:00:00Z", 60, SURE, False),
    ("2.5b", s, 1_772_614_800, "2026-03-04T09:00:00Z", None, SURE, False),
    ("2.5c", iso, "2026-03-04T10:00:00.000+01:00", "2026-03-04T09:00:00Z", 60, SURE, False),
    ("2.5e", iso, "2026-03-04T09:00:00Z", "2026-03-04T09:00:00Z", 0, SURE, False),
    ("google-photos", s, "1772614800", "2026-03-04T09:00:00Z", None, SURE, False),
    ("mail", mail_date, "Fri Sep 16 22:26:51 +0000 2016", "2016-09-16T22:26:51Z", 0, SURE, False),
    ("mail", mail_date, "Mon, 02 Mar 2026 11:15:00 +0100", "2026-03-02T10:15:00Z", 60, SURE, False),
    (
        "mail", mail_date, "Mon, 02 Mar 2026 11:15:00 -0000",
        "2026-03-02T11:15:00Z", None, SURE, False,
    ),
    ("google-services", us, 1_772_614_800_000_000, "2026-03-04T09:00:00Z", None, SURE, False),
    ("google-services", iso, "2026-03-04T09:00:00.000Z", "2026-03-04T09:00:00Z", 0, SURE, False),
    (
        "google-services", chat, "Thursday, March 14, 2024 at 10:30:15\u202fPM UTC",
        "2024-03-14T22:30:15Z", 0, SURE, False,
    ),
    (
        "google-services", chat, "Tuesday, 7 February 2021 at 17:13:43 UTC",
        "2021-02-07T17:13:43Z", 0, SURE, False,
    ),
    ("google-services", us, "1772614800000000", "2026-03-04T09:00:00Z", None, SURE, False),
    (
        "google-services", iso, "2024-01-21T11:30:00.000-05:00",
        "2024-01-21T16:30:00Z", -300, SURE, False,
    ),
    ("google-fit", ns, 1_772_614_800_000_000_000, "2026-03-04T09:00:00Z", None, SURE, False),
    ("google-fit", ns, "1772614800000000000", "2026-03-04T09:00:00Z", None, SURE, False),
    ("google-fit", iso, "2026-03-04T06:30:00.000+01:00", "2026-03-04T05:30:00Z", 60, SURE, False),
    ("google-fit", iso, "2026-03-04", "2026-03-04T00:00:00Z", None, GUESS, False),
    (
        "google-services", lambda text: play_store.moment({"purchaseTime": text}, "purchaseTime"),
        "2026-03-04T09:00:00.123456Z", "2026-03-04T09:00:00.123456Z", 0, SURE, False,
    ),
    (
        "google-services", takeout.moment, "Jun 10, 2026, 10:35:12 AM UTC",
        "2026-06-10T10:35:12Z", 0, SURE, False,
    ),
    (
        "google-services", takeout.moment, "2026-10-01 10:35:12 UTC",
        "2026-10-01T10:35:12Z", 0, SURE, False,
    ),
    (
        "google-services", takeout.moment, "2026-10-01T10:35:12Z",
        "2026-10-01T10:35:12Z", 0, SURE, False,
    ),
    (
        "google-services", takeout.moment, "2026-10-01 06:59:59 UTC",
        "2026-10-01T06:59:59Z", 0, SURE, False,
    ),
    (
        "google-services", takeout.moment, "Jun 15, 2026, 7:40:10 AM UTC",
        "2026-06-15T07:40:10Z", 0, SURE, False,
    ),
    (
        "google-services", tables.in_utc, "2026-10-01 06:59:59",
        "2026-10-01T06:59:59Z", 0, SURE, False,
    ),
    ("google-services", ms, 1_772_614_800_123, "2026-03-04T09:00:00.123Z", None, SURE, False),
    (
        "google-services", takeout.moment, "2026-03-04T09:00:00Z",
        "2026-03-04T09:00:00Z", 0, SURE, False,
    ),
    # others
    ("spotify", tables.in_utc, "2026-01-02 03:04", "2026-01-02T03:04:00Z", 0, SURE, False),
    ("spotify", iso, "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z", 0, SURE, False),
    ("spotify", iso, "2026-01-02", "2026-01-02T00:00:00Z", None, GUESS, False),
    ("meta", meta.moment, 1_772_614_800, "2026-03-04T09:00:00Z", None, SURE, False),
    ("meta", ms, 1_772_614_800_123, "2026-03-04T09:00:00.123Z", None, SURE, False),
    ("meta", s, -62_169_958_800, None, None, SURE, False),
    ("x", mail_date, "Wed Oct 10 20:19:24 +0000 2018", "2018-10-10T20:19:24Z", 0, SURE, False),
    ("x", iso, "2018-10-10T20:19:24.000Z", "2018-10-10T20:19:24Z", 0, SURE, False),
    (
        "reddit", lambda text: reddit.moment({"date": text}),
        "2024-01-02 03:04:05 UTC", "2024-01-02T03:04:05Z", 0, SURE, False,
    ),
    (
        "discord", discord, "2020-08-25 22:54:05.726000+00:00",
        "2020-08-25T22:54:05.726Z", 0, SURE, False,
    ),
    ("discord", discord, "2020-08-25 22:54:05+00:00", "2020-08-25T22:54:05Z", 0, SURE, False),
    (
        "discord", of("discord.activity", event_type="x", event_id="1", timestamp=...),
        '"2020-08-25T22:54:05.726Z"', "2020-08-25T22:54:05.726Z", 0, SURE, False,
    ),
    ("telegram", iso, "2024-07-01T10:00:00", "2024-07-01T10:00:00Z", None, GUESS, False),
    ("telegram", s, "1719820800", "2024-07-01T08:00:00Z", None, SURE, False),
    ("slack", s, "1456427378.000002", "2016-02-25T19:09:38.000002Z", None, SURE, False),
    ("signal", ms, 1_772_614_800_123, "2026-03-04T09:00:00.123Z", None, SURE, False),
    ("linkedin", linkedin.day, "01 Jan 2024", "2024-01-01T00:00:00Z", None, GUESS, False),
    ("linkedin", iso, "2024-01-02 03:04:05 UTC", "2024-01-02T03:04:05Z", 0, SURE, False),
    ("linkedin", linkedin.clock, "1/31/24, 10:05 AM", "2024-01-31T10:05:00Z", None, GUESS, False),
    ("linkedin", mail_date, "Mon Jan 01 10:00:00 UTC 2024", "2024-01-01T10:00:00Z", 0, SURE, False),
    ("netflix", tables.in_utc, "2024-01-02 03:04:05", "2024-01-02T03:04:05Z", 0, SURE, False),
    ("tiktok", iso, "2024-01-02 03:04:05 UTC", "2024-01-02T03:04:05Z", 0, SURE, False),
    (
        "snapchat", snapchat.moment, "2024-01-02 03:04:05 UTC",
        "2024-01-02T03:04:05Z", 0, SURE, False,
    ),
    ("snapchat", snapchat.moment, "1704164645000", "2024-01-02T03:04:05Z", None, SURE, False),
    ("snapchat", snapchat.moment, "2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z", 0, SURE, False),
    (
        "snapchat", snapchat.moment, "Tue Jan 02 03:04:05 UTC 2024",
        "2024-01-02T03:04:05Z", 0, SURE, False,
    ),
    ("ai-chats", s, 1_772_614_800.123456, "2026-03-04T09:00:00.123456Z", None, SURE, False),
    ("ai-chats", iso, "2026-03-04T09:00:00.123456Z", "2026-03-04T09:00:00.123456Z", 0, SURE, False),
    ("apple", spaced, "2016-11-14 07:25:44 -0700", "2016-11-14T14:25:44Z", -420, SURE, False),
    ("apple", iso, "20260304", "2026-03-04T00:00:00Z", None, GUESS, False),
    (
        "apple", long_english, "Sunday May 3,2020 5:45 PM GMT",
        "2020-05-03T17:45:00Z", 0, SURE, False,
    ),
    (
        "apple", long_english, "Sunday May 3,2020 17:45 PM GMT",
        "2020-05-03T17:45:00Z", 0, SURE, False,
    ),
    (
        "tracks", s, 1_772_614_800,
        "2026-03-04T09:00:00Z", None, SURE, False,  # OwnTracks, Polarsteps
    ),
    ("tracks", iso, "2022-12-03 13:28:36 +0000 UTC", "2022-12-03T13:28:36Z", 0, SURE, False),
    (
        "phones-and-apps", iso, "2026-03-04T09:00:00.123Z",
        "2026-03-04T09:00:00.123Z", 0, SURE, False,
    ),
    ("browsers", webkit, 13_417_088_400_000_000, "2026-03-04T09:00:00Z", None, SURE, False),
    ("browsers", us, 1_772_614_800_000_000, "2026-03-04T09:00:00Z", None, SURE, False),
    (
        "browsers", safari,
        794_307_600.5, "2026-03-04T09:00:00.500Z", None, SURE, False,
    ),
    ("browsers", s, "1772614800", "2026-03-04T09:00:00Z", None, SURE, False),  # Pocket
    ("browsers", ms, "1772614800123", "2026-03-04T09:00:00.123Z", None, SURE, False),  # SMS
    ("browsers", iso, "2026-03-04 09:00:00", "2026-03-04T09:00:00Z", None, GUESS, False),  # Shazam
]  # fmt: skip


@pytest.mark.parametrize(
    ("how", "text", "at", "offset", "source", "ambiguous"),
    [row[1:] for row in EVERY],
    ids=[f"{row[0]} {row[2]}" for row in EVERY],
)
def test_every_spelling_of_the_reference(
    how: Read, text: Any, at: str | None, offset: int | None, source: ZoneSource, ambiguous: bool
) -> None:
    found = how(text)
    assert found is not None
    assert found.text == str(text)
    assert found.at == (at and datetime.fromisoformat(at))
    assert (found.offset, found.zone_source, found.ambiguous) == (offset, source, ambiguous)
    assert (found.at is None) == (found.flag == "out_of_range")


#: First lines of chats, and the same chat's line that says which number is the day.
CHATS = [
    ("20/6/2017 8:28 p. m. - ", "", "2017-06-20T20:28:00", False),
    ("2023-12-20, 5:46 p.m. - ", "", "2023-12-20T17:46:00", False),
    ("2023/12/20, 5:46 pm - ", "", "2023-12-20T17:46:00", False),
    ("2023/12/20, 5:46\u202fpm - ", "", "2023-12-20T17:46:00", False),
    ("2023/12/20, 5:46\u2009pm - ", "", "2023-12-20T17:46:00", False),
    ("2023/12/20, 5:46\u00a0pm - ", "", "2023-12-20T17:46:00", False),
    ("03.08.21, 12:30 - ", "30.08.21, 12:31 - ", "2021-08-03T12:30:00", False),
    ("03.08.21, 12:30 - ", "", "2021-08-03T12:30:00", False),
    ("\u200e[07.03.26, 21:22:39] ", "[27.03.26, 21:22:40] ", "2026-03-07T21:22:39", False),
    ("09/12/2012 17:03:48: ", "19/12/2012 17:03:49: ", "2012-12-09T17:03:48", False),
    ("3/24/14, 1:59:59 PM: ", "", "2014-03-24T13:59:59", False),
    ("3/4/14, 1:59 PM - ", "", "2014-03-04T13:59:00", True),
    ("[04/03/2026, 10:00:00] ", "[14/03/2026, 10:00:01] ", "2026-03-04T10:00:00", False),
]


@pytest.mark.parametrize(("first", "deciding", "at", "ambiguous"), CHATS)
def test_every_spelling_of_a_chat(
    tmp_path: Path, first: str, deciding: str, at: str, ambiguous: bool
) -> None:
    text = f"{first}Ann: hello\n" + (f"{deciding}Ann: bye\n" if deciding else "")
    (tmp_path / "Ann.txt").write_text(text, encoding="utf-8")
    _, found = read(format_named("whatsapp.chat"), member_of("Ann.txt", tmp_path / "Ann.txt"))
    record = found[0][2]
    assert isinstance(record, Record) and record.time is not None
    assert record.time.at == datetime.fromisoformat(at + "Z")
    assert (record.time.offset, record.time.zone_source) == (None, GUESS)
    assert record.time.ambiguous == ambiguous


# --- summer time -----------------------------------------------------------------------------

#: A zone, a clock in its gap and one in its fold, and what they are in UTC.
CHANGES = [
    (
        "Europe/Berlin", "2024-03-31T02:30", "2024-03-31T01:30", "2024-10-27T02:30",
        "2024-10-27T00:30",
    ),
    (
        "America/New_York", "2024-03-10T02:30", "2024-03-10T07:30", "2024-11-03T01:30",
        "2024-11-03T05:30",
    ),
    # half an hour, in the south
    (
        "Australia/Lord_Howe", "2024-10-06T02:15", "2024-10-05T15:45", "2024-04-07T01:45",
        "2024-04-06T14:45",
    ),
    # at midnight, until 2019: a day that began at one, and one whose last hour came twice
    (
        "America/Sao_Paulo", "2018-11-04T00:30", "2018-11-04T03:30", "2018-02-17T23:30",
        "2018-02-18T01:30",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "gap", "gap_at", "fold", "fold_at"), CHANGES)
def test_gaps_and_folds(name: str, gap: str, gap_at: str, fold: str, fold_at: str) -> None:
    zone = time_zones.named(name)
    assert zone is not None
    for text, at, flag in ((gap, gap_at, "clock_skipped"), (fold, fold_at, "clock_twice")):
        found = in_zone(iso(text), zone, FILE)
        assert found.at == datetime.fromisoformat(at + "Z")
        assert (found.text, found.flag, found.zone_source) == (text, flag, FILE)
        assert found.ambiguous
        for hours in (-3, 3):
            near = (datetime.fromisoformat(text) + timedelta(hours=hours)).isoformat()
            assert in_zone(iso(near), zone).flag is None, "only that hour"


def test_gaps_and_folds_by_a_calendars_own_rules() -> None:
    part = "BEGIN:{0}\nDTSTART:19700329T020000\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH={3}\n"
    part += "TZOFFSETFROM:{1}\nTZOFFSETTO:{2}\nEND:{0}\n"
    rules = part.format("DAYLIGHT", "+0100", "+0200", 3)
    rules += part.format("STANDARD", "+0200", "+0100", 10).replace("T02", "T03")
    zone = time_zones.defined(f"BEGIN:VTIMEZONE\nTZID:x\n{rules}END:VTIMEZONE\n")
    assert zone is not None
    berlin = ZoneInfo("Europe/Berlin")
    for text in ("20240331T023000", "20241027T023000", "20240701T100000", "20241027T033000"):
        written = iso(text)
        assert in_zone(written, zone) == in_zone(written, berlin)


@pytest.mark.parametrize("source", list(ZoneSource))
def test_what_named_the_zone_is_kept(source: ZoneSource) -> None:
    zone: tzinfo = ZoneInfo("Europe/Berlin")
    assert in_zone(iso("2024-07-01T10:00"), zone, source).zone_source is source
    assert in_zone(iso("2024-07-01T10:00+01:00"), zone, source).zone_source is SURE


# --- the ends of the range -------------------------------------------------------------------

BEYOND: list[tuple[Read, Any]] = [
    (iso, "1899-12-31T23:59:59Z"), (iso, "2101-01-01"), (iso, "18991231T235959Z"),
    (spaced, "1899-12-31 23:59:59 +0000"), (mail_date, "Sun, 31 Dec 1899 23:59:59 +0000"),
    (mail_date, "Sat Jan 01 00:00:00 +0000 2101"), (activity_time, "Jan 1, 2101, 1:00:00 AM UTC"),
    (activity_time, "01/02/1899, 21:08:12"), (long_english, "Saturday January 1,2101 5:45 PM GMT"),
    (tables.in_utc, "1899-12-31 23:59:59"), (linkedin.day, "01 Jan 2101"),
    (s, 4_133_980_800), (ms, "4133980800000"), (us, -2_208_988_800_000_001), (webkit, 0),
    (ns, "4133980800000000000"), (snapchat.moment, "2101-01-01 00:00:00 UTC"),
    (lambda text: in_zone(iso(text), ZoneInfo("Asia/Tokyo")), "1900-01-01T05:00:00"),
    (lambda text: in_zone(iso(text), ZoneInfo("America/Lima")), "2100-12-31T22:00:00"),
]  # fmt: skip


@pytest.mark.parametrize(("how", "text"), BEYOND)
def test_no_time_and_a_flag_outside_1900_to_2100(how: Read, text: Any) -> None:
    found = how(text)
    assert found is not None
    assert (found.at, found.text, found.flag) == (None, str(text), "out_of_range")


# --- the zone of a photograph ----------------------------------------------------------------


def photographed(path: Path, taken: str, day: str, clock: tuple[float, ...]) -> Instant | None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
    fix = exif.get_ifd(ExifTags.IFD.GPSInfo)
    fix[ExifTags.GPS.GPSDateStamp], fix[ExifTags.GPS.GPSTimeStamp] = day, clock
    Image.new("L", (2, 2)).save(path / "a.jpg", exif=exif)
    return media.picture(path / "a.jpg").time


def test_the_satellites_tell_a_cameras_zone(tmp_path: Path) -> None:
    found = photographed(tmp_path, "2024:07:01 00:30:10", "2024:06:30", (19.0, 0.0, 2.0))
    expected = datetime(2024, 6, 30, 19, 0, 10, tzinfo=UTC)
    assert found == Instant(
        expected, "2024:07:01 00:30:10", 330, None, ZoneSource.COORDINATE
    )  # fmt: skip


@pytest.mark.parametrize(
    ("day", "clock"),
    [
        ("2024:06:30", (19.0, 7.0, 0.0)),  # a fix that is minutes old
        ("2024:06:28", (19.0, 0.0, 0.0)),  # or days
        ("2024:06:31", (19.0, 0.0, 0.0)),
        ("yesterday", (19.0, 0.0, 0.0)),
        ("2024:06:30", (19.0,)),
    ],
)
def test_a_fix_that_tells_no_zone(tmp_path: Path, day: str, clock: tuple[float, ...]) -> None:
    found = photographed(tmp_path, "2024:07:01 00:30:00", day, clock)
    assert found is not None
    assert (found.offset, found.zone_source) == (None, GUESS)


def test_a_text_that_is_no_time_is_one_to_none() -> None:
    readers = {id(row[1]): row[1] for row in EVERY}.values()
    strict = {iso, mail_date, activity_time, long_english, spaced, tables.in_utc, linkedin.day}
    for how in readers:
        try:
            found = how("heron")
        except BadValue as refused:
            assert refused.reason is Reason.BAD_TIME
        else:
            assert how not in strict
            assert found == Instant(None, "heron", None, "time_unread")


@pytest.mark.parametrize("text", ["heron", "2026-02-30T10:00:00Z", "Feb 30, 2026, 1:00:00 AM UTC"])
def test_a_time_of_takeout_that_cannot_be_read_keeps_its_text(text: str) -> None:
    assert takeout.moment(text) == Instant(None, text, None, "time_unread")
