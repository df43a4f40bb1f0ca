"""X (Twitter): `data/like.js`, what the owner liked. A like has no date.

Source: `docs/reference/exports/x.md`.
"""

from __future__ import annotations

from html import unescape
from typing import Any

from pipeline.contract import Format
from pipeline.readers.ytd import Ytd
from pipeline.services import messaging, x
from pipeline.values.fields import optional_text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "x.likes"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one like, with the text of the post if it was still available."""
    fields: dict[str, Any] = x.unwrapped(item.value, "like")
    number = messaging.key(fields, "tweetId")
    words = optional_text(fields, "fullText")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.REACTION,
        identity=(x.SERVICE, "like", number),
        content=unescape(words) if words else None,
        metadata={"reaction": "like", "url": f"https://x.com/i/status/{number}"},
    )


def _looks_like(head: Head) -> int:
    return 2 * (x.name_of(head) == "like")


FORMAT = Format(
    name=_NAME,
    title="X (Twitter): likes",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=x.PATHS,
    looks_like=_looks_like,
    reader=Ytd(),
    record=to_record,
    hints=(r"(.+/)?like(-part\d+)?\.js",),
    products=("X (Twitter)",),
    record_types=(RecordType.REACTION,),
    fields=frozenset({"like"}),
)
