"""A chunk's records in columns: filled by normalise, filtered by screen and embed, sent by load."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline import spool
from pipeline.embed import text_of
from pipeline.normalise import Found, clean_json
from pipeline.screen import key_of
from schemas.records import DataType, Point, Record, Rejection
from sql import copy
from sql.load import micros

_TYPES = tuple(DataType)
_TYPE_CODES = {t: n for n, t in enumerate(_TYPES)}


class Quarantined(msgspec.Struct, frozen=True, array_like=True):
    """A rejection on its way to `imports.quarantine`."""

    slot: int
    code: str
    detail: str
    start: int
    end: int
    raw: bytes


class Attached(msgspec.Struct, frozen=True, array_like=True):
    """A file that came out of a record, on its way to `imports.files`."""

    path: str
    media_type: str
    size_bytes: int
    sha256: str


class Table:
    """The columns of one target table."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.ats: list[int] = []
        self.types = bytearray()
        self.slots: list[int] = []
        self.lines: list[str] = []
        self.texts: list[tuple[int, str]] = []

    def sections(self, name: str) -> dict[str, bytes]:
        """The columns as sections of a spool."""
        lines = "\n".join(self.lines) + "\n" if self.lines else ""
        return {
            f"{name}.keys": b"".join(self.keys),
            f"{name}.ats": np.array(self.ats, dtype="<i8").tobytes(),
            f"{name}.types": bytes(self.types),
            f"{name}.slots": np.array(self.slots, dtype="<u4").tobytes(),
            f"{name}.lines": lines.encode("utf-8", "replace"),
            f"{name}.texts": msgspec.msgpack.encode(self.texts),
        }


class Batch:
    """Collects the outcomes of a chunk. `keep_text` says whether records are to be embedded."""

    def __init__(self, *, keep_text: bool) -> None:
        self.documents = Table()
        self.locations = Table()
        self.rejections: list[Quarantined] = []
        self.attached: list[Attached] = []
        self.items: dict[int, int] = {}
        self._keep_text = keep_text

    def add(self, slot: int, found: Iterable[Found]) -> None:
        """Take the outcomes of one slice; `slot` is its place among the chunk's slices."""
        for offset, length, outcome in found:
            if isinstance(outcome, Point):
                self._add_point(slot, outcome)
            elif isinstance(outcome, Record):
                self._add_document(slot, outcome)
            else:
                self._add_rejection(slot, offset, length, outcome)

    def _add_point(self, slot: int, point: Point) -> None:
        table, key = self.locations, key_of(point)
        table.keys.append(key)
        table.ats.append(micros(copy.partition_at(point.time)))
        table.slots.append(slot)
        table.lines.append(copy.location_line(point, key.hex(), slot, clean_json))

    def _add_document(self, slot: int, record: Record) -> None:
        table, key = self.documents, key_of(record)
        if self._keep_text and (text := text_of(record.title, record.content)):
            table.texts.append((len(table.keys), text))
        table.keys.append(key)
        table.ats.append(micros(copy.partition_at(record.time)))
        table.types.append(_TYPE_CODES[record.data_type])
        table.slots.append(slot)
        table.lines.append(copy.document_line(record, key.hex(), slot, clean_json))

    def _add_rejection(self, slot: int, offset: int, length: int, bad: Rejection) -> None:
        self.rejections.append(
            Quarantined(slot, bad.reason, bad.detail, offset, offset + length, bad.raw)
        )

    def write(self, path: Path) -> None:
        """Write everything as one spool."""
        encode = msgspec.msgpack.encode
        spool.write(
            path,
            {
                **self.documents.sections("documents"),
                **self.locations.sections("locations"),
                "rejections": encode(self.rejections),
                "attached": encode(self.attached),
                "items": encode(self.items),
            },
        )


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """What later stages ask of a table: `keys` 16 bytes a record; the others shape (n,)."""

    keys: bytes
    ats: NDArray[np.int64]
    types: list[str]
    slots: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.slots)


def read_columns(path: Path, name: str) -> Columns:
    """The small columns of a table."""
    wanted = [f"{name}.{c}" for c in ("keys", "ats", "types", "slots")]
    keys, ats, types, slots = spool.read(path, *wanted).values()
    return Columns(
        keys=keys,
        ats=np.frombuffer(ats, dtype="<i8"),
        types=[_TYPES[code] for code in types],
        slots=np.frombuffer(slots, dtype="<u4"),
    )


def read_lines(path: Path, name: str, mask: NDArray[np.bool_]) -> bytes:
    """The rendered lines of the records that `mask` keeps."""
    lines = spool.read(path, f"{name}.lines")[f"{name}.lines"]
    if mask.all():
        return lines
    kept = list(compress(lines.split(b"\n"), mask))
    return b"\n".join(kept) + b"\n" if kept else b""


def _decoded(section: str, kind: Any) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        return msgspec.msgpack.decode(spool.read(path, section)[section], type=kind)

    return read


read_rejections: Callable[[Path], list[Quarantined]] = _decoded("rejections", list[Quarantined])
read_attached: Callable[[Path], list[Attached]] = _decoded("attached", list[Attached])
read_items: Callable[[Path], dict[int, int]] = _decoded("items", dict[int, int])
read_texts: Callable[[Path], list[tuple[int, str]]] = _decoded(
    "documents.texts", list[tuple[int, str]]
)


def write_masks(path: Path, masks: dict[str, NDArray[np.bool_]]) -> None:
    """Which records of each table go on."""
    spool.write(path, {name: mask.tobytes() for name, mask in masks.items()})


def read_mask(path: Path, name: str) -> NDArray[np.bool_]:
    """Which records of a table go on, shape (n,)."""
    return np.frombuffer(spool.read(path, name)[name], dtype=np.bool_)


def by_file(slots: NDArray[np.uint32], files: Sequence[int]) -> dict[int, int]:
    """How many records came out of each file; `files` holds the file of each slot."""
    counts = np.bincount(slots, minlength=len(files)) if len(slots) else [0] * len(files)
    found: dict[int, int] = {}
    for file, n in zip(files, counts, strict=True):
        found[file] = found.get(file, 0) + int(n)
    return found
