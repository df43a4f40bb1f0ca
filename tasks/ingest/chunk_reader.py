"""Read the slices of a chunk and render them into one spool."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec

from pipeline.normalise import RAW_LIMIT, ReadContext
from pipeline.ports import Neighbours
from pipeline.privacy.redact import Redactor
from pipeline.read import read_records
from pipeline.registry import format_named
from pipeline.values import time_zones
from schemas.files import Context, Member, Slice
from schemas.lease import ChunkRef
from schemas.records import Blob
from tasks.ingest.record_spool import Attached, Batch
from tasks.runtime.context import Runtime


class Opened(msgspec.Struct, frozen=True):
    """A file of the ledger, ready to be read again."""

    file_id: int
    member: Member
    context: Context


class ChunkReader:
    """A reader of one chunk's slices under one policy, which stores the bytes of its records.

    Text that the policy removes is stored nowhere. `neighbours` are the siblings of the chunk's
    files.
    """

    def __init__(
        self, run: Runtime, ref: ChunkRef, redactor: Redactor, neighbours: Neighbours | None = None
    ) -> None:
        self._redactor, self._neighbours = redactor, neighbours
        self._form = format_named(ref.format or "")
        self._home = time_zones.of_account(ref.zone)
        self._blobs = run.blobs(ref.user_id)
        self._batch = Batch(redactor.under, keep_text=ref.embed, repeats=self._form.repeats)

    def read(self, slot: int, opened: Opened, part: Slice) -> None:
        """Add the outcomes of a slice; `slot` is its place among the slices of the chunk."""
        batch, redactor, member = self._batch, self._redactor, opened.member
        reading = ReadContext(
            form=self._form,
            member=member,
            context=opened.context,
            neighbours=self._neighbours,
            home=self._home,
        )
        seen = _Seen(
            batch, slot, lambda field: redactor.redact_name(field, self._form.name, "metadata")
        )
        first = len(batch.rejections)
        with member.file.open("rb") as source:
            found = read_records(reading, source, part, redactor=redactor, seen=seen)
            batch.add(slot, opened.file_id, found, partial(self._keep, member))
            if not redactor.policy.changes:
                batch.complete(first, partial(_bytes, source))

    def write(self, path: Path) -> None:
        """Write all that was read as one spool."""
        self._batch.write(path)

    def _keep(self, member: Member, offset: int, nth: int, blob: Blob) -> None:
        """Store bytes that belong to a record, and list an attachment as a file of its own."""
        self._blobs.put(blob, member.file)
        if blob.data is not None:
            path = f"{member.path}!/{offset}/{nth}/{blob.name}"
            self._batch.attached.append(Attached(path, blob.media_type, blob.size, blob.sha256))


def _bytes(source: BinaryIO, start: int, end: int) -> bytes:
    source.seek(start)
    return source.read(min(end - start, RAW_LIMIT))


class _Seen:
    """Reports on the items of one slice to a batch; the policy applies to names of fields."""

    def __init__(self, batch: Batch, slot: int, name: Callable[[str], str]) -> None:
        self._batch, self._slot, self._name = batch, slot, name

    def fields(self, unknown: AbstractSet[str]) -> None:
        self._batch.notice(self._slot, {self._name(field) for field in unknown})

    def items(self, count: int) -> None:
        self._batch.items[self._slot] += count
