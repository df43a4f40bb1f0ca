"""OwnTracks Recorder: `<ISO Z>\\t* <padding>\\t{json}` a line in `.rec` files.

Tabs have sometimes become spaces. A message with line breaks has ` 0A` in their place
(owntracks/recorder#374). `pipeline.services.tracks.owntracks` reads the messages.

Source: `docs/reference/exports/tracks.md#owntracks`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from pipeline.contract import Format
from pipeline.readers.json.decode import MENDED
from pipeline.readers.lines import Lines
from pipeline.recognition import peek
from pipeline.services.tracks import owntracks
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Outcome, RawRecord, Rejection
from schemas.vocabulary import RecordType

_NAME = "owntracks.rec"
_LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\s+(\S+)\s*(\{.*\})")
#: A string, or a line break between two tokens as the Recorder writes it.
_BREAK = re.compile(r"\"(?:[^\"\\]|\\.)*+\"|\s0A(?=[\s}\]])")


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield the outcomes of one message."""
    found = _LINE.fullmatch(item.value)
    if found is None:
        raise BadValue(Reason.BAD_SYNTAX, "the line is not a time, a kind and a JSON object")
    fields, mended = _decoded(found[3])
    for outcome in owntracks.meaning(fields, _NAME, found[1], found[3]):
        if mended and not isinstance(outcome, Rejection):
            flagged = {**outcome.metadata, "flags": [MENDED]}
            yield msgspec.structs.replace(outcome, metadata=flagged)
        else:
            yield outcome


def _decoded(text: str) -> tuple[dict[str, Any], bool]:
    """Return the message, and whether its line breaks were repaired."""
    for mended in (False, True):
        written = _BREAK.sub(_unbroken, text) if mended else text
        try:
            fields: dict[str, Any] = orjson.loads(written)
        except orjson.JSONDecodeError:
            continue
        if fields:
            return fields, mended
    raise BadValue(Reason.BAD_SYNTAX, "the line does not end with a valid JSON object")


def _unbroken(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') else " "


def _looks_like(head: Head) -> bool:
    lines = [line.decode("utf-8", "replace") for line in peek.lines(head, 3)]
    return any(map(_LINE.fullmatch, lines))


FORMAT = Format(
    name=_NAME,
    title="Positions and regions of OwnTracks Recorder (.rec)",
    version=4,
    data_type=DataType.LOCATION,
    paths=(r"(.+/)?[^/]+\.(rec|txt)",),
    looks_like=_looks_like,
    reader=Lines(),
    record=to_outcomes,
    products=("OwnTracks",),
    tried=("Freika/dawarich",),
    record_types=(RecordType.ACTIVITY, RecordType.PLACE),
)
