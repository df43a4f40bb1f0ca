"""What a role may take of the server: connections, locks, large objects; and what is said then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg_pool import PoolTimeout
from typer.testing import CliRunner

from schemas.errors import ServiceDown, TransientError
from sql import migrate
from sql.store import Hold, Lake
from tasks.maintenance import reconcile
from tasks.runtime.context import Runtime
from tests.support.lake import Database
from workers import down
from workers.cli import app, doctor
from workers.cli import failures as commands
from workers.cli.verbs import status
from workers.settings import Settings

ROLES = ("owner", "ingest", "reader", "ledger")


# --- connections -----------------------------------------------------------------------------


def limits(database: Database) -> dict[str, int]:
    rows = database.rows("SELECT rolname, rolconnlimit FROM pg_roles WHERE rolname ~ '^datapunk_'")
    held = {row["rolname"].removeprefix("datapunk_"): row["rolconnlimit"] for row in rows}
    return {role: held[role] for role in ROLES}


@contextmanager
def limited(database: Database, role: str, most: int) -> Iterator[None]:
    """Roles are the server's: what a test changes, it puts back."""
    before = limits(database)[role]
    database.rows(f"ALTER ROLE datapunk_{role} CONNECTION LIMIT {most}")
    try:
        yield
    finally:
        database.rows(f"ALTER ROLE datapunk_{role} CONNECTION LIMIT {before}")


@pytest.mark.services
def test_no_role_can_take_all_connections(database: Database) -> None:
    most = int(database.one("SELECT current_setting('max_connections')"))
    assert all(0 < limit <= most / 2 for limit in limits(database).values())
    assert limits(database)["reader"] == most // 4


@pytest.mark.services
def test_a_reader_who_takes_what_there_is_leaves_room_for_the_others(
    url: Callable[[str], str], database: Database
) -> None:
    with limited(database, "reader", 3), ExitStack() as taken:
        with pytest.raises(psycopg.OperationalError) as refused:
            for _ in range(4):
                taken.enter_context(psycopg.connect(url("reader")))
        assert down.state_of(refused.value) == "53300"
        for role in ("ledger", "ingest"):
            psycopg.connect(url(role)).close()


@pytest.mark.services
def test_a_limit_that_the_administrator_chose_stays(
    url: Callable[[str], str], database: Database
) -> None:
    with limited(database, "reader", 7):
        migrate.bootstrap(url("admin"), login=True)
        assert limits(database)["reader"] == 7


# --- locks and large objects -----------------------------------------------------------------

_OPEN = """
SELECT p.oid::regprocedure::text AS name FROM pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::regnamespace
  AND p.proname ~ '^(pg_(try_)?advisory_|lo_|loread$|lowrite$)'
  AND has_function_privilege(%s, p.oid, 'EXECUTE') ORDER BY 1
"""


@pytest.mark.services
@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("public", []),
        ("datapunk_reader", []),
        ("datapunk_ingest", []),
        ("datapunk_ledger", ["pg_advisory_unlock(bigint)", "pg_try_advisory_lock(bigint)"]),
    ],
)
def test_locks_and_large_objects_are_closed(database: Database, role: str, may: list[str]) -> None:
    assert len(database.rows(_OPEN, "datapunk_admin")) > 40
    assert [row["name"] for row in database.rows(_OPEN, role)] == may


@pytest.mark.services
@pytest.mark.threat("isolation", seen="another's lock, a large object: refused")
def test_nobody_holds_the_rows_of_another(run: Runtime, reader: Lake) -> None:
    ana, ben = uuid4(), uuid4()
    denied = pytest.raises(psycopg.errors.InsufficientPrivilege)
    for what in ("lake", "counts", "alike", "file1"):
        with denied, run.lake.as_user(ana) as connection:
            connection.execute("SELECT imports.hold(%s, %s, true)", (ben, what))
    for alone in (True, False):
        with denied, run.lake.as_user(ana) as connection:
            connection.execute("SELECT imports.hold_lake(%s, %s)", (ben, alone))
    with denied, run.lake.pool.connection() as connection:  # no user at all
        connection.execute("SELECT imports.hold_lake(%s, true)", (ana,))
    for statement in ("SELECT imports.hold_lake(%s, false)", "SELECT lo_create(%s::text::oid)"):
        value: Any = ana if "hold" in statement else 1
        with denied, reader.as_user(ana) as connection:
            connection.execute(statement.encode(), (value,))


@pytest.mark.services
def test_ones_own_lock_holds_others_of_the_same_user_off(
    run: Runtime, url: Callable[[str], str]
) -> None:
    ana, ben = uuid4(), uuid4()

    def waits(user: UUID, alone: bool) -> bool:
        with psycopg.connect(url("ingest")) as other:
            other.execute("SELECT set_config('app.user_id', %s, true)", (str(user),))
            other.execute("SET LOCAL lock_timeout = '100ms'")
            try:
                other.execute("SELECT imports.hold_lake(%s, %s)", (user, alone))
            except psycopg.errors.LockNotAvailable:
                return True
            return False

    with run.lake.as_user(ana, hold=Hold.SHARED):
        assert [waits(ana, True), waits(ana, False), waits(ben, True)] == [True, False, False]
    with run.lake.as_user(ana, hold=Hold.ALONE):
        assert [waits(ana, True), waits(ana, False), waits(ben, True)] == [True, True, False]


