"""Every query that code asks for exists, with its parameters and its purpose."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import pq
from psycopg.rows import dict_row

from schemas.copy_tables import COPY_TABLES
from sql.load import create_stage
from sql.queries import queries
from tests.sql.queries_asked import FILES, ROOT, asked, words

ASKED = list(asked())
QUERIES = [(file, name) for file in FILES for name in queries(file)]


def parameters(text: str) -> set[str]:
    """The names of the parameters of a query."""
    return set(re.findall(r"%\((\w+)\)s", text))


def test_every_query_that_is_asked_for_exists() -> None:
    assert len(ASKED) > 300
    for one in ASKED:
        assert one.names, f"{one.place}: which query of {one.file} is asked for can't be told"
        for name in one.names:
            found = [known for known in queries(one.file) if re.fullmatch(name, known)]
            assert found, f"{one.place}: {one.file} has no query {name}"


def test_every_query_is_asked_for() -> None:
    literal = words()
    idle = [
        f"{file}.{name}"
        for file, name in QUERIES
        if name not in literal
        and not any(a.file == file and any(re.fullmatch(n, name) for n in a.names) for a in ASKED)
    ]
    assert idle == []


def test_every_parameter_of_a_query_is_given() -> None:
    checked = 0
    for one in ASKED:
        for name in one.names:
            if one.given is not None and name in queries(one.file):
                checked += 1
                lacking = parameters(queries(one.file)[name]) - one.given
                assert not lacking, f"{one.place}: {one.file}.{name} needs {lacking}"
    assert checked > 200


@pytest.mark.parametrize(("file", "name"), QUERIES)
def test_a_query_says_its_purpose(file: str, name: str) -> None:
    first = queries(file)[name].splitlines()[0]
    assert re.fullmatch(r"-- \S.{9,}", first), first


def test_the_state_table_names_every_statement_that_writes_chunks() -> None:
    """Which ones change the state, and which ones leave it as it is."""
    head = (ROOT / "sql/queries/chunks.sql").read_text(encoding="utf-8").partition("-- name:")[0]
    table, _, others = head.partition("-- Other statements")
    texts = {
        name if file == "chunks" else f"{file}.{name}": queries(file)[name]
        for file, name in QUERIES
    }
    functions = (ROOT / "sql/functions/imports.sql").read_text(encoding="utf-8")
    parts = re.split(r"^CREATE OR REPLACE FUNCTION (\S+?)\(", functions, flags=re.MULTILINE)[1:]
    texts |= dict(zip(parts[0::2], parts[1::2], strict=True))
    changes = {name for name, text in texts.items() if _changes_state(text)}
    writes = {name for name, text in texts.items() if re.search(_WRITES, text)}
    assert set(re.findall(r"^-- .{80,}  +(\S+)$", table, re.MULTILINE)) == {"statement", *changes}
    lists = re.findall(r"^-- \w+ {3,}(.*)$", others, re.MULTILINE)
    assert {name for line in lists for name in line.split(", ")} == writes - changes


_WRITES = r"(INSERT INTO|UPDATE) imports\.chunks\b"


def _changes_state(text: str) -> bool:
    """Whether a statement inserts chunks, or sets their stage or status."""
    written = re.findall(r"UPDATE imports\.chunks\b(.*?)(?:WHERE|FROM|\Z)", text, re.DOTALL)
    sets = any(re.search(r"(?<![.\w])(status|stage) = ", part) for part in written)
    return sets or "INSERT INTO imports.chunks" in text


@pytest.mark.services
def test_the_database_knows_all_that_queries_name(url: Callable[[str], str]) -> None:
    """Each statement is prepared and not run; only temporary tables are made."""
    with psycopg.connect(url("admin"), row_factory=dict_row) as connection:
        for file, name in QUERIES:
            if "CREATE TEMPORARY TABLE" in queries(file)[name]:
                text = queries(file)[name].replace(" ON COMMIT DROP", "")
                connection.execute(text, dict.fromkeys(parameters(text)))
        for table in COPY_TABLES:
            create_stage(connection, table)
        connection.commit()
        wrong = {
            f"{file}.{name}": said
            for file, name in QUERIES
            if (said := refusal(connection, queries(file)[name]))
        }
    assert not wrong, "\n".join(f"{name}: {said}" for name, said in wrong.items())


def refusal(connection: psycopg.Connection, text: str) -> str:
    """What the database says against a statement, if anything; empty for what can't be prepared."""
    if "{" in text or re.search(r"^(COPY|CREATE|ANALYZE|GRANT|TRUNCATE|SET)\b", text, re.MULTILINE):
        return ""
    # A number for each place, so that the type of a parameter is told by that place alone.
    places = count(1)
    text = re.sub(r"%\(\w+\)s", lambda _: f"${next(places)}", text)
    result = connection.pgconn.prepare(b"", text.replace("%%", "%").encode())
    connection.rollback()
    if result.status == pq.ExecStatus.COMMAND_OK:
        return ""
    return result.error_message.decode()


def _joins_by_id(text: str) -> list[str]:
    """Return the conditions on rows of `documents` that name an id and a partition, but no record.

    A plan from old statistics may answer such a condition by the index on records: it reads a
    month's entries for each row.
    """
    parts = re.split(r"\b(?:JOIN|WHERE|FROM|RETURNING|ORDER BY|SELECT)\b|;", text)
    return [
        part.strip() for part in parts
        if re.search(r"\b\w+\.id = ", part) and re.search(r"partition_at = ", part)
        and not re.search(r"record_key\S* = ", part)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [*(ROOT / "sql/queries").glob("*.sql"), *(ROOT / "sql/functions").glob("*.sql")],
    ids=lambda p: p.stem,
)
def test_documents_are_looked_up_by_all_of_their_key(path: Path) -> None:
    assert _joins_by_id(path.read_text(encoding="utf-8")) == []


def test_a_look_up_by_half_of_the_key_is_found() -> None:
    half = "SELECT 1 FROM t JOIN user_data.documents AS d ON d.id = t.id AND d.partition_at = t.at"
    assert len(_joins_by_id(half)) == 1
    assert _joins_by_id(half + " AND d.record_key = t.record_key") == []


def _read_after_insert(text: str) -> list[str]:
    """Return the tables that a statement both fills and looks up.

    A plan of one look-up a row then reads the entries that the same statement makes, though it sees
    none of their rows: its time grows with the square of what it inserts.
    """
    text = re.sub(r"--.*", "", text)
    filled = set(re.findall(r"INSERT INTO (\w+\.\w+)", text))
    return sorted(t for t in filled if re.search(rf"\b(?<!DELETE )(FROM|JOIN|USING) {t}\b", text))


#: Looks up one chunk, by its id, whose parts it inserts.
_READS_ONE = {"insert_parts"}


@pytest.mark.parametrize(("file", "name"), QUERIES)
def test_no_statement_looks_up_what_it_inserts(file: str, name: str) -> None:
    if name not in _READS_ONE:
        assert _read_after_insert(queries(file)[name]) == []


def test_a_look_up_of_what_is_inserted_is_found() -> None:
    text = "WITH a AS (INSERT INTO x.t SELECT 1) SELECT at FROM b JOIN x.t AS s ON s.id = b.id"
    assert _read_after_insert(text) == ["x.t"]
    assert _read_after_insert("DELETE FROM x.t; INSERT INTO x.t SELECT 1") == []
