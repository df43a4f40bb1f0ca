"""What a CSV's head says of its columns, for formats that know a table by them."""

from __future__ import annotations

import io
from functools import lru_cache

from pipeline.readers import csv_rows
from schemas.files import Head


def columns(head: Head) -> frozenset[str]:
    """The names of the columns, as `CsvRows` will find them."""
    return _columns(head.data)


@lru_cache(maxsize=4)
def _columns(data: bytes) -> frozenset[str]:
    """Every format asks this of the same head."""
    return frozenset(csv_rows.header(io.BytesIO(data))["columns"])
