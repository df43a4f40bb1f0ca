"""The vocabulary of the state machine. `sql/migrations` repeats it; a test compares both."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """One step of the work; each is a Celery task of the same name."""

    VALIDATE = "validate"
    EXTRACT = "extract"
    NORMALISE = "normalise"
    SCREEN = "screen"
    EMBED = "embed"
    LOAD = "load"
    FINISH = "finish"


class Kind(StrEnum):
    """What a chunk works on: the whole upload, a slice of records, or the end of the job."""

    UPLOAD = "upload"
    RECORDS = "records"
    FINISH = "finish"


#: The stages a chunk of each kind goes through, in order.
ROUTES: dict[Kind, tuple[Stage, ...]] = {
    Kind.UPLOAD: (Stage.VALIDATE, Stage.EXTRACT),
    Kind.RECORDS: (Stage.NORMALISE, Stage.SCREEN, Stage.EMBED, Stage.LOAD),
    Kind.FINISH: (Stage.FINISH,),
}

#: Attempts at `normalise` past those that the settings allow. In them `tasks.ingest.poison` cuts
#: the chunk up: two by items, two by slices, and two to quarantine the record.
BISECT_ATTEMPTS = 6

#: The queue that each stage's task waits in.
QUEUES: dict[Stage, str] = {
    Stage.VALIDATE: "intake",
    Stage.EXTRACT: "extract",
    Stage.NORMALISE: "normalise",
    Stage.SCREEN: "normalise",
    Stage.EMBED: "embed",
    Stage.LOAD: "load",
    Stage.FINISH: "maintenance",
}


def route(kind: Kind, *, embed: bool = True) -> tuple[Stage, ...]:
    """Return the stages of a chunk; records that are not embedded skip that stage."""
    stages = ROUTES[kind]
    return stages if embed else tuple(s for s in stages if s is not Stage.EMBED)


class Tier(StrEnum):
    """How good the vectors of a document are. Each tier is a model of its own."""

    STATIC = "static"
    """A mean of token vectors: made as a record loads, at tens of thousands of texts a second."""
    FULL = "full"
    """The model itself, after the load."""


class ChunkStatus(StrEnum):
    """The state of a chunk in its present stage."""

    READY = "ready"
    LEASED = "leased"
    DONE = "done"
    DEAD = "dead"


class JobStatus(StrEnum):
    """What a job is doing, or how it ended."""

    QUEUED = "queued"
    VALIDATING = "validating"
    EXTRACTING = "extracting"
    LOADING = "loading"
    FINISHING = "finishing"
    DONE = "done"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ROLLED_BACK = "rolled_back"


#: The final states of a job: no worker owes it anything.
ENDED = frozenset(
    {
        JobStatus.DONE,
        JobStatus.DUPLICATE,
        JobStatus.REJECTED,
        JobStatus.FAILED,
        JobStatus.CANCELLED,
        JobStatus.ROLLED_BACK,
    }
)
#: Ended jobs that `retry` continues where they stopped, so their work folders stay.
RESUMABLE = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})


class Disposition(StrEnum):
    """The fate of a member of an archive; each member has exactly one."""

    HANDLED = "handled"
    IGNORED = "ignored"
    UNKNOWN = "unknown"
    REJECTED = "rejected"


class Event(StrEnum):
    """The kinds of entries in the audit trail, `imports.events`."""

    # a job
    RECEIVED = "received"
    STARTED = "started"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    RETRIED = "retried"
    ROLLED_BACK = "rolled_back"
    REPARSED = "reparsed"
    ALERT = "alert"
    MALWARE = "malware"
    SET_NOT_WAITED_FOR = "set_not_waited_for"
    # a chunk
    FENCED = "fenced"
    FAILED = "attempt_failed"
    DEAD = "dead"
    POISON = "poison"
    DEFECT = "defect"
    # records in quarantine
    QUARANTINED = "quarantined"
    REVEALED = "revealed"
    EXPORTED = "exported"
    QUARANTINE_RETRIED = "quarantine_retried"
    MENDED = "mended"
    DISCARDED = "discarded"
    DELETED = "deleted"
    # a user's lake
    PRIVACY_APPLIED = "privacy_applied"


class SetState(StrEnum):
    """The state of a set of parts: what needs the whole of it waits while it is open."""

    OPEN = "open"
    COMPLETE = "complete"
    WAITED = "waited"
    """The wait for it is over; the parts that are there count as all of it."""
