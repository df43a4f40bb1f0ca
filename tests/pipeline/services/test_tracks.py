"""Tracks of every make: how long they lasted, what stands beside their positions, damaged heads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.normalise import ReadContext, outcomes_of
from pipeline.registry import format_named, recognise
from pipeline.services.tracks import geojson, gps_tracks, owntracks
from pipeline.syntax import xml_tree
from pipeline.values import instants, timestamps
from schemas.files import Head
from schemas.records import Instant, Outcome, Point, Record, Rejection
from tests.support.formats import head_of, member_of, read, samples

TIMES = ("2023-06-01T10:02:00Z", "2023-06-01T10:00:00Z", "2023-06-01T12:01:00+02:00")


def _gpx(times: tuple[str, ...]) -> str:
    points = "".join(f"<trkpt lat='1' lon='2'><time>{t}</time></trkpt>" for t in times)
    return f"<gpx><trk><name>Loop</name><trkseg>{points}</trkseg></trk></gpx>"


def _tcx(times: tuple[str, ...]) -> str:
    points = "".join(
        f"<Trackpoint><Time>{t}</Time><HeartRateBpm><Value>7{n}</Value></HeartRateBpm></Trackpoint>"
        for n, t in enumerate(times)
    )
    return (
        "<TrainingCenterDatabase><Activities><Activity Sport='Run'><Id>2023-06-01T10:01:30Z</Id>"
        f"<Lap StartTime='2023-06-01T10:00:00Z'><Track>{points}</Track></Lap></Activity>"
        "</Activities></TrainingCenterDatabase>"
    )


def _kml(times: tuple[str, ...]) -> str:
    whens = "".join(f"<when>{t}</when>" for t in times)
    coords = "<gx:coord>2 1 0</gx:coord>" * len(times)
    return (
        "<kml xmlns:gx='g'><Placemark><name>Loop</name>"
        f"<gx:Track>{whens}{coords}</gx:Track></Placemark></kml>"
    )


def _geojson(times: tuple[str, ...]) -> str:
    line = {"type": "LineString", "coordinates": [[2, 1]] * len(times)}
    feature = {"type": "Feature", "geometry": line, "properties": {"coordTimes": times}}
    return json.dumps({"type": "FeatureCollection", "features": [feature]})


MAKES: dict[str, Callable[[tuple[str, ...]], str]] = {
    "gpx": _gpx,
    "tcx": _tcx,
    "kml": _kml,
    "geojson": _geojson,
}


@pytest.mark.parametrize("name", MAKES)
@pytest.mark.parametrize("times", list(permutations(TIMES)))
def test_a_track_lasts_from_its_earliest_to_its_latest_time(
    name: str, times: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / f"loop.{name}"
    file.write_text(MAKES[name](times), encoding="utf-8")
    found = [found[2] for found in read(format_named(name), member_of(file.name, file))[1]]
    whole = next(o for o in found if isinstance(o, Record) and "ended_at" in o.metadata)
    assert whole.metadata["duration_s"] == 120
    assert whole.metadata["ended_at"].startswith("2023-06-01T10:02:00")
    if name != "tcx":  # there its Id says when it began
        assert whole.time is not None
        assert whole.time.at == datetime(2023, 6, 1, 10, tzinfo=UTC)


@given(st.datetimes(), st.integers(-(10**6), 10**6))
def test_no_duration_is_negative(moment: datetime, seconds: int) -> None:
    start = moment.replace(year=2000, tzinfo=UTC)
    end = start + timedelta(seconds=seconds)
    said = gps_tracks.lasting(Instant(start, "a", 0), Instant(end, "b", 0))
    assert said.get("duration_s", 0) >= 0
    assert ("flags" in said) == (seconds < 0)


def test_an_end_that_cannot_be_read_is_kept_as_it_is_written() -> None:
    start = timestamps.iso("2026-03-01T10:00:00Z")
    assert gps_tracks.lasting(start, instants.unread("noon")) == {"ended_at": "noon"}
    assert gps_tracks.lasting(start, instants.unread("")) == {}
    assert gps_tracks.lasting(start, None) == {}


@pytest.mark.parametrize("name", ["gpx", "tcx", "kml", "apple.health", "sms.backup_restore"])
@pytest.mark.parametrize(
    "before",
    [
        b"\xef\xbb\xbf", b"\n\n", b" " * 10, b"<!-- written by -->", b"\xef\xbb\xbf\n<!-- a -->\n",
        b"<!DOCTYPE x [<!ATTLIST x y CDATA #IMPLIED <!ELEMENT z EMPTY>]>",
    ],
)  # fmt: skip
def test_what_stands_before_a_document_costs_nothing(
    name: str, before: bytes, tmp_path: Path
) -> None:
    form = format_named(name)
    for sample in samples(form):
        file = tmp_path / "sample"
        bare = sample.file.read_bytes().removeprefix(b"\xef\xbb\xbf")
        file.write_bytes(before + bare)
        head = head_of(sample.path, file.read_bytes()[:65536])
        assert recognise(head) is form
        was = [f[2] for f in read(form, member_of(sample.path, sample.file))[1]]
        now = [f[2] for f in read(form, member_of(sample.path, file))[1]]
        assert [type(o) for o in now] == [type(o) for o in was]
        assert [o for o in now if not isinstance(o, Rejection)] == [
            o for o in was if not isinstance(o, Rejection)
        ]


def test_a_root_with_attributes_that_are_broken_is_a_root() -> None:
    data = b'<gpx creator="a & b" version="1.1"><trkpt lat="1" lon="2"/></gpx>'
    root = xml_tree.root_of(Head(path="a.gpx", media_type="text/xml", data=data, size=len(data)))
    assert root is not None and (root.tag, root.attributes["creator"]) == ("gpx", "a & b")


CANARY = "zeppelin-4711"


def _planted(value: Any) -> Iterator[tuple[str, Any]]:
    """Copies of a value, each with the canary in the place of another leaf, and where."""
    if isinstance(value, dict):
        for key, inner in value.items():
            for way, one in _planted(inner):
                yield f"{key}.{way}", {**value, key: one}
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            for way, one in _planted(inner):
                yield f"{at}.{way}", [*value[:at], one, *value[at + 1 :]]
    else:
        yield "", CANARY


#: Leaves that say what an item is, so that it is none with another word there.
_STRUCTURE = ("type.", "geometry.type.", "_type.")


@pytest.mark.parametrize(
    "name", ["geojson", "overland", "owntracks.json", "owntracks.rec", "fitbit.sleep",
             "fitbit.exercises"],
)  # fmt: skip
def test_no_leaf_is_taken_and_dropped(name: str) -> None:
    """Each leaf gets into an outcome, or what it stands in is set aside with its bytes."""
    form = format_named(name)
    lost = []
    for sample in samples(form):
        member = member_of(sample.path, sample.file)
        with sample.file.open("rb") as source:
            context = form.reader.prepare(source, member)
            parts = list(form.reader.slices(source, context, form.limits))
            items = [i for part in parts for i in form.reader.items(source, part, context)]
        for item in items:
            if isinstance(item, Rejection):
                continue
            for way, value in _values(item.value):
                if way.endswith(_STRUCTURE) or way in _STRUCTURE:
                    continue
                changed = msgspec.structs.replace(item, value=value)
                found = list(outcomes_of(ReadContext(form=form, member=member), changed))
                if not any(isinstance(o, Rejection) or CANARY in repr(o) for o in found):
                    lost.append(way)
    assert lost == []


def _values(value: Any) -> Iterator[tuple[str, Any]]:
    """The item's value with the canary in each place; lines of a log are planted in their JSON."""
    if not isinstance(value, str):
        yield from _planted(value)
        return
    head, brace, body = value.partition("{")
    try:
        fields = json.loads(brace + body)
    except ValueError:
        return
    for way, planted in _planted(fields):
        yield way, head + json.dumps(planted)


