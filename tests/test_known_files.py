"""Wrong files are told apart from data, and say which file has it."""

from __future__ import annotations

import pytest

from pipeline.known_files import KNOWN_FILES, explain
from schemas.files import Head
from schemas.reasons import Reason


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
    "TikTok/Activity/Like List.txt": (b"Date: 2025-12-01 10:20:31 UTC\n", Reason.ELSEWHERE),
    "chat.html": (b"<html></html>", Reason.TWIN),
    "apple_health_export/export_cda.xml": (b"<?xml?>", Reason.TWIN),
    "Databases/msgstore.db.crypt15": (b"\0", Reason.ENCRYPTED),
    "signal-2026-01-02-03-04-05.backup": (b"\0", Reason.ENCRYPTED),
    "mail.pst": (b"!BDN", Reason.ELSEWHERE),
    "Mails/Boat plan.msg": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Reason.ELSEWHERE),
    "your_facebook_activity/messages/inbox/a_1/message_1.html": (b"<html>", Reason.ELSEWHERE),
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
        ("catalogue.msg", b"msgid x\n"),
    ],
)
def test_others_are_left_alone(path: str, data: bytes) -> None:
    assert explain(head(path, data)) is None
