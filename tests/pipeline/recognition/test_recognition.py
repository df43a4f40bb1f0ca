"""Contested files: each goes to its right owner, or to nobody that guesses.

Elsewhere recognising by a piece of the path let the wrong parser claim an archive and find nothing
in it.

Source: `docs/reference/exports/traps.md`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from pipeline.contract import Format, Rank
from pipeline.registry import all_formats, format_named, recognise
from schemas.reasons import Reason
from tasks.ingest import members
from tests.support.formats import head_of, member_of, samples


class Case(NamedTuple):
    """A file and the format that owns it; None: no product's."""

    path: str
    data: Any
    owner: str | None

    def __str__(self) -> str:
        return self.path


def ytd(name: str, *items: Any) -> str:
    return f"window.YTD.{name}.part0 = {json.dumps(items)}"


POSTS = [{"timestamp": 1500000000, "data": [{"post": "hi"}], "title": "Ana posted."}]
EVENT = {"event_type": "app_opened", "event_id": "1", "timestamp": "2024-01-02T03:04:05Z"}
PLAY = {"endTime": "2023-01-02 03:04", "artistName": "A", "trackName": "T", "msPlayed": 1}
ENTRY = {"string_list_data": [{"href": "https://www.instagram.com/zoe", "timestamp": 1600000000}]}
WATCHED = {"Date": "2024-01-02 03:04:05", "Link": "https://www.tiktokv.com/share/video/1/"}
CHATTED = {"id": 1, "type": "message", "date": "2024-01-02"}
PAGE = {"time_usec": "1704164645000000", "url": "https://example.org", "title": "x"}

CASES = [
    # 1. `activity/` inside `your_facebook_activity/`
    Case("your_facebook_activity/posts/events-1.json", POSTS, "facebook.posts"),
    Case("activity/analytics/events-2024-1.json", json.dumps(EVENT) + "\n", "discord.activity"),
    Case(
        "your_facebook_activity/activity/analytics/events-1.json",
        json.dumps(EVENT) + "\n",
        "discord.activity",
    ),
    # 2. `comments`
    Case("Comments.csv", "Date,Link,Message\n2024-01-02,https://x,hi\n", None),
    Case(
        "comments_and_reactions/comments.json",
        {"comments_v2": [{"timestamp": 1, "data": [{"comment": {"comment": "x"}}]}]},
        "facebook.lists",
    ),
    Case(
        "comments.csv",
        "id,permalink,date,ip,subreddit,gildings,link,parent,body,media\nk,,,,,,,,x,\n",
        "reddit.comments",
    ),
    # 3. `music`
    Case("MyData/StreamingHistory_music_0.json", [PLAY], "spotify.streaming_history"),
    # 4. `following.js` is how `following.json` begins
    Case(
        "followers_and_following/following.json",
        {"relationships_following": [ENTRY]},
        "instagram.lists",
    ),
    Case("data/following.js", ytd("following", {"following": {"accountId": "1"}}), "x.people"),
    Case("data/following.json", {"relationships_following": [ENTRY]}, "instagram.lists"),
    # 5. `ratings` inside `venueRatings.json`
    Case("venueRatings.json", {"venueLikes": [{"id": "1", "name": "Café"}]}, None),
    Case(
        "ratings.csv",
        "Profile Name,Title Name,Thumbs Value,Event Utc Ts\nA,B,1,2026-01-01\n",
        "netflix.ratings",
    ),
    # 6. `History.json` inside `Browsing History.json`
    Case(
        "TikTok/Browsing History.json",
        {"Activity": {"Video Browsing History": {"VideoList": [WATCHED]}}},
        "tiktok.data",
    ),
    Case("Chrome/History.json", {"Browser History": [PAGE]}, "google.chrome_history"),
    # 7. `4sq-export.zip` says no "foursquare", and `check-ins` are not Facebook's alone
    Case(
        "4sq-export/checkins.json",
        {"items": [{"id": "1", "createdAt": 1577923200, "venue": {"name": "Café"}}]},
        "foursquare.checkins",
    ),
    # 8. one name, many services
    Case(
        "messages.csv",
        "ID,Timestamp,Contents,Attachments\n1,2024-01-02 03:04:05,x,\n",
        "discord.messages_csv",
    ),
    Case(
        "messages.csv",
        "id,permalink,thread_id,date,ip,from,to,subject,body\nm,,t,2024-01-02,,a,b,s,x\n",
        "reddit.messages",
    ),
    Case(
        "messages.csv",
        "CONVERSATION ID,FROM,TO,DATE,CONTENT\n1,a,b,2024-01-02,x\n",
        "linkedin.messages",
    ),
    Case(
        "conversations.json",
        [{"title": "t", "create_time": 1.0, "mapping": {}}],
        "chatgpt.conversations",
    ),
    Case(
        "conversations.json",
        [{"uuid": "1", "name": "t", "chat_messages": []}],
        "claude.conversations",
    ),
    Case(
        "messages.json",
        [{"ID": 1, "Timestamp": "2024-01-02", "Contents": "x", "Attachments": ""}],
        "discord.messages",
    ),
    Case(
        "message_1.json", {"messages": [{"sender_name": "a", "timestamp_ms": 1}]}, "meta.messages"
    ),
    Case(
        "result.json",
        {"name": "x", "type": "personal_chat", "id": 1, "messages": [CHATTED]},
        "telegram.chat",
    ),
    Case("users.json", [{"id": "U1", "name": "a", "team_id": "T"}], "slack.people"),
    Case("users.json", [{"uuid": "1", "full_name": "a", "email_address": "a@example.org"}], None),
    Case(
        "history.txt", "2024-01-02 10:11:12 - INFO: started\n2024-01-02 10:11:13 - INFO: x\n", None
    ),
    Case("friends.json", {"friends_v2": [{"name": "a", "timestamp": 1}]}, "facebook.lists"),
    Case(
        "friends.json",
        {"Friends": [{"Username": "a", "Creation Timestamp": ""}]},
        "snapchat.friends",
    ),
]


