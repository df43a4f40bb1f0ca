"""How Google's products write money, lengths of time, zones and places; and foreign file names."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

import pytest

from pipeline.registry import recognise
from pipeline.services.google import fit as google_fit
from pipeline.services.google import places as google_places
from pipeline.services.google import timeline as google_timeline
from pipeline.values import durations, money, open_zones, time_zones, timestamps
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import ZoneSource
from tests.support.formats import Sample, all_samples, head_of


@pytest.mark.parametrize(
    ("text", "value", "currency"),
    [
        ("-129.00 NOK", "-129.00", "NOK"),
        ("NOK 2450.00", "2450.00", "NOK"),
        ("€4,99", "4.99", "EUR"),
        ("1.299,00\u00a0€", "1299.00", "EUR"),
        ("$1,299.99", "1299.99", None),
        ("US$0.99", "0.99", "USD"),
        ("1\u202f234,50 zł", "1234.50", "PLN"),
        ("₩12,000", "12000", "KRW"),
        ("KWD 1.234", "1.234", "KWD"),
        ("1.234.567 €", "1234567", "EUR"),
        ("−€5.00", "-5.00", "EUR"),
        ("1.234", None, None),
        ("1,2,3.4.5", None, None),
        ("free", None, None),
    ],
)
def test_amounts(text: str, value: str | None, currency: str | None) -> None:
    assert money.amount(text) == {"value": value, "currency": currency, "text": text}


def test_a_column_may_name_the_currency() -> None:
    assert money.amount("1.234", "EUR")["value"] == "1234"
    assert money.amount("1.234", "BHD")["value"] == "1.234"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1500s", 1500), ("1h 2m 3s", 3723), ("0:30:12", 1812), ("1812", 1812), ("90m", 5400)],
)
def test_lengths_as_people_write_them(text: str, seconds: float) -> None:
    assert durations.spoken(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT1H30M", 5400), ("P2W", 1209600), ("P1DT2S", 86402), ("+PT0S", 0)]
)
def test_lengths_of_iso(text: str, seconds: float) -> None:
    assert durations.iso(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "-PT5M", "long", "1:2:3:4"])
def test_what_is_no_length(text: str) -> None:
    for read in (durations.iso, durations.spoken):
        with pytest.raises(BadValue):
            read(text)


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("/mozilla.org/20070129_1/Europe/Oslo", "Europe/Oslo"),
        ("/x/Tzfile/America/Argentina/Ushuaia", "America/Argentina/Ushuaia"),
        ("Elm Hill Time", None),
        ("../../etc/passwd", None),
        ("", None),
        ("Europe", None),
        ("a\0b", None),
    ],
)
def test_zones_by_name(name: str, zone: str | None) -> None:
    assert time_zones.named(name) == (ZoneInfo(zone) if zone else None)


def test_zones_by_their_rules() -> None:
    part = "BEGIN:{0}\nDTSTART:19700329T020000\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH={3}\n"
    part += "TZOFFSETFROM:{1}\nTZOFFSETTO:{2}\nX-ODD:1\nEND:{0}\n"
    summer = part.format("DAYLIGHT", "+0100", "+0200", 3)
    winter = part.format("STANDARD", "+0200", "+0100", 10)
    zone = time_zones.defined(f"BEGIN:VTIMEZONE\nTZID:x\n{summer}{winter}END:VTIMEZONE\n")
    assert zone is not None
    hours = [datetime(2024, month, 1, tzinfo=zone).utcoffset() for month in (1, 7)]
    assert [int(h.total_seconds()) // 3600 for h in hours if h is not None] == [1, 2]
    assert time_zones.defined("BEGIN:VTIMEZONE\nTZID:x\nEND:VTIMEZONE\n") is None
    endless = winter.replace("YEARLY", "SECONDLY")
    assert time_zones.defined(f"BEGIN:VTIMEZONE\nTZID:x\n{endless}END:VTIMEZONE\n") is None


def test_a_clock_in_a_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    found = open_zones.in_zone(timestamps.iso("20240701T100000"), berlin)
    assert (found.at, found.offset, found.flag) == (datetime(2024, 7, 1, 8, tzinfo=UTC), 120, None)
    likely = open_zones.in_zone(timestamps.iso("20240701T100000"), berlin, ZoneSource.FILE)
    assert (likely.at, likely.offset, likely.zone_source) == (found.at, 120, ZoneSource.FILE)
    sure = timestamps.iso("2024-07-01T10:00:00Z")
    assert open_zones.in_zone(sure, berlin) is sure
    assert open_zones.utc_text(found) == "2024-07-01T08:00:00Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50.05°, 14.34°", (50.05, 14.34)),
        ("-33.5, 151.2", (-33.5, 151.2)),
        ("geo:50.05,14.34", (50.05, 14.34)),
        ("91.0°, 14.34°", Reason.BAD_PLACE),
        ("50.05", Reason.BAD_NUMBER),
        ("nan, nan", Reason.BAD_NUMBER),
        (50.05, Reason.BAD_SHAPE),
        (None, Reason.BAD_SHAPE),
    ],
)
def test_degrees(text: object, expected: tuple[float, float] | Reason) -> None:
    if isinstance(expected, tuple):
        assert google_timeline.degrees(text) == expected
        return
    with pytest.raises(BadValue) as bad:
        google_timeline.degrees(text)
    assert bad.value.reason is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.google.com/maps/place/x/@52.5,13.4,17z", (52.5, 13.4)),
        ("https://www.google.com/maps/search/-33.5,+151.2", (-33.5, 151.2)),
        ("https://www.google.com/maps/place/x/@0,0,17z", None),
        ("https://www.google.com/maps/place/x/@99,13.4,17z", None),
        ("https://www.google.com/maps/place/x/data=!4m2", None),
    ],
)
def test_coordinates_in_links(url: str, expected: tuple[float, float] | None) -> None:
    found = google_places.in_url(url)
    assert found == ({"latitude": expected[0], "longitude": expected[1]} if expected else {})
    assert google_places.is_maps(url)


def test_only_merged_streams_count_where_there_are_any() -> None:
    steps = "com.google.step_count.delta"
    assert google_fit.is_canonical(steps, f"derived:{steps}:com.google.android.gms:merge_steps")
    assert not google_fit.is_canonical(steps, f"raw:{steps}:Elm:watch:steps")
    assert not google_fit.is_canonical(steps, f"derived:{steps}:com.google:estimated_steps")
    assert google_fit.is_canonical("com.google.sleep.segment", "raw:com.google.sleep.segment:elm:")
    assert not google_fit.is_canonical("com.google.nutrition", "derived:x:merged")


#: Files of Google that only their folder or name tells apart from others of their shape.
_BY_NAME = frozenset({"google.chat_group", "google.health_series"})
_OURS = [
    sample
    for sample in all_samples()
    if sample.form.name.startswith(("google.", "calendar.", "contacts."))
    and sample.form.name not in _BY_NAME
    and len(sample.form.paths) == 1
]


@pytest.mark.parametrize("sample", _OURS, ids=str)
def test_files_are_known_under_names_of_any_language(sample: Sample) -> None:
    """Takeout's names follow the account's language: keys and headers decide."""
    own = PurePosixPath(sample.path)
    # A name that is a day is the same in all languages, and says of which day the clocks are.
    stem = own.stem if re.fullmatch(r"\d{4}-\d\d-\d\d", own.stem) else "データ"
    foreign = f"Archiv/Папка/{stem}{own.suffix}"
    assert recognise(head_of(foreign, sample.file.read_bytes())) is sample.form
