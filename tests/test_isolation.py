"""No user sees, changes or learns of another's rows, whichever way they ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from sql.store import Lake
from tasks.context import Runtime
from tests.lake_support import Database, Driver, FakeEmbedder, counts, zipped

pytestmark = pytest.mark.services

ANA, BEN = "ana@example.org", "ben@example.org"

TABLES = (
    "user_data.users",
    "user_data.documents",
    "user_data.documents_structured",
    "timeseries.locations",
    "vectors.embeddings",
    "vectors.cache",
    "imports.jobs",
    "imports.files",
    "imports.chunks",
    "imports.quarantine",
    "imports.events",
)

EXPORT = zipped(
    {
        "notes.json": b'[{"id": 1, "text": "a first note"}, {"id": 2, "text": "a second"}, {bad}]',
        "diary.txt": b"A quiet day by the lake, with rain in the evening.",
        "Takeout/Location History/Records.json": b'{"locations": [{"latitudeE7": 520000000, '
        b'"longitudeE7": 130000000, "timestamp": "2023-05-01T10:00:00Z"}]}',
    }
)

Imported = Callable[[str, str, bytes], dict[str, Any]]


@pytest.fixture
def both(imported: Imported, database: Database) -> dict[str, UUID]:
    """The same archive for two users; their ids by name."""
    jobs = [imported(user, "export.zip", EXPORT) for user in (ANA, BEN)]
    assert [counts(job) for job in jobs] == [(5, 4, 0, 1)] * 2
    return {row["name"]: row["user_id"] for row in database.rows("SELECT * FROM user_data.users")}


def visible(connection: psycopg.Connection[Any], table: str) -> set[UUID]:
    rows = connection.execute(f"SELECT DISTINCT user_id FROM {table}").fetchall()
    return {row["user_id"] for row in rows}


@pytest.fixture(params=["ingest", "reader"])
def lake(request: pytest.FixtureRequest, run: Runtime, reader: Lake) -> Lake:
    return run.lake if request.param == "ingest" else reader


def test_each_sees_their_own_rows_alone(lake: Lake, both: dict[str, UUID]) -> None:
    for name in (ANA, BEN):
        with lake.as_user(both[name]) as connection:
            for table in TABLES:
                if table.endswith("documents_structured"):
                    continue
                assert visible(connection, table) == {both[name]}, table


def test_no_partition_can_be_asked_directly(
    lake: Lake, both: dict[str, UUID], database: Database
) -> None:
    rows = database.rows(
        "SELECT c.oid::regclass::text AS name FROM pg_class AS c WHERE c.relispartition "
        "AND c.relkind IN ('r', 'p')"
    )
    assert len(rows) >= 16
    with lake.pool.connection() as connection:
        for row in rows:
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(f"SELECT * FROM {row['name']}")


def test_a_partition_that_is_granted_by_mistake_still_hides_others(
    reader: Lake, both: dict[str, UUID], database: Database
) -> None:
    table = "user_data.documents_structured_undated"
    database.rows(f"GRANT SELECT ON {table} TO datapunk_reader")
    assert database.one(f"SELECT count(DISTINCT user_id) FROM {table}") == 2
    with reader.as_user(both[ANA]) as connection:
        assert visible(connection, table) == {both[ANA]}


def test_the_owner_is_held_too(url: Callable[[str], str], both: dict[str, UUID]) -> None:
    with psycopg.connect(url("owner")) as connection:
        for table in ("user_data.documents", "imports.quarantine", "imports.claims"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_without_a_user_there_is_nothing(lake: Lake, both: dict[str, UUID]) -> None:
    for user in (None, ""):
        with lake.pool.connection() as connection, connection.transaction():
            if user is not None:
                connection.execute("SELECT set_config('app.user_id', %s, true)", (user,))
            for table in TABLES:
                if not table.endswith("documents_structured"):
                    assert visible(connection, table) == set(), table


def document(user_id: UUID | None) -> dict[str, Any]:
    return {"user": user_id, "key": uuid4(), "job": uuid4()}


INSERT = (
    "INSERT INTO user_data.documents (user_id, data_type, source, record_type, record_key, "
    "partition_at, content_type, metadata, job_id, file_id, chunk_id) VALUES (%(user)s, 'email', "
    "'s', 'r', %(key)s, '0001-01-01Z', 'text/plain', '{}', %(job)s, 1, 1)"
)


def test_nobody_writes_for_another(run: Runtime, both: dict[str, UUID]) -> None:
    with run.lake.as_user(both[ANA]) as connection:
        connection.execute(INSERT, document(both[ANA]))
    denied = pytest.raises(psycopg.errors.InsufficientPrivilege)
    with denied, run.lake.as_user(both[ANA]) as connection:
        connection.execute(INSERT, document(both[BEN]))
    with denied, run.lake.pool.connection() as connection, connection.transaction():
        connection.execute(INSERT, document(both[ANA]))


def test_nobody_changes_the_state_of_another(run: Runtime, both: dict[str, UUID]) -> None:
    with run.lake.as_user(both[ANA]) as connection:
        changed = connection.execute("UPDATE imports.chunks SET status = 'dead' WHERE true")
        mine = changed.rowcount
        theirs = connection.execute(
            "UPDATE imports.jobs SET error_code = 'x' WHERE user_id = %s", (both[BEN],)
        ).rowcount
    assert (mine > 0, theirs) == (True, 0)
    with run.lake.as_user(both[BEN]) as connection:
        rows = connection.execute("SELECT DISTINCT status FROM imports.chunks").fetchall()
    assert rows == [{"status": "done"}]


def test_the_reader_writes_nothing(reader: Lake, both: dict[str, UUID]) -> None:
    statements = [
        "UPDATE imports.jobs SET error_code = NULL",
        "DELETE FROM user_data.documents",
        "INSERT INTO imports.events (kind) VALUES ('x')",
    ]
    for statement in statements:
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            reader.as_user(both[ANA]) as connection,
        ):
            connection.execute(statement)


def test_a_pooled_connection_forgets_its_user(reader: Lake, both: dict[str, UUID]) -> None:
    with reader.as_user(both[ANA]) as connection:
        pid = connection.info.backend_pid
        assert visible(connection, "user_data.documents") == {both[ANA]}
    with reader.pool.connection() as connection, connection.transaction():
        assert connection.info.backend_pid == pid, "a pool of one gives the same connection"
        assert visible(connection, "user_data.documents") == set()


def test_a_connection_that_failed_forgets_its_user(reader: Lake, both: dict[str, UUID]) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero), reader.as_user(both[ANA]) as connection:
        connection.execute("SELECT 1 / 0")
    with reader.pool.connection() as connection, connection.transaction():
        assert visible(connection, "imports.jobs") == set()


def test_two_users_with_one_archive_share_nothing(
    both: dict[str, UUID], database: Database, embedder: FakeEmbedder
) -> None:
    keys = "SELECT record_key FROM user_data.documents WHERE user_id = %s ORDER BY 1"
    ana, ben = (database.rows(keys, both[name]) for name in (ANA, BEN))
    assert len(ana) == 3
    assert ana == ben
    # A vector that another's text made would tell that they have the text.
    assert len(embedder.texts) == 2 * len(set(embedder.texts)) > 0


def test_a_second_user_gets_a_job_of_their_own(imported: Imported, both: dict[str, UUID]) -> None:
    assert imported(ANA, "again.zip", EXPORT)["status"] == "duplicate"
    assert imported("cy@example.org", "export.zip", EXPORT)["status"] == "done"


def test_the_ledger_sees_no_content(run: Runtime, both: dict[str, UUID]) -> None:
    with run.ledger.transaction() as connection:
        assert visible(connection, "imports.jobs") == {both[ANA], both[BEN]}
    for table in (
        "user_data.documents",
        "timeseries.locations",
        "vectors.embeddings",
        "vectors.cache",
        "imports.quarantine",
        "imports.claims",
    ):
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            run.ledger.transaction() as connection,
        ):
            visible(connection, table)


def test_a_message_for_another_users_chunk_loads_for_its_owner(
    drop: Callable[[str, str, bytes], UUID], driver: Driver, database: Database
) -> None:
    """The user comes out of the ledger, never out of a message."""
    ana, ben = drop(ANA, "a.zip", EXPORT), drop(BEN, "b.zip", EXPORT)
    driver.drain()
    for job in (ana, ben):
        (row,) = database.rows("SELECT user_id FROM imports.jobs WHERE id = %s", job)
        owners = {d["user_id"] for d in database.documents(job) + database.locations(job)}
        assert owners == {row["user_id"]}
