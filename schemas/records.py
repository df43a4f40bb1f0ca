"""Records, before and after they are interpreted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec

from schemas.privacy import Done
from schemas.reasons import Reason
from schemas.vocabulary import Relation

#: The surroundings of an item without any.
NOTHING: Mapping[str, Any] = MappingProxyType({})

#: `partition_at` of anything without a time. Never changes: it is part of a unique key.
UNDATED = datetime(1, 1, 1, tzinfo=UTC)
#: The flag, set by the load, of a document under a key of its own, since another document has the
#: key that they share.
REUSED = "message_id_reused"


class DataType(StrEnum):
    """The first division of documents in the lake, before months."""

    STRUCTURED = "structured"
    EMAIL = "email"
    MEDIA = "media"
    DOCUMENT = "document"
    LOCATION = "location"
    BROWSER = "browser"
    ACTIVITY = "activity"


class ZoneSource(StrEnum):
    """The source of the zone in which a clock was read."""

    EXPLICIT = "explicit"  # the text itself, or its format by definition
    FILE = "file"  # another place in the file: a calendar's own zone
    COORDINATE = "coordinate"  # the position, by satellites
    ACCOUNT = "account"  # the account or its owner, by where they live
    ASSUMED = "assumed"  # none: UTC


#: Flags of a clock without a trustworthy zone.
_GUESSED = frozenset({"zone_assumed", "zone_ambiguous"})
#: Flags of texts that could mean another moment, in the zone that was used.
_AMBIGUOUS = frozenset(
    {"zone_ambiguous", "day_first_assumed", "day_month_ambiguous", "clock_twice", "clock_skipped"}
)


class Instant(msgspec.Struct, frozen=True, gc=False):
    """A moment as it was interpreted and as it was written.

    `at` is in UTC, or None where the text is a time outside 1900 to 2100 (then `flag` says so).
    `text` is verbatim. `offset` is minutes east of UTC, None where the source gave no zone. `zone`
    is the source of the zone where `flag` does not imply it: None is EXPLICIT, or ASSUMED under a
    flag that says so. ASSUMED together with `zone_assumed` itself means that its format is likely
    in UTC, so that no other zone replaces it.
    """

    at: datetime | None
    text: str
    offset: int | None = None
    flag: str | None = None
    zone: ZoneSource | None = None

    @property
    def zone_source(self) -> ZoneSource:
        """The source of the zone."""
        if self.zone is not None:
            return self.zone
        return ZoneSource.ASSUMED if self.flag in _GUESSED else ZoneSource.EXPLICIT

    @property
    def ambiguous(self) -> bool:
        """Whether the text could mean another moment; `flag` says why."""
        return self.flag in _AMBIGUOUS


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes stored in the content-addressed store next to the lake.

    `sha256` is lower-case hex, `size` in bytes. `data` is None where the bytes are the whole
    member; else they are the bytes themselves (an attachment).
    """

    sha256: str
    size: int
    media_type: str
    name: str
    data: bytes | None = None


class RawRecord(msgspec.Struct, frozen=True, gc=False):
    """One item as a reader cut it out: its parsed value, and where its bytes lie in the member.

    `around` holds what the reader knows of the objects around the item (the name of the chat that a
    message is in); the same object for all items of one such object. `flags` say what was mended to
    read the item; each record that comes out of it has them.
    """

    value: Any
    offset: int
    length: int
    around: Mapping[str, Any] = NOTHING
    flags: tuple[str, ...] = ()


class Related(msgspec.Struct, frozen=True):
    """A record's relation to another one, which is given by its identity.

    The other need not be in the lake; `record_type` and `identity` make its record key.
    """

    relation: Relation
    record_type: str
    identity: tuple[str, ...]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A document: one thing that happened or was made, under stable names.

    `record_type` is a `schemas.vocabulary.RecordType`. `identity` holds the verbatim identifying
    texts (times as they were written, never as they were parsed), so that a better parser makes no
    new keys. `metadata` is JSON-able; names in `schemas.vocabulary.KEYS` have the shape given
    there. `own_identity` identifies it where another record may have its identity, which then is
    the other one's. `mutable` is true of things that change from one export to the next (a contact,
    a note, an event): a change is then a new version of the same record. `privacy` is what the
    policy did to it.
    """

    data_type: DataType
    source: str
    record_type: str
    identity: tuple[str, ...]
    time: Instant | None = None
    title: str | None = None
    content: str | None = None
    content_type: str = "text/plain"
    language: str | None = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    blob: Blob | None = None
    related: tuple[Related, ...] = ()
    own_identity: tuple[str, ...] = ()
    mutable: bool = False
    context_metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    """What depends on its place in the export and on sibling files.

    It is stored with the metadata, but a copy elsewhere may differ in it, so it makes no new
    version.
    """

    privacy: Done | None = None

    @property
    def all_metadata(self) -> dict[str, Any]:
        """All its metadata; flags are joined."""
        if not self.context_metadata:
            return self.metadata
        flags = {*self.metadata.get("flags", ()), *self.context_metadata.get("flags", ())}
        joined = {"flags": sorted(flags)} if flags else {}
        return {**self.metadata, **self.context_metadata, **joined}


class Addition(msgspec.Struct, frozen=True, kw_only=True):
    """What other files of an export add to a record: never its identity or time."""

    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    flags: tuple[str, ...] = ()
    related: tuple[Related, ...] = ()


class Point(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A position at a moment: WGS 84 degrees, metres. Goes to `timeseries.locations`."""

    source: str
    identity: tuple[str, ...]
    time: Instant | None
    latitude: float
    longitude: float
    altitude_m: float | None = None
    accuracy_m: float | None = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


class Metric(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A measured value at a moment, or from `time` to `until`. Goes to `timeseries.metrics`.

    `name` is a `schemas.vocabulary.MetricName`, or the export's own name for what has none.
    """

    source: str
    identity: tuple[str, ...]
    time: Instant | None
    until: Instant | None = None
    name: str
    value: float
    unit: str
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A record that can't be accepted, with its raw bytes and where they lie."""

    reason: Reason
    detail: str
    raw: bytes = b""
    offset: int = 0
    length: int = 0


Outcome: TypeAlias = Record | Point | Metric | Rejection
