"""X (Twitter): `data/saved-search.js`, the owner's saved searches. They have no date.

Each item is wrapped in `savedSearch`, with its `savedSearchId` and `query`. Sources:
dogsheep/twitter-to-sqlite, `archive.py` (wrapper and number); the test files of archive viewers
(`query`, the name of the assignment).
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.ytd import Ytd
from pipeline.services import messaging, x
from pipeline.values.fields import text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "x.saved_searches"
_KIND, _WRAPPER = "saved_search", "savedSearch"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one search, identified by its number."""
    fields: dict[str, Any] = x.unwrapped(item.value, _WRAPPER)
    number, query = messaging.key(fields, "savedSearchId"), text(fields, "query")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.SEARCH,
        identity=(x.SERVICE, _KIND, number),
        title=query,
        metadata={
            "query": query,
            "kind": _KIND,
            **messaging.rest(fields, ("savedSearchId", "query")),
        },
    )


def _looks_like(head: Head) -> int:
    return 2 * (x.name_of(head) == _KIND)


FORMAT = Format(
    name=_NAME,
    title="X (Twitter): saved searches",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=x.PATHS,
    looks_like=_looks_like,
    reader=Ytd(),
    record=to_record,
    hints=(r"(.+/)?saved-search(-part\d+)?\.js",),
    products=("X (Twitter)",),
    record_types=(RecordType.SEARCH,),
    fields=frozenset({_WRAPPER}),
)
