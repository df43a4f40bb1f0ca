"""A chunk's records in columns: normalise fills, screen and embed filter, load sends them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import compress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline import defects
from pipeline.normalise import Found
from pipeline.render import Rendered, Renderer
from pipeline.storage import spool_file
from schemas.copy_tables import COPY_TABLES, DOCUMENTS, LOCATIONS, METRICS, SHARED
from schemas.instants import instants
from schemas.privacy import ReadUnder
from schemas.reasons import Reason
from schemas.records import Blob, DataType, Record, Rejection
from schemas.tally import PRIVACY

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


#: The tables of the lake that records go to.
TABLES = (DOCUMENTS.name, LOCATIONS.name, METRICS.name)


#: Most names of unknown fields of a chunk: an object keyed by ids has no end of them.
MOST_DRIFT = 200
#: Most letters of such a name: an export may use any bytes, and it is a key in the ledger.
_MOST_LETTERS = 300


def _shortened(name: str) -> str:
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"


def _lines(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("utf-8", "replace") if lines else b""


class Table:
    """The columns of one target table."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.shared: list[tuple[int, bytes]] = []
        self.hashes: list[bytes] = []
        self.ats: list[int] = []
        self.types = bytearray()
        self.slots: list[int] = []
        self.lines: list[str] = []
        self.texts: list[tuple[int, str]] = []

    def sections(self, name: str) -> dict[str, bytes]:
        """Return the columns as sections of a spool."""
        return {
            f"{name}.keys": b"".join(self.keys),
            f"{name}.hashes": b"".join(self.hashes),
            f"{name}.ats": np.array(self.ats, dtype="<i8").tobytes(),
            f"{name}.types": bytes(self.types),
            f"{name}.slots": np.array(self.slots, dtype="<u4").tobytes(),
            f"{name}.lines": _lines(self.lines),
            f"{name}.texts": msgspec.msgpack.encode(self.texts),
            f"{name}.shared": msgspec.msgpack.encode(self.shared),
        }


