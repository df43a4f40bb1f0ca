"""Score jobs after the load: at the end of a job, and again when its records have changed."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from schemas.crash import crash_here
from schemas.progress import Event
from schemas.vocabulary import REQUIRED, MetricName, RecordType
from sql.commit import note
from sql.quality import Rules, judge, store_scores
from sql.store import Hold
from tasks.runtime import steps
from tasks.runtime.alerts import Thresholds
from tasks.runtime.context import Runtime

#: Jobs in one turn of the reconciler.
_AT_ONCE = 3

#: Values that a living person may have, in the unit of `MetricName`.
_RANGES: Final[dict[str, tuple[float, float]]] = {
    MetricName.STEPS: (0, 200_000),
    MetricName.HEART_RATE: (15, 300),
    MetricName.ENERGY: (0, 50_000),
    MetricName.DISTANCE: (0, 2_000_000),
    MetricName.SPEED: (0, 350),
    MetricName.WEIGHT: (0.2, 700),
    MetricName.HEIGHT: (0.2, 2.8),
    MetricName.BODY_FAT: (1, 90),
    MetricName.BLOOD_OXYGEN: (30, 100),
    MetricName.BLOOD_PRESSURE_SYSTOLIC: (40, 370),
    MetricName.BLOOD_PRESSURE_DIASTOLIC: (20, 360),
    MetricName.BODY_TEMPERATURE: (13, 47),
    MetricName.RESPIRATORY_RATE: (2, 120),
    MetricName.SLEEP_STAGE: (1, 6),
    MetricName.ACTIVE_TIME: (0, 31 * 86_400),
    MetricName.FLOORS: (0, 5_000),
    MetricName.POWER: (0, 5_000),
    MetricName.CADENCE: (0, 400),
}

RULES: Final = Rules(
    timed=frozenset(
        {
            RecordType.MESSAGE, RecordType.CALL, RecordType.EVENT, RecordType.POST,
            RecordType.COMMENT, RecordType.PLAY, RecordType.VISIT, RecordType.SEARCH,
            RecordType.ACTIVITY, RecordType.PLACE_VISIT, RecordType.TRIP, RecordType.PURCHASE,
            RecordType.PAYMENT, RecordType.LOGIN, RecordType.WORKOUT, RecordType.SLEEP,
        }
    ),
    spoken=frozenset(
        {RecordType.MESSAGE, RecordType.NOTE, RecordType.POST, RecordType.COMMENT}
    ),
    needed={str(kind): groups for kind, groups in REQUIRED.items()},
    ranges=_RANGES,
    most_kmh=1_200.0,
)  # fmt: skip


def score_job(run: Runtime, user_id: UUID, job_id: UUID) -> None:
    """Score what a job loaded, store the score, and alert if it fell under its threshold.

    The scores before it stay stored.
    """
    alert: Thresholds = run.options.alert
    with run.lake.as_user(user_id, hold=Hold.SHARED) as connection:
        floors = alert.floors()
        scores = judge(connection, user_id, job_id, RULES, floors=floors, least=alert.problems)
        fell = store_scores(connection, user_id, job_id, scores)
        if fell:
            detail = {kind: round(getattr(scores[0], kind), 4) for kind in scores[0].below}
            note(connection, Event.ALERT, user_id, job_id, detail)
        crash_here("quality.before_commit")


def score_changed(run: Runtime) -> int:
    """Score ended jobs that changed since, as by a retry from quarantine; return how many."""
    left_alone = steps.waiting_subjects(run, "scored")
    rows = run.ledger.rows("quality", "jobs_to_score", n=_AT_ONCE, left_alone=left_alone)
    users = {row["id"]: row["user_id"] for row in rows}

    def score(job_id: UUID) -> int:
        score_job(run, users[job_id], job_id)
        return 1

    return steps.each(run, "scored", users, score)
