"""No user sees, changes or learns of another's rows, whichever way they ask."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from sql.store import Lake, Purpose
from tasks.runtime.context import Runtime
from tests.support.lake import Database, Driver, FakeEmbedder, counts, zipped

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


@pytest.mark.threat("isolation")
def test_each_sees_their_own_rows_alone(
    lake: Lake, both: dict[str, UUID], seen: Callable[[object], None]
) -> None:
    for name in (ANA, BEN):
        with lake.as_user(both[name]) as connection:
            for table in TABLES:
                if table.endswith("documents_structured"):
                    continue
                assert visible(connection, table) == {both[name]}, table
    seen(f"{len(TABLES) - 1} parents: own rows alone")


@pytest.mark.threat("isolation", seen="every partition: refused")
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


@pytest.mark.threat("isolation", seen="a partition granted by mistake: own rows alone")
def test_a_partition_that_is_granted_by_mistake_still_hides_others(
    reader: Lake, both: dict[str, UUID], database: Database
) -> None:
    table = "user_data.documents_structured_undated"
    database.rows(f"GRANT SELECT ON {table} TO datapunk_reader")
    assert database.one(f"SELECT count(DISTINCT user_id) FROM {table}") == 2
    with reader.as_user(both[ANA]) as connection:
        assert visible(connection, table) == {both[ANA]}


@pytest.mark.threat("isolation", seen="the owner: no rows")
def test_the_owner_is_held_too(url: Callable[[str], str], both: dict[str, UUID]) -> None:
    with psycopg.connect(url("owner")) as connection:
        for table in ("user_data.documents", "imports.quarantine", "imports.claims"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


@pytest.mark.threat("isolation", seen="no user set: no rows")
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


@pytest.mark.threat("isolation", seen="writing for another: refused")
def test_nobody_writes_for_another(run: Runtime, both: dict[str, UUID]) -> None:
    with run.lake.remaking(both[ANA], Purpose.HAND) as entered:
        entered.connection.execute(INSERT, document(both[ANA]))
    denied = pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security")
    with denied, run.lake.remaking(both[ANA], Purpose.HAND) as entered:
        entered.connection.execute(INSERT, document(both[BEN]))
    denied = pytest.raises(psycopg.errors.InsufficientPrivilege)
    with denied, run.lake.pool.connection() as connection, connection.transaction():
        connection.execute(INSERT, document(both[ANA]))


@pytest.mark.threat("isolation", seen="changing another's state: 0 rows")
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


@pytest.mark.threat("isolation", seen="a pooled connection: forgets its user")
def test_a_pooled_connection_forgets_its_user(reader: Lake, both: dict[str, UUID]) -> None:
    with reader.as_user(both[ANA]) as connection:
        pid = connection.info.backend_pid
        assert visible(connection, "user_data.documents") == {both[ANA]}
    with reader.pool.connection() as connection, connection.transaction():
        assert connection.info.backend_pid == pid, "a pool of one gives the same connection"
        assert visible(connection, "user_data.documents") == set()


@pytest.mark.threat("isolation", seen="a failed one too")
def test_a_connection_that_failed_forgets_its_user(reader: Lake, both: dict[str, UUID]) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero), reader.as_user(both[ANA]) as connection:
        connection.execute("SELECT 1 / 0")
    with reader.pool.connection() as connection, connection.transaction():
        assert visible(connection, "imports.jobs") == set()


@pytest.mark.threat("isolation", seen="two users with one archive: a job, rows and vectors each")
@pytest.mark.threat("twice", seen="two users with one archive: a job, rows and vectors each")
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


@pytest.mark.threat("isolation", seen="the ledger's role: no content")
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


# --- over the whole catalogue, whatever a later migration adds ---------------------------------

_WITH_A_USER = """
SELECT c.oid, c.oid::regclass::text AS name, c.relkind::text AS kind, c.relrowsecurity AS secured,
    c.relforcerowsecurity AS forced, c.relispartition AS part,
    (SELECT array_agg(p.polname::text || ' ' || coalesce(pg_get_expr(p.polqual, p.polrelid), '')
        || ' for ' || (SELECT string_agg(rolname, ',') FROM pg_roles WHERE oid = ANY(p.polroles)))
     FROM pg_policy AS p WHERE p.polrelid = c.oid) AS policies
FROM pg_class AS c
WHERE c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
  AND EXISTS (SELECT FROM pg_attribute AS a
      WHERE a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped)
