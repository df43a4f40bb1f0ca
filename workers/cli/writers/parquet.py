"""Documents as Parquet, by pyarrow, which an extra installs."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from schemas.errors import PermanentError
from workers.cli.writers.rows import COLUMNS, Rows, json_text

if TYPE_CHECKING:
    import pyarrow

#: Documents, and characters of their texts, after which a row group is written.
_ROWS, _CHARACTERS = 10_000, 16 << 20
_MISSING = "Parquet needs an extra; install it with: pip install 'datapunk-lake[parquet]'"


def parquet(rows: Rows) -> Iterator[bytes]:
    """Return the pieces of a Parquet file with one row a document; metadata is a text of JSON.

    A piece ends with a row group, so that memory holds one of them. Raises `PermanentError`
    without pyarrow.
    """
    try:
        import pyarrow  # noqa: F401, PLC0415 - the extra `parquet`
    except ImportError:
        raise PermanentError(_MISSING) from None
    return _pieces(rows)


def _pieces(rows: Rows) -> Iterator[bytes]:
    from pyarrow import RecordBatch  # noqa: PLC0415 - the extra `parquet`
    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415

    schema, sink = _schema(), _Sink()
    with ParquetWriter(sink, schema, compression="zstd") as writer:
        for group in _groups(rows):
            writer.write_batch(RecordBatch.from_pylist(group, schema))
            yield sink.take()
    yield sink.take()


def _schema() -> pyarrow.Schema:
    import pyarrow  # noqa: PLC0415 - the extra `parquet`

    other = {
        "id": pyarrow.int64(),
        "at": pyarrow.timestamp("us", tz="UTC"),
        "latitude": pyarrow.float64(),
        "longitude": pyarrow.float64(),
    }
    return pyarrow.schema([(name, other.get(name, pyarrow.string())) for name in COLUMNS])


def _groups(rows: Rows) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    characters = 0
    for row in rows:
        group.append(_cells(row))
        characters += len(row["content"] or "")
        if len(group) == _ROWS or characters >= _CHARACTERS:
            yield group
            group, characters = [], 0
    if group:
        yield group


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: row[name] for name in COLUMNS},
        "job": str(row["job"]),
        "metadata": json_text(row["metadata"]),
    }


class _Sink(io.RawIOBase):
    """A file that hands out what was written to it since the last time."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(self._pieces[-1])

    def take(self) -> bytes:
        """Return what was written since the last call."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
