"""What each commit asks of the ledger takes no longer for a job of very many chunks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from sql.queries import queries
from tasks.runtime.context import Runtime
from tests.support.lake import Database
from tests.tasks.runtime.test_ledger import ANA, ROWS, Drop

pytestmark = pytest.mark.services

_MORE = """
INSERT INTO imports.chunks (job_id, user_id, kind, identity, stage, status)
SELECT job_id, user_id, 'records', 'done ' || n, 'load', 'done'
FROM imports.chunks, generate_series(1, 20000) AS n WHERE job_id = %s
"""


def test_how_many_are_sent_is_counted_by_an_index(
    run: Runtime, drop: Drop, database: Database
) -> None:
    job_id: UUID = drop(ANA, "rows.ndjson", ROWS)
    database.rows(_MORE, job_id)
    database.rows("ANALYZE imports.chunks")
    with run.ledger.transaction() as connection:
        query = "EXPLAIN (ANALYZE, BUFFERS, FORMAT json) " + queries("chunks")["dispatched"]
        (row,) = connection.execute(query, {"job_id": job_id}).fetchall()
    (plan,) = row["QUERY PLAN"]
    top: dict[str, Any] = plan["Plan"]
    assert top["Shared Hit Blocks"] + top["Shared Read Blocks"] < 20