"""
APPLICATION = ("datapunk_ingest", "datapunk_reader", "datapunk_ledger")


@pytest.mark.threat("isolation")
def test_no_table_or_partition_of_a_user_is_open(
    both: dict[str, UUID], database: Database, seen: Callable[[object], None]
) -> None:
    rows = database.rows(_WITH_A_USER + " AND c.relkind IN ('r', 'p')")
    assert {row["name"] for row in rows} >= set(TABLES)
    assert sum(row["part"] for row in rows) >= 16
    for row in rows:
        assert (row["secured"], row["forced"]) == (True, True), row["name"]
        for policy in row["policies"]:
            name, _, rest = policy.partition(" ")
            condition, _, roles = rest.rpartition(" for ")
            if "current_user_id()" not in condition:
                assert (condition, roles) == ("true", "datapunk_ledger"), (row["name"], name)
    seen("over pg_class: every table and partition with a user_id has forced row-level security")


@pytest.mark.threat("isolation")
def test_no_view_shows_what_its_reader_may_not_see(
    both: dict[str, UUID], database: Database, seen: Callable[[object], None]
) -> None:
    """A view is asked as its owner unless it is security_invoker; a materialised one always is."""
    views = database.rows(
        "SELECT c.oid::regclass::text AS name, c.relkind::text AS kind, "
        "coalesce('security_invoker=true' = ANY(c.reloptions), false) AS invoker, "
        "has_table_privilege('datapunk_reader', c.oid, 'SELECT') AS granted "
        "FROM pg_class AS c JOIN pg_depend AS d ON d.objid = c.oid AND d.deptype <> 'e' "
        "WHERE c.relkind IN ('v', 'm') "
        "AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)' "
        "UNION SELECT 'pg_catalog.pg_stats', 'v', true, true"
    )
    for view in views:
        if view["kind"] == "v":
            assert view["invoker"], view["name"]
        else:
            assert not view["granted"], view["name"]
    database.rows("ANALYZE user_data.documents, timeseries.locations, imports.quarantine")
    tables = database.rows(_WITH_A_USER + " AND c.relkind IN ('r', 'p')")
    stats = (
        "SELECT count(*) FROM pg_stats "
        "WHERE format('%%I.%%I', schemaname, tablename)::regclass = ANY(%s::oid[])"
    )
    oids = [row["oid"] for row in tables]
    assert database.one(stats, oids) > 20
    for role in APPLICATION:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute(f"SET ROLE {role}".encode())
            assert connection.execute(stats.encode(), (oids,)).fetchone() == (0,), role
    seen("views: as their reader; statistics of columns: hidden")


@pytest.mark.threat("isolation")
def test_functions_with_the_owners_rights_are_held_as_their_owner_is(
    both: dict[str, UUID], database: Database, seen: Callable[[object], None]
) -> None:
    roles = database.rows(
        "SELECT rolname, rolsuper OR rolbypassrls AS free FROM pg_roles "
        "WHERE rolname LIKE 'datapunk\\_%%' AND rolname <> 'datapunk_admin'"
    )
    assert {row["rolname"] for row in roles} >= {*APPLICATION, "datapunk_owner"}
    assert not any(row["free"] for row in roles)
    definers = database.rows(
        "SELECT p.oid::regprocedure::text AS name, p.proowner::regrole::text AS owner, "
        "p.proconfig AS config, has_function_privilege('public', p.oid, 'EXECUTE') AS open "
        "FROM pg_proc AS p WHERE p.prosecdef "
        "AND p.pronamespace::regnamespace::text !~ '^(pg_|information_schema)'"
    )
    assert len(definers) >= 5
    for function in definers:
        assert function["owner"] == "datapunk_owner", function["name"]
        assert not function["open"], function["name"]
        assert any(c.startswith("search_path=") for c in function["config"] or ()), function["name"]
    tables = database.rows(_WITH_A_USER + " AND c.relkind IN ('r', 'p')")
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("SET ROLE datapunk_owner")
        for row in tables:
            found = connection.execute(f"SELECT count(*) FROM {row['name']}".encode()).fetchone()
            assert found == (0,), row["name"]
    seen("functions: run as an owner who sees no rows either, none open to all")


@pytest.mark.threat("isolation")
def test_a_function_of_ones_own_is_not_shown_others_rows(
    lake: Lake, both: dict[str, UUID], seen: Callable[[object], None]
) -> None:
    """A cheap function could be asked before the policy, were it not a barrier."""
    with lake.as_user(both[ANA]) as connection:
        connection.execute("CREATE TEMPORARY TABLE heard (user_id uuid)")
        connection.execute(
            "CREATE FUNCTION pg_temp.hear(uuid) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS "
            "'BEGIN INSERT INTO heard VALUES ($1); RETURN true; END'"
        )
        for table in ("user_data.documents", "timeseries.locations", "imports.quarantine"):
            connection.execute(f"SELECT FROM {table} WHERE pg_temp.hear(user_id)")
        assert visible(connection, "heard") == {both[ANA]}
    seen("a function in WHERE: shown own rows alone")


@pytest.mark.threat("isolation")
def test_the_nearest_and_the_found_are_ones_own(
    lake: Lake, both: dict[str, UUID], database: Database, seen: Callable[[object], None]
) -> None:
    (theirs,) = database.rows(
        "SELECT embedding::text FROM vectors.embeddings WHERE user_id = %s LIMIT 1", both[BEN]
    )
    nearest = (
        "SELECT e.user_id FROM vectors.embeddings AS e ORDER BY e.embedding <=> %s::vector LIMIT 99"
    )
    for index in (False, True):
        if index:
            partition = database.one("SELECT min(id) FROM vectors.models")
            database.rows(
                f"CREATE INDEX ON vectors.embeddings_m{partition} "
                "USING hnsw ((embedding::vector(8)) vector_cosine_ops)"
            )
        with lake.as_user(both[ANA]) as connection:
            connection.execute("SET LOCAL enable_seqscan = off")
            found = connection.execute(nearest.encode(), (theirs["embedding"],)).fetchall()
            assert {row["user_id"] for row in found} == {both[ANA]}
            words = connection.execute(
                "SELECT user_id FROM user_data.documents WHERE content ILIKE '%quiet day%'"
            ).fetchall()
            assert [row["user_id"] for row in words] == [both[ANA]]
    seen("search by words and by vectors, with an index and without: own rows alone")


# --- what EXPLAIN ANALYZE tells: the rows that an index gave and the policy then removed ---------

#: Random, or out of a sequence that all users share: to have it tells nothing of what it names.
_IDS = {"id", "job_id", "set_id", "file_id", "chunk_id", "document_id", "version_id"}

_INDEXES = """
SELECT i.indexrelid::regclass::text AS name, m.amname::text AS kind,
    has_table_privilege('datapunk_ledger', c.oid, 'SELECT') AS of_the_ledger,
    (SELECT array_agg(a.attname::text ORDER BY k.n)
     FROM unnest(i.indkey) WITH ORDINALITY AS k (at, n)
     JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.at) AS columns,
    (SELECT bool_and(has_column_privilege(r, t.parent, k.at, 'SELECT'))
     FROM unnest(i.indkey) AS k (at) WHERE k.at > 0) AS granted,
    (SELECT bool_or(p.proleakproof) FROM unnest(i.indclass) AS k (class)
     JOIN pg_opclass AS o ON o.oid = k.class
     JOIN pg_amop AS w ON w.amopfamily = o.opcfamily AND w.amoppurpose = 's'
     JOIN pg_operator AS q ON q.oid = w.amopopr
     JOIN pg_proc AS p ON p.oid = q.oprcode) AS leakproof
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_am AS m ON m.oid = x.relam
CROSS JOIN LATERAL (SELECT coalesce(pg_partition_root(c.oid), c.oid::regclass) AS parent) AS t
CROSS JOIN unnest(ARRAY['datapunk_ingest', 'datapunk_reader']) AS r
WHERE c.oid = ANY(%s::oid[])
"""


def _tells_of_others(index: dict[str, Any]) -> bool:
    columns = index["columns"] or []
    if not index["leakproof"] or not index["granted"] or columns[:1] == ["user_id"]:
        return False
    if "user_id" in columns and (index["kind"] == "gin" or index["of_the_ledger"]):
        return False  # the policy is a condition of the index all the same
    return not set(columns) - {"user_id"} <= _IDS


@pytest.mark.threat("isolation")
def test_every_index_that_a_policy_can_not_close_begins_with_the_user(
    both: dict[str, UUID], database: Database, seen: Callable[[object], None]
) -> None:
    tables = database.rows(_WITH_A_USER + " AND c.relkind IN ('r', 'p')")
    indexes = database.rows(_INDEXES, [row["oid"] for row in tables])
    kinds = {i["kind"] for i in indexes if i["leakproof"]}
    assert kinds >= {"btree", "gin", "brin"}
    assert any("search_words_by_spelling" in i["name"] for i in indexes)
    assert [index["name"] for index in indexes if _tells_of_others(index)] == []
    seen("indexes: each begins with the user, or tells of ids alone")


def _numbers(plan: Any) -> Any:
    """All that a plan says but for conditions and for pages, which are in the index's own shape."""
    if isinstance(plan, list):
        return [_numbers(part) for part in plan]
    if not isinstance(plan, dict):
        return plan
    dull = ("Cond", "Filter", "Blocks", "Sort Space Used")
    return {
        name: _numbers(value)
        for name, value in plan.items()
        if name.startswith("Rows Removed") or not name.endswith(dull)
    }


