"""Instagram's `connections.json` of 2018 to 2020: objects of a name and a time each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.whole import JsonWhole
from pipeline.recognition import peek
from pipeline.services import messaging
from pipeline.values import timestamps
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Outcome, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "instagram.early_people"
_NEEDED = frozenset({"followers", "following"})
_STATUS = {"followers": "follower"}
_HASHTAGS = "following_hashtags"
_LISTS = (
    *("followers", "following", "close_friends", "blocked_users", "restricted_users"),
    *("follow_requests_sent", "permanent_follow_requests", "dismissed_suggested_users"),
    _HASHTAGS,
)


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield each person of each list."""
    fields: dict[str, Any] = item.value
    for named in _LISTS:
        if not isinstance(people := fields.get(named, {}), dict):
            raise BadValue(Reason.BAD_SHAPE, "a list of people is not an object")
        for handle, when in people.items():
            yield messaging.attempt(partial(_person, named, handle, when))


def _person(named: str, handle: str, when: Any) -> Record:
    hashtag = named == _HASHTAGS
    who: dict[str, Any] = {"tag": handle} if hashtag else {"people": [{"handle": handle}]}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SUBSCRIPTION if hashtag else RecordType.CONNECTION,
        identity=("instagram", "early", named, handle, str(when or "")),
        time=timestamps.or_unread(when),
        title=handle,
        metadata={**who, "status": _STATUS.get(named, named)},
    )


def _looks_like(head: Head) -> int:
    return 2 * (set(peek.top_keys(head)) >= _NEEDED and b'":' in head.data)


FORMAT = Format(
    name=_NAME,
    title="Instagram, 2018 to 2020: followers, followed, blocked",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?connections\.json",),
    looks_like=_looks_like,
    reader=JsonWhole(),
    record=to_records,
    products=("Instagram",),
    record_types=(RecordType.CONNECTION, RecordType.SUBSCRIPTION),
    fields=frozenset(_LISTS),
)
