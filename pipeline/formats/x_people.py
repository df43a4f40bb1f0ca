"""X (Twitter): whom the owner follows, blocks and mutes, and who follows: numbers, no dates.

`data/follower.js`, `following.js`, `block.js`, `mute.js`; each item is wrapped.

Source: `docs/reference/exports/x.md`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.ytd import Ytd
from pipeline.services import messaging, x
from pipeline.values.fields import non_empty, optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "x.people"
#: The key that wraps the items of a file, and the other person's relation to the owner.
_KINDS = {
    "follower": ("follower", "follower"),
    "following": ("following", "following"),
    "block": ("blocking", "blocked"),
    "mute": ("muting", "muted"),
}


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one person."""
    wrapper, status = _KINDS[item.around["name"]]
    fields: dict[str, Any] = x.unwrapped(item.value, wrapper)
    number = messaging.key(fields, "accountId")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.CONNECTION,
        identity=(x.SERVICE, status, number),
        metadata=non_empty(
            {
                "people": [{"handle": number}],
                "status": status,
                "url": optional_text(fields, "userLink"),
            }
        ),
    )


def _looks_like(head: Head) -> int:
    return 2 * (x.name_of(head) in _KINDS)


FORMAT = Format(
    name=_NAME,
    title="X (Twitter): followers, followed, blocked and muted",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=x.PATHS,
    looks_like=_looks_like,
    reader=Ytd(),
    record=to_record,
    hints=(r"(.+/)?(follower|following|block|mute)(-part\d+)?\.js",),
    products=("X (Twitter)",),
    tried=("dogsheep/twitter-to-sqlite",),
    record_types=(RecordType.CONNECTION,),
    fields=frozenset(wrapper for wrapper, _ in _KINDS.values()),
)
