"""Each target of `tests.fuzz` for a moment, always with the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from pipeline.registry import all_formats, format_named
from pipeline.storage import spool_file
from schemas.records import Rejection
from sql.load import copy_statement, create_stage
from tasks.ingest.record_spool import TABLES
from tests.fuzz import fuzz
from tests.support.formats import member_of, read, samples
from workers.settings import Settings

pytestmark = pytest.mark.sweep

#: Tries for each target: a share of what fits into a minute or so. What was found once stands in a
#: test of its own, where it belongs.
_EXAMPLES = max(15, 1_500 // len(fuzz.targets()))
_STORED = max(8, 400 // len(all_formats()))
#: What goes with the rows of documents.
_ABOUT = ("mentions", "relations")


@pytest.mark.threat(
    "chance", seen="fuzzed, everything that reads a stranger's bytes: nothing found"
)
@pytest.mark.parametrize("name", fuzz.targets())
def test_damage_breaks_no_promise(name: str) -> None:
    fuzz.by_hypothesis(name, _EXAMPLES)


@pytest.fixture(scope="module")
def database(
    servers: Settings, new_database: Callable[..., str], template: str
) -> Iterator[psycopg.Connection]:
    """A connection for all of the module: only temporary tables are written to."""
    name = new_database(template=template)
    where = f"postgresql://datapunk_admin@/{name}?host={servers.server_socket_dir}"
    with psycopg.connect(where, autocommit=True) as connection:
        for table in (*TABLES, *_ABOUT):
            create_stage(connection, table)
        yield connection


@pytest.mark.services
@pytest.mark.threat("chance", seen="what is read of damaged bytes: Postgres takes every row")
@pytest.mark.parametrize("name", [form.name for form in all_formats()])
def test_what_is_read_can_be_stored(
    name: str, database: psycopg.Connection, tmp_path_factory: pytest.TempPathFactory
) -> None:
    form = format_named(name)
    path, sound = samples(form)[0].path, fuzz.targets()[name][1]
    file = tmp_path_factory.mktemp("fuzz") / "member"
    made = file.with_name("spool")

    @settings(
        max_examples=_STORED,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(fuzz.broken(sound))
    def stored(data: bytes) -> None:
        file.write_bytes(data)
        _, found = read(form, member_of(path, file))
        fuzz.batched(form, found).write(made)
        lines = spool_file.read(made, *(f"{table}.lines" for table in TABLES), *_ABOUT)
        came = {name: taken(database, name.split(".")[0], rows) for name, rows in lines.items()}
        records = sum(not isinstance(outcome, Rejection) for _, _, outcome in found)
        assert records == sum(came[f"{table}.lines"] for table in TABLES)

    stored()


def taken(connection: psycopg.Connection, table: str, lines: bytes) -> int:
    """How many rows a COPY of these lines gives."""
    with connection.transaction():
        with connection.cursor().copy(copy_statement(table)) as copy:
            copy.write(lines)
        count = connection.execute(f"SELECT count(*) FROM stage_{table}".encode()).fetchone()
    return int(count[0]) if count else 0
