"""Files that lie about whose they are, and GPX that real devices and odd writers made."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.contract import Format
from pipeline.registry import format_named, recognise
from schemas.reasons import Reason
from schemas.records import Metric, Outcome, Point, Record, Rejection
from tests.support.formats import head_of, member_of, read

GPX = Path(__file__).parents[2] / "data" / "gpx"


def kind_of(outcome: Outcome) -> str:
    if isinstance(outcome, Record):
        return outcome.record_type
    return {Point: "location", Metric: "metric", Rejection: "rejected"}[type(outcome)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("unicode_with_bom.gpx", {"place": 1}),
        ("track-with-extremes.gpx", {"trip": 1, "location": 25}),
        ("track-with-empty-segment.gpx", {"trip": 1, "location": 9}),
        ("gpx1.1_with_all_fields.gpx", {"place": 2, "trip": 2, "workout": 1, "location": 1}),
        ("gpx1.0_with_all_fields.gpx", {"place": 2, "trip": 3, "location": 1}),
        ("track_with_speed.gpx", {"trip": 1, "location": 3}),
        ("track-with-small-floats.gpx", {"trip": 1, "location": 3}),
    ],
)
def test_tracks_that_gpxpy_collected(name: str, expected: dict[str, int]) -> None:
    file = GPX / name
    assert recognise(head_of(name, file.read_bytes())) is format_named("gpx")
    found = [found[2] for found in read(format_named("gpx"), member_of(name, file))[1]]
    assert Counter(map(kind_of, found)) == expected


PLAY = {"endTime": "2026-01-02 03:04", "artistName": "A", "trackName": "B", "msPlayed": 1}
THUMBS = "Profile Name,Title Name,Thumbs Value,Event Utc Ts\nA,B,1,2026-01-01\n"
FROM = "From a@b.example Mon Mar  2 10:15:00 2026\n"
SIDECAR = {"title": "a.jpg", "photoTakenTime": {"timestamp": "1"}}


@pytest.mark.parametrize(
    ("path", "content", "owner"),
    [
        # names of one service in the folders of another
        ("your_facebook_activity/music/a.json", json.dumps([PLAY]), "spotify.streaming_history"),
        ("4sq-export/checkins7.json", '{"items":[{"id":"a","createdAt":1,"venue":{"name":"b"}}]}',
         "foursquare.checkins"),
        ("export/venueRatings.json", '{"items":[{"id":"a","rating":1}]}', "json.wrapped"),
        ("export/Ratings.csv", THUMBS, "netflix.ratings"),
        ("Netflix/Ratings.csv", "venue,stars\nA,1\n", "csv.table"),
        ("Spotify/StreamingHistory0.json", '[{"video":"a"}]', "json.array"),
        ("Takeout/Fotos/Foto's uit 2019/x.json", json.dumps(SIDECAR), "google.photos_sidecar"),
        ("Takeout/Google Фото/Лето/метаданные.json", '{"title":"","access":"","date":{}}',
         "google.photos_album"),
        ("Takeout/Maps/Settings.json", '{"title":"x","date":"y"}', None),
        # XML by its root, whatever its name
        ("a/track.xml", "<gpx><wpt lat='1' lon='2'/></gpx>", "gpx"),
        ("a/places.xml", "<kml:kml xmlns:kml='k'><kml:Placemark/></kml:kml>", "kml"),
        ("apple_health_export/export_cda.xml", "<ClinicalDocument/>", None),
        ("apple_health_export/export.xml", "<html><body/></html>", None),
        (
            "Backups/calls-2026.xml",
            "<calls count='1'><call number='1'/></calls>",
            "sms.backup_calls",
        ),
        # a mail that quotes an mbox, and an mbox that calls itself a mail
        ("Mail/cur/17.a;2,S", f"Subject: x\n\n{FROM}", "mail.eml"),
        ("Mail/one.eml", f"{FROM}Subject: x\n\ny\n", "mail.mbox"),
        ("notes/cur/readme", "just a note", "document.plain"),
    ],
)  # fmt: skip
def test_a_contested_file_goes_to_its_owner(path: str, content: str, owner: str | None) -> None:
    found = recognise(head_of(path, content.encode()))
    assert (found.name if isinstance(found, Format) else None) == owner
    if owner is None:
        assert isinstance(found, tuple) and found[0] is Reason.NO_FORMAT


def test_a_database_of_another_program_is_nobodys(tmp_path: Path) -> None:
    path = tmp_path / "History"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE visitors (id INTEGER PRIMARY KEY, url TEXT)")
        database.commit()
    found = recognise(head_of("Default/History", path.read_bytes()))
    assert isinstance(found, tuple) and found[0] is Reason.NO_FORMAT