@pytest.mark.services
def test_the_reconciler_still_takes_turns(run: Runtime, database: Database) -> None:
    with run.ledger.pool.connection() as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(7215002) AS got").fetchone()
        assert row == {"got": True}
        assert set(reconcile.reconcile(run).values()) == {0}
        connection.execute("SELECT pg_advisory_unlock(7215002)")
    assert database.one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    reconcile.reconcile(run)
    assert database.one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


# --- what is said ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FATAL:  sorry, too many clients already", "max_connections"),
        ('FATAL:  too many connections for role "datapunk_reader"', "max_connections"),
        ('FATAL:  too many connections for database "datapunk"', "max_connections"),
        (
            "FATAL:  remaining connection slots are reserved for roles with privileges",
            "max_connections",
        ),
        ('FATAL:  password authentication failed for user "x"', "refuses the password"),
        ("fe_sendauth: no password supplied", "refuses the password"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "x"', "pg_hba.conf"),
        ('FATAL:  role "nobody" does not exist', "does not know this login"),
        ('FATAL:  role "datapunk_ledger" does not exist', "datapunk db upgrade"),
        ('FATAL:  database "lake" does not exist', "create it"),
        ("FATAL:  the database system is starting up", "try again in a moment"),
        ("FATAL:  the database system is shutting down", "try again in a moment"),
        ("FATAL:  the database system is in recovery mode", "try again in a moment"),
        ("FATAL:  the database system is not yet accepting connections", "try again in a moment"),
        ("FATAL:  etwas anderes", "look into its log"),
        ("Connection refused\n\tIs the server running on that host?", "datapunk up"),
        ("failed to resolve host 'no.such.host'", "datapunk up"),
        ("connection timeout expired", "datapunk up"),
    ],
)
def test_why_a_connection_was_refused(text: str, said: str) -> None:
    line = down.why(psycopg.OperationalError(f"connection failed: {text}"))
    assert said in line
    assert ("datapunk up" in line) == (said == "datapunk up")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (psycopg.errors.TooManyConnections(), "max_connections"),
        (psycopg.errors.AdminShutdown(), "try again in a moment"),
        (psycopg.errors.DiskFull(), "make room"),
        (psycopg.errors.DeadlockDetected(), "SQLSTATE 40P01"),
    ],
)
def test_why_a_session_ended(error: psycopg.Error, said: str) -> None:
    assert said in down.why(error)


@pytest.mark.services
def test_what_postgres_itself_says_is_understood(
    servers: Settings, url: Callable[[str], str], database: Database
) -> None:
    def state(address: str) -> str | None:
        with pytest.raises(psycopg.OperationalError) as refused:
            psycopg.connect(address, connect_timeout=3)
        return down.state_of(refused.value)

    place = f"?host={servers.server_socket_dir}"
    assert state(f"postgresql://nobody@/postgres{place}") == "28000"
    assert state(f"postgresql://datapunk_admin@/none_such{place}") == "3D000"
    assert state("postgresql://x@/y?host=/nowhere") is None
    with limited(database, "reader", 0):
        assert state(url("reader")) == "53300"


@pytest.mark.services
def test_a_command_without_a_connection_says_which_limit(
    place: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (status, commands):
        monkeypatch.setattr(module, "load", lambda: place)
    for role in ("ledger", "reader"):
        with limited(database, role, 0):
            result = CliRunner().invoke(app, ["status"])
        assert result.exit_code == 69
        assert "max_connections" in result.stderr
        assert "datapunk up" not in result.stderr


@pytest.mark.services
def test_a_pool_that_gave_no_connection_is_asked_why(
    place: Settings,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(commands, "load", lambda: place)
    wrapped = TransientError("the database said PoolTimeout")
    wrapped.__cause__ = PoolTimeout("couldn't get a connection")
    with limited(database, "ingest", 0):
        for error in (PoolTimeout("couldn't get a connection"), wrapped):
            assert commands.report(error) == 69
            said = capsys.readouterr().err
            assert "max_connections" in said
            assert "datapunk up" not in said


@pytest.mark.services
def test_the_doctor_tells_a_refusal_from_silence(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("FATAL:  sorry, too many clients already")

    monkeypatch.setattr(doctor.psycopg, "connect", refuse)
    (check,) = [c for c in doctor.examine(place) if c.name == "postgres"]
    assert (check.level, "max_connections" in check.advice) == ("fail", True)
    with pytest.raises(ServiceDown, match="max_connections"):
        down.probe(place, "ledger")
