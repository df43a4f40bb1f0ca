"""The tables that COPY fills, each with its columns, which are defined only here.

A line of COPY, the list of columns of its COPY and the temporary table are all made from one of
these. A reader of a line asks for a column by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

import msgspec


class CopyTable(msgspec.Struct, frozen=True):
    """A temporary table `stage_<name>`.

    It has the columns that COPY fills, with their types, and those that are filled later.
    """

    name: str
    types: Mapping[str, str]
    later: Mapping[str, str] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that COPY fills, in their order."""
        return tuple(self.types)

    @property
    def in_order(self) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
        """A function from fields by name to a line's fields in the order of the columns."""
        first, *others = self.types
        return itemgetter(first, *others)

    def position(self, column: str) -> int:
        """Return the position of a column's field in a line."""
        return self.columns.index(column)


DOCUMENTS = CopyTable(
    "documents",
    {
        "slot": "integer",
        "data_type": "text",
        "source": "text",
        "record_type": "text",
        "record_key": "uuid",
        "partition_at": "timestamptz",
        "source_timestamp": "timestamptz",
        "title": "text",
        "content": "text",
        "content_type": "text",
        "language": "text",
        "metadata": "jsonb",
        "content_hash": "uuid",
        "base_key": "uuid",
        "nth": "integer",
    },
)
LOCATIONS = CopyTable(
    "locations",
    {
        "slot": "integer",
        "source": "text",
        "record_key": "uuid",
        "at": "timestamptz",
        "latitude": "double precision",
        "longitude": "double precision",
        "altitude_m": "double precision",
        "accuracy_m": "double precision",
        "metadata": "jsonb",
    },
)
METRICS = CopyTable(
    "metrics",
    {
        "slot": "integer",
        "source": "text",
        "record_key": "uuid",
        "at": "timestamptz",
        "until": "timestamptz",
        "name": "text",
        "value": "double precision",
        "unit": "text",
        "metadata": "jsonb",
    },
)
MENTIONS = CopyTable(
    "mentions",
    {
        "record_key": "uuid",
        "entity_key": "uuid",
        "role": "text",
        "kind": "text",
        "value": "text",
        "name": "text",
    },
)
RELATIONS = CopyTable("relations", {"record_key": "uuid", "relation": "text", "other_key": "uuid"})
SHARED = CopyTable(
    "shared",
    {
        "n": "integer",
        "data_type": "text",
        "own_key": "uuid",
        "base_key": "uuid",
        "at": "timestamptz",
        "content_hash": "uuid",
    },
    later={"called": "uuid"},
)
#: Filled in binary: the types are those of the sent rows.
VECTORS = CopyTable(
    "vectors",
    {
        "record_key": "uuid",
        "piece": "int2",
        "piece_start": "int4",
        "piece_end": "int4",
        "embedding": "vector",
    },
)

COPY_TABLES = {
    table.name: table
    for table in (DOCUMENTS, LOCATIONS, METRICS, MENTIONS, RELATIONS, SHARED, VECTORS)
}
