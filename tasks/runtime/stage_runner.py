"""Lease, work, commit: the only place where a chunk changes its state."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple, TypeAlias

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from celery.exceptions import Ignore

from pipeline import defects
from pipeline.storage.spool_file import BrokenSpool
from schemas.crash import crash_here
from schemas.errors import Rejected, TransientError, place_of
from schemas.lease import Lease
from schemas.privacy import ReadUnder
from schemas.progress import ROUTES, Event, Kind, Stage
from schemas.reasons import CLOSED, LASTING
from sql.commit import Commit, ContentCommit
from sql.store import Fenced, Ledger, OtherPolicy
from tasks.runtime import dispatch
from tasks.runtime.context import Options, Runtime, as_ids, runtime

log = structlog.get_logger("datapunk.shell")

# A task's time limit, and the end of a task: raised in the middle of work, about no record.
defects.pass_on(SoftTimeLimitExceeded)
defects.pass_on(Ignore)

#: The last attempts of a chunk before it is split, which follow each other at once.
_WAITED_FOR = 3

#: How many times longer the lake waits for a person to change permissions than after other errors.
_TIME_TO_OPEN = 8.0

#: What a stage returns: the statements of its commit.
Ending: TypeAlias = Callable[[Commit], None]


class Content(NamedTuple):
    """The same for stages that write content, with the policy under which it was read."""

    under: ReadUnder
    ending: Callable[[ContentCommit], None]


Work: TypeAlias = Callable[[Runtime, Lease], "Ending | Content"]


class Heartbeat:
    """A thread that extends a lease while its stage works, and notes the loss of the lease."""

    def __init__(self, run: Runtime, lease: Lease) -> None:
        self._run, self._lease = run, lease
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self.lost = False

    def _beat(self) -> None:
        lease = self._run.options.lease_s
        while not self._stop.wait(self._run.options.heartbeat_s):
            try:
                if not self._run.ledger.heartbeat(self._lease, lease):
                    self.lost = True
                    return
            except TransientError:
                continue  # the commit finds out whether the lease lasted

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()


def perform(stage: Stage, chunk: Any, job_id: Any, work: Work) -> None:
    """Run one stage of one chunk, exactly once whatever the messages say.

    Raises `Ignore` where the rest of the chain has nothing to do: the chunk is leased to another
    worker, not yet due, or was given back. The reconciler sends it again when there is work.
    """
    run = runtime()
    job, chunk = as_ids(job_id), int(chunk)
    structlog.contextvars.bind_contextvars(job_id=str(job), chunk=chunk, stage=str(stage))
    try:
        lease = _lease(run, stage, chunk, job)
        if lease is not None:
            crash_here("leased", stage)
            _carry_out(run, lease, work)
    except MemoryError as error:
        # Raised from a task it would end the whole worker, not just the task; the lease will
        # expire.
        raise Ignore from error
    finally:
        structlog.contextvars.clear_contextvars()


def _lease(run: Runtime, stage: Stage, chunk: int, job: Any) -> Lease | None:
    """Return the lease; None if the stage is past and the chain may continue."""
    options = run.options
    try:
        lease = run.ledger.lease(
            chunk=chunk,
            job_id=job,
            stage=stage,
            worker=options.worker,
            lease_s=options.lease_s,
            max_attempts=options.max_attempts,
        )
        if lease is not None:
            return lease
        state = run.ledger.stage_of(chunk, job)
    except TransientError as error:
        raise Ignore from error  # nothing was leased; the message will be sent again
    if state is None:
        log.warning("no such chunk")
        raise Ignore
    now, status = state
    if status == "done" or (status == "ready" and _is_past(stage, now)):
        return None
    raise Ignore


def _is_past(stage: Stage, now: Stage) -> bool:
    """Tell whether `now` comes after `stage` on some route."""
    return any(
        stage in stages and now in stages and stages.index(now) > stages.index(stage)
        for stages in ROUTES.values()
    )


def _carry_out(run: Runtime, lease: Lease, work: Work) -> None:
    try:
        with Heartbeat(run, lease):
            ending = work(run, lease)
            # Only what can't be made again has to be on the disk before the message is sent; rows
            # can, until the end of their job clears its work folder.
            wait = lease.stage in (Stage.VALIDATE, Stage.EXTRACT, Stage.FINISH)
            with _ended(run, lease, ending, wait=wait):
                crash_here("before_commit", lease.stage)
            crash_here("after_commit", lease.stage)
    except Fenced:
        _fenced(run, lease)
    except BrokenSpool as error:
        log.warning("an artefact is gone; the chunk starts anew")
        _start_anew(run, lease, error)
    except OtherPolicy as error:
        _read_anew(run, lease, error)
    except TransientError as error:
        code = error.code or _code_of(error)
        _give_back(run, lease, code, counts_attempt=code in LASTING, cause=error)
    except FileNotFoundError as error:
        # Not transient: the file to read was removed.
        _give_back(run, lease, "file_missing", counts_attempt=True, cause=error)
    except OSError as error:
        # A full disk, or an unreachable share: transient.
        code = f"os_{error.errno}"
        _give_back(run, lease, code, counts_attempt=code in LASTING, cause=error)
    except Rejected as error:
        _reject(run, lease, error)
    except (SoftTimeLimitExceeded, MemoryError, Exception) as error:
        if isinstance(error, Ignore):
            raise
        if isinstance(error, MemoryError):
            traceback.clear_frames(error.__traceback__)  # they hold the memory
        _give_back(run, lease, type(error).__name__, counts_attempt=True, cause=error)
    after(run, lease)


@contextmanager
def _ended(run: Runtime, lease: Lease, ending: Ending | Content, *, wait: bool) -> Iterator[None]:
    """Open the one transaction that ends a stage; its statements are done when it yields."""
    if isinstance(ending, Content):
        with run.commit_content(lease, ending.under, wait=wait) as commit:
            ending.ending(commit)
            yield
        return
    with run.lake.commit(lease, wait=wait) as commit:
        ending(commit)
        yield


def _read_anew(run: Runtime, lease: Lease, error: OtherPolicy) -> None:
    """Discard what was read under another policy than the present one."""
    log.warning("the privacy policy changed meanwhile; the chunk is read again")
    if lease.kind == Kind.RECORDS:
        _start_anew(run, lease, error)
    # The commits of an upload stay; its next attempt continues after them.
    _give_back(run, lease, "policy_changed", counts_attempt=False, cause=error)


def _start_anew(run: Runtime, lease: Lease, cause: Exception) -> None:
    """Return to the first stage, which makes the artefacts.

    If that never helps, count an attempt.
    """
    try:
        crash_here("rewind.before_commit")
        first, most = ROUTES[Kind(lease.kind)][0], run.options.max_attempts
        rewound = run.ledger.rewind(lease, first, most=most)
        crash_here("rewind.after_commit")
    except TransientError:
        log.warning("could not start anew; the lease will run out")
        raise Ignore from cause
    if not rewound:
        _give_back(run, lease, type(cause).__name__, counts_attempt=True, cause=cause)
    raise Ignore from cause


def after(run: Runtime, lease: Lease) -> None:
    """Send what the commit made possible."""
    split = lease.stage is Stage.NORMALISE and lease.attempt > run.options.max_attempts
    if split or lease.stage in (Stage.VALIDATE, Stage.EXTRACT, Stage.LOAD):
        dispatch.send_on(
            run.ledger,
            lease.ref.job_id,
            window=run.options.dispatch_window,
            max_attempts=run.options.max_attempts,
        )
    if lease.stage is Stage.LOAD:
        dispatch.index_soon(lease.ref.user_id)


def _fenced(run: Runtime, lease: Lease) -> None:
    log.warning("fenced: another worker holds the chunk", token=lease.token)
    try:
        crash_here("fenced.before_commit")
        run.ledger.event(
            Event.FENCED,
            user_id=lease.ref.user_id,
            job_id=lease.ref.job_id,
            chunk_id=lease.ref.id,
            stage=lease.stage,
        )
        crash_here("fenced.after_commit")
    except TransientError:
        log.warning("could not count it as fenced")
    raise Ignore


def _give_back(
    run: Runtime, lease: Lease, code: str, *, counts_attempt: bool, cause: Exception
) -> None:
    """Return a chunk to ready, with a longer wait each time.

    The text of an error may hold content, so only its class is stored and logged.
    """
    where = place_of(cause) if counts_attempt else None
    log.warning(
        "given back", code=code, counts_attempt=counts_attempt, attempt=lease.attempt, where=where
    )
    delay_s = delay(run.options, lease.stage, lease.attempt if counts_attempt else 0, code)
    end = time.monotonic() + run.options.lease_s
    while not _released(
        run, lease, code=code, counts_attempt=counts_attempt, delay_s=delay_s, where=where
    ):
        # Until the database is back there is nothing else to do; after the lease there is no need.
        if time.monotonic() > end:
            log.warning("could not give back; the lease has run out")
            break
        time.sleep(1)
    raise Ignore from cause


def _released(
    run: Runtime,
    lease: Lease,
    *,
    code: str,
    counts_attempt: bool,
    delay_s: float,
    where: str | None,
) -> bool:
    """Return whether the ledger has taken the chunk back."""
    try:
        crash_here("give_back.before_commit")
        run.ledger.release(
            lease, code=code, counts_attempt=counts_attempt, delay_s=delay_s, where=where
        )
        crash_here("give_back.after_commit")
    except TransientError:
        return False
    return True


def _code_of(error: TransientError) -> str:
    return f"transient_{type(error.__cause__ or error).__name__}"


def delay(options: Options, stage: str, counted: int, code: str) -> float:
    """Return the seconds until a chunk is sent again, which double each time.

    A chunk that is about to be split, or is part of a split one, is sent again at once.
    """
    if code in CLOSED:
        return options.retry_delay_s * _TIME_TO_OPEN
    suspect = stage == Stage.NORMALISE and counted >= max(1, options.max_attempts - _WAITED_FOR)
    return 0.0 if suspect else options.retry_delay_s


def release_lost(
    ledger: Ledger,
    options: Options,
    *,
    stage: str,
    chunk: Any,
    job_id: Any,
    code: str,
    has_ended: Callable[[str], bool],
) -> None:
    """Give back at once the lease of a process that died or was killed, before the lease expires.

    The worker's parent calls it for a task that ended so. The ids of the message are checked
    against the lease, and a living holder keeps it.
    """
    back = ledger.release_lost(
        chunk=int(chunk),
        job_id=as_ids(job_id),
        stage=stage,
        code=code,
        has_ended=has_ended,
        delay_s=lambda attempt: delay(options, stage, attempt, code),
    )
    if back:
        log.warning("given back", code=code, counts_attempt=True, stage=stage, chunk=int(chunk))


def _reject(run: Runtime, lease: Lease, error: Rejected) -> None:
    """End the job of an archive that can't be read, with a code and a sentence."""
    if lease.kind == Kind.FINISH:  # too late for that: everything has loaded
        _give_back(run, lease, error.reason, counts_attempt=True, cause=error)
    log.warning("rejected", code=error.reason)
    try:
        with run.lake.commit(lease) as commit:
            commit.end_badly("rejected", error.reason, str(error))
            commit.event(Event.REJECTED, code=error.reason, category=error.reason.category)
            commit.complete()
            commit.run("chunks", "mark_rejected", code=error.reason)
            crash_here("reject.before_commit")
        crash_here("reject.after_commit")
    except Fenced:
        _fenced(run, lease)
    except TransientError as again:
        _give_back(run, lease, _code_of(again), counts_attempt=False, cause=again)
