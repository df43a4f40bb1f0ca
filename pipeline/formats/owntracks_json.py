"""OwnTracks as JSON, of its web page, its Recorder or its app.

The download button of the web page gives `{user: {device: [message]}}` (Freika/dawarich#276). The
Recorder answers `{"count": n, "data": [message]}`, or `locations` in the place of `data`
(owntracks/recorder, README: `ocat --format json`, the API). The app exports its regions as
`{"_type": "waypoints", "waypoints": [message]}` (`.otrw`; within its settings, `.otrc`).

The messages are those of a `.rec` file (`pipeline.services.tracks.owntracks`), so a position that
is in both is one; the page adds `isotst`, `disptst` and similar fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services.tracks import owntracks
from schemas.files import Head, Member
from schemas.records import DataType, Outcome, RawRecord, Rejection
from schemas.vocabulary import RecordType

_NAME = "owntracks.json"
_KEY = rb"\s*\"[^\"\\]{0,200}\"\s*:\s*"
_OF_A_DEVICE = re.compile(rb"\{" + _KEY + rb"\{" + _KEY + rb"\[")
_MESSAGE = re.compile(rb"\{(?=[^{}]*\"_type\"\s*:)(?=[^{}]*\"tst\"\s*:)")


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield the outcomes of one message, with its device."""
    fields: dict[str, Any] = item.value
    whose = dict(zip(("user", "device"), item.around["keys"], strict=False))
    text = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS).decode()
    for outcome in owntracks.meaning(fields, _NAME, str(fields.get("isorcv", "")), text):
        if isinstance(outcome, Rejection):
            yield outcome
        else:
            yield msgspec.structs.replace(outcome, metadata={**outcome.metadata, **whose})


def _looks_like(head: Head) -> int:
    """Recognise a message in a list of the Recorder or the app, or in that of the first device."""
    listed = {"data", "locations", "waypoints"}.intersection(peek.top_keys(head))
    if any(_is_message(item) for key in listed for item in peek.first_items(head, key)):
        return 2
    text = peek.sound_text_of(head)
    return 2 * (_OF_A_DEVICE.match(text) is not None and _MESSAGE.search(text) is not None)


def _is_message(item: Any) -> bool:
    return isinstance(item, dict) and {"_type", "tst"} <= item.keys()


FORMAT = Format(
    name=_NAME,
    title="Positions and regions of OwnTracks (JSON)",
    version=3,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.(json|otrw|otrc)",),
    looks_like=_looks_like,
    reader=JsonTree(paths=("*.*", "data", "locations", "waypoints")),
    record=to_outcomes,
    embed=False,
    products=("OwnTracks",),
    record_types=(RecordType.ACTIVITY, RecordType.PLACE),
)
