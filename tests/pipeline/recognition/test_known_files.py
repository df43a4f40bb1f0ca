"""Wrong files are told apart from data, and say which file has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.recognition.known_files import KNOWN_FILES, explain
from schemas.files import Head, Member
from schemas.reasons import Reason
from tasks.ingest import members
from tests.support.reported import FOLDER


def head(path: str, data: bytes = b"") -> Head:
    return Head(path=path, data=data, size=len(data), media_type="application/octet-stream")


CASES = {
    "Takeout/Location History (Timeline)/Encrypted Backups.txt": (b"x", Reason.ELSEWHERE),
    "Takeout/Location History/Settings.json": (
        b'{"createdTime": "x", "historyEnabled": true, "deviceSettings": []}',
        Reason.SETTINGS,
    ),
    "Takeout/Standortverlauf/Settings.json": (
        b'{"createdTime": "x", "deviceSettings": []}',
        Reason.SETTINGS,
    ),
    "Takeout/Chrome/Dictionary.csv": (b"Encrypted\n", Reason.SETTINGS),
    "Takeout/Google Photos/print-subscriptions.json": (b"{}", Reason.SETTINGS),
    "Takeout/Keep/Heron.html": (b"<html></html>", Reason.TWIN),
    "Takeout/Google Notizen/Heron.html": (b"<html></html>", Reason.TWIN),
    "Takeout/Notatki/Heron.html": (
        b'<html><body><div class="note"><div class="heading"><div class="meta-icons">',
        Reason.TWIN,
    ),
    "chat.html": (b"<html><script>var jsonData = []", Reason.TWIN),
    "TikTok/Activity/Like List.txt": (b"Date: 2025-12-01 10:20:31 UTC\n", Reason.ELSEWHERE),
    "apple_health_export/export_cda.xml": (b"<?xml?>", Reason.TWIN),
    "Databases/msgstore.db.crypt15": (b"\0", Reason.ENCRYPTED),
    "signal-2026-01-02-03-04-05.backup": (b"\0", Reason.ENCRYPTED),
    "mail.pst": (b"!BDN", Reason.ELSEWHERE),
    "Databases/wa.db.crypt14": (b"\0", Reason.ENCRYPTED),
    "Backups/backup_settings.json.crypt15": (b"\0", Reason.ENCRYPTED),
    "your_facebook_activity/messages/inbox/a_1/message_1.html": (
        b'<html><div class="pam uiBoxWhite noborder">',
        Reason.ELSEWHERE,
    ),
    "messages/inbox/a_1/message_1.html": (b'<html><div class="_a6-g">', Reason.ELSEWHERE),
    "chat with Ben/messages2.html": (
        b'<!DOCTYPE html><div class="page_wrap"><div class="history">',
        Reason.ELSEWHERE,
    ),
    "Watch History.txt": (
        b"Date: 2026-01-02 03:04:05 UTC\nLink: https://www.tiktokv.com/share/video/1/\n\n",
        Reason.ELSEWHERE,
    ),
    "profile/places.sqlite-wal": (b"\x37\x7f\x06\x82\0\0", Reason.ELSEWHERE),
    "assets/js/main.js": (b"(self.webpackChunk_twitter_responsive_web=", Reason.TWIN),
    "assets/fonts/chirp-bold-web.woff": (b"wOFF", Reason.TWIN),
    "ReadMeFirst_ExtendedStreamingHistory.pdf": (b"%PDF-", Reason.SETTINGS),
    "TikTok/Profile/Profile Information.txt": (b"Username: jo\nBio: x\n", Reason.ELSEWHERE),
    "twitter-2026-01-02-ab/assets/images/x.png": (b"\x89PNG", Reason.TWIN),
    "assets/images/twemoji/v/latest/72x72/1f98a.png": (b"\x89PNG", Reason.TWIN),
    "ChatExport_2026-01-02/messages.html": (b"<!DOCTYPE html>", Reason.ELSEWHERE),
    "Your archive.html": (b"<html>", Reason.TWIN),
    "MyData/Read Me First_AccountData.pdf": (b"%PDF-", Reason.SETTINGS),
}


@pytest.mark.parametrize("path", CASES)
def test_a_wrong_file_says_what_it_is(path: str) -> None:
    data, reason = CASES[path]
    found = explain(head(path, data))
    assert found is not None
    assert found[0] is reason


def test_every_kind_of_wrong_file_has_a_case() -> None:
    hit = {explain(head(path, data)) for path, (data, _) in CASES.items()}
    assert {says for found in hit if found for says in found[1:]} == {k.says for k in KNOWN_FILES}


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("Settings.json", b'{"theme": "dark"}'),
        ("project/chat.html", b"plain text"),
        ("Keepsakes/Heron.html", b"<html>"),
        ("Google Notizen/Heron.html", b"<html>"),
        ("TikTok/Ideas.txt", b"dance more\n"),
        ("my assets/list.csv", b"a,b\n"),
        # a stranger's file or folder of the same name
        ("assets/heron.png", b"\x89PNG"),
        ("holiday/assets/images/heron.svg", b"<svg>"),
        ("Keep/recipe.html", b"<html>Soup</html>"),
        ("Takeout/Drive/notes.html", b'<html><p class="note">'),
        ("chat.html", b"<html>We talk</html>"),
        ("start_here.html", b"<html>The lake</html>"),
        ("connections/trains.html", b"<html>At nine</html>"),
        ("messages.html", b"<html>Hello</html>"),
        ("notes-wal", b"of the wall"),
        ("diary.txt", b"Date: 2026-01-02\nLink: https://example.org/"),
        ("notes/chat.html", b"<html><h1>How I use ChatGPT</h1>"),
        ("start_here.html", b'<html><h1 class="big">My site, and I on Instagram</h1>'),
        ("connections/people/page.html", b"<html>On Facebook I wrote"),
        ("mine/TikTok/ideas.txt", b"Video: dance\nSong: a slow one\n"),
        ("mine/TikTok/2026/ideas.txt", b"Video: dance\nSong: a slow one\n"),
        ("notes.db.crypt", b"\0"),
        ("signal-strength.backup", b"\0"),
        ("site/assets/js/app.js", b"const lake = 1"),
        ("site/assets/fonts/serif.woff2", b"wOF2"),
        ("papers/Read me first.pdf", b"%PDF-"),
    ],
)
def test_others_are_left_alone(path: str, data: bytes) -> None:
    assert explain(head(path, data)) is None


@pytest.mark.parametrize(
    ("name", "said"), [("places.sqlite", "keywords"), ("History", "Bookmarks")]
)
def test_what_a_database_holds_besides_is_said(name: str, said: str, tmp_path: Path) -> None:
    file = FOLDER / "144-browser-sqlite" / "input" / name
    kind = "application/vnd.sqlite3"
    member = Member(path=name, ordinal=0, file=file, size=1, sha256="0" * 64, media_type=kind)
    found = members.prepare(member, tmp_path)
    assert isinstance(found, members.Readable)
    assert said in found.note
