"""Read the files of an ended job again, by the present formats, into spools.

As in an import, except for what people did since: records that they mended are read from the bytes
that they gave, and poison is not read at all.
"""

from __future__ import annotations

import shutil
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from pipeline import bisect
from pipeline.normalise import slices_of
from schemas.crash import crash_here
from schemas.files import Slice
from schemas.lease import ChunkRef
from sql.known_documents import Keys, known_documents
from tasks.ingest import chunk, members, record_spool, stored_originals, upload
from tasks.ingest.chunk_reader import ChunkReader, Opened
from tasks.runtime.context import Runtime
from tasks.runtime.isolated_child import run_isolated
from tasks.runtime.sibling_files import SetNeighbours

#: Most small files, and most bytes of them, that are read and written together.
FILES, BYTES = 500, 8 * 1024 * 1024

_NOBODY = UUID(int=0)


class File(msgspec.Struct, frozen=True):
    """A member of a job: its row in the ledger, and the member as it is read today."""

    row: Mapping[str, Any]
    found: members.Readable

    @property
    def id(self) -> int:
        """The file's number in the ledger."""
        return int(self.row["id"])

    @property
    def fresh(self) -> bool:
        """Whether another format, or none, had read it."""
        return bool(self.row["format"] != self.found.form.name)


class FilePart(msgspec.Struct, frozen=True):
    """A slice of a file; `by_hand` is the quarantined record whose mended bytes it is."""

    opened: Opened
    part: Slice
    by_hand: int | None = None


class Group(msgspec.Struct):
    """Parts that are read at once and belong to one chunk (None: one that does not exist yet).

    `first` is the slot of the first part, counted over all groups, so that a slot names one part;
    `path` is the spool.
    """

    first: int
    chunk: int | None
    embed: bool
    path: Path
    parts: list[FilePart] = []
    size: int = 0

    @property
    def slots(self) -> range:
        """The slots of its parts."""
        return range(self.first, self.first + len(self.parts))

    def add(self, part: FilePart) -> None:
        """Add a part."""
        self.parts.append(part)
        self.size += part.part.end - part.part.start


