"""Read the originals again with a better parser, and change only what differs.

Members are unpacked and cut as an import does, and read in a child as a retry from quarantine does,
into spools (`tasks/operations/reparse_read.py`). Then one transaction for each large file, or for
some hundred small ones, compares the rows with them (`tasks/operations/reparse_apply.py`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import structlog

from pipeline.contract import Format
from pipeline.registry import format_named, weaker_than
from schemas.errors import PermanentError, Rejected, TransientError
from schemas.files import Member
from sql.store import OtherPolicy
from tasks.ingest import members, stored_originals
from tasks.operations.reparse_apply import Changed, RecordCounts, Renewal
from tasks.operations.reparse_read import BYTES, FILES, File, Reading
from tasks.runtime.context import Runtime
from tasks.runtime.temp_dirs import temp_dir

log = structlog.get_logger("datapunk.reparse")

_PAGE = 1_000
#: How often a batch is read again because a record of it was mended meanwhile, or the privacy
#: policy changed.
_TRIES = 3


class Reparsed(msgspec.Struct, frozen=True, kw_only=True):
    """The result. `passed_over` counts files that were left as they are, by reason."""

    files: int = 0
    records: RecordCounts = RecordCounts()
    passed_over: dict[str, int] = {}

    def __add__(self, other: Reparsed) -> Reparsed:
        why = Counter(self.passed_over) + Counter(other.passed_over)
        return Reparsed(
            files=self.files + other.files,
            records=self.records + other.records,
            passed_over=dict(why),
        )


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A request to reparse.

    By which format; over which job (None: all); and whether files that its present version has read
    are read too. `dry` does everything and undoes it. `zone` replaces the jobs' own, permanently.
    """

    form: Format
    job_id: UUID | None = None
    every: bool = False
    dry: bool = False
    zone: str | None = None


def order(name: str, **more: Any) -> Order:
    """Return a request for a format. Raises `PermanentError` if there is none of that name."""
    try:
        return Order(form=format_named(name), **more)
    except KeyError as error:
        raise PermanentError(f"There is no format {name}; see: datapunk formats") from error


def reparse(run: Runtime, user_id: UUID, wanted: Order) -> Iterator[tuple[UUID, Reparsed]]:
    """Read again a user's ended jobs for a format.

    Yield each job with files for it, and its result. Raises `TransientError` if the database goes
    away: what was committed until then stays, and another run continues after it.
    """
    run = run.without_blobs() if wanted.dry else run
    for job in run.lake.rows(user_id, "reparse", "jobs", job_id=wanted.job_id):
        files = dict(_files(run, job, wanted))
        if files:
            in_zone = {**job, "zone": wanted.zone or job["zone"]}
            yield job["id"], _Job(run, in_zone, wanted).carry_out(files)


def _files(
    run: Runtime, job: Mapping[str, Any], wanted: Order
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the members of a job that the format may now read in another way, by ordinal."""
    form, after = wanted.form, -1
    asked = {
        "job_id": job["id"],
        "format": form.name,
        "version": form.version,
        "every": wanted.every,
        "weaker": weaker_than(form),
        "n": _PAGE,
    }
    while rows := run.lake.rows(job["user_id"], "reparse", "files", after=after, **asked):
        after = rows[-1]["ordinal"]
        for row in rows:
            if row["format"] == form.name or form.may_lie_at(row["path"]):
                yield row["ordinal"], row


class _Job:
    """One pass over the original of a job."""

    def __init__(self, run: Runtime, job: Mapping[str, Any], wanted: Order) -> None:
        self._run, self._job, self._wanted = run, job, wanted

    def carry_out(self, files: Mapping[int, dict[str, Any]]) -> Reparsed:
        """Read those members (rows by ordinal) again, and write them batch by batch."""
        total = Reparsed()
        with temp_dir(self._run.folders.work) as work:
            try:
                for batch in self._batches(files, work):
                    total += batch if isinstance(batch, Reparsed) else self._write(batch, work)
            except (Rejected, FileNotFoundError):
                total += Reparsed(passed_over={"original_gone": 1})
        return total

    def _batches(
        self, files: Mapping[int, dict[str, Any]], work: Path
    ) -> Iterator[list[File] | Reparsed]:
        """Yield files that share a transaction, or the reason why one of them is left as it is."""
        batch: list[File] = []
        size = 0
        for entry in stored_originals.entries(self._run, self._job, work):
            row = files.get(entry.ordinal)
            if row is None or not isinstance(entry, Member):
                continue
            file = self._prepared(entry, row, work)
            if not isinstance(file, File):
                yield Reparsed(passed_over={file: 1} if file else {})
                continue
            if batch and (len(batch) >= FILES or size + file.found.member.size > BYTES):
                yield batch
                batch, size = [], 0
            batch.append(file)
            size += file.found.member.size
        if batch:
            yield batch

    def _prepared(self, member: Member, row: Mapping[str, Any], work: Path) -> File | str | None:
        """Return the file, or the reason why it is left as it is.

        None where it was never one of the format's.
        """
        if member.sha256 != row["sha256"]:
            return "original_changed"
        found = members.prepare(member, work / "text")
        if isinstance(found, members.Readable) and found.form.name == self._wanted.form.name:
            file = _set_down(found.member, work)
            return File(row, msgspec.structs.replace(found, member=file))
        return "not_recognised" if row["format"] == self._wanted.form.name else None

    def _write(self, files: list[File], work: Path) -> Reparsed:
        """Read a batch and renew its rows; where reading fails, each file by itself."""
        for _ in range(_TRIES):
            reading = Reading(self._run, self._job, files, work)
            try:
                if not reading.carry_out(embed=not self._wanted.dry):
                    return self._one_by_one(files, work)
                counts = Renewal(self._run, reading).carry_out(dry=self._wanted.dry)
            except (Changed, OtherPolicy):
                continue
            if counts is None:
                return Reparsed(passed_over={"taken_back": len(files)})
            return Reparsed(files=len(files), records=counts)
        raise TransientError("these records, or the policy, keep changing")

    def _one_by_one(self, files: list[File], work: Path) -> Reparsed:
        if len(files) > 1:
            return sum((self._write([file], work) for file in files), Reparsed())
        log.warning("the child that read the file ended", file=files[0].id)
        return Reparsed(passed_over={"unreadable": 1})


def _set_down(member: Member, work: Path) -> Member:
    """Return the member at a place where it stays until its batch is written."""
    if work not in member.file.parents:
        return member  # the original itself
    (work / "held").mkdir(exist_ok=True)
    place = work / "held" / str(member.ordinal)
    os.replace(member.file, place)  # noqa: PTH105 - within a folder that goes with the command
    return msgspec.structs.replace(member, file=place)