#: What a reader may switch off to have a plan by an index, by another, or by none.
_WAYS = (
    (),
    ("seqscan",),
    ("seqscan", "indexscan", "indexonlyscan"),
    ("indexscan", "indexonlyscan", "bitmapscan"),
)
#: Else the planner reads all rows of the user; and Ben's document has a time of its own.
_BOTH_HAVE = (
    "INSERT INTO user_data.search_words SELECT {ana}, 'w' || md5(n::text) "
    "FROM generate_series(1, 3000) AS n",
    "INSERT INTO imports.quarantine (job_id, user_id, file_id, chunk_id, position, locator, stage, "
    "code, detail, raw) SELECT job_id, user_id, id, 1, n, '', 'normalise', 'odd', '', '' "
    "FROM imports.files, generate_series(1, 3000) AS n WHERE user_id = {ana}",
    "ANALYZE user_data.search_words, imports.quarantine",
    "UPDATE user_data.documents SET partition_at = '0001-02-03Z' "
    "WHERE user_id <> {ana} AND data_type = 'document'",
)
_QUIETLY = "ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF, FORMAT JSON"

#: A condition; what makes it fit a row of Ben's; and what makes it fit nobody's.
ASKED = {
    "a word": (
        "user_data.search_words WHERE word % {0}::text",
        "SELECT 'lake'",
        "SELECT 'kestrel'",
    ),
    "a word, between": (
        "user_data.search_words WHERE word BETWEEN {0} AND {0}",
        "SELECT word FROM user_data.search_words WHERE user_id = {2} AND word LIKE 'quiet%'",
        "SELECT 'kestrel'",
    ),
    "a document's time": (
        "user_data.documents WHERE id = {1} AND data_type = 'document' "
        "AND partition_at BETWEEN {0} AND {0}",
        "SELECT partition_at FROM user_data.documents WHERE id = {1}",
        "SELECT timestamptz '1000-01-01Z'",
    ),
    "pieces of a text": (
        "vectors.embeddings WHERE document_id = {1} AND piece >= {0}::smallint",
        "SELECT 0",
        "SELECT 99",
    ),
    "the codes of records in quarantine": (
        "imports.quarantine WHERE code = {0}",
        "SELECT code FROM imports.quarantine LIMIT 1",
        "SELECT 'none'",
    ),
    "when somebody imported": (
        "imports.jobs WHERE created_at BETWEEN {0} AND {0}",
        "SELECT created_at FROM imports.jobs WHERE user_id = {2}",
        "SELECT timestamptz '2001-01-01Z'",
    ),
    "a folder": (
        "imports.files WHERE ordinal IS NOT NULL AND folder_hash = {0}",
        "SELECT folder_hash FROM imports.files WHERE user_id = {2} AND folder_hash IS NOT NULL "
        "AND path LIKE '%Location History%'",
        "SELECT 1",
    ),
}


