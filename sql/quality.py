"""Scores of what a job loaded: how complete, how plausible, how consistent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from sql.connection import Connection
from sql.queries import queries
from sql.store import Lake

_QUALITY = queries("quality")

KINDS = ("completeness", "accuracy", "consistency")


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The requirements for records, besides those in the statements.

    Records of the types in `timed` have a time, those of `spoken` a title or text; `needed` gives
    groups of metadata names by record type, of each of which one must be there; `ranges` the least
    and the greatest value of a metric by its name, in its unit.
    """

    timed: frozenset[str]
    spoken: frozenset[str]
    needed: Mapping[str, tuple[tuple[str, ...], ...]]
    ranges: Mapping[str, tuple[float, float]]
    most_kmh: float


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """The score of a file, or of the whole job (`file_id` None).

    It is the share of its records in the lake that have no problem of a kind, 0 to 1. `problems`
    counts records by rule.
    """

    file_id: int | None
    records: int
    quarantined: int
    completeness: float
    accuracy: float
    consistency: float
    problems: dict[str, int]
    below: list[str] = []


class _Tally(msgspec.Struct):
    records: int = 0
    quarantined: int = 0
    bad: Counter[str] = msgspec.field(default_factory=Counter)
    problems: Counter[str] = msgspec.field(default_factory=Counter)

    def add(self, problems: Sequence[str], n: int) -> None:
        self.records += n
        self.bad.update(dict.fromkeys({p.partition(":")[0] for p in problems}, n))
        self.problems.update(dict.fromkeys(problems, n))

    def score(self, file_id: int | None, floors: Mapping[str, float], least: int) -> Score:
        shares = {kind: 1 - self.bad[kind] / max(1, self.records) for kind in KINDS}
        return Score(
            file_id=file_id,
            records=self.records,
            quarantined=self.quarantined,
            problems=dict(sorted(self.problems.items())),
            below=[k for k in KINDS if shares[k] < floors[k] and self.bad[k] >= least],
            **shares,
        )


def judge(
    connection: Connection,
    user_id: UUID,
    job_id: UUID,
    rules: Rules,
    *,
    floors: Mapping[str, float],
    least: int,
) -> list[Score]:
    """Return the scores of a job, then of its files. The server reads each row once.

    A score is low that is under its floor by at least `least` records.
    """
    asked = {"user_id": user_id, "job_id": job_id, **_parameters(rules)}
    whole, files = _Tally(), defaultdict[int, _Tally](_Tally)
    for name in ("judge_documents", "judge_locations", "judge_metrics"):
        for row in connection.execute(_QUALITY[name], asked):
            for tally in (whole, files[row["file_id"]]):
                tally.add(row["problems"], row["records"])
    for row in connection.execute(_QUALITY["quarantined"], asked):
        for tally in (whole, files[row["file_id"]]):
            tally.quarantined += row["records"]
    scores = [tally.score(file_id, floors, least) for file_id, tally in sorted(files.items())]
    return [whole.score(None, floors, least), *scores]


def _parameters(rules: Rules) -> dict[str, Any]:
    groups = [(kind, ",".join(names)) for kind, all_of in rules.needed.items() for names in all_of]
    return {
        "timed": sorted(rules.timed),
        "spoken": sorted(rules.spoken),
        "types": [kind for kind, _ in groups],
        "needed": [names for _, names in groups],
        "names": list(rules.ranges),
        "least": [float(least) for least, _ in rules.ranges.values()],
        "most": [float(most) for _, most in rules.ranges.values()],
        "most_kmh": rules.most_kmh,
    }


def store_scores(
    connection: Connection, user_id: UUID, job_id: UUID, scores: Sequence[Score]
) -> bool:
    """Add scores to the earlier ones; return whether the job is newly low in one of them."""
    ids = {"user_id": user_id, "job_id": job_id}
    job = connection.execute(_QUALITY["hold_job"], ids).fetchone() or {}
    whole, rows = scores[0], msgspec.to_builtins(scores)
    connection.execute(_QUALITY["keep"], {**ids, "scores": Jsonb(rows)})
    low = {kind: round(getattr(whole, kind), 4) for kind in whole.below}
    now = {"loaded": job["records_loaded"], "quarantined": job["records_quarantined"], "low": low}
    connection.execute(_QUALITY["scored"], {"job_id": job_id, "scored": Jsonb(now)})
    return bool(set(low) - set((job["scored"] or {}).get("low", {})))


class Scored(Score, frozen=True, kw_only=True):
    """A stored score, with its file."""

    path: str | None
    format: str | None
    scored_at: datetime


class Then(msgspec.Struct, frozen=True, kw_only=True):
    """The scores of the whole job at one time."""

    scored_at: datetime
    records: int
    completeness: float
    accuracy: float
    consistency: float


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """The scores of a job; the files with the lowest scores come first."""

    job: Scored | None
    files: list[Scored]
    history: list[Then]


def quality_of(lake: Lake, user_id: UUID, job_id: UUID, *, most: int = 10_000) -> Quality:
    """Return the latest scores of a job and its files, and the job's over time."""
    rows = lake.rows(user_id, "quality", "of_job", job_id=job_id, n=most + 1)
    scores = msgspec.convert(rows, list[Scored])
    past = msgspec.convert(lake.rows(user_id, "quality", "history", job_id=job_id), list[Then])
    return Quality(job=next(iter(scores), None), files=scores[1:], history=past)
