"""Every query that code asks for exists, with its parameters and its purpose."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count

import psycopg
import pytest
from psycopg import pq

from sql.queries import queries
from tests.queries_support import FILES, asked, words

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


@pytest.mark.services
def test_the_database_knows_all_that_queries_name(url: Callable[[str], str]) -> None:
    """Each statement is prepared and not run; only temporary tables are made."""
    with psycopg.connect(url("admin")) as connection:
        for file, name in QUERIES:
            if "CREATE TEMPORARY TABLE" in queries(file)[name]:
                text = queries(file)[name].replace(" ON COMMIT DROP", "")
                connection.execute(text, dict.fromkeys(parameters(text)))
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
