"""Clocks that name no zone: in that of their file, their place or their owner, in this order."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from PIL import ExifTags, Image
from typer.testing import CliRunner

from pipeline.formats import whatsapp_chat
from pipeline.normalise import ReadContext, understand
from pipeline.quality import key_of
from pipeline.registry import format_named
from pipeline.services import media
from pipeline.values import google_dates, mail_dates, open_zones, time_zones, timestamps
from schemas.errors import ConfigurationError
from schemas.records import Instant, Metric, Outcome, Point, Record, ZoneSource
from sql.store import Lake
from tasks.operations import quarantine, verify
from tasks.operations.reparse import Reparsed, order, reparse
from tasks.runtime.context import Runtime
from tests.support.formats import ONE_PASS, carried, member_of, read
from tests.support.lake import Database, Driver
from workers import intake, wiring
from workers.cli import app
from workers.cli.verbs import add, status
from workers.cli.verbs import reparse as reparse_verb
from workers.settings import Settings

ANA = "ana@example.org"
BERLIN = ZoneInfo("Europe/Berlin")
cli = CliRunner()


def outcomes(folder: Path, form: str, name: str, data: str, home: tzinfo | None) -> list[Outcome]:
    """What a file gives, read for an account in that zone."""
    (folder / name).write_text(data, encoding="utf-8")
    member, reader = member_of(name, folder / name), format_named(form).reader
    with member.file.open("rb") as source:
        context = carried(reader.prepare(source, member))
        parts = list(reader.slices(source, context, ONE_PASS))
        reading = ReadContext(form=format_named(form), member=member, context=context, home=home)
        return [outcome for part in parts for _, _, outcome in understand(reading, source, part)]


def times(found: Sequence[Outcome]) -> list[tuple[str, int | None, str | None, ZoneSource]]:
    """When they were in UTC, minutes east, the flag and what named the zone."""
    said = []
    for outcome in found:
        assert isinstance(outcome, Record | Point | Metric)
        time = outcome.time
        assert time is not None and time.at is not None
        said.append((f"{time.at:%m-%dT%H:%M}", time.offset, time.flag, time.zone_source))
    return said


# --- whose zone ------------------------------------------------------------------------------

EVENT = "BEGIN:VEVENT\nUID:{0}\nSUMMARY:Herons\nDTSTART{1}\nDTEND{2}\nEND:VEVENT\n"
EVENTS = [
    (":20240701T100000Z", ":20240701T110000Z"),
    (";TZID=Asia/Tokyo:20240701T100000", ";TZID=Asia/Tokyo:20240701T110000"),
    (":20240701T100000", ":20240701T110000"),
]


def calendar(head: str = "") -> str:
    events = "".join(EVENT.format(n, *each) for n, each in enumerate(EVENTS))
    return f"BEGIN:VCALENDAR\n{head}{events}END:VCALENDAR\n"


@pytest.mark.parametrize(
    ("head", "home", "open_one", "ended"),
    [
        ("", None, ("07-01T10:00", None, "zone_assumed", ZoneSource.ASSUMED), "11:00"),
        ("", BERLIN, ("07-01T08:00", 120, None, ZoneSource.ACCOUNT), "09:00"),
        (
            "X-WR-TIMEZONE:America/Lima\n", BERLIN,
            ("07-01T15:00", -300, None, ZoneSource.FILE), "16:00",
        ),
    ],
)  # fmt: skip
def test_the_text_before_the_file_before_the_account(
    tmp_path: Path, head: str, home: tzinfo | None, open_one: Any, ended: str
) -> None:
    found = outcomes(tmp_path, "calendar.ics", "a.ics", calendar(head), home)
    assert times(found) == [
        ("07-01T10:00", 0, None, ZoneSource.EXPLICIT),
        ("07-01T01:00", 540, None, ZoneSource.EXPLICIT),
        open_one,
    ]
    ends = [o.metadata["ended_at"] for o in found if isinstance(o, Record)]
    assert ends[2] == f"2024-07-01T{ended}:00Z"


PLACEMARK = (
    "<kml><Placemark><name>Ise</name><TimeSpan><begin>{0}</begin><end>{1}</end></TimeSpan>"
    "<Point><coordinates>{2}</coordinates></Point></Placemark></kml>"
)


@pytest.mark.parametrize(
    ("where", "home", "expected", "ended"),
    [
        ("136.72,34.45", BERLIN, ("07-01T01:00", 540, None, ZoneSource.COORDINATE), "02:00"),
        ("136.72,34.45", None, ("07-01T01:00", 540, None, ZoneSource.COORDINATE), "02:00"),
        # at sea no clock goes by the place
        ("-30,40", BERLIN, ("07-01T08:00", 120, None, ZoneSource.ACCOUNT), "09:00"),
        ("-30,40", None, ("07-01T10:00", None, "zone_assumed", ZoneSource.ASSUMED), "11:00"),
    ],
)
def test_the_place_before_the_account(
    tmp_path: Path, where: str, home: tzinfo | None, expected: Any, ended: str
) -> None:
    text = PLACEMARK.format("2024-07-01T10:00:00", "2024-07-01T11:00:00", where)
    found = outcomes(tmp_path, "kml", "a.kml", text, home)
    visit = next(o for o in found if isinstance(o, Record))
    assert times([visit]) == [expected]
    assert visit.metadata["ended_at"] == f"2024-07-01T{ended}:00+00:00"
    assert visit.metadata["duration_s"] == 3600
    sure = PLACEMARK.format("2024-07-01T10:00:00Z", "2024-07-01T11:00:00Z", where)
    (first, *_) = outcomes(tmp_path, "kml", "a.kml", sure, home)
    assert times([first]) == [("07-01T10:00", 0, None, ZoneSource.EXPLICIT)]


def test_a_position_is_read_where_it_is(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[-0.12, 51.5], [2.35, 48.85]]}
    clocks = ["2024-07-01T10:00:00", "2024-07-01T15:00:00"]
    track = {"type": "Feature", "geometry": line, "properties": {"times": clocks}}
    text = json.dumps({"type": "FeatureCollection", "features": [track]})
    found = outcomes(tmp_path, "geojson", "a.geojson", text, BERLIN)
    points = [o for o in found if isinstance(o, Point)]
    assert times(points) == [
        ("07-01T09:00", 60, None, ZoneSource.COORDINATE),
        ("07-01T13:00", 120, None, ZoneSource.COORDINATE),
    ]


# --- a chat of the account -------------------------------------------------------------------

CHAT = """[31/03/2024, 01:59:59] Ann: before
[31/03/2024, 02:30:00] Ann: never shown
[27/10/2024, 02:30:00] Ann: shown twice
[27/10/2024, 03:30:00] Ann: after
[01/07/2024, 10:00:00] Ann: https://maps.google.com/?q=34.45,136.72
"""


def test_a_chat_is_read_in_the_accounts_zone(tmp_path: Path) -> None:
    found = outcomes(tmp_path, "whatsapp.chat", "Ann.txt", CHAT, BERLIN)
    assert times(found) == [
        ("03-31T00:59", 60, None, ZoneSource.ACCOUNT),
        ("03-31T01:30", 60, "clock_skipped", ZoneSource.ACCOUNT),
        ("10-27T00:30", 120, "clock_twice", ZoneSource.ACCOUNT),
        ("10-27T02:30", 60, None, ZoneSource.ACCOUNT),
        # a place that a message speaks of is not where it was written
        ("07-01T08:00", 120, None, ZoneSource.ACCOUNT),
    ]


def test_a_day_in_doubt_stays_so(tmp_path: Path) -> None:
    found = outcomes(tmp_path, "whatsapp.chat", "Ann.txt", "03/04/2024, 10:00 - Ann: hi\n", BERLIN)
    assert times(found) == [("04-03T08:00", 120, "day_month_ambiguous", ZoneSource.ACCOUNT)]


def test_no_zone_makes_another_key(tmp_path: Path) -> None:
    homes = (None, BERLIN, ZoneInfo("Asia/Tokyo"))
    for form, name, text in (
        ("whatsapp.chat", "Ann.txt", CHAT),
        ("calendar.ics", "a.ics", calendar()),
        ("kml", "a.kml", PLACEMARK.format("2024-07-01T10:00", "2024-07-01T11:00", "7.4,51.5")),
    ):
        read = [outcomes(tmp_path, form, name, text, home) for home in homes]
        keys = [[key_of(o) for o in found if isinstance(o, Record | Point)] for found in read]
        assert keys[0] == keys[1] == keys[2]
        assert keys[0]
        texts = [[o.time.text for o in found if isinstance(o, Record) and o.time] for found in read]
        assert texts[0] == texts[1] == texts[2]


def test_a_zone_holds_for_its_own_file_alone(tmp_path: Path) -> None:
    (tmp_path / "Ann.txt").write_text(CHAT, encoding="utf-8")
    form, member = format_named("whatsapp.chat"), member_of("Ann.txt", tmp_path / "Ann.txt")
    with member.file.open("rb") as source:
        context = form.reader.prepare(source, member)
        (part, *_) = form.reader.slices(source, context, ONE_PASS)
        reading = ReadContext(form=form, member=member, context=context, home=BERLIN)
        found = understand(reading, source, part)
        next(found)
        moment = timestamps.iso("2024-07-01T10:00")
        assert open_zones.utc_text(moment) == "2024-07-01T10:00:00Z"
        assert open_zones.resolve(moment) == moment
        found.close()  # type: ignore[attr-defined]


# --- what is in a zone already ---------------------------------------------------------------


def at_home(text: str, read: Callable[[str], Instant], zone: str) -> tuple[int, str | None, str]:
    with open_zones.in_usual_zone(ZoneInfo(zone), ZoneSource.ACCOUNT):
        found = open_zones.resolve(read(text))
    assert found.at is not None and found.text == text
    return found.at.hour, found.flag, found.zone_source.value


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("01.09.2022, 21:08:12 MESZ", "Europe/Berlin", (19, None, "account")),
        # the abbreviation is of the day of the export; the clock is not
        ("01.12.2022, 21:08:12 MESZ", "Europe/Berlin", (20, None, "account")),
        ("6 Oct 2020, 14:32:28 PDT", "America/Los_Angeles", (21, None, "account")),
        ("6 Oct 2020, 14:32:28 PDT", "Europe/Berlin", (14, "zone_ambiguous", "assumed")),
        ("03/04/2022, 21:08:12 CEST", "Europe/Paris", (19, "day_first_assumed", "account")),
        ("03/04/2022, 21:08:12 CEST", "Asia/Tokyo", (21, "day_first_assumed", "assumed")),
        # those of before 2018 name none and are in UTC
        ("Mar 8, 2018, 5:14:40 PM", "Europe/Berlin", (17, "zone_assumed", "assumed")),
        ("03/04/2017, 21:08:12", "Europe/Berlin", (21, "day_first_assumed", "assumed")),
    ],
)
def test_an_abbreviation_is_the_accounts_if_its_clocks_are_called_so(
    text: str, zone: str, expected: tuple[int, str | None, str]
) -> None:
    assert at_home(text, google_dates.activity_time, zone) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fri Sep  6 22:26:51 2016", (20, None, "account")),
        ("Mon, 2 Mar 2026 11:15:00 A", (11, "zone_ambiguous", "assumed")),
        ("Mon, 2 Mar 2026 11:15:00 -0000", (11, "zone_unknown", "explicit")),
        ("Mon, 2 Mar 2026 11:15:00 +0900", (2, None, "explicit")),
    ],
)
def test_a_mail(text: str, expected: tuple[int, str | None, str]) -> None:
    assert at_home(text, mail_dates.mail_date, "Europe/Berlin") == expected


# --- photographs -----------------------------------------------------------------------------


def photographed(path: Path, *, clock: bool = False, offset: str = "", at_sea: bool = False) -> Any:
    """The time of a picture that was taken in Lima, or far out at sea."""
    exif, gps = Image.Exif(), ExifTags.GPS
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.DateTimeOriginal] = "2024:07:01 10:00:00"
    if offset:
        inner[ExifTags.Base.OffsetTimeOriginal] = offset
    fix = exif.get_ifd(ExifTags.IFD.GPSInfo)
    fix[gps.GPSLatitudeRef], fix[gps.GPSLatitude] = "S", (12.0, 3.0, 0.0)
    fix[gps.GPSLongitudeRef] = "W"
    fix[gps.GPSLongitude] = (120.0, 0.0, 0.0) if at_sea else (77.0, 2.0, 0.0)
    if clock:
        fix[gps.GPSDateStamp], fix[gps.GPSTimeStamp] = "2024:07:01", (8.0, 0.0, 0.0)
    Image.new("L", (2, 2)).save(path / "a.jpg", exif=exif)
    return media.picture(path / "a.jpg").time


def test_the_place_of_a_photo_tells_its_zone(tmp_path: Path) -> None:
    expected = Instant(
        datetime(2024, 7, 1, 15, tzinfo=UTC), "2024:07:01 10:00:00", -300, None,
        ZoneSource.COORDINATE,
    )  # fmt: skip
    assert photographed(tmp_path) == expected
    assert photographed(tmp_path, clock=True).offset == 120, "the satellites' clock comes first"
    assert photographed(tmp_path, offset="+09:00").zone_source is ZoneSource.EXPLICIT
    assert photographed(tmp_path, at_sea=True).zone_source is ZoneSource.ASSUMED


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("w. europe standard time", "Europe/Berlin"),
        ("W. Europe Daylight Time", "Europe/Berlin"),
        ("GMT Standard Time 1", "Europe/London"),
        ("Europe/Berlin (2)", "Europe/Berlin"),
        ('"(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna"', "Europe/Berlin"),
        ("(GMT+01:00) Amsterdam, Berlin, Bern", "Europe/Berlin"),
        ("(UTC-05:00) Eastern Time (US & Canada)", "America/New_York"),
        ("(UTC-06:00) Guadalajara, Mexico City, Monterrey", "America/Mexico_City"),
        ("(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi", "Asia/Kolkata"),
        ("(GMT) Greenwich Mean Time : Dublin, Edinburgh, Lisbon, London", "Europe/London"),
        ("(UTC-10:00) Hawaii", "Pacific/Honolulu"),
        ("(UTC-11:00) Coordinated Universal Time-11", "Etc/GMT+11"),
        ("(UTC+14:00) Kiritimati Island", "Pacific/Kiritimati"),
        ("tzone://Microsoft/Utc", "Etc/UTC"),
        ("GMT+05:30", "Asia/Kolkata"),
        ("UTC-3", "Etc/GMT+3"),
        ("+0200", "Etc/GMT-2"),
    ],
)
def test_a_calendars_own_name_for_a_zone(name: str, expected: str) -> None:
    found = time_zones.named(name) or time_zones.likely(name)
    assert found is not None
    for month in (1, 7):
        day = datetime(2024, month, 1, tzinfo=UTC)
        assert day.astimezone(found).utcoffset() == day.astimezone(ZoneInfo(expected)).utcoffset()


@pytest.mark.parametrize(
    "name", ["Customized Time Zone", "(UTC+09:00) Berlin", "UTC+99", "", "1", "Fantasy", "()"]
)
def test_a_name_that_means_no_zone_is_none(name: str) -> None:
    assert time_zones.named(name) is None
    assert time_zones.likely(name) is None


@pytest.mark.parametrize("home", ["", "X-WR-TIMEZONE:America/Lima\n"])
@pytest.mark.parametrize("name", ["Customized Time Zone", '"(UTC+09:00) Berlin"', "Fantasy 2"])
def test_an_unknown_zone_is_flagged_and_no_other_is_put_in_its_place(
    tmp_path: Path, home: str, name: str
) -> None:
    form = format_named("calendar.ics")
    text = (
        f"BEGIN:VCALENDAR\n{home}BEGIN:VEVENT\nUID:1\nDTSTART;TZID={name}:20210713T160000\n"
        f"DTEND;TZID={name}:20210713T170000\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    (tmp_path / "a.ics").write_text(text)
    ((_, _, record),) = read(form, member_of("a.ics", tmp_path / "a.ics"))[1]
    assert isinstance(record, Record)
    assert record.time is not None
    with open_zones.in_usual_zone(BERLIN, ZoneSource.ACCOUNT):
        settled = open_zones.resolve(record.time)
    assert settled.at == datetime(2021, 7, 13, 16, tzinfo=UTC)
    assert (settled.flag, settled.zone_source) == ("zone_unknown", ZoneSource.ASSUMED)
    assert record.metadata["flags"] == ["zone_unknown"]


def test_every_zone_of_the_map_is_one_of_ours() -> None:
    import tzfpy

    assert {name for name in tzfpy.timezonenames() if time_zones.named(name) is None} == set()
    assert time_zones.at(90.0, 0.0) is None
    assert time_zones.at(52.5, 13.4) == BERLIN


# --- the setting and the option --------------------------------------------------------------


def test_a_name_that_is_none() -> None:
    assert time_zones.checked("Europe/Berlin") == "Europe/Berlin"
    with pytest.raises(ConfigurationError, match="Europe/Berlin"):
        time_zones.checked("Europe/Berlinn")
    with pytest.raises(ConfigurationError, match="IANA"):
        time_zones.checked("../../etc/localtime")


@pytest.mark.parametrize(
    "arguments", [["add", "x.zip"], ["add", "--dry-run", "x.zip"], ["reparse", "--format", "kml"]]
)
def test_an_unknown_zone_is_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATAPUNK_DATA_DIR", str(tmp_path / "data"))
    result = cli.invoke(app, [*arguments, "--zone", "Europe/Berln"])
    assert result.exit_code == 2
    assert "Europe/Berlin" in result.stderr
    monkeypatch.setenv("DATAPUNK_ZONE", "Europe/Berln")
    result = cli.invoke(app, arguments)
    assert result.exit_code == 2
    assert "DATAPUNK_ZONE" in result.stderr


# --- in the lake -----------------------------------------------------------------------------

LINES = CHAT + "[28/02/2024, 10:00:00] Ann: it fails\n"


@pytest.fixture
def taken(
    tmp_path: Path, run: Runtime, driver: Driver, database: Database
) -> Callable[..., dict[str, Any]]:
    """Takes a chat in and drives its job to the end; the job as it stands then."""

    def do(text: str, **how: Any) -> dict[str, Any]:
        path = tmp_path / "Ann.txt"
        path.write_text(text, encoding="utf-8")
        job_id = intake.take_in(run.ledger, run.folders, path, ANA, move=False, **how)
        driver.drain()
        return database.job(job_id)

    return do


@pytest.fixture
def sound(run: Runtime, reader: Lake, database: Database) -> Callable[[UUID], None]:
    """Fails where `verify` finds anything."""

    def check(job_id: UUID) -> None:
        found = verify.verify(run, reader, database.job(job_id))
        assert [f for f in found if not f.ok] == []

    return check


def hours(database: Database, job: dict[str, Any]) -> list[tuple[int, str | None]]:
    """The hour in UTC of each message, and what named its zone, by the text of its clock."""
    rows = sorted(database.documents(job["id"]), key=lambda d: d["metadata"]["time"]["text"])
    return [
        (d["source_timestamp"].astimezone(UTC).hour, d["metadata"]["time"].get("zone"))
        for d in rows
    ]


def _failing(parts: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    """A defect that one message meets, which is quarantined."""

    def failing(said: str) -> dict[str, Any]:
        if said == "it fails":
            raise ZeroDivisionError
        return parts(said)

    return failing


@pytest.mark.services
def test_a_job_keeps_the_zone_that_it_was_read_with(
    taken: Callable[..., dict[str, Any]], database: Database, run: Runtime,
    sound: Callable[[UUID], None], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(whatsapp_chat, "_parts", _failing(whatsapp_chat._parts))
    job = taken(LINES, zone="Europe/Berlin")
    assert job["zone"] == "Europe/Berlin"
    assert hours(database, job) == [(8, "account"), (0, "account"), (2, "account"),
                                    (0, "account"), (1, "account")]  # fmt: skip
    sound(job["id"])
    # this worker has another zone in its settings, which is not that of the job
    run.options = msgspec.structs.replace(run.options, zone="Asia/Tokyo")
    number = database.one("SELECT id FROM imports.quarantine")
    mended = b"[28/02/2024, 10:00:00] Ann: it works\n"
    assert quarantine.mend(run, job["user_id"], number, mended).loaded == 1
    assert (9, "account") in hours(database, job)
    before = database.documents(job["id"])
    again = order("whatsapp.chat", every=True)
    ((_, found),) = reparse(run, job["user_id"], again)
    assert (found.records.same, found.records.changed) == (6, 0)
    assert database.documents(job["id"]) == before
    sound(job["id"])


@pytest.mark.services
def test_the_setting_is_for_jobs_that_name_none(
    taken: Callable[..., dict[str, Any]], run: Runtime, place: Settings
) -> None:
    settings = place.model_copy(update={"zone": "Asia/Tokyo"})
    options = wiring.options(settings)
    assert taken(CHAT, options=options)["zone"] == "Asia/Tokyo"
    assert taken(CHAT + "x", options=options, zone="Europe/Berlin")["zone"] == "Europe/Berlin"
    assert taken(CHAT + "y", options=run.options)["zone"] is None


@pytest.mark.services
def test_times_are_renewed_in_another_zone(
    taken: Callable[..., dict[str, Any]], database: Database, run: Runtime,
    sound: Callable[[UUID], None],
) -> None:  # fmt: skip
    job = taken(CHAT)
    assert [hour for hour, _ in hours(database, job)] == [10, 2, 3, 1, 2]
    dry = order("whatsapp.chat", every=True, zone="Europe/Berlin", dry=True)
    ((_, found),) = reparse(run, job["user_id"], dry)
    assert database.job(job["id"])["zone"] is None
    ((_, done),) = reparse(run, job["user_id"], msgspec.structs.replace(dry, dry=False))
    assert found == done == Reparsed(files=1, records=done.records)
    assert database.job(job["id"])["zone"] == "Europe/Berlin"
    assert hours(database, job) == [(8, "account"), (0, "account"), (2, "account"),
                                    (0, "account"), (1, "account")]  # fmt: skip
    sound(job["id"])
    # the same messages in another file, read in another zone, are no further ones
    other = taken(CHAT.replace("after", "after that"), zone="Asia/Tokyo")
    assert database.one("SELECT count(*) FROM user_data.documents") == 6
    assert hours(database, other) == [(1, "account"), (17, "account"), (18, "account"),
                                      (16, "account"), (17, "account")]  # fmt: skip
    again = taken(CHAT.replace("after", "after all"), zone="Asia/Tokyo")
    assert (again["records_loaded"], again["records_duplicate"]) == (1, 4)
    for each in (job, other, again):
        sound(each["id"])


@pytest.mark.services
def test_the_verbs(
    tmp_path: Path, driver: Driver, place: Settings, database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for module in (add, status, reparse_verb):
        monkeypatch.setattr(module, "load", lambda: place)
    (tmp_path / "Ann.txt").write_text(CHAT, encoding="utf-8")
    added = cli.invoke(
        app, ["add", "--user", ANA, "--zone", "Europe/Berlin", "--json", str(tmp_path / "Ann.txt")]
    )
    (entry,) = json.loads(added.stdout)
    driver.drain()
    (told,) = json.loads(cli.invoke(app, ["status", entry["job"], "--json"]).stdout)["jobs"]
    assert (told["zone"], told["state"]) == ("Europe/Berlin", "done")
    arguments = ["reparse", "--format", "whatsapp.chat", "--zone", "America/Lima", "--json"]
    assert json.loads(cli.invoke(app, arguments).stdout)["files"] == 1
    assert database.job(UUID(entry["job"]))["zone"] == "America/Lima"
