"""The ledger and the lake as the tasks see them: leases, and transactions of one user."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from psycopg.rows import DictRow
from psycopg_pool import ConnectionPool

from schemas.crash import crash_here
from schemas.errors import DatapunkError, TransientError
from schemas.lease import Lease
from schemas.privacy import ReadUnder, Since
from schemas.progress import BISECT_ATTEMPTS, Event, Stage
from sql.commit import Commit, ContentCommit, Entered, note
from sql.connection import Connection, transient_errors
from sql.queries import queries

_CHUNKS = queries("chunks")
_JOBS = queries("jobs")


class Fenced(DatapunkError):
    """Another worker has the lease of this chunk now; this work is discarded."""


class OtherPolicy(DatapunkError):
    """The privacy policy has changed since this was read; it is read again."""


class Ledger:
    """The control plane: leases and what is to be sent. It sees all users, and no content."""

    def __init__(self, pool: ConnectionPool[Connection]) -> None:
        self.pool = pool

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open one transaction as the ledger role."""
        with transient_errors(), self.pool.connection() as connection, connection.transaction():
            yield connection
            crash_here("ledger.before_commit")
        crash_here("ledger.after_commit")

    def lease(
        self,
        *,
        chunk: int,
        job_id: UUID,
        stage: Stage,
        worker: str,
        lease_s: float,
        max_attempts: int,
    ) -> Lease | None:
        """Lease the chunk for this stage; None if it is past it, leased, or not yet due."""
        with self.transaction() as connection:
            # A lease that a crash loses is fenced at its commit: no need to wait for the disk.
            connection.execute("SET LOCAL synchronous_commit = off")
            row = connection.execute(
                _CHUNKS["claim"],
                {
                    "chunk": chunk,
                    "job_id": job_id,
                    "stage": stage,
                    "worker": worker,
                    "lease_s": lease_s,
                    "max_attempts": max_attempts,
                    "bisect_attempts": BISECT_ATTEMPTS,
                },
            ).fetchone()
        return msgspec.convert({**row, "ref": row}, Lease, strict=False) if row else None

    def begin_job(self, job_id: UUID, status: str) -> None:
        """Record the present step of a job."""
        with self.transaction() as connection:
            connection.execute(_JOBS_BEGIN, {"job_id": job_id, "status": status})

    def stage_of(self, chunk: int, job_id: UUID) -> tuple[Stage, str] | None:
        """Return the stage and status of a chunk; None if the job has no such chunk."""
        with self.transaction() as connection:
            row = connection.execute(
                _CHUNKS["stage_of"], {"chunk": chunk, "job_id": job_id}
            ).fetchone()
        return (Stage(row["stage"]), row["status"]) if row else None

    def heartbeat(self, lease: Lease, lease_s: float) -> bool:
        """Extend the lease; return False if it is lost."""
        with self.transaction() as connection:
            cursor = connection.execute(
                _CHUNKS["heartbeat"],
                {"chunk": lease.ref.id, "token": lease.token, "lease_s": lease_s},
            )
            return cursor.rowcount == 1

    def release(
        self,
        lease: Lease,
        *,
        code: str,
        counts_attempt: bool,
        delay_s: float = 1.0,
        where: str | None = None,
    ) -> None:
        """Give the chunk back after an error; with `counts_attempt` the attempt counts.

        An attempt that counts is noted in the audit trail, with the place of the error.
        """
        with self.transaction() as connection:
            released = connection.execute(
                _CHUNKS["release"],
                {
                    "chunk": lease.ref.id,
                    "token": lease.token,
                    "code": code,
                    "counts_attempt": counts_attempt,
                    "delay_s": delay_s,
                },
            )
            if counts_attempt and released.rowcount == 1:
                detail = {"stage": lease.stage, "code": code, "where": where}
                ref = lease.ref
                note(connection, Event.FAILED, ref.user_id, ref.job_id, detail, ref.id)

    def release_lost(
        self,
        *,
        chunk: int,
        job_id: UUID,
        stage: str,
        code: str,
        has_ended: Callable[[str], bool],
        delay_s: Callable[[int], float],
    ) -> bool:
        """Give a chunk back whose worker's process has ended; the attempt stays counted.

        `has_ended` tells by the name in the lease whether its holder has ended; `delay_s` returns
        the seconds to wait for an attempt's number. Returns False if no worker, or a living one,
        has the lease.
        """
        with self.transaction() as connection:
            leased = connection.execute(
                _CHUNKS["held_by"], {"chunk": chunk, "job_id": job_id, "stage": stage}
            ).fetchone()
            if leased is None or not has_ended(leased["leased_by"]):
                return False
            connection.execute(
                _CHUNKS["release"],
                {
                    "chunk": chunk,
                    "token": leased["token"],
                    "code": code,
                    "counts_attempt": True,
                    "delay_s": delay_s(leased["attempt"]),
                },
            )
        return True

    def rewind(self, lease: Lease, first_stage: Stage, *, most: int) -> bool:
        """Send the chunk back to its first stage, because an artefact of it is gone.

        Returns False if the lease is lost, or the chunk was sent back `most` times.
        """
        asked = {
            "chunk": lease.ref.id,
            "token": lease.token,
            "first_stage": first_stage,
            "most": most,
        }
        with self.transaction() as connection:
            return connection.execute(_CHUNKS["rewind"], asked).fetchone() is not None

    def rows(self, file: str, query: str, /, **parameters: Any) -> list[DictRow]:
        """Return the rows of a named query."""
        with self.transaction() as connection:
            return connection.execute(queries(file)[query], parameters).fetchall()

    def event(
        self,
        kind: Event,
        *,
        user_id: UUID | None = None,
        job_id: UUID | None = None,
        chunk_id: int | None = None,
        **detail: Any,
    ) -> None:
        """Append to the audit trail. Details are ids, codes and numbers, never content."""
        with self.transaction() as connection:
            note(connection, kind, user_id, job_id, detail, chunk_id)


