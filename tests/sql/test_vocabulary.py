"""What is written twice, in Python and in SQL, says the same in both."""

from __future__ import annotations

import re
from enum import StrEnum

import pytest

from schemas.progress import ROUTES, ChunkStatus, Disposition, JobStatus, Kind, SetState, Stage
from schemas.records import DataType
from tests.support.lake import Database

pytestmark = pytest.mark.services

COLUMNS: list[tuple[str, str, type[StrEnum]]] = [
    ("imports.jobs", "status", JobStatus),
    ("imports.chunks", "status", ChunkStatus),
    ("imports.chunks", "stage", Stage),
    ("imports.chunks", "kind", Kind),
    ("imports.files", "disposition", Disposition),
    ("imports.sets", "state", SetState),
]


def allowed(database: Database, table: str, column: str) -> set[str]:
    """The texts of the CHECK of a column."""
    check = database.one(
        "SELECT pg_get_constraintdef(c.oid) FROM pg_constraint AS c JOIN pg_attribute AS a "
        "ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum] "
        "WHERE c.contype = 'c' AND c.conrelid = %s::regclass AND a.attname = %s",
        table,
        column,
    )
    return set(re.findall(r"'([^']*)'::text", check))


@pytest.mark.parametrize(("table", "column", "words"), COLUMNS)
def test_a_check_holds_the_words_of_its_enum(
    database: Database, table: str, column: str, words: type[StrEnum]
) -> None:
    assert allowed(database, table, column) == set(words)


def test_an_ending_is_a_way_to_end_that_is_not_done(database: Database) -> None:
    assert allowed(database, "imports.jobs", "outcome") == {
        JobStatus.DUPLICATE,
        JobStatus.REJECTED,
        JobStatus.FAILED,
        JobStatus.CANCELLED,
        JobStatus.ROLLED_BACK,
    }


def test_documents_have_a_partition_for_each_data_type(database: Database) -> None:
    rows = database.rows(
        "SELECT pg_get_expr(c.relpartbound, c.oid) AS bound, c.relname FROM pg_inherits AS i "
        "JOIN pg_class AS c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'user_data.documents'::regclass"
    )
    by_name = {row["relname"]: row["bound"] for row in rows}
    assert by_name == {f"documents_{t}": f"FOR VALUES IN ('{t}')" for t in DataType}


@pytest.mark.parametrize("data_type", DataType)
def test_months_are_made_for_every_data_type(database: Database, data_type: DataType) -> None:
    made = database.one(
        "SELECT user_data.ensure_partitions(%s, '{2024-05-01}'::date[])", data_type.value
    )
    assert made == 1


def test_every_stage_is_on_one_route() -> None:
    assert sorted(s for stages in ROUTES.values() for s in stages) == sorted(Stage)
