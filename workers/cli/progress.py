"""How far imports are: bytes read of all, the pace, and the time left."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from sql.store import Ledger
from workers.cli import console


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of an open job, or of several together.

    Bytes are those of the files that are read, unpacked. `all_cut` tells whether the extraction has
    ended, so that `bytes_cut` is all there is. `waits`: a part waits for other parts of its set.
    """

    bytes_cut: int
    bytes_read: int
    bytes_ended: int
    all_cut: bool
    waits: bool
    bytes_per_s: float | None
    records_per_s: float | None
    """Of the last two minutes; None before two chunks have ended in them."""
    running_s: float | None
    """Seconds since the first stage began; None while no worker has taken the job."""

    @property
    def share(self) -> float | None:
        """Return the share of bytes that is done; None while the whole is not known."""
        return self.bytes_ended / self.bytes_cut if self.all_cut and self.bytes_cut else None

    @property
    def left_s(self) -> float | None:
        """Return the seconds that are left; None where they can't be known."""
        if not self.all_cut or self.waits or not self.bytes_per_s:
            return None
        return (self.bytes_cut - self.bytes_ended) / self.bytes_per_s

    def facts(self) -> dict[str, Any]:
        """Return the numbers as `--json` prints them."""
        return {**msgspec.structs.asdict(self), "left_s": self.left_s}


def of_jobs(ledger: Ledger, jobs: Collection[UUID]) -> dict[UUID, Progress]:
    """Return the progress of open jobs."""
    rows = ledger.rows("jobs", "progress", jobs=list(jobs)) if jobs else []
    return {row.pop("job"): msgspec.convert(row, Progress) for row in map(dict, rows)}


def together(jobs: Collection[Progress]) -> Progress:
    """Return the sums over several jobs, and the longest time."""
    rates = [job.records_per_s for job in jobs if job.records_per_s is not None]
    paces = [job.bytes_per_s for job in jobs if job.bytes_per_s is not None]
    times = [job.running_s for job in jobs if job.running_s is not None]
    return Progress(
        bytes_cut=sum(job.bytes_cut for job in jobs),
        bytes_read=sum(job.bytes_read for job in jobs),
        bytes_ended=sum(job.bytes_ended for job in jobs),
        all_cut=all(job.all_cut for job in jobs),
        waits=any(job.waits for job in jobs),
        bytes_per_s=sum(paces) if paces else None,
        records_per_s=sum(rates) if rates else None,
        running_s=max(times, default=None),
    )


def words(progress: Progress) -> str:
    """Return a line such as "1.0 MB of 4.0 MB read, 900 records a second, about 3s left, …"."""
    return ", ".join(_words(progress))


def _words(progress: Progress) -> Iterator[str]:
    read, cut = console.size(progress.bytes_read), console.size(progress.bytes_cut)
    if progress.all_cut and progress.bytes_cut:
        yield f"{read} of {cut} read"
    elif progress.bytes_cut:
        yield f"{read} read of {cut} unpacked so far"
    if progress.all_cut and progress.bytes_ended == progress.bytes_cut:
        yield "about to end"
    elif progress.records_per_s is not None:
        yield f"{progress.records_per_s:,.0f} records a second"
    if progress.left_s:
        yield f"about {console.span(progress.left_s)} left"
    if progress.running_s is not None:
        yield f"running for {console.span(progress.running_s)}"


def duration_s(job: Mapping[str, Any]) -> float | None:
    """Return the seconds from the first stage of a job (a row of `imports.jobs`) to its end.

    None while it is open.
    """
    if job["completed_at"] is None:
        return None
    begun = job["started_at"] or job["created_at"]
    return float((job["completed_at"] - begun).total_seconds())
