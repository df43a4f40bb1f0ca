"""Records of Bluesky (AT Protocol) as JSON: posts, reposts, likes, follows, blocks, the profile.

Its address, `at://<account>/<collection>/<key>`, identifies a record, and `$type` gives its kind.
Fields are those of the lexicons `app.bsky.*` (bluesky-social/atproto, `lexicons/app/bsky`).
"""

from __future__ import annotations

from typing import Any

from pipeline.services import messaging
from pipeline.values import timestamps
from pipeline.values.fields import non_empty, optional_text
from schemas.errors import BadValue
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Record, Related
from schemas.vocabulary import RecordType

_POST, _REPOST, _LIKE = "app.bsky.feed.post", "app.bsky.feed.repost", "app.bsky.feed.like"
_CONNECTIONS = {
    "app.bsky.graph.follow": "following",
    "app.bsky.graph.block": "blocked",
}
#: The record types that the kinds become.
RECORD_TYPES = (
    RecordType.POST,
    RecordType.REACTION,
    RecordType.CONNECTION,
    RecordType.PROFILE,
    RecordType.ACTIVITY,
)
_TAKEN = frozenset({"$type", "createdAt", "text", "langs", "tags", "reply", "embed", "facets"})


def record(source: str, address: str, fields: dict[str, Any]) -> Record:
    """Return one record; an unknown kind keeps all fields under its own names."""
    kind = optional_text(fields, "$type") or address.split("/")[-2]
    written = optional_text(fields, "createdAt")
    time = timestamps.or_unread(written) if written else None
    metadata = {"address": address, "kind": kind, "author": _account(address)}
    if kind == _POST:
        return _post(source, address, fields, time, metadata)
    subject = fields.get("subject")
    if kind in (_REPOST, _LIKE):
        liked = subject.get("uri") if isinstance(subject, dict) else None
        details = {"url": liked, "repost": kind == _REPOST} | (
            {"reaction": "like"} if kind == _LIKE else {}
        )
        what = RecordType.POST if kind == _REPOST else RecordType.REACTION
    elif kind in _CONNECTIONS:
        what = RecordType.CONNECTION
        details = {
            "people": [{"handle": messaging.key(fields, "subject")}],
            "status": _CONNECTIONS[kind],
        }
    elif kind == "app.bsky.actor.profile":
        what, details = RecordType.PROFILE, {"name": fields.get("displayName")}
    else:
        what, details = RecordType.ACTIVITY, {}
    taken = {"$type", "createdAt", *({"subject"} if details and what != RecordType.PROFILE else ())}
    others = messaging.rest(fields, taken)
    return Record(
        data_type=DataType.ACTIVITY,
        source=source,
        record_type=what,
        identity=(address,),
        time=time,
        title="like" if what is RecordType.REACTION else None,
        content=optional_text(fields, "description"),
        metadata=non_empty({**others, **metadata, **details}),
        mutable=True,
    )


def _post(
    source: str, address: str, fields: dict[str, Any], time: Instant | None, details: dict[str, Any]
) -> Record:
    answered = _uri(fields.get("reply"), "parent")
    links, people, labels = _facets(fields.get("facets"))
    metadata = {
        **messaging.rest(fields, _TAKEN),
        **details,
        "in_reply_to": answered,
        "conversation": _uri(fields.get("reply"), "root"),
        "links": links,
        "people": people,
        "labels": [*labels, *(fields.get("tags") or ())],
        "languages": fields.get("langs"),
        "embedded": fields.get("embed"),
    }
    related: tuple[Related, ...] = ()
    if answered:
        related = messaging.reply_to(answered, kind=RecordType.POST)
    return Record(
        data_type=DataType.ACTIVITY,
        source=source,
        record_type=RecordType.POST,
        identity=(address,),
        time=time,
        content=optional_text(fields, "text") or None,
        metadata=non_empty(metadata),
        related=related,
        mutable=True,
    )


def _account(address: str) -> dict[str, Any] | None:
    account = address.removeprefix("at://").partition("/")[0]
    return {"handle": account, "self": True} if account else None


def _uri(reply: object, which: str) -> str | None:
    other = reply.get(which) if isinstance(reply, dict) else None
    uri = other.get("uri") if isinstance(other, dict) else None
    return uri if isinstance(uri, str) else None


def _facets(facets: object) -> tuple[list[str], list[dict[str, Any]], list[str]]:
    """Return the links, people and labels that the text marks."""
    links: list[str] = []
    people: list[dict[str, Any]] = []
    labels: list[str] = []
    if facets is not None and not isinstance(facets, list):
        raise BadValue(Reason.BAD_SHAPE, "'facets' is not a list")
    for facet in facets or ():
        for feature in facet.get("features") or ():
            if isinstance(uri := feature.get("uri"), str):
                links.append(uri)
            elif isinstance(did := feature.get("did"), str):
                people.append({"handle": did})
            elif isinstance(tag := feature.get("tag"), str):
                labels.append(tag)
    return links, people, labels
