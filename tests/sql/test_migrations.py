"""Migrations up and down, and what they must leave behind."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from schemas.errors import PermanentError
from schemas.records import DataType
from sql import migrate
from tests.support.lake import Database
from workers.reference import schema
from workers.settings import Settings

pytestmark = pytest.mark.services

SCHEMAS = schema.SCHEMAS
_SQL = Path(migrate.__file__).parent
ROLES = ("datapunk_ingest", "datapunk_reader", "datapunk_ledger")

_SHAPE = """
SELECT n.nspname || '.' || c.relname AS name, c.relkind::text AS kind,
    pg_get_expr(c.relpartbound, c.oid) AS bound, c.relacl::text AS acl,
    c.relrowsecurity AS secured, c.relforcerowsecurity AS forced,
    (SELECT array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
        || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END ORDER BY a.attnum)
     FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0
        AND NOT a.attisdropped) AS columns,
    (SELECT array_agg(pg_get_constraintdef(k.oid)
        ORDER BY pg_get_constraintdef(k.oid)) FROM pg_constraint AS k
     WHERE k.conrelid = c.oid) AS constraints
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s) ORDER BY 1, 2
"""
_FUNCTIONS = """
SELECT p.oid::regprocedure::text AS name, pg_get_functiondef(p.oid) AS body, p.proacl::text AS acl
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = ANY(%s) ORDER BY 1
"""


def shape(database: Database) -> tuple[list[object], list[object]]:
    """Everything in our schemas: tables, columns, constraints, rights, functions."""
    return database.rows(_SHAPE, list(SCHEMAS)), database.rows(_FUNCTIONS, list(SCHEMAS))


def test_up_down_up_gives_the_same(place: Settings, database: Database) -> None:
    owner = place.url("owner")
    first = shape(database)
    names = [a.name for a in migrate.status(owner)]
    assert len(first[0]) > 30
    assert migrate.downgrade(owner, count=len(names)) == names[::-1]
    assert database.rows("SELECT FROM pg_namespace WHERE nspname = ANY(%s)", list(SCHEMAS)) == []
    assert migrate.upgrade(owner) == names
    assert shape(database) == first


def test_schema_sql_is_what_the_migrations_give(url: Callable[[str], str]) -> None:
    assert schema.dump(url("admin")) == schema.SCHEMA.read_text(encoding="utf-8"), "make schema"


# --- the baseline and the steps --------------------------------------------------------------

#: Rows of each table, but for what `upgrade` notes of the server itself.
_ROWS = """
SELECT c.oid::regclass::text AS name, query_to_xml('SELECT * FROM ' || c.oid::regclass,
    false, true, '')::text AS rows
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s) AND c.relkind = 'r' AND c.relname <> 'capabilities' ORDER BY 1
"""
_MARKED = "SELECT migration_id, migration_hash FROM datapunk_migrations._yoyo_migration ORDER BY 1"


@pytest.fixture
def empty(servers: Settings, new_database: Callable[..., str]) -> Iterator[tuple[str, Database]]:
    """A database with roles and extensions alone: the owner's URL, and a look at everything."""
    name = new_database()
    admin, owner = (
        f"postgresql://datapunk_{role}@/{name}?host={servers.server_socket_dir}"
        for role in ("admin", "owner")
    )
    migrate.bootstrap(admin, login=True)
    yield owner, Database(admin)
    with psycopg.connect(servers.url("admin"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def everything_in(database: Database) -> list[object]:
    """What a database holds: its schema with rights and functions, rows, and marked migrations."""
    return [
        schema.baseline(database.url),
        schema.dump(database.url),
        database.rows(_ROWS, list(SCHEMAS)),
        database.rows(_MARKED),
    ]


def test_the_baseline_is_what_the_steps_give(
    empty: tuple[str, Database], place: Settings, database: Database
) -> None:
    """`place` starts from the baseline, and `empty` takes every step."""
    owner, stepped = empty
    assert migrate.upgrade(owner, baseline=False) == [a.name for a in migrate.status(owner)]
    assert migrate.status(owner) == migrate.status(place.url("owner"))
    assert everything_in(stepped) == everything_in(database)


def test_an_empty_database_runs_no_step_of_the_baseline(
    empty: tuple[str, Database], edited: Path
) -> None:
    owner, there = empty
    (last,) = (path.stem for path in (edited.parent / "baseline").iterdir())
    text = f"-- depends: {last}\nCREATE TABLE imports.later ();\n"
    (edited / "0099.later.sql").write_text(text)
    for path in edited.glob("*.sql"):
        if path.stem <= last and not path.name.endswith(".rollback.sql"):
            lines = [
                line for line in path.read_text().splitlines() if line.startswith("-- depends")
            ]
            path.write_text("\n".join([*lines, "SELECT no_such_function();"]))
    names = migrate.upgrade(owner)
    assert (names[0], names[-1]) == ("0001.ledger", "0099.later")
    assert all(a.applied for a in migrate.status(owner))
    assert there.one("SELECT to_regclass('imports.later')") is not None


@pytest.mark.parametrize("last", ["0001.ledger", "0014.bulk_vectors", "0026.codes"])
def test_a_lake_of_any_age_is_upgraded_by_steps(
    empty: tuple[str, Database], edited: Path, database: Database,
    monkeypatch: pytest.MonkeyPatch, last: str,
) -> None:  # fmt: skip
    """A lake that was made before there was a baseline, and before functions had files."""
    owner, aged = empty
    for path in edited.glob("*.sql"):
        if path.name.removesuffix(".sql").removesuffix(".rollback") > last:
            path.unlink()
    for path in (edited.parent / "functions").iterdir():
        path.unlink()
    (edited.parent / "comments.sql").write_text("SELECT 1;")
    assert migrate.upgrade(owner, baseline=False)[-1] == last
    monkeypatch.undo()
    assert migrate.upgrade(owner)[0] > last
    assert everything_in(aged) == everything_in(database)


def test_a_baseline_that_fails_leaves_nothing(empty: tuple[str, Database], edited: Path) -> None:
    owner, there = empty
    (script,) = (edited.parent / "baseline").iterdir()
    whole = script.read_text()
    script.write_text(whole + "SELECT no_such_function();\n")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        migrate.upgrade(owner)
    assert there.rows("SELECT FROM pg_namespace WHERE nspname = ANY(%s)", list(SCHEMAS)) == []
    assert there.rows(_MARKED) == []
    script.write_text(whole)
    assert migrate.upgrade(owner) == [a.name for a in migrate.status(owner)]


def test_an_upgrade_that_was_killed_before_its_checksums_is_made_whole(
    place: Settings, database: Database
) -> None:
    database.rows("DELETE FROM datapunk_migrations.checksums WHERE name > '0020'")
    assert migrate.upgrade(place.url("owner")) == []
    assert all(a.applied for a in migrate.status(place.url("owner")))


# --- one step ---------------------------------------------------------------------------------


def test_one_step_down_and_up(place: Settings, database: Database) -> None:
    owner = place.url("owner")
    before, last = shape(database), migrate.status(owner)[-1].name
    assert migrate.downgrade(owner) == [last]
    assert [a.applied for a in migrate.status(owner)][-2:] == [True, False]
    assert migrate.upgrade(owner) == [last]
    assert shape(database) == before


def test_codes_of_waiting_chunks_are_renamed(
    place: Settings, database: Database, drop: Callable[[str, str, bytes], UUID]
) -> None:
    job, owner = drop("ana@example.org", "a.csv", b"a,b\n1,2\n"), place.url("owner")
    code = "SELECT last_error_code FROM imports.chunks WHERE job_id = %s"
    database.rows("UPDATE imports.chunks SET last_error_code = 'transient_DiskFull'")
    while "0030.transient" in [a.name for a in migrate.status(owner) if a.applied]:
        migrate.downgrade(owner)
    assert database.one(code, job) == "weather_DiskFull"
    migrate.upgrade(owner)
    assert database.one(code, job) == "transient_DiskFull"


def test_a_second_upgrade_does_nothing(place: Settings) -> None:
    owner = place.url("owner")
    assert migrate.upgrade(owner) == []
    assert all(a.applied and a.intact for a in migrate.status(owner))


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The migrations in a folder where a test may edit them."""
    copy = tmp_path / "sql"
    shutil.copytree(_SQL, copy)
    monkeypatch.setattr(migrate, "files", lambda _: copy)
    yield copy / "migrations"


def test_an_edited_file_is_refused(place: Settings, edited: Path, database: Database) -> None:
    with (edited / "0001.ledger.sql").open("a") as file:
        file.write("-- one more word\n")
    (edited / "0099.later.sql").write_text("-- depends: 0001.ledger\nCREATE TABLE imports.x ();\n")
    with pytest.raises(PermanentError, match=r"0001\.ledger"):
        migrate.upgrade(place.url("owner"))
    assert database.one("SELECT to_regclass('imports.x')") is None
    assert [a.name for a in migrate.status(place.url("owner")) if not a.intact] == ["0001.ledger"]


def test_a_migration_that_fails_leaves_nothing(
    place: Settings, edited: Path, database: Database
) -> None:
    owner = place.url("owner")
    names = [a.name for a in migrate.status(owner)]
    text = f"-- depends: {names[-1]}\nCREATE TABLE imports.half ();\nSELECT no_such_function();\n"
    (edited / "0099.half.sql").write_text(text)
    with pytest.raises(psycopg.errors.UndefinedFunction):
        migrate.upgrade(owner)
    assert database.one("SELECT to_regclass('imports.half')") is None
    assert [a.applied for a in migrate.status(owner)] == [True] * len(names) + [False]


def test_a_lock_that_a_kill_left_is_broken(place: Settings, database: Database) -> None:
    database.rows(
        "INSERT INTO datapunk_migrations.yoyo_lock (locked, ctime, pid) VALUES (1, now(), 999999)"
    )
    migrate.downgrade(place.url("owner"))
    database.rows(
        "INSERT INTO datapunk_migrations.yoyo_lock (locked, ctime, pid) VALUES (1, now(), 999999)"
    )
    assert len(migrate.upgrade(place.url("owner"))) == 1


def test_what_the_server_could_do_is_noted(database: Database) -> None:
    rows = database.rows("SELECT name FROM imports.capabilities")
    assert {row["name"] for row in rows} == set(migrate.OPTIONAL_EXTENSIONS)


def test_what_is_required_is_installed(database: Database) -> None:
    rows = database.rows("SELECT extname FROM pg_extension")
    wanted = {"vector", "pg_trgm", "hstore", "unaccent", "btree_gin"}
    assert wanted <= {row["extname"] for row in rows}


def test_functions_are_those_of_their_files(url: Callable[[str], str], database: Database) -> None:
    """What the files create is all that there is, and applying them again changes nothing."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(_SQL.glob("functions/*.sql"))]
    created = re.findall(r"^CREATE OR REPLACE FUNCTION (\S+)\(", "\n".join(texts), re.MULTILINE)
    before = database.rows(_FUNCTIONS, list(SCHEMAS))
    there = [str(row["name"]).partition("(")[0].replace('"', "") for row in before]
    assert sorted(created) == sorted(there)
    with psycopg.connect(url("owner")) as connection:
        for text in texts:
            connection.execute(text)
    assert database.rows(_FUNCTIONS, list(SCHEMAS)) == before


def test_an_edited_function_is_applied_again(
    place: Settings, edited: Path, database: Database
) -> None:
    with (edited.parent / "functions" / "imports.sql").open("a") as file:
        file.write(
            "CREATE OR REPLACE FUNCTION imports.changed(counts jsonb, by jsonb) RETURNS jsonb\n"
            "    LANGUAGE sql AS $$ SELECT '{}'::jsonb $$;\n"
        )
    assert migrate.upgrade(place.url("owner")) == []
    assert database.one("SELECT imports.changed('{\"seen\": 1}', '{}')") == {}


_UNSAID = """
SELECT a.attrelid::regclass || '.' || a.attname AS name
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s) AND NOT c.relispartition AND c.relkind IN ('r', 'p')
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL(%s)
  AND col_description(a.attrelid, a.attnum) IS NULL
UNION ALL
SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s) AND NOT c.relispartition AND c.relkind IN ('r', 'p', 'v')
  AND obj_description(c.oid, 'pg_class') IS NULL
ORDER BY 1
"""
#: Columns that say themselves what they are.
_SELF_EVIDENT = ["id", "user_id", "job_id", "file_id", "chunk_id", "created_at"]


def test_every_table_and_column_says_what_it_is(database: Database) -> None:
    unsaid = database.rows(_UNSAID, list(SCHEMAS), _SELF_EVIDENT, list(SCHEMAS))
    assert [row["name"] for row in unsaid] == []


# --- row-level security ----------------------------------------------------------------------


def everything(database: Database) -> None:
    """Make partitions of every kind."""
    for data_type in DataType:
        database.rows(
            "SELECT user_data.ensure_partitions(%s, '{2023-01-01,2023-02-01}'::date[])",
            data_type.value,
        )
    database.rows("SELECT timeseries.ensure_partitions('locations', '{2023-01-01}'::date[])")
    database.rows("SELECT vectors.ensure_model('some', '1', 8, 'static')")


_USER_TABLES = """
SELECT c.oid::regclass::text AS name, c.relispartition AS is_partition, c.relrowsecurity AS secured,
    c.relforcerowsecurity AS forced, c.relacl AS acl, pg_get_userbyid(c.relowner) AS owner,
    (SELECT count(*) FROM pg_policy AS p WHERE p.polrelid = c.oid) AS policies
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE a.attname = 'user_id' AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'm', 'v')
"""


def test_every_table_with_a_user_is_secured(database: Database) -> None:
    everything(database)
    tables = database.rows(_USER_TABLES)
    names = {t["name"] for t in tables}
    assert {
        "user_data.users",
        "user_data.documents_email_y2023m02",
        "user_data.documents_email_undated",
        "timeseries.locations_y2023m01",
        "imports.quarantine",
        "vectors.cache",
    } <= names
    assert any(n.startswith("vectors.embeddings_m") for n in names)
    assert [t["name"] for t in tables if not (t["secured"] and t["forced"] and t["policies"])] == []


def test_nothing_is_granted_on_a_partition(database: Database) -> None:
    everything(database)
    partitions = [t for t in database.rows(_USER_TABLES) if t["is_partition"]]
    assert len(partitions) > 3 * len(DataType)
    for partition in partitions:
        for role in ROLES:
            held = database.one(
                "SELECT has_table_privilege(%s, %s, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')",
                role,
                partition["name"],
            )
            assert not held, f"{role} on {partition['name']}"


def test_our_roles_are_nothing_special(database: Database) -> None:
    rows = database.rows("SELECT * FROM pg_roles WHERE rolname LIKE 'datapunk\\_%%'")
    by_name = {r["rolname"]: r for r in rows if r["rolname"] != "datapunk_admin"}
    assert set(by_name) == {*ROLES, "datapunk_owner"}
    for role in by_name.values():
        assert not (role["rolsuper"] or role["rolbypassrls"] or role["rolcreaterole"])
    owners = {t["owner"] for t in database.rows(_USER_TABLES)}
    assert owners == {"datapunk_owner"}
    for role in ROLES:
        assert not database.one("SELECT pg_has_role(%s, 'datapunk_owner', 'MEMBER')", role)


def test_no_role_can_delete_or_change_what_was_loaded(database: Database) -> None:
    for table in ("user_data.documents", "timeseries.locations", "vectors.embeddings"):
        for role in ROLES:
            held = database.one(
                "SELECT has_table_privilege(%s, %s, 'UPDATE, DELETE, TRUNCATE')", role, table
            )
            assert not held, f"{role} on {table}"


def test_the_outside_may_call_no_function_of_the_owner(database: Database) -> None:
    """SECURITY DEFINER runs as the owner: only those who load may call these."""
    rows = database.rows(
        "SELECT p.oid::regprocedure::text AS name, p.proconfig AS config, "
        "has_function_privilege('public', p.oid, 'EXECUTE') AS open FROM pg_proc AS p "
        "JOIN pg_namespace AS n ON n.oid = p.pronamespace "
        "WHERE p.prosecdef AND n.nspname = ANY(%s)",
        list(SCHEMAS),
    )
    assert len(rows) >= 5
    assert [r["name"] for r in rows if r["open"]] == []
    assert [r["name"] for r in rows if not any("search_path" in c for c in r["config"] or [])] == []


def test_partitions_are_made_once(place: Settings, database: Database) -> None:
    query = "SELECT user_data.ensure_partitions('email', '{2023-01-15,2023-01-31,0001-01-01}')"
    assert database.one(query) == 1
    assert database.one(query) == 0
    with psycopg.connect(place.url("ingest")) as connection, pytest.raises(psycopg.Error):
        connection.execute("SELECT user_data.ensure_partitions('email; DROP TABLE x', '{}')")


@pytest.mark.parametrize("role", ["ingest", "reader", "ledger"])
def test_no_role_can_make_tables_of_its_own(url: Callable[[str], str], role: str) -> None:
    with psycopg.connect(url(role)) as connection:
        for schema in SCHEMAS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"CREATE TABLE {schema}.planted ()")
            connection.rollback()
