"""Google's activities: one fact in two files, and what no sample of a few lines can hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.formats import google_my_activity, google_my_activity_html
from pipeline.quality import key_of
from pipeline.registry import format_named, recognise
from pipeline.services.google.my_activity import Entry, record
from pipeline.values.google_dates import activity_time
from pipeline.values.instants import unread
from pipeline.values.timestamps import iso
from schemas.records import Record
from schemas.vocabulary import RecordType
from tests.support.formats import Sample, head_of, member_of, read, samples

AT = iso("2026-03-04T09:00:00Z")


def records(sample: Sample) -> list[Record]:
    found = read(sample.form, member_of(sample.path, sample.file))[1]
    return [outcome for _, _, outcome in found if isinstance(outcome, Record)]


def test_a_video_in_my_activity_and_in_youtubes_history_is_one_record() -> None:
    by_path = {s.path: records(s) for s in samples(google_my_activity.FORMAT)}
    (once,) = (r for r in by_path["Takeout/My Activity/YouTube/MyActivity.json"] if _played(r))
    plays = by_path["Takeout/YouTube and YouTube Music/history/watch-history.json"]
    again = next(r for r in plays if _played(r))
    assert once.record_type == RecordType.PLAY
    assert key_of(once) == key_of(again)


def _played(record: Record) -> bool:
    return record.metadata.get("video_id") == "invented001"


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://www.youtube.com/watch?v=a-b_c", "play"),
        ("https://m.youtube.com/watch?x=1&v=abc&t=5", "play"),
        ("https://www.youtube.com/watch?list=abc", "activity"),
        ("https://notyoutube.com/watch?v=abc", "activity"),
        ("https://www.youtube.com.example.org/watch?v=abc", "activity"),
        ("https://www.google.de/search?hl=de&q=reiher", "search"),
        ("https://www.google.com.br/search?q=gar%C3%A7a", "search"),
        ("https://play.google.com/store/search?q=birds&c=apps", "search"),
        ("https://www.google.com/maps/search/?api=1&query=heron", "activity"),
        ("https://example.org/search?q=heron", "activity"),
        ("https://www.google.example.org/search?q=heron", "activity"),
        ("https://www.google.com/search?tbm=isch", "activity"),
        ("https://www.google.com/url?sa=t&url=https://example.org/", "visit"),
    ],
)
def test_an_address_says_what_was_done(url: str, kind: str) -> None:
    assert record(Entry(title="Invented", time=AT, url=url), "x").record_type == kind


def test_titles_may_change_and_the_record_stays() -> None:
    url = "https://www.youtube.com/watch?v=abc"
    before = record(Entry(title="Watched A", time=AT, url=url), "x")
    after = record(Entry(title="Watched B (new title)", time=AT, url=url), "x")
    assert key_of(before) == key_of(after)


@pytest.mark.parametrize("text", ["7. dec. 2019 21.44.15 CET", "2019. dec. 7. 21:44:15 CET"])
def test_a_time_that_is_read_later_is_the_same_record(text: str) -> None:
    for url in ("", "https://www.youtube.com/watch?v=abc"):
        before = record(Entry(title="A", time=unread(text), url=url), "x")
        after = record(Entry(title="A", time=activity_time(text), url=url), "x")
        assert before.time is not None
        assert (before.time.at, before.time.text) == (None, text)
        assert before.time.flag == "time_unread"
        assert key_of(before) == key_of(after)


@pytest.mark.parametrize("path", ["watch?v=abc", "shorts/abc"])
@pytest.mark.parametrize("host", ["www.youtube.com", "m.youtube.com", "music.youtube.com"])
@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Watched Knots", "play"),
        ("Knots angesehen", "play"),
        ("Liked Animals angesehen", "play"),
        ("Liked Animals を視聴しました", "play"),
        ("Liked Animals을(를) 시청했습니다.", "play"),
        ("Liked Animals adlı videoyu izlediniz", "play"),
        ("Voted on Which knot?", "activity"),
        ("Commented on Knots", "activity"),
        ("Så Knots", "play"),
        ("Liked\u00a0Knots", "reaction"),
        ("Disliked Knots", "reaction"),
        ("Saved Knots", "bookmark"),
        ("Shared Knots", "activity"),
    ],
)
def test_a_video_that_was_not_watched_is_no_play(
    title: str, kind: str, host: str, path: str
) -> None:
    found = record(Entry(title=title, time=AT, url=f"https://{host}/{path}"), "x")
    assert (found.record_type, found.metadata["video_id"]) == (kind, "abc")


def test_a_page_whose_style_sheet_fills_the_head_is_recognised() -> None:
    page = b"<html><head><title>x</title><style>" + b".mdl-cell{margin:0}" * 5_000
    html = format_named("google.my_activity_html")
    assert recognise(head_of("Takeout/Mi actividad/Buscar/MiActividad.html", page)) is html
    browser = recognise(head_of("Takeout/archive_browser.html", page))
    assert browser is format_named("document.plain")


def test_a_whole_entry_of_hostile_nesting_costs_no_time(tmp_path: Path) -> None:
    file = tmp_path / "a.html"
    deep = b"<div>" * 200_000 + b"</div>" * 200_000
    file.write_bytes(b'<div class="outer-cell "><div>' + deep + b"</div></div>")
    _, found = read(google_my_activity_html.FORMAT, member_of("a.html", file))
    assert [getattr(outcome, "reason", None) for _, _, outcome in found] == ["nested_too_deep"]
