"""Alerts on jobs with too many records in quarantine or too many doubtful ones.

An alert is recorded once, and shown until no record of the job is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.progress import Event
from schemas.reasons import Reason
from sql.commit import ChunkTransaction
from sql.store import Lake


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """The limits from which on a job has too many quarantined records, or too low scores.

    `share` of the records seen, which is known at the end of the job; or `records` in all, which
    triggers at once. Scores are the share of records without a problem; fewer than `problems`
    records with one are no alert.
    """

    share: float = 0.05
    records: int = 1_000
    completeness: float = 0.9
    accuracy: float = 0.95
    consistency: float = 0.95
    problems: int = 10

    def reached(self, bad: int, seen: int, *, ended: bool) -> bool:
        """Tell whether `bad` records of `seen` are too many."""
        return bad > 0 and (bad >= self.records or (ended and bad > self.share * seen))

    def floors(self) -> dict[str, float]:
        """Return the least value of each score of a job."""
        names = ("completeness", "accuracy", "consistency")
        return {name: getattr(self, name) for name in names}


def write_alert(commit: ChunkTransaction, thresholds: Thresholds, *, ended: bool = False) -> None:
    """Write the alert of a job if it is due and not yet written. Locks the job."""
    (job,) = commit.run("quarantine", "hold_job")
    bad, seen = job["records_quarantined"], job["records_seen"]
    if job["alerted_at"] is None and thresholds.reached(bad, seen, ended=ended):
        commit.run("quarantine", "mark_alerted")
        commit.event(Event.ALERT, quarantined=bad, seen=seen)


def of_defects(commit: ChunkTransaction, records: int = 0) -> None:
    """Write the alert of a job with records that meet a defect of the code: one is too many."""
    (job,) = commit.run("quarantine", "hold_job")
    if job["alerted_at"] is None:
        commit.run("quarantine", "mark_alerted")
        commit.event(Event.ALERT, defects=records)


def line(reader: Lake, thresholds: Thresholds, job: Mapping[str, Any]) -> str | None:
    """Return one line on a job (a row of `imports.jobs`) with an alert; None for any other job.

    Such a job has too many records open, or some for a defect of the code, or low scores.
    """
    lines = (
        _defect_line(reader, job),
        _quarantine_line(reader, thresholds, job),
        _quality_line(job),
    )
    return "; ".join(filter(None, lines)) or None


def _quarantine_line(reader: Lake, thresholds: Thresholds, job: Mapping[str, Any]) -> str | None:
    if job["alerted_at"] is None:
        return None
    (row,) = reader.rows(job["user_id"], "quarantine", "open_count", job_id=job["id"])
    bad, seen = row["count"], job["records_seen"]
    if not thresholds.reached(bad, seen, ended=bool(job["completed_at"])):
        return None
    return f"{bad} of {seen} records are in quarantine ({bad / seen:.1%})"


def _defect_line(reader: Lake, job: Mapping[str, Any]) -> str | None:
    if job["alerted_at"] is None:
        return None
    code = Reason.FORMAT_DEFECT
    (row,) = reader.rows(job["user_id"], "quarantine", "open_of_code", job_id=job["id"], code=code)
    if not row["count"]:
        return None
    return f"{row['count']} records met a defect of Datapunk Lake ({row['detail']})"


def _quality_line(job: Mapping[str, Any]) -> str | None:
    low = (job["scored"] or {}).get("low")
    if not low or not job["records_loaded"]:
        return None
    scores = ", ".join(f"{kind} is {score:.1%}" for kind, score in low.items())
    return f"{scores}; see: datapunk quality {str(job['id'])[:8]}"
