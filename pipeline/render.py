"""Records as the lake stores them: each becomes one value with everything derived from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from pipeline.enrich.entities import Mention, mentions
from pipeline.enrich.text_pieces import text_of
from pipeline.quality import Repeats, key_of, occurrence_key, own_key_of
from pipeline.storage import copy_text
from pipeline.text.cleaning import clean_json
from schemas.copy_tables import DOCUMENTS, LOCATIONS, MENTIONS, METRICS, RELATIONS
from schemas.identity import record_key
from schemas.instants import micros
from schemas.privacy import Done
from schemas.records import DataType, Metric, Point, Record

_LOCATIONS, _METRICS, _DOCUMENTS = LOCATIONS.name, METRICS.name, DOCUMENTS.name
_mention_fields = MENTIONS.in_order
_relation_fields = RELATIONS.in_order


class Rendered(msgspec.Struct, frozen=True, gc=False):
    """One record on its way into the lake.

    `key` has 16 bytes, `at` is the instant that decides its partition, in microseconds since 1970,
    and `line` is a line of COPY for `table`, without its newline. Only documents have the others:
    `digest` is the hash of the document's content, 16 bytes; `shared` the key that it shares with
    others, where `key` is its own; `text` the text to embed; `mentions` and `relations` are lines
    of COPY; `privacy` is what the policy did.
    """

    table: str
    key: bytes
    at: int
    line: str
    data_type: DataType | None = None
    digest: bytes = b""
    shared: bytes | None = None
    text: str = ""
    mentions: Sequence[str] = ()
    relations: Sequence[str] = ()
    privacy: Done | None = None


class Renderer:
    """A renderer of the records of one chunk.

    `keep_text` says whether documents will be embedded; `repeats`, whether equal documents of one
    file are several facts, which are numbered.
    """

    def __init__(self, *, keep_text: bool, repeats: bool = False) -> None:
        self._keep_text = keep_text
        self._repeats = Repeats() if repeats else None
        self._item = (-1, -1)
        self._own: dict[str, str] = {}

    def render(
        self, outcome: Record | Point | Metric, slot: int, file: int, offset: int
    ) -> Rendered:
        """Return everything derived from a record.

        `slot` is the place of its slice in the chunk, `file` the id of its file, `offset` the place
        of its item in the member. A call that raises changes nothing: the next equal record gets
        the number.
        """
        if isinstance(outcome, Point):
            key = key_of(outcome)
            line = copy_text.location_line(outcome, key.hex(), slot, clean_json)
            at = micros(copy_text.partition_at(outcome.time))
            return Rendered(_LOCATIONS, key, at, line)
        if isinstance(outcome, Metric):
            key = key_of(outcome)
            line = copy_text.metric_line(outcome, key.hex(), slot, clean_json)
            at = micros(copy_text.partition_at(outcome.time))
            return Rendered(_METRICS, key, at, line)
        if self._item != (slot, offset):
            self._item, self._own = (slot, offset), {}
        return self._keyed(outcome, slot, file)

    def _keyed(self, record: Record, slot: int, file: int) -> Rendered:
        """Render a document under the key that it has among those of its file."""
        base = key_of(record)
        if self._repeats is None:
            if not record.own_identity or (own := own_key_of(record)) == base:
                return self._document(record, slot, base)
            self._own[base.hex()] = (
                own.hex()
            )  # other references of the item to this record use its own key
            return self._document(record, slot, own, shared=base)
        nth = self._repeats.number(file, base)
        try:
            return self._document(record, slot, occurrence_key(base, nth), repeat=(base.hex(), nth))
        except Exception:
            self._repeats.give_back(file, base)
            raise

    def _document(
        self,
        record: Record,
        slot: int,
        key: bytes,
        *,
        shared: bytes | None = None,
        repeat: tuple[str, int] | None = None,
    ) -> Rendered:
        key_hex = key.hex()
        line, digest, lies = copy_text.document_line(record, key_hex, slot, clean_json, repeat)
        return Rendered(
            table=_DOCUMENTS,
            key=key,
            at=micros(lies),
            line=line,
            data_type=record.data_type,
            digest=digest,
            shared=shared,
            text=text_of(record.title, record.content) or "" if self._keep_text else "",
            mentions=mention_lines(key_hex, record),
            relations=_relation_lines(key_hex, record, self._own) if record.related else (),
            privacy=record.privacy,
        )


def mention_lines(key_hex: str, record: Record) -> list[str]:
    """Return the people, places and links in a record, as lines of COPY."""
    return [_mention_line(key_hex, found) for found in mentions(record)]


def _mention_line(key_hex: str, found: Mention) -> str:
    fields = {
        "record_key": key_hex,
        "entity_key": found.key.hex(),
        "role": found.role,
        "kind": found.kind,
        "value": copy_text.escape(found.value),
        "name": copy_text.escape(found.name) if found.name else copy_text.NULL,
    }
    return "\t".join(_mention_fields(fields))


def _relation_lines(key_hex: str, record: Record, own: Mapping[str, str]) -> list[str]:
    """Return a record's relations to others, as lines of COPY.

    `own` maps shared keys to the records' own keys.
    """
    lines = []
    for related in record.related:
        other = _key_hex(related.record_type, related.identity)
        fields = {
            "record_key": key_hex,
            "relation": related.relation,
            "other_key": own.get(other, other),
        }
        lines.append("\t".join(_relation_fields(fields)))
    return lines


@lru_cache(maxsize=1_024)
def _key_hex(record_type: str, identity: tuple[str, ...]) -> str:
    """Return the key of a record in hex; cached, since many records refer to the same one."""
    return record_key(record_type, identity).hex()
