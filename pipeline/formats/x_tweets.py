"""X (Twitter): `data/tweets.js`, deleted tweets, those in communities, and `note-tweet.js`.

Items are wrapped (`{"tweet": …}`), but not before about 2020. Numbers are texts; texts have HTML
entities. `retweeted` is always false: a retweet begins `RT @`. Long ones are cut here and whole in
`note-tweet.js`, under another id. The order of `coordinates` is not reliable, so they are kept and
not used. Archives of 2012 to 2018 have a file a month, whose times are in ISO 8601.

Source: `docs/reference/exports/x.md`.
"""

from __future__ import annotations

from html import unescape
from typing import Any

from pipeline.contract import Format
from pipeline.readers.ytd import Ytd
from pipeline.services import messaging, x
from pipeline.values import mail_dates, timestamps
from pipeline.values.fields import non_empty, text
from schemas.files import Head, Member
from schemas.records import DataType, Instant, RawRecord, Record, Related
from schemas.vocabulary import RecordType

_NAME = "x.tweets"
_WRAPPERS = ("tweet", "deletedTweet", "communityTweet", "noteTweet")
_TAKEN = frozenset(
    {"id", "id_str", "created_at", "full_text", "text", "entities", "extended_entities"}
    | {"display_text_range", "in_reply_to_status_id_str", "in_reply_to_status_id", "retweeted"}
)
_OF_A_NOTE = frozenset({"noteTweetId", "createdAt", "core"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one tweet, or the whole text of a long one."""
    fields: dict[str, Any] = x.unwrapped(item.value, *_WRAPPERS)
    return _note(fields) if "noteTweetId" in fields else _tweet(fields)


def _tweet(fields: dict[str, Any]) -> Record:
    number = messaging.key(fields, "id_str" if fields.get("id_str") else "id")
    words = unescape(text(fields, "full_text" if "full_text" in fields else "text"))
    reply = fields.get("in_reply_to_status_id_str") or fields.get("in_reply_to_status_id")
    metadata = {
        "url": f"https://x.com/i/status/{number}",
        "links": _links(fields),
        "attachments": _media(fields),
        "in_reply_to": str(reply) if reply else None,
        "repost": words.startswith("RT @"),
        **messaging.rest(fields, _TAKEN),
    }
    related: tuple[Related, ...] = ()
    if reply:
        related = messaging.reply_to(x.SERVICE, str(reply), kind=RecordType.POST)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.POST,
        identity=(x.SERVICE, number),
        time=timestamps.or_unread(fields.get("created_at"), _moment),
        content=words or None,
        metadata=non_empty(metadata),
        related=related,
        mutable=True,
    )


def _moment(written: str) -> Instant:
    """Read `Wed Oct 10 20:19:24 +0000 2018`; in archives by month `2014-01-01 10:00:00 +0000`."""
    if isinstance(written, str) and written[:4].isdecimal():
        return timestamps.spaced(written)
    return mail_dates.mail_date(written)


def _links(fields: dict[str, Any]) -> list[str]:
    urls = (fields.get("entities") or {}).get("urls") or ()
    return [one.get("expanded_url") or one["url"] for one in urls]


def _media(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the files, `<tweet's id>-<last part of the address>` in `tweets_media`."""
    extended = (fields.get("extended_entities") or {}).get("media")
    found = extended or (fields.get("entities") or {}).get("media") or ()
    urls = [one.get("media_url_https") or one.get("media_url") or one.get("url") for one in found]
    return [{"name": url.rsplit("/", 1)[-1], "url": url} for url in urls if url]


def _note(fields: dict[str, Any]) -> Record:
    number = messaging.key(fields, "noteTweetId")
    core = fields.get("core") or {}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.POST,
        identity=(x.SERVICE, "note", number),
        time=timestamps.or_unread(fields.get("createdAt")),
        content=text(core, "text"),
        metadata=non_empty(
            {
                "kind": "note",
                "links": _links({"entities": core}),
                **messaging.rest(fields, _OF_A_NOTE),
            }
        ),
        mutable=True,
    )


def _looks_like(head: Head) -> int:
    if not x.name_of(head):
        return 0
    known = {"full_text", "noteTweetId"}
    inner = (x.unwrapped(item, *_WRAPPERS) for item in x.first_items(head))
    shaped = any(
        isinstance(one, dict)
        and (not one.keys().isdisjoint(known) or {"created_at", "text"} <= one.keys())
        for one in inner
    )
    return 2 * shaped


FORMAT = Format(
    name=_NAME,
    title="X (Twitter): posts",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=x.PATHS,
    looks_like=_looks_like,
    reader=Ytd(),
    record=to_record,
    hints=(
        r"(.+/)?(tweets?|note-tweet|deleted[_-]tweets?|community-tweet)(-part\d+)?\.js",
        r"(.+/)?data/js/tweets/\d{4}_\d\d\.js",
    ),
    products=("X (Twitter)",),
    vintages=(
        "data/js/tweets/<month>.js (2012 to 2018)",
        "tweet.js, unwrapped (to 2020)",
        "tweet.js (to 2022)",
        "tweets.js",
    ),
    record_types=(RecordType.POST,),
)
