"""The shape of what each verb prints with `--json`, as types: the schemas are made from these."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from schemas.progress import Event
from schemas.reasons import Category
from sql.analytics import Statistics
from sql.search import Found
from sql.vectors import Progress as VectorProgress
from tasks.operations.job_control import Cancelled
from tasks.operations.privacy_reapply import Applied
from tasks.operations.quarantine import Retried
from tasks.operations.reparse import Reparsed
from tasks.operations.rollback import RolledBack
from workers.cli.check import Check
from workers.cli.dryrun import DryRun
from workers.cli.progress import Progress
from workers.cli.receipts import Receipt
from workers.cli.set_lines import SetLine, SetReceipt
from workers.cli.verbs.embed import Embedded
from workers.cli.verbs.quality import JobQuality
from workers.embedded.program_states import ProgramState
from workers.reference.format_table import Entry
from workers.reference.takeout_coverage import Line
from workers.watching import WatcherReport

#: A time, in UTC.
Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class Shape(msgspec.Struct, kw_only=True):
    """A base of shapes: each is one JSON object."""


class ErrorFacts(Shape):
    """Why a verb failed."""

    exit_code: int
    message: str


class Failed(Shape):
    """What a verb prints on standard error if it fails."""

    error: ErrorFacts


class Taken(Shape):
    """A file that was taken in, and its job."""

    file: str
    job: UUID


class Refused(Shape):
    """A file that was not taken in, and the code of the reason."""

    file: str
    error: str
    message: str


class ProgressNow(Progress, frozen=True, kw_only=True):
    """How far an open job is; `left_s`: the seconds that are left, once that is known."""

    left_s: float | None


class Job(Shape):
    """A job and its counts."""

    job: UUID
    user: str
    file: str
    state: str
    stage: str | None
    zone: str | None
    chunks_done: int
    chunks: int
    seen: int
    loaded: int
    duplicate: int
    quarantined: int
    created_at: Moment
    completed_at: Moment | None
    duration_s: float | None
    progress: ProgressNow | None
    duplicate_of: UUID | None
    alert: str | None
    error_code: str | None
    error_category: Category | None
    error_detail: str | None
    retry: str | None


class JobNow(Job):
    """A job, and how many of its chunks wait after which error."""

    waits: dict[str, int]


class Vectors(VectorProgress, frozen=True, kw_only=True):
    """How many documents of a user have the vectors of a model."""

    user: str


class FailingStep(Shape):
    """A background step that fails and is tried again."""

    step: str
    of: str | None
    error: str
    place: str
    failures: int
    since: Moment
    again_at: Moment


class ServiceStates(Shape):
    """What runs. `flower` is the page of the tasks, if Flower answers."""

    data_dir: str
    settings_changed: list[str]
    processes: list[ProgramState]
    without_supervisor: int
    open_jobs: int
    scanner: str
    disk_free_mb: int
    watchers: list[WatcherReport]
    flower: str | None
    messages_given_up: int


class Status(Shape):
    """The imports and the services at one moment."""

    jobs: list[JobNow]
    sets: list[SetLine]
    vectors: list[Vectors]
    failing: list[FailingStep]
    services: ServiceStates


class Proof(Shape):
    """One check of a job."""

    job: UUID
    check: str
    ok: bool
    detail: str


class AuditEvent(Shape):
    """An entry of the audit trail. `at`: when; `actor`: who; `detail`: ids, codes and numbers."""

    id: int
    at: Moment
    actor: str
    kind: Event
    job: UUID | None
    chunk: int | None
    user: str | None
    detail: dict[str, Any]


class CancelledJob(Cancelled, frozen=True, kw_only=True):
    """What a cancellation stopped; where the original is, and where the end of the job moves it."""

    original: str | None
    moves_to: str | None


class RollbackOf(RolledBack, frozen=True, kw_only=True):
    """What a rollback removed, or would remove."""

    dry_run: bool


class ReparsedJob(Reparsed, frozen=True, kw_only=True):
    """What a reparse changed of one job."""

    job: UUID


class ReparsedAll(Reparsed, frozen=True, kw_only=True):
    """What a reparse changed."""

    dry_run: bool
    jobs: list[ReparsedJob]


class Person(Shape):
    """An address, number, handle or name, and how many records mention it."""

    kind: str
    value: str
    name: str | None
    records: int


class WithPerson(Shape):
    """A document in which a person is mentioned."""

    id: int
    record_type: str
    source: str
    at: Moment | None
    title: str | None
    roles: str
    content: str | None


class Mention(Shape):
    """A person or place in a document."""

    role: str
    kind: str
    value: str
    name: str | None


class Related(Shape):
    """A document that another leads to (`outward`), or that leads to it."""

    relation: str
    outward: bool
    id: int
    record_type: str
    title: str | None


class Document(Shape):
    """A document, and where it came from."""

    id: int
    record_type: str
    data_type: str
    source: str
    at: Moment | None
    title: str | None
    content: str | None
    content_type: str | None
    language: str | None
    metadata: dict[str, Any]
    record_key: UUID
    loaded_at: Moment
    job: UUID
    archive: str
    file: str
    ordinal: int
    file_id: int
    earlier_versions: int
    people: list[Mention]
    related: list[Related]


class DayDocument(Shape):
    """A document of a day; `content` begins its text."""

    kind: Literal["document"]
    id: int
    at: Moment
    record_type: str
    source: str
    title: str | None
    content: str | None


class HourOfPositions(Shape):
    """The positions of an hour and their bounds in degrees."""

    at: Moment
    until: Moment
    source: str
    positions: int
    south: float
    north: float
    west: float
    east: float


class DayPositions(HourOfPositions):
    """The positions of an hour of a day."""

    kind: Literal["positions"]


class DayMeasurements(Shape):
    """The measured values of an hour of a day."""

    kind: Literal["measurements"]
    at: Moment
    until: Moment
    source: str
    name: str
    unit: str
    samples: int
    total: float
    least: float
    greatest: float


class Position(Shape):
    """A known position near a moment; `id`: of the document that has it."""

    at: Moment
    latitude: float
    longitude: float
    accuracy_m: float | None
    source: str
    id: int | None


class Counted(Shape):
    """How many documents have a value, and the first and last of them."""

    value: str | None
    records: int
    first: Moment | None
    last: Moment | None


class CountedName(Counted):
    """How many documents a person or place is in, and the first and last of them."""

    name: str | None


class KindOfTwo(Shape):
    """The records of a kind in two imports."""

    kind: str
    only_first: int
    only_second: int
    both: int


class OfOne(Shape):
    """A document that one of two imports has."""

    id: int
    at: Moment | None
    record_type: str
    source: str
    title: str | None


class Compared(Shape):
    """What two imports have; `changed` documents have a newer version by the second."""

    kinds: list[KindOfTwo]
    only_first: list[OfOne]
    only_second: list[OfOne]
    changed: int


class QuarantinedCode(Shape):
    """The quarantined records of one code, with the first of them."""

    code: str
    category: Category
    stage: str
    records: int
    first_file: str
    first_locator: str
    first_detail: str
    first_id: int


class UsersCode(QuarantinedCode):
    """The quarantined records of a user with one code, and the first of them."""

    user: str


class QuarantinedRecord(Shape):
    """A quarantined record, without its content."""

    id: int
    user: str
    job: UUID
    path: str
    locator: str
    stage: str
    code: str
    category: Category
    detail: str
    status: str
    attempts: int
    raw_bytes: int
    created_at: Moment


class QuarantinedContent(QuarantinedRecord):
    """A quarantined record; `content` is masked, except with `--reveal`."""

    chunk: int | None
    position: int
    reason: str | None
    mended: bool
    document: int | None = msgspec.field(name="became")
    content: str


class DeadChunk(Shape):
    """A chunk that used up its attempts."""

    id: int
    stage: str
    last_error_code: str | None
    attempt: int


class JobReceipt(Receipt, frozen=True, kw_only=True):
    """Where every file and every record of a job ended."""

    quarantine: list[QuarantinedCode]  # type: ignore[assignment] # the rows have no type
    dead_chunks: list[DeadChunk]  # type: ignore[assignment]


class Receiver(Shape):
    """A receiver of messages about imports: how many were sent, and how many given up."""

    receiver: str
    sent: int
    given_up: int
    last_at: Moment | None


class TestedReceiver(Shape):
    """Whether a test message was delivered."""

    receiver: str
    delivered: bool


class Migration(Shape):
    """A migration; `intact`: it is as it was when it was applied."""

    name: str
    applied: bool
    intact: bool


#: For each call, the type of what it prints. A tuple: each item of a list is one of these.
SHAPES: dict[str, Any] = {
    "add": (Taken, Refused),
    "add --wait": (JobReceipt, Refused),
    "add --dry-run": (DryRun, Refused),
    "cancel": CancelledJob,
    "compare": Compared,
    "count": (Counted, CountedName),
    "day": (DayDocument, DayPositions, DayMeasurements),
    "db status": list[Migration],
    "demo": JobReceipt,
    "doctor": list[Check],
    "embed": list[Embedded],
    "events": list[AuditEvent],
    "formats": list[Entry],
    "formats --takeout": list[Line],
    "jobs": list[Job],
    "notify": list[Receiver],
    "notify --test": list[TestedReceiver],
    "people": list[Person],
    "people WHO": list[WithPerson],
    "privacy apply": dict[str, Applied],
    "quality": JobQuality,
    "quarantine edit": Retried,
    "quarantine list": list[UsersCode],
    "quarantine list --all": list[QuarantinedRecord],
    "quarantine retry": Retried,
    "quarantine show": QuarantinedContent,
    "receipt": JobReceipt,
    "reparse": ReparsedAll,
    "rollback": RollbackOf,
    "search": Found,
    "sets": list[SetLine],
    "sets NAME": SetReceipt,
    "show": Document,
    "similar": Found,
    "stats": Statistics,
    "status": Status,
    "verify": list[Proof],
    "where DAY": list[HourOfPositions],
    "where TIME": list[Position],
    "error": Failed,
}
