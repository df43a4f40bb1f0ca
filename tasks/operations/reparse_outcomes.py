"""The outcomes that a reparse reads from a spool, and the decision on each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.quality import first_of_each
from pipeline.storage import copy_text
from schemas.instants import instants
from sql import reparse
from sql.commit import ContentTransaction
from tasks.ingest import record_spool
from tasks.operations.reparse_read import Group


def good_lines(group: Group, *, repeats: bool) -> Iterator[str]:
    """Yield lines for `reread`: good outcomes, numbered over the tables."""
    n = 0
    for name in record_spool.TABLES:
        table = record_spool.read_columns(group.path, name)
        keys = [table.keys[i : i + 16].hex() for i in range(0, len(table.keys), 16)]
        hashes = [table.hashes[i : i + 16].hex() for i in range(0, len(table.hashes), 16)]
        documents = name == "documents"
        shared = {i: key.hex() for i, key in table.shared.items()}
        types = table.types
        bases = record_spool.read_bases(group.path) if documents and repeats else keys
        for i, at in enumerate(instants(table.ats)):
            slot = int(table.slots[i])
            part = group.parts[slot - group.first]
            fields = (
                slot, n, part.opened.file_id, group.chunk, types[i] if documents else name,
                keys[i], bases[i], at.isoformat(), hashes[i] if documents else copy_text.NULL,
                part.by_hand or copy_text.NULL, shared.get(i, copy_text.NULL),
            )  # fmt: skip
            yield "\t".join(map(str, fields))
            n += 1


def bad_lines(group: Group) -> Iterator[str]:
    """Yield lines for `bad`: rejections of what was read in its place."""
    for n, bad in enumerate(record_spool.read_rejections(group.path)):
        part = group.parts[bad.slot - group.first]
        if part.by_hand is None:
            place, detail = f"bytes {bad.start}-{bad.end}", copy_text.escape(bad.detail)
            fields = (bad.slot, n, part.opened.file_id, place, bad.code, detail)
            yield "\t".join(map(str, fields))


def count_mended(group: Group) -> Counter[int]:
    """Return how many good outcomes mended bytes gave, by the quarantined record."""
    found = Counter[int]()
    for name in record_spool.TABLES:
        for slot in record_spool.read_columns(group.path, name).slots:
            if number := group.parts[int(slot) - group.first].by_hand:
                found[number] += 1
    return found


class DecidedOutcomes:
    """The decision on each outcome of one spool."""

    def __init__(self, commit: ContentTransaction, group: Group) -> None:
        self._path = group.path
        self._masks: dict[tuple[str, str], NDArray[np.bool_]] = {}
        columns = {
            name: record_spool.read_columns(group.path, name) for name in record_spool.TABLES
        }
        sizes = {name: len(table) for name, table in columns.items()}
        firsts = dict(zip(sizes, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
        self._sizes, keys = sizes, bytearray(columns["documents"].keys)
        for found in reparse.decisions(commit, group.first, group.slots.stop - 1):
            n = found.n - firsts[found.table]
            self.mask(found.table, found.state)[n] = True
            if found.table == "documents":
                keys[16 * n : 16 * n + 16] = found.key.bytes
        self._spooled_keys, self.keys = columns["documents"].keys, bytes(keys)
        self.documents = msgspec.structs.replace(columns["documents"], keys=self.keys)
        self._part_twins()

    def _part_twins(self) -> None:
        """Load new documents that two files give once; the second file shares the first one's."""
        new, twins = self.mask("documents", "new"), self.mask("documents", "twin")
        at = np.flatnonzero(new)
        pairs = np.frombuffer(self.keys, dtype="V16")[at]
        later = at[~first_of_each(pairs.tobytes())]
        new[later], twins[later] = False, True

    def mask(self, table: str, state: str) -> NDArray[np.bool_]:
        """Return which outcomes of a table are in a state, shape (n,)."""
        empty = np.zeros(self._sizes[table], dtype=np.bool_)
        return self._masks.setdefault((table, state), empty)

    def count(self, state: str) -> int:
        """Return how many outcomes are in a state."""
        return sum(int(self.mask(table, state).sum()) for table in self._sizes)

    def lines(self, table: str, state: str) -> bytes:
        """Return their rendered lines, each with the key that the record has."""
        mask = self.mask(table, state)
        lines = record_spool.read_lines(self._path, table, mask)
        if table != "documents" or self.keys == self._spooled_keys:
            return lines
        named = zip(lines.splitlines(keepends=True), np.flatnonzero(mask), strict=True)
        return b"".join(record_spool.with_key(line, self._key(int(n))) for line, n in named)

    def _key(self, n: int) -> bytes:
        return self.keys[16 * n : 16 * n + 16]

    def about(self, name: str) -> bytes:
        """Return lines of `mentions` or `relations` of the documents that are the files' own."""
        mask = ~self.mask("documents", "had")
        lines = record_spool.read_about(self._path, name, self._spooled_keys, mask)
        if self.keys == self._spooled_keys:
            return lines
        names = self._names()
        fields = (line.split(b"\t") for line in lines.splitlines())
        renamed = (b"\t".join(names.get(field, field) for field in line) for line in fields)
        return b"".join(line + b"\n" for line in renamed)

    def _names(self) -> dict[bytes, bytes]:
        """Return the records' keys by the spooled ones, where they differ."""
        spooled = msgspec.structs.replace(self.documents, keys=self._spooled_keys)
        pairs = ((spooled.key_of(n), self._key(n)) for n in range(len(spooled)))
        return {one.hex().encode(): key.hex().encode() for one, key in pairs if one != key}