class Reading:
    """Files of one job and format, in groups."""

    def __init__(self, run: Runtime, job: Mapping[str, Any], files: list[File], work: Path) -> None:
        self.job, self.files = job, files
        self.form = files[0].found.form
        self.user_id: UUID = job["user_id"]
        #: The same for all that is read, and for what is written of it.
        self.redactor = run.redactor(self.user_id)
        self.ids = [file.id for file in files]
        self._run = run
        self._work = work / "read"
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        self.aside = self._ask("set_aside")
        self.chunks = self._ask("chunks_of")
        self._starts = self._by_start()
        self._siblings = SetNeighbours(run.lake, self.user_id, job["id"], folders=FILES)
        self.groups = list(self._grouped())

    def _ask(self, query: str) -> list[dict[str, Any]]:
        asked = {"job_id": self.job["id"], "files": self.ids}
        return self._run.lake.rows(self.user_id, "reparse", query, **asked)

    def ref(self, group: Group | None = None) -> ChunkRef:
        """Return the ids of a group's rows; without a group, those of the job."""
        row = {"job_id": self.job["id"], "user_id": self.user_id, "format": self.form.name}
        row["zone"] = self.job["zone"]
        if group is None:
            return stored_originals.ref_of({**row, "embed": False}, 0)
        before = [(0, 0, 0)] * group.first  # slots count over all groups
        slices = [(p.opened.file_id, p.part.start, p.part.end) for p in group.parts]
        return stored_originals.ref_of(
            {**row, "embed": group.embed}, group.chunk or 0, before + slices
        )

    def _by_start(self) -> dict[int, list[tuple[int, int, bool]]]:
        """Return where each file's slices begin, their chunks and whether those are embedded."""
        known = {file.id for file in self.files if not file.fresh}
        found: dict[int, list[tuple[int, int, bool]]] = {}
        for row in self.chunks:
            if row["file_id"] in known:
                found.setdefault(row["file_id"], []).append((row["start"], row["id"], row["embed"]))
        return {file: sorted(rows) for file, rows in found.items()}

    def _grouped(self) -> Iterator[Group]:
        """Yield the parts of all files, as many as are read at once and belong to one chunk."""
        group: Group | None = None
        for slot, part in enumerate(self._parts()):
            chunk_id, embed = self._chunk_of(part)
            if group is None or (group.chunk, group.embed) != (chunk_id, embed) or (
                not self._has_room(group, part)
            ):  # fmt: skip
                if group is not None:
                    yield group
                group = Group(slot, chunk_id, embed, self._work / f"{slot}.spool")
            group.add(part)
        if group is not None:
            yield group

    def _has_room(self, group: Group, part: FilePart) -> bool:
        # The numbers of equal records count within one file.
        other = group.parts[-1].opened.file_id != part.opened.file_id
        length = part.part.end - part.part.start
        room = len(group.parts) < FILES and group.size + length <= BYTES
        return room and not (self.form.repeats and other)

    def _chunk_of(self, part: FilePart) -> tuple[int | None, bool]:
        """Return the chunk that held a part's first byte."""
        starts = self._starts.get(part.opened.file_id)
        if starts is None:
            return None, upload.wants_vectors(self.form, self._run.options)
        at = bisect_right(starts, part.part.start, key=lambda row: row[0])
        _, chunk_id, embed = starts[max(0, at - 1)]
        return chunk_id, embed

    def _parts(self) -> Iterator[FilePart]:
        for file in self.files:
            aside = [row for row in self.aside if row["file_id"] == file.id]
            yield from self._in_place(file, [r for r in aside if r["code"] == "poison"])
            yield from (self._by_hand(file, row) for row in aside if row["mended"] is not None)

    def _in_place(self, file: File, poison: list[dict[str, Any]]) -> Iterator[FilePart]:
        found = file.found
        opened = Opened(file.id, found.member, found.context)
        holes = [Slice(row["start"], row["stop"]) for row in poison]
        limits = upload.limits_of(self.form, self._run.options.slices)
        with found.member.file.open("rb") as source:
            for whole in slices_of(self.form, found.member, source, found.context, limits):
                for part in bisect.around(whole, holes):
                    yield FilePart(opened, part)

    def _by_hand(self, file: File, row: Mapping[str, Any]) -> FilePart:
        target, member = self._work / f"{row['id']}.mended", file.found.member
        facts = {**msgspec.structs.asdict(member), "size_bytes": member.size}
        place = Slice(row["start"], row["stop"])
        own, part = stored_originals.with_bytes(facts, place, row["mended"], target, by_hand=True)
        return FilePart(Opened(file.id, own, file.found.context), part, row["id"])

    def carry_out(self, *, embed: bool) -> bool:
        """Write a spool for each group, each in a child; return whether all of them succeeded.

        With `embed`, vectors of texts that the lake does not have are made now, before any lock.
        """
        if self.form.needs_set:  # a child can't ask
            for file in self.files:
                self._siblings.folder(file.found.member.path)
            self._siblings.bare()
        for group in self.groups:
            if not run_isolated(lambda: self._read(group), seconds=self._run.options.apart_limit_s):  # noqa: B023 - called here and now
                return False
            if embed and group.embed:
                self._embed_ahead(group)
        crash_here("reparse.read")
        return True

    def _read(self, group: Group) -> None:
        """Read slices into a spool; runs in a child, so it uses no service of the parent's."""
        self._run.options.bound()
        reader = ChunkReader(self._run, self.ref(group), self.redactor, self._siblings)
        for slot, part in zip(group.slots, group.parts, strict=True):
            reader.read(slot, part.opened, part.part)
        reader.write(group.path)

    def _embed_ahead(self, group: Group) -> None:
        """Fill the cache of vectors."""
        table = record_spool.read_columns(group.path, "documents")
        table = chunk.with_resolved_keys(self._run, self.ref(group), table)
        known = known_documents(
            self._run.lake,
            self.user_id,
            Keys(types=table.types, keys=table.keys, ats=table.ats),
            hashes=table.hashes,
            source=self.form.name,
            job_id=_NOBODY,
        )
        texts = [(n, text) for n, text in record_spool.read_texts(group.path) if not known[n]]
        under = self.redactor.under
        chunk.embed_texts(self._run, self.user_id, table.keys, texts, under)