class Batch:
    """The outcomes of a chunk, all read under one policy.

    `keep_text` says whether records will be embedded; `repeats`, whether equal records of one file
    are several facts.
    """

    def __init__(self, under: ReadUnder, *, keep_text: bool, repeats: bool = False) -> None:
        self._under = under
        self.documents = Table()
        self.locations = Table()
        self.metrics = Table()
        self.mentions: list[str] = []
        self.relations: list[str] = []
        self.drift: Counter[tuple[int, str]] = Counter()
        self.rejections: list[Quarantined] = []
        self.attached: list[Attached] = []
        self.items: Counter[int] = Counter()
        self.privacy: dict[int, Counter[str]] = {}
        self._renderer = Renderer(keep_text=keep_text, repeats=repeats)
        #: The target tables by name.
        self.tables = {
            DOCUMENTS.name: self.documents,
            LOCATIONS.name: self.locations,
            METRICS.name: self.metrics,
        }

    def add(
        self,
        slot: int,
        file: int,
        found: Iterable[Found],
        keep: Callable[[int, int, Blob], None] | None = None,
    ) -> None:
        """Add the outcomes of one slice; `slot` is its place among the chunk's slices.

        `keep` gets the bytes that belong to a record, before the record is added: with the place of
        the item in the member, and of the outcome among those of the slice.
        """
        render, tables = self._renderer.render, self.tables
        for nth, (offset, length, outcome) in enumerate(found):
            if isinstance(outcome, Rejection):
                self._add_rejection(slot, offset, length, outcome)
                continue
            try:
                if isinstance(outcome, Record) and outcome.blob is not None and keep is not None:
                    keep(offset, nth, outcome.blob)
                one = render(outcome, slot, file, offset)
            except Exception as error:
                if not defects.is_defect(error):
                    raise
                self._add_rejection(slot, offset, length, defects.rejection(error))
                continue
            table = tables[one.table]
            if one.data_type is not None:
                self._take_document(slot, table, one, one.data_type)
            table.keys.append(one.key)
            table.ats.append(one.at)
            table.slots.append(slot)
            table.lines.append(one.line)

    def complete(self, first: int, read: Callable[[int, int], bytes]) -> None:
        """Fill in the bytes of rejections from number `first` on that have none.

        `read` returns the bytes of a place; the step that made the rejection had none.
        """
        for n, bad in enumerate(self.rejections[first:], first):
            if bad.code == Reason.FORMAT_DEFECT and not bad.raw:
                raw = read(bad.start, bad.end)
                self.rejections[n] = msgspec.structs.replace(bad, raw=raw)

    def notice(self, slot: int, fields: AbstractSet[str]) -> None:
        """Note that one item has fields unknown to its format; few of their names are stored."""
        for field in {_shortened(field) for field in fields}:
            if (slot, field) in self.drift or len(self.drift) < MOST_DRIFT:
                self.drift[slot, field] += 1

    def _take_document(self, slot: int, table: Table, one: Rendered, data_type: DataType) -> None:
        number = len(table.keys)
        if one.privacy:
            done = self.privacy.setdefault(slot, Counter())
            for kind, actions in one.privacy.items():
                done.update({f"{PRIVACY}{kind}.{action}": n for action, n in actions.items()})
        if one.text:
            table.texts.append((number, one.text))
        if one.shared is not None:
            table.shared.append((number, one.shared))
        self.mentions += one.mentions
        self.relations += one.relations
        table.hashes.append(one.digest)
        table.types.append(_TYPE_CODES[data_type])

    def _add_rejection(self, slot: int, offset: int, length: int, bad: Rejection) -> None:
        self.rejections.append(
            Quarantined(slot, bad.reason, bad.detail, offset, offset + length, bad.raw)
        )

    def write(self, path: Path) -> None:
        """Write everything as one spool."""
        encode = msgspec.msgpack.encode
        tables: dict[str, bytes] = {}
        for name, table in self.tables.items():
            tables |= table.sections(name)
        spool_file.write(
            path,
            {
                **tables,
                "policy": encode(self._under),
                "mentions": _lines(self.mentions),
                "relations": _lines(self.relations),
                "drift": encode([(slot, f, n) for (slot, f), n in self.drift.items()]),
                "rejections": encode(self.rejections),
                "attached": encode(self.attached),
                "items": encode(self.items),
                "privacy": encode(self.privacy),
            },
        )


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of a table for later stages.

    `keys` and `hashes` have 16 bytes a record; the others have the shape (n,). Only documents have
    hashes and codes, of data types.
    """

    keys: bytes
    hashes: bytes
    ats: NDArray[np.int64]
    codes: NDArray[np.uint8]
    slots: NDArray[np.uint32]
    shared: dict[int, bytes] = {}
    """The keys that some records share with others, by the number of the record.

    Those in `keys` are their own.
    """

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def types(self) -> list[str]:
        """The data type of each; only documents have one."""
        return [_TYPES[code] for code in self.codes]

    def key_of(self, n: int) -> bytes:
        """Return the key of one record."""
        return self.keys[16 * n : 16 * n + 16]

    def hash_of(self, n: int) -> bytes:
        """Return the hash of one document."""
        return self.hashes[16 * n : 16 * n + 16]

    def shared_lines(self) -> bytes:
        """Return lines for `stage_shared`: documents that share keys with others."""
        types = self.types
        ats = instants(self.ats[list(self.shared)])
        in_order = SHARED.in_order
        lines = []
        for (n, key), at in zip(self.shared.items(), ats, strict=True):
            fields = {
                "n": str(n),
                "data_type": types[n],
                "own_key": self.key_of(n).hex(),
                "base_key": key.hex(),
                "at": at.isoformat(),
                "content_hash": self.hash_of(n).hex(),
            }
            lines.append("\t".join(in_order(fields)))
        return _lines(lines)

    def ats_by_type(self) -> dict[str, NDArray[np.int64]]:
        """Return the instants of each data type."""
        return {str(_TYPES[c]): self.ats[self.codes == c] for c in np.unique(self.codes)}


def read_columns(path: Path, name: str) -> Columns:
    """Return the small columns of a table."""
    wanted = [f"{name}.{c}" for c in ("keys", "hashes", "ats", "types", "slots", "shared")]
    keys, hashes, ats, types, slots, shared = spool_file.read(path, *wanted).values()
    return Columns(
        keys=keys,
        hashes=hashes,
        ats=np.frombuffer(ats, dtype="<i8"),
        codes=np.frombuffer(types, dtype=np.uint8),
        slots=np.frombuffer(slots, dtype="<u4"),
        shared=dict(msgspec.msgpack.decode(shared, type=list[tuple[int, bytes]])),
    )


def has_about(path: Path) -> bool:
    """Tell whether there are lines of `mentions` or `relations` at all."""
    return any(spool_file.read(path, "mentions", "relations").values())


def read_about(path: Path, name: str, keys: bytes, mask: NDArray[np.bool_]) -> bytes:
    """Return the lines of `mentions` or `relations` of the records that `mask` keeps."""
    lines = spool_file.read(path, name)[name]
    if mask.all() or not lines:
        return lines
    chosen = {keys[16 * n : 16 * n + 16].hex().encode() for n in np.flatnonzero(mask)}
    at = COPY_TABLES[name].position("record_key")
    every = lines.splitlines(keepends=True)
    return b"".join(line for line in every if line.split(b"\t")[at] in chosen)


def read_lines(path: Path, name: str, mask: NDArray[np.bool_]) -> bytes:
    """Return the rendered lines of the records that `mask` keeps."""
    lines = spool_file.read(path, f"{name}.lines")[f"{name}.lines"]
    if mask.all():
        return lines
    chosen = list(compress(lines.split(b"\n"), mask))
    return b"\n".join(chosen) + b"\n" if chosen else b""


def read_bases(path: Path) -> list[str]:
    """Return the keys without occurrence numbers, in hex, of documents that may be repeats."""
    lines = spool_file.read(path, "documents.lines")["documents.lines"].splitlines()
    at = DOCUMENTS.position("base_key")
    return [line.split(b"\t")[at].decode() for line in lines]


def with_key(line: bytes, key: bytes) -> bytes:
    """Return the line of a document under another key of 16 bytes."""
    at = DOCUMENTS.position("record_key")
    fields = line.split(b"\t", at + 1)
    fields[at] = key.hex().encode()
    return b"\t".join(fields)


def _decoded(section: str, kind: Any) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        return msgspec.msgpack.decode(spool_file.read(path, section)[section], type=kind)

    return read


read_under: Callable[[Path], ReadUnder] = _decoded("policy", ReadUnder)
read_rejections: Callable[[Path], list[Quarantined]] = _decoded("rejections", list[Quarantined])
read_attached: Callable[[Path], list[Attached]] = _decoded("attached", list[Attached])
read_drift: Callable[[Path], list[tuple[int, str, int]]] = _decoded(
    "drift", list[tuple[int, str, int]]
)
read_items: Callable[[Path], dict[int, int]] = _decoded("items", dict[int, int])
read_privacy: Callable[[Path], dict[int, dict[str, int]]] = _decoded(
    "privacy", dict[int, dict[str, int]]
)
read_texts: Callable[[Path], list[tuple[int, str]]] = _decoded(
    "documents.texts", list[tuple[int, str]]
)


def write_masks(path: Path, masks: dict[str, NDArray[np.bool_]]) -> None:
    """Write which records of each table continue."""
    spool_file.write(path, {name: mask.tobytes() for name, mask in masks.items()})


def read_mask(path: Path, name: str) -> NDArray[np.bool_]:
    """Return which records of a table continue, shape (n,)."""
    return np.frombuffer(spool_file.read(path, name)[name], dtype=np.bool_)


def by_file(slots: NDArray[np.uint32], files: Sequence[int]) -> dict[int, int]:
    """Return how many records came from each file; `files` holds the file of each slot."""
    counts = np.bincount(slots, minlength=len(files)) if len(slots) else [0] * len(files)
    found: dict[int, int] = {}
    for file, n in zip(files, counts, strict=True):
        found[file] = found.get(file, 0) + int(n)
    return found
