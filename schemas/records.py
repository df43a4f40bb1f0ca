"""What a record is, before and after it is understood."""

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

#: What surrounds an item that nothing is known of.
NOTHING: Mapping[str, Any] = MappingProxyType({})

#: `partition_at` of whatever has no time. Fixed for ever: it is part of a unique key.
UNDATED = datetime(1, 1, 1, tzinfo=UTC)
#: The flag of a document that stands under a key of its own, since another one has the key that
#: they share. The load gives it.
REUSED = "message_id_reused"


class DataType(StrEnum):
    """How the lake divides documents first, before months."""

    STRUCTURED = "structured"
    EMAIL = "email"
    MEDIA = "media"
    DOCUMENT = "document"
    LOCATION = "location"
    BROWSER = "browser"
    ACTIVITY = "activity"


class ZoneSource(StrEnum):
    """What named the zone in which a clock was read."""

    EXPLICIT = "explicit"  # the text itself, or what its format is defined to be in
    FILE = "file"  # another place in the file: a calendar's own zone
    COORDINATE = "coordinate"  # where it was, by satellites
    ACCOUNT = "account"  # what the account or its owner says of where they live
    ASSUMED = "assumed"  # nothing did: UTC


#: Flags of a clock in no zone that we could believe.
_GUESSED = frozenset({"zone_assumed", "zone_ambiguous"})
#: Flags of texts that could mean another moment, in the zone that was taken.
_AMBIGUOUS = frozenset(
    {"zone_ambiguous", "day_first_assumed", "day_month_ambiguous", "clock_twice", "clock_skipped"}
)


class Instant(msgspec.Struct, frozen=True, gc=False):
    """A moment as we understood it and as it was written.

    `at` is in UTC, or None where the text is a time outside 1900 to 2100 (then `flag` says so).
    `text` is verbatim. `offset` is minutes east of UTC, None where the source gave no zone.
    `zone` is what named the zone where `flag` does not tell: None is EXPLICIT, or ASSUMED under a
    flag that says so. ASSUMED beside `zone_assumed` itself: its format is likely in UTC, so that no
    other zone is put in its place.
    """

    at: datetime | None
    text: str
    offset: int | None = None
    flag: str | None = None
    zone: ZoneSource | None = None

    @property
    def zone_source(self) -> ZoneSource:
        """What named the zone."""
        if self.zone is not None:
            return self.zone
        return ZoneSource.ASSUMED if self.flag in _GUESSED else ZoneSource.EXPLICIT

    @property
    def ambiguous(self) -> bool:
        """Whether the text could mean another moment; `flag` says why."""
        return self.flag in _AMBIGUOUS


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes kept in the content-addressed store beside the lake.

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

    `around` is what the reader knows of the objects that the item lies in (the name of the chat
    that a message is in); the same object for all items of one such object. `flags` say what of it
    had to be mended to be read; each record that comes out of it has them.
    """

    value: Any
    offset: int
    length: int
    around: Mapping[str, Any] = NOTHING
    flags: tuple[str, ...] = ()


class Related(msgspec.Struct, frozen=True):
    """How a record stands to another one, which is named as it names itself.

    The other need not be in the lake; `record_type` and `identity` make its record key.
    """

    relation: Relation
    record_type: str
    identity: tuple[str, ...]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A document: one thing that happened or was made, under stable names.

    `record_type` is a `schemas.vocabulary.RecordType`. `identity` holds the verbatim identifying
    texts (times as they were written, never as we parsed them), so that a better parser does not
    mint new keys. `metadata` is JSON-able; names in `schemas.vocabulary.KEYS` have the shape
    given there. `own_identity` says who it is where another record may have its identity, which
    then is the other one's. `mutable` is true of things that change from one export to the next (a
    contact, a note, an event): what changed is then a new version of the same record. `privacy` is
    what the policy did to it.
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
    beside: dict[str, Any] = msgspec.field(default_factory=dict)
    """What hangs on where it lay in its export, and beside what: stored with the metadata, but a
    copy elsewhere says the same, so it makes no new version."""

    privacy: Done | None = None

    @property
    def told(self) -> dict[str, Any]:
        """All its metadata; flags are joined."""
        if not self.beside:
            return self.metadata
        flags = {*self.metadata.get("flags", ()), *self.beside.get("flags", ())}
        joined = {"flags": sorted(flags)} if flags else {}
        return {**self.metadata, **self.beside, **joined}


class Addition(msgspec.Struct, frozen=True, kw_only=True):
    """What other files of an export add to a record: never who it is, nor when."""

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
    """A record that can't be taken as it is, with its raw bytes and where they lie."""

    reason: Reason
    detail: str
    raw: bytes = b""
    offset: int = 0
    length: int = 0


Outcome: TypeAlias = Record | Point | Metric | Rejection