def claim(path: str, data: bytes) -> Format | None:
    """The product's format that takes the file; the formats of any container are nobody."""
    found = recognise(head_of(path, data))
    return found if isinstance(found, Format) and found.rank is Rank.PRODUCT else None


def as_bytes(data: Any) -> bytes:
    return (data if isinstance(data, str) else json.dumps(data)).encode()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_contested_file_goes_to_its_owner(case: Case) -> None:
    found = claim(case.path, as_bytes(case.data))
    assert (found.name if found else None) == case.owner


@pytest.mark.parametrize("case", [case for case in CASES if case.data], ids=str)
def test_a_name_alone_is_no_claim(case: Case) -> None:
    """Positive controls mean little if the path would have been enough."""
    assert claim(case.path, b'{"something": ["else"]}') is None
    assert claim(case.path, b"[]") is None


def test_two_owners_that_are_equally_sure_are_both_named() -> None:
    one = format_named("chatgpt.conversations")
    other = msgspec.structs.replace(one, name="another.chat")
    weak = msgspec.structs.replace(one, name="weak.chat", looks_like=lambda head: 1, hints=())
    (case,) = (case for case in CASES if case.owner == one.name)
    head = head_of(case.path, as_bytes(case.data))
    found = recognise(head, [weak, one, other])
    assert found == (Reason.CONFLICT, "another.chat, chatgpt.conversations")
    assert recognise(head, [one, weak]) is one
    assert recognise(head, [one, format_named("json.array")]) is one, "a catch-all gives way"


FOLDERS = ("your_facebook_activity/activity/messages", "Takeout/Chrome/data/music/comments")


@pytest.mark.parametrize(
    "form", [f for f in all_formats() if f.rank is Rank.PRODUCT], ids=lambda form: form.name
)
def test_a_foreign_folder_makes_nobody_else_the_owner(form: Format) -> None:
    for sample in samples(form)[:2]:
        data = sample.file.read_bytes()
        name = sample.path.rsplit("/", 1)[-1]
        for path in (f"{folder}/{name}" for folder in FOLDERS):
            assert claim(path, data) in (form, None)


@pytest.mark.parametrize(
    ("path", "data", "form", "said"),
    [
        ("Takeout/My Activity/Search/MyActivity.json", b'[{"when": 1}]', "json.array", "named"),
        ("MyData/StreamingHistory0.json", b'{"plays": 7}', None, "kept in the original, not read;"),
        ("rows.json", b'[{"when": 1}]', "json.array", ""),
        ("rows.json", b'{"plays": 7}', None, "kept in the original, not read"),
    ],
)
def test_a_changed_shape_under_a_known_name_is_said(
    path: str, data: bytes, form: str | None, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "0"
    file.write_bytes(data)
    found = members.prepare(member_of(path, file), tmp_path)
    noted = found.note if isinstance(found, members.Readable) else found.detail
    assert (found.form.name if isinstance(found, members.Readable) else None) == form
    assert noted.startswith(said)
    assert ("but of another shape" in noted) == (path != "rows.json")
