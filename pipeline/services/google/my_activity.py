"""The kind of an entry of Google's My Activity, from its product and its address.

The same for JSON and HTML, in My Activity and in YouTube's own history. Verbs ("Watched", "Gesucht
nach") are in the account's language, so the address decides. My Activity also has a video's address
if it was only liked or shared: the English verbs of those are known (karlicoss/HPI, pull request
494); with a verb in another language a video counts as watched. Its time, as written, and its
address identify an entry; titles change, and are used only without an address.

Source: `docs/reference/exports/google-my-activity.md` and `docs/reference/exports/youtube.md`.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from schemas.records import DataType, Instant, Record
from schemas.vocabulary import RecordType

RECORD_TYPES = (
    *(RecordType.ACTIVITY, RecordType.BOOKMARK, RecordType.PLAY, RecordType.REACTION),
    *(RecordType.SEARCH, RecordType.VISIT),
)

_YOUTUBE = r"https?://(?:www\.|m\.|music\.)?youtube\.com"
_GOOGLE = r"https?://(?:[a-z0-9-]+\.)*google\.(?:[a-z]{2,3}|com?\.[a-z]{2})"
#: `v` is empty if a video was deleted.
_VIDEO = re.compile(rf"{_YOUTUBE}/(?:watch\?(?:[^#]*?&)?v=([\w-]*)|shorts/([\w-]+))")
_SEARCHED = re.compile(
    rf"{_YOUTUBE}/results\?(?:[^#]*?&)?search_query=([^&#]+)"
    rf"|{_GOOGLE}/(?:[^?#]*/)?search\?(?:[^#]*?&)?(?:q|query)=([^&#]+)"
)
_REDIRECTED = re.compile(_GOOGLE + r"/url\?(?:[^#]*?&)?(?:q|url)=([^&#]+)")
#: Only for a title without its verb, if nothing else names the subject of an English title.
_VERB = re.compile(r"(?:Watched|Visited|Liked|Disliked|Saved|Shared) ")
#: Other verbs than watching for a video, with their record type and metadata.
_NOT_WATCHED: dict[str, tuple[RecordType, dict[str, Any]]] = {
    "Liked": (RecordType.REACTION, {"reaction": "like"}),
    "Disliked": (RecordType.REACTION, {"reaction": "dislike"}),
    "Saved": (RecordType.BOOKMARK, {}),
    "Shared": (RecordType.ACTIVITY, {"kind": "shared"}),
    "Voted": (RecordType.ACTIVITY, {"kind": "voted"}),
    "Commented": (RecordType.ACTIVITY, {"kind": "commented"}),
    "Replied": (RecordType.ACTIVITY, {"kind": "replied"}),
    "Answered": (RecordType.ACTIVITY, {"kind": "answered"}),
    "Dismissed": (RecordType.ACTIVITY, {"kind": "dismissed"}),
}
#: A title whose verb is its last word begins with the title of the video.
_VERB_LAST = re.compile(
    r"(?: (?:angesehen|bekeken|gekeken|izlediniz|izlendi)|を視聴しました|시청(?:함|했습니다))\.?$"
)
#: The name of the product is the same in all languages.
_AD = "Google Ads"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry, from either form.

    `title` is the whole first line as written, `about` the part of it that its link shows, if that
    is known. `subtitles` and `details` are objects with `name` and perhaps `url`, as in the JSON
    form; `more` is metadata that is passed on, `summary` a text that Google wrote.
    """

    title: str
    time: Instant
    header: str = ""
    about: str | None = None
    url: str = ""
    description: str = ""
    products: list[str] = []
    subtitles: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    summary: str = ""
    more: dict[str, Any] = {}


def record(entry: Entry, source: str) -> Record:
    """Return the entry as a play, a search, a visit or, if its address names none, an activity."""
    kind, title, metadata = _meaning(entry)
    return Record(
        data_type=DataType.BROWSER if kind is RecordType.VISIT else DataType.ACTIVITY,
        source=source,
        record_type=kind,
        identity=(entry.time.text, entry.url or entry.title),
        time=entry.time,
        title=title,
        content=_content(entry),
        metadata={**_metadata(entry, kind), **metadata},
    )


def _meaning(entry: Entry) -> tuple[RecordType, str, dict[str, Any]]:
    """Return the record type, the subject of the record, and the metadata from its address."""
    title, url = plain(entry.title), entry.url
    bare = title if _VERB_LAST.search(title) else _VERB.sub("", title, count=1)
    about = plain(entry.about) if entry.about else bare
    if not url:
        return RecordType.ACTIVITY, title, {}
    if "Chrome" in (entry.header, *entry.products):
        return RecordType.VISIT, about, {"url": url}
    if video := _VIDEO.match(url):
        kind, details = _done(title)
        number = {"video_id": name} if (name := video[1] or video[2]) else {}
        return kind, about, {"url": url, **number, **details, **_channel(entry)}
    if asked := _SEARCHED.match(url):
        query = unquote_plus(asked[1] or asked[2])
        return RecordType.SEARCH, query, {"url": url, "query": query}
    if led := _REDIRECTED.match(url):
        return RecordType.VISIT, about, {"url": unquote_plus(led[1])}
    return RecordType.ACTIVITY, title, {"url": url}


def _done(title: str) -> tuple[RecordType, dict[str, Any]]:
    """Return what was done with a video, from the verb before it."""
    verb = title.partition(" ")[0]
    if verb not in _NOT_WATCHED or _VERB_LAST.search(title):
        return RecordType.PLAY, {}
    return _NOT_WATCHED[verb]


def _channel(entry: Entry) -> dict[str, Any]:
    """Return a video's channel, its first line below the title; deleted videos have none."""
    first = entry.subtitles[0] if entry.subtitles else {}
    channel = {"channel": first.get("name"), "channel_url": first.get("url")}
    return {name: value for name, value in channel.items() if value}


def _metadata(entry: Entry, kind: RecordType) -> dict[str, Any]:
    has_channel = kind is not RecordType.VISIT and _VIDEO.match(entry.url) is not None
    products = entry.products or ([entry.header] if entry.header else [])
    metadata = {
        "product": products[0] if products else None,
        "products": products if len(products) > 1 else None,
        "header": entry.header if entry.header not in products else None,
        "description": entry.description,
        "subtitles": entry.subtitles[has_channel:],
        "details": entry.details,
        "advertisement": any(_AD in str(detail.get("name")) for detail in entry.details),
        "summary": entry.summary,
        **entry.more,
    }
    return {name: value for name, value in metadata.items() if value}


def _content(entry: Entry) -> str:
    """Return all that the entry shows. Exports of about 2018 have subtitles without a name."""
    names = (subtitle.get("name") for subtitle in entry.subtitles)
    shown = (plain(entry.title), entry.description, *names, entry.summary)
    return "\n".join(filter(None, shown))


def plain(text: str) -> str:
    """Return the text with plain spaces, as people search it."""
    if text.isascii():
        return text.strip()
    return text.replace("\u00a0", " ").replace("\u2003", " ").replace("\u202f", " ").strip()