@pytest.mark.parametrize(
    "kind", ["lwt", "status", "steps", "beacon", "card", "cmd", "configuration", "request", "new"]
)
def test_every_message_of_owntracks_counts(kind: str) -> None:
    found = list(owntracks.meaning({"_type": kind, "x": 1}, "o", "2026-03-01T08:00:00Z", "{}"))
    assert [type(outcome) for outcome in found] == [Record]


@given(
    st.recursive(
        st.tuples(st.floats(-180, 180), st.floats(-90, 90)).map(list),
        lambda inner: st.lists(inner, min_size=1, max_size=4),
        max_leaves=8,
    )
)
def test_a_time_for_each_position_dates_each(where: list[Any]) -> None:
    count = sum(1 for _ in _pairs(where))
    kind = "Point" if isinstance(where[0], float) else "MultiLineString"
    times: Any = [f"2024-01-01T00:00:{n:02}Z" for n in range(count)]
    feature = {"geometry": {"type": kind, "coordinates": where}, "properties": {"times": times}}
    if kind == "Point":
        return
    found: list[Outcome] = list(geojson.meaning(feature, "geojson"))
    assert sum(isinstance(outcome, Point) for outcome in found) == count


def _pairs(where: list[Any]) -> Iterator[list[Any]]:
    if isinstance(where[0], float):
        yield where
    else:
        for one in where:
            yield from _pairs(one)


@pytest.mark.parametrize(
    ("text", "at", "flag"),
    [
        ("2022-03-27T15:32:37.504+02:00[Europe/Brussels]", "2022-03-27T13:32:37.504000", None),
        ("2022-03-27T15:32:37[Europe/Brussels]", "2022-03-27T13:32:37", None),
        ("2022-03-27T13:32:37Z[UTC][u-ca=gregory]", "2022-03-27T13:32:37", None),
        ("2022-03-27T13:32:37[!Nowhere/Atall]", "2022-03-27T13:32:37", "zone_unknown"),
        ("2022-03-27T13:32:37[u-ca=hebrew]", "2022-03-27T13:32:37", "zone_assumed"),
    ],
)
def test_a_zone_in_brackets(text: str, at: str, flag: str | None) -> None:
    moment = timestamps.iso(text)
    assert (moment.at, moment.text, moment.flag) == (
        datetime.fromisoformat(at).replace(tzinfo=UTC), text, flag,
    )  # fmt: skip


@given(st.text(max_size=40))
def test_a_text_that_is_no_time_costs_no_more_than_the_time(text: str) -> None:
    moment = timestamps.or_unread(text)
    assert moment.text == text and (moment.at is None) == (
        moment.flag in (instants.UNREAD, "out_of_range")
    )
