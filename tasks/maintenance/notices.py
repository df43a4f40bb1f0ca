"""Messages to a person: an import has ended, or waits for what only a person can do.

The ledger notes what each receiver was told, after it was sent: a kill in between sends one message
twice, and none is lost. What can't be sent is tried again as any step of the reconciler is
(`tasks/runtime/steps.py`), and given up a day after the job ended.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from schemas.errors import DatapunkError
from schemas.progress import JobStatus
from schemas.reasons import CLOSED, in_words
from sql.queries import queries
from sql.store import Ledger
from tasks.runtime import steps
from tasks.runtime.context import Runtime

STEP = "notified"

_NOTICES = queries("notices")
_GO_ON = (JobStatus.FAILED, JobStatus.REJECTED, JobStatus.CANCELLED)

#: Errors of open jobs that last until a person does something: permissions, and a full disk.
_WAITED_FOR = sorted(CLOSED | {f"os_{errno.ENOSPC}", f"os_{errno.EROFS}"})

#: The most jobs of one message; the next turn sends the rest.
_AT_ONCE = 20


class NotDelivered(DatapunkError):
    """A receiver did not take a message."""


class Receiver(Protocol):
    """Where messages go. `name` is shown and has no secret; `key` tells receivers apart."""

    @property
    def key(self) -> str:
        """The beginning of a hash over the address."""
        ...

    @property
    def name(self) -> str:
        """The place in the settings and the kind of service, for people."""
        ...

    def send(self, title: str, body: str) -> None:
        """Send one message, within seconds. Raises `NotDelivered`."""
        ...


def prepare(ledger: Ledger, keys: Sequence[str]) -> None:
    """Note who gets messages from now on; a receiver that is gone is forgotten."""
    with ledger.transaction() as connection:
        asked = {"receivers": list(keys)}
        connection.execute(_NOTICES["remove_receivers"], asked)
        connection.execute(_NOTICES["add_receivers"], asked)


def send_due(run: Runtime, receivers: Sequence[Receiver], *, names: bool = False) -> int:
    """Tell each receiver what is due; return the number of jobs.

    An error of one is noted for it alone. Raises `TransientError` where the database is gone.
    """
    return sum(
        steps.run_step(run, STEP, partial(_send, run, to, names), 0, subject=to.name)
        for to in receivers
    )


def _send(run: Runtime, receiver: Receiver, names: bool) -> int:
    asked = {"receiver": receiver.key, "codes": _WAITED_FOR, "n": _AT_ONCE}
    with run.ledger.transaction() as connection:
        connection.execute(_NOTICES["give_up"], asked)
    with run.ledger.transaction() as connection:
        if connection.execute(_NOTICES["lock"], asked).fetchone() is None:
            return 0  # another process sends to it, or it is none any more
        rows = connection.execute(_NOTICES["due"], asked).fetchall()
        if rows:
            receiver.send(*message(rows, names=names))
            columns = {"jobs": "job_id", "kinds": "kind", "ofs": "of"}
            of_rows = {name: [row[column] for row in rows] for name, column in columns.items()}
            connection.execute(_NOTICES["sent"], {**asked, **of_rows})
    return len(rows)


def message(rows: Sequence[Mapping[str, Any]], *, names: bool = False) -> tuple[str, str]:
    """Return the title and text about some jobs: ids, states and numbers, and what to run."""
    kinds = Counter(_state(row) for row in rows)
    if len(rows) == 1:
        title = f"import {_short(rows[0])} {_state(rows[0])}"
    else:
        title = f"{len(rows)} imports: " + ", ".join(f"{n} {kind}" for kind, n in kinds.items())
    return f"Datapunk Lake: {title}", "\n\n".join(_lines(row, names) for row in rows)


def _short(row: Mapping[str, Any]) -> str:
    return str(row["job_id"])[:8]


def _state(row: Mapping[str, Any]) -> str:
    return "waits for you" if row["kind"] == "waits" else str(row["status"])


def _lines(row: Mapping[str, Any], names: bool) -> str:
    of = f" ({row['source_name']} of {row['user_name']})" if names else ""
    lines = [f"{_short(row)}{of}: {_state(row)}"]
    if row["kind"] == "waits":
        lines.append(in_words(row["code"]))
    if row["records_seen"]:
        lines.append(
            f"{row['records_seen']} records: {row['records_loaded']} loaded, "
            f"{row['records_duplicate']} duplicate, {row['records_quarantined']} in quarantine"
        )
    if row["alerted"]:
        lines.append("many records are in quarantine")
    verb = "status" if row["kind"] == "waits" else "receipt"
    lines.append(f"look: datapunk {verb} {_short(row)}")
    if row["status"] in _GO_ON:
        lines.append(f"go on: datapunk retry {_short(row)}")
    return "\n".join(lines)