_JOBS_BEGIN = _CHUNKS["begin_job"]


class Hold(StrEnum):
    """The lock that a transaction needs on a user's rows."""

    #: It depends on the present rows: none of them is removed until it ends.
    SHARED = "shared"
    #: It removes rows: no other transaction may depend on them meanwhile.
    ALONE = "alone"


class Purpose(StrEnum):
    """Why a transaction writes content outside a policy (`imports.enter_stored`).

    Either it derives from stored rows, or a user writes it by hand.
    """

    INDEX = "index"
    VECTORS = "vectors"
    MOVE = "move"
    HAND = "hand"


class Lake:
    """The data plane: rows of one user at a time, under row-level security.

    Content is written in a transaction that `entering` or `remaking` opened; the database refuses
    it in any other (docs/explanation/decisions/0020-write-content-through-one-gate.md).
    """

    def __init__(self, pool: ConnectionPool[Connection]) -> None:
        self.pool = pool
        self._announced: dict[UUID, str] = {}

    @contextmanager
    def _transaction(
        self, query: str, asked: Mapping[str, Any], on: Connection | None = None
    ) -> Iterator[Entered]:
        """Open one transaction that begins with a query of `jobs`.

        Raises `OtherPolicy` where the query refuses to continue.
        """
        given = self.pool.connection() if on is None else nullcontext(on)
        with transient_errors(), given as connection, connection.transaction():
            row = connection.execute(_JOBS[query], asked).fetchone()
            if row is not None and row.get("entered") is False:
                raise OtherPolicy
            yield Entered(connection)
            crash_here("lake.before_commit")
        crash_here("lake.after_commit")

    @contextmanager
    def as_user(
        self, user_id: UUID, *, hold: Hold | None = None, on: Connection | None = None
    ) -> Iterator[Connection]:
        """Open one transaction that sees the rows of one user, and writes no content.

        It uses a connection of the pool unless it has one (`on`). `hold` comes before every other
        lock, in all transactions that need it.
        """
        asked = {"user_id": user_id, "alone": hold == Hold.ALONE}
        query = "become_and_hold" if hold else "become"
        with self._transaction(query, asked, on) as entered:
            yield entered.connection

    @contextmanager
    def entering(
        self, user_id: UUID, under: ReadUnder, *, hold: Hold = Hold.SHARED, moves: bool = False
    ) -> Iterator[Entered]:
        """Open one transaction that writes what was read under a policy. It locks the lake.

        `moves` says that older versions may become current by it. Raises `OtherPolicy` if the
        present policy is another one.
        """
        asked = {"user_id": user_id, "alone": hold == Hold.ALONE, "moves": moves}
        try:
            with self._transaction("enter", {**asked, "policy": under.policy}) as entered:
                yield entered
        except OtherPolicy:
            self._announced.pop(user_id, None)
            raise

    @contextmanager
    def remaking(
        self, user_id: UUID, purpose: Purpose, since: Since | None = None
    ) -> Iterator[Entered]:
        """Open one transaction that writes what derives from stored rows, or what a user wrote.

        Raises `OtherPolicy` if a policy was applied to the rows after `since`, or is being applied.
        """
        asked = {"user_id": user_id, "purpose": purpose, "since": since and since.turn}
        with self._transaction("enter_stored", asked) as entered:
            yield entered

    def announce(self, user_id: UUID, policy: str, *, by_hand: bool = False) -> None:
        """Announce the policy of this host.

        It is the present one from now on, if it is newer or a user asks for it. Once announced, the
        database is not asked until the policy changes. Raises `TransientError` while another host
        has a newer one.
        """
        if self._announced.get(user_id) == policy and not by_hand:
            return
        asked = {"policy": policy, "host": platform.node(), "by_hand": by_hand}
        (row,) = self.rows(user_id, "jobs", "announce_policy", user_id=user_id, **asked)
        if not row["present"]:
            raise TransientError(
                "another host has a newer privacy policy: give this host the same file, or run: "
                "datapunk privacy apply",
                code="policy_superseded",
            )
        self._announced[user_id] = policy

    @contextmanager
    def commit(self, lease: Lease, *, wait: bool = True) -> Iterator[Commit]:
        """Open the one transaction that ends a stage. Raises `Fenced` if the lease was lost.

        With `wait` false a crash of the server may lose the commit as a whole (state and all); the
        stage then runs again.
        """
        with self.as_user(lease.ref.user_id) as connection:
            _hold_chunk(connection, lease, wait=wait)
            yield Commit(connection, lease)

    @contextmanager
    def commit_content(
        self, lease: Lease, under: ReadUnder, *, wait: bool = True
    ) -> Iterator[ContentCommit]:
        """Open the same for a stage that writes content. Raises `OtherPolicy`, too."""
        with self.entering(lease.ref.user_id, under) as entered:
            _hold_chunk(entered.connection, lease, wait=wait)
            yield ContentCommit(entered, lease)

    def rows(self, user_id: UUID, file: str, query: str, /, **parameters: Any) -> list[DictRow]:
        """Return the rows of a named query, as one user."""
        with self.as_user(user_id) as connection:
            return connection.execute(queries(file)[query], parameters).fetchall()

    @contextmanager
    def snapshot(self, user_id: UUID) -> Iterator[tuple[Ledger, Lake]]:
        """Yield ledger and lake of one user at one moment, for several queries that must agree.

        Both only read.
        """
        with transient_errors(), self.pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute(_JOBS["become"], {"user_id": user_id})
            yield _LedgerThen(self.pool, connection), _LakeThen(self.pool, connection, user_id)


class _LedgerThen(Ledger):
    """The ledger within one transaction."""

    def __init__(self, pool: ConnectionPool[Connection], connection: Connection) -> None:
        super().__init__(pool)
        self._connection = connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        yield self._connection


class _LakeThen(Lake):
    """The lake within one transaction, as that transaction's user."""

    def __init__(
        self, pool: ConnectionPool[Connection], connection: Connection, user_id: UUID
    ) -> None:
        super().__init__(pool)
        self._connection, self._user = connection, user_id

    @contextmanager
    def as_user(
        self, user_id: UUID, *, hold: Hold | None = None, on: Connection | None = None
    ) -> Iterator[Connection]:
        if user_id != self._user or hold is not None or on is not None:
            raise ValueError("a snapshot is one user's, and only reads")
        yield self._connection


def _hold_chunk(connection: Connection, lease: Lease, *, wait: bool) -> None:
    if not wait:
        connection.execute("SET LOCAL synchronous_commit = off")
    leased = connection.execute(
        _CHUNKS["hold"], {"chunk": lease.ref.id, "token": lease.token}
    ).fetchone()
    if leased is None:
        raise Fenced