@pytest.mark.threat("isolation")
@pytest.mark.parametrize("what", ASKED)
def test_a_plan_says_the_same_whether_another_has_it_or_not(
    what: str,
    reader: Lake,
    imported: Imported,
    database: Database,
    seen: Callable[[object], None],
) -> None:
    ana = imported(ANA, "other.txt", b"Something else, on another day.")["user_id"]
    ben = imported(BEN, "export.zip", EXPORT)["user_id"]
    for statement in _BOTH_HAVE:
        database.rows(statement.replace("{ana}", f"'{ana}'"))
    theirs = database.one(
        "SELECT id FROM user_data.documents WHERE user_id = %s AND data_type = 'document'", ben
    )
    query, fits, fits_not = (text.replace("{1}", str(theirs)) for text in ASKED[what])

    def said(value: object, switched_off: tuple[str, ...]) -> Any:
        condition = query.replace("{0}", psycopg.sql.Literal(value).as_string())
        with reader.as_user(ana) as connection:
            for kind in switched_off:
                connection.execute(f"SET LOCAL enable_{kind} = off".encode())
            asked = f"EXPLAIN ({_QUIETLY}) SELECT FROM {condition}"
            rows = connection.execute(asked.encode()).fetchall()
        return _numbers(rows[0]["QUERY PLAN"])

    values = [
        database.one(text.replace("{2}", f"'{ben}'").replace("%", "%%"))
        for text in (fits, fits_not)
    ]
    for switched_off in _WAYS:
        has, has_not = (said(value, switched_off) for value in values)
        assert has == has_not, switched_off
    seen("EXPLAIN ANALYZE: the same whether another has it or not")


@pytest.mark.threat("isolation", seen="names of other users: can't be asked for")
def test_nobody_asks_for_the_name_of_a_user(lake: Lake, both: dict[str, UUID]) -> None:
    denied = pytest.raises(psycopg.errors.InsufficientPrivilege)
    with denied, lake.as_user(both[ANA]) as connection:
        connection.execute("SELECT FROM user_data.users WHERE name = %s", (BEN,))


_KEYS = """
SELECT i.indexrelid::regclass::text AS name, c.oid::regclass::text AS table,
    (SELECT array_agg(a.attname::text ORDER BY k.n)
     FROM unnest(i.indkey) WITH ORDINALITY AS k (at, n)
     JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.at) AS columns
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
WHERE i.indisunique AND c.oid = ANY(%s::oid[])
"""


@pytest.mark.threat("isolation")
def test_every_key_names_the_user(
    both: dict[str, UUID], database: Database, seen: Callable[[object], None]
) -> None:
    """Else a conflict would tell what another has. A number out of a sequence may stand alone:
    it tells how many there are of all users together; so may what only the ledger inserts."""
    tables = database.rows(_WITH_A_USER + " AND c.relkind IN ('r', 'p')")
    keys = database.rows(_KEYS, [row["oid"] for row in tables])
    assert len(keys) > 30
    for key in keys:
        if "user_id" in key["columns"] or key["columns"] == ["id"]:
            continue
        for role in ("datapunk_ingest", "datapunk_reader"):
            column = key["columns"][0]
            allowed = "SELECT has_column_privilege(%s, %s::regclass, %s, 'INSERT')"
            assert not database.one(allowed, role, key["table"], column), key["name"]
    seen("unique keys: each names the user, or is a number that nobody can choose")


@pytest.mark.threat("isolation")
@pytest.mark.parametrize(
    "table",
    [
        "user_data.documents",
        "timeseries.locations",
        "vectors.embeddings",
        "vectors.cache",
        "imports.files",
        "imports.chunks",
        "imports.quarantine",
    ],
)
def test_a_conflict_tells_nothing(
    run: Runtime,
    imported: Imported,
    database: Database,
    table: str,
    seen: Callable[[object], None],
) -> None:
    """What Ben has, inserted by Ana as hers, is answered as what nobody has."""
    ana = imported(ANA, "other.txt", b"Something else, on another day.")["user_id"]
    ben = imported(BEN, "export.zip", EXPORT)["user_id"]
    numbers = "" if table in ("vectors.embeddings", "vectors.cache") else "- 'id'"
    (theirs,) = database.rows(
        f"SELECT to_jsonb(t) {numbers} AS row FROM {table} AS t WHERE user_id = %s LIMIT 1",
        ben,
    )
    made = {
        row["attname"]
        for row in database.rows(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attgenerated <> ''",
            table,
        )
    }
    answers = []
    for change in (
        {},
        {"job_id": str(uuid4()), "record_key": str(uuid4()), "nth": 99, "piece": 99},
    ):
        row = {**theirs["row"], **{k: v for k, v in change.items() if k in theirs["row"]}}
        row["user_id"] = str(ana)
        names = ", ".join(name for name in row if name not in made)
        statement = (
            f"INSERT INTO {table} ({names}) SELECT {names} "
            f"FROM jsonb_populate_record(NULL::{table}, %s::jsonb)"
        )
        try:
            with (
                run.lake.remaking(ana, Purpose.HAND) as entered,
                entered.connection.transaction() as inner,
            ):
                entered.connection.execute(statement.encode(), (json.dumps(row),))
                raise psycopg.Rollback(inner)
            answers.append("taken")
        except psycopg.Error as error:
            answers.append(type(error).__name__)
    assert answers[0] == answers[1] in ("taken", "ForeignKeyViolation")
    seen(f"another's {table.rpartition('.')[2]} as one's own: answered as what nobody has")
