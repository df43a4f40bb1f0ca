"""Rows of SQLite databases: what SQLite says they are, wherever in the file, at every slicing."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pipeline.archives import media_types
from pipeline.readers.sqlite_tables import SqliteTable
from pipeline.registry import recognise
from pipeline.syntax.sqlite_pages import columns_of, table_names
from schemas.files import Member, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Record, Rejection
from tests.support.formats import Sample, all_samples, head_of, member_of
from tests.support.formats import read as read_by_format

READER = SqliteTable(table="visits", joins=(("page", "pages"),))
MEMBER = Member(path="a.db", ordinal=0, file=Path("a"), size=0, sha256="", media_type="")


def make(path: Path, *, rows: int = 3_000, page_size: int = 512, encoding: str = "UTF-8") -> None:
    """A database with long texts, holes in its numbers, columns added late, and every type."""
    random = Random(7)
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA page_size = {page_size}")
        database.execute(f"PRAGMA encoding = '{encoding}'")
        database.execute("CREATE TABLE pages (id INTEGER PRIMARY KEY, url TEXT, data BLOB)")
        database.execute('CREATE TABLE visits ("when" INTEGER, id INTEGER PRIMARY KEY, page, x)')
        for number in range(200):
            url = f"https://a.example/ü/{number}" + "y" * random.choice((0, 10, 5_000))
            database.execute("INSERT INTO pages VALUES (?, ?, ?)", (number * 3, url, b"\0\xff"))
        for number in range(rows):
            value = random.choice((None, 0, 1, -1, 2**40, -(2**62), 1.5, "z" * 700, b"\1\2"))
            row = (random.randrange(2**50), number * 7 - 500, random.randrange(220) * 3, value)
            database.execute("INSERT INTO visits VALUES (?, ?, ?, ?)", row)
        database.execute("DELETE FROM visits WHERE id % 5 = 0")
        database.execute("ALTER TABLE visits ADD COLUMN late TEXT")
        database.commit()


def read(path: Path, limits: SliceLimits | None = None) -> list[RawRecord | Rejection]:
    with path.open("rb") as source:
        context = READER.prepare(source, MEMBER)
        parts = list(READER.slices(source, context, limits or SliceLimits()))
        assert all(a.end <= b.start for a, b in pairwise(parts))
        return [item for part in parts for item in READER.items(source, part, context)]


def asked(path: Path) -> dict[int, tuple[Any, ...]]:
    query = (
        'SELECT v.id, v."when", v.page, v.x, p.url FROM visits v LEFT JOIN pages p ON p.id = v.page'
    )
    with closing(sqlite3.connect(path)) as database:
        return {row[0]: row[1:] for row in database.execute(query)}


@pytest.mark.parametrize(("page_size", "encoding"), [(512, "UTF-8"), (65536, "UTF-16le")])
def test_rows_are_what_sqlite_says(tmp_path: Path, page_size: int, encoding: str) -> None:
    path = tmp_path / "a.db"
    make(path, page_size=page_size, encoding=encoding)
    found: dict[int, tuple[Any, ...]] = {}
    for item in read(path):
        assert isinstance(item, RawRecord)
        row, page = item.value, item.around["pages"]
        url = page["url"] if page else None
        found[row["id"]] = (row["when"], row["page"], row["x"], url)
    assert found == asked(path)
    with path.open("rb") as source:
        assert READER.count(source, {}) == len(found)


@pytest.mark.parametrize("limits", [SliceLimits(records=1), SliceLimits(records=100, size=3_000)])
def test_slicing_anyhow_gives_the_same(tmp_path: Path, limits: SliceLimits) -> None:
    path = tmp_path / "a.db"
    make(path, rows=600)
    assert read(path, limits) == read(path)


def test_damage_is_told_and_costs_only_its_page(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    make(path, rows=1_500)
    whole = [item for item in read(path) if isinstance(item, RawRecord)]
    data = bytearray(path.read_bytes())
    at = whole[700].offset // 512 * 512
    data[at : at + 512] = b"\xff" * 512
    path.write_bytes(data)
    items = read(path)
    (told,) = [item for item in items if isinstance(item, Rejection)]
    assert (told.reason, told.offset, told.length) == (Reason.BAD_SYNTAX, at, 512)
    assert 0 < len(whole) - (len(items) - 1) < 60


def test_a_tree_that_bites_its_tail_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    make(path, rows=1_500)
    with path.open("rb") as source:
        root = READER.prepare(source, MEMBER)["tables"]["visits"][0]
    data = bytearray(path.read_bytes())
    for page in range(len(data) // 512):
        if data[page * 512] == 5:  # every interior page leads back to the table's root
            data[page * 512 + 8 : page * 512 + 12] = root.to_bytes(4, "big")
    path.write_bytes(data)
    assert len(read(path)) > 100


@pytest.mark.parametrize("data", [b"SQLite format 3\0", b"no database", b"SQLite format 3\0" * 50])
def test_what_is_no_database_is_one_rejection(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(data)
    (told,) = read(path)
    assert isinstance(told, Rejection) and told.length == len(data)


def test_columns_are_read_by_sqlite_and_nothing_is_run() -> None:
    assert columns_of('CREATE TABLE "a b"(x INT, [y z] TEXT, id INTEGER PRIMARY KEY)') == (
        ["x", "y z", "id"],
        2,
    )
    assert columns_of("CREATE TABLE t(a, b, PRIMARY KEY (a, b))") == (["a", "b"], -1)
    counted = "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT UNIQUE)"
    assert columns_of(counted) == (["id", "a"], 0)
    assert columns_of("CREATE TABLE t(a AS (b + 1), b)") == (["b"], -1)
    assert columns_of("CREATE TABLE t AS SELECT load_extension('x')") == ([], -1)
    assert columns_of("DROP TABLE t") == ([], -1)
    assert columns_of("CREATE TABLE t(") == ([], -1)


FOLDERS = SqliteTable(table="pages", also=("marks", "absent"), above=("parent", "marks"))


def make_folders(path: Path) -> None:
    """Pages, and marks in a tree of which two folders lie in each other."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA page_size = 512")
        database.execute("CREATE TABLE pages (id INTEGER PRIMARY KEY, url TEXT)")
        database.execute("CREATE TABLE marks (id INTEGER PRIMARY KEY, parent INTEGER, title TEXT)")
        for n in range(1, 200):
            database.execute("INSERT INTO pages VALUES (?, ?)", (n, f"https://{n}.example/"))
            database.execute("INSERT INTO marks VALUES (?, ?, ?)", (n, n // 2, f"mark {n}"))
        database.executemany(
            "INSERT INTO marks VALUES (?, ?, ?)", [(301, 302, "a"), (302, 301, "b")]
        )
        database.commit()


@pytest.mark.parametrize("limits", [SliceLimits(), SliceLimits(records=1)])
def test_rows_of_several_tables_come_with_those_above_them(
    tmp_path: Path, limits: SliceLimits
) -> None:
    path = tmp_path / "a.db"
    make_folders(path)
    with path.open("rb") as source:
        context = FOLDERS.prepare(source, MEMBER)
        parts = list(FOLDERS.slices(source, context, limits))
        assert all(a.end <= b.start for a, b in pairwise(parts))
        found = [item for part in parts for item in FOLDERS.items(source, part, context)]
        assert FOLDERS.count(source, context) == len(found) == 199 + 201
    rows = [item for item in found if isinstance(item, RawRecord)]
    above = {
        row.value["id"]: [r["title"] for r in row.around["above"]]
        for row in rows
        if row.around["table"] == "marks"
    }
    assert len(above) == 201
    assert above[100] == ["mark 50", "mark 25", "mark 12", "mark 6", "mark 3", "mark 1"]
    assert above[301] == ["b", "a"]


def test_a_table_that_begins_nowhere_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    make_folders(path)
    with path.open("rb") as source:
        context = FOLDERS.prepare(source, MEMBER)
        context["tables"]["marks"][0] = 9_999
        parts = list(FOLDERS.slices(source, context, SliceLimits()))
        found = [item for part in parts for item in FOLDERS.items(source, part, context)]
    assert sum(isinstance(item, RawRecord) for item in found) == 199
    assert [(i.offset, i.length) for i in found if isinstance(i, Rejection)] == [(0, 512)]


DATABASES = [sample for sample in all_samples() if isinstance(sample.form.reader, SqliteTable)]


def among_others(sample: Path, made: Path) -> None:
    """The tables of a sample behind many others, as in a browser's own database: statements lie
    far behind the head, and a table that was renamed has its name in quotes."""
    with closing(sqlite3.connect(made)) as database:
        database.execute("CREATE TABLE first (x)")
        database.execute("INSERT INTO first VALUES (zeroblob(100000))")
        columns = ", ".join(f"column_{n} LONGVARCHAR NOT NULL" for n in range(40))
        for number in range(40):
            database.execute(f"CREATE TABLE other_{number} ({columns})")
        database.execute("ATTACH ? AS sample", (str(sample),))
        tables = database.execute(
            "SELECT name, sql FROM sample.sqlite_schema"
            " WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        ).fetchall()
        for name, sql in tables:
            database.execute(sql)
            database.execute(f"INSERT INTO main.{name} SELECT * FROM sample.{name}")
            database.execute(f"ALTER TABLE main.{name} RENAME TO old_{name}")
            database.execute(f"ALTER TABLE main.old_{name} RENAME TO {name}")
        database.commit()


@pytest.mark.parametrize("sample", DATABASES, ids=str)
def test_a_database_is_recognised_wherever_its_statements_lie(
    sample: Sample, tmp_path: Path
) -> None:
    made = tmp_path / "made.sqlite"
    among_others(sample.file, made)
    data = made.read_bytes()
    reader = sample.form.reader
    assert isinstance(reader, SqliteTable)
    assert f'"{reader.table}"'.encode() not in data[: media_types.HEAD]
    assert recognise(head_of(made.name, data)) is sample.form
    found = read_by_format(sample.form, member_of(made.name, made))[1]
    assert len(found) == len(read_by_format(sample.form, member_of(sample.path, sample.file))[1])
    assert any(isinstance(outcome[2], Record) for outcome in found)


def test_names_of_tables_are_told_of_databases_alone(tmp_path: Path) -> None:
    make(tmp_path / "a.db", rows=10)
    whole = (tmp_path / "a.db").read_bytes()
    assert table_names(io.BytesIO(whole)) == {"pages", "visits"}
    for data in (b"", b"no database", whole[:100], whole[:700]):
        assert table_names(io.BytesIO(data)) <= {"pages", "visits"}


def test_of_a_database_that_sqlite_refuses_the_pages_are_counted(tmp_path: Path) -> None:
    """Its message quotes bytes that are no text."""
    path = tmp_path / "a.db"
    make(path, rows=50)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"CREATE TABLE pages", b"CREATE \xfb\xfb\xfb\xfb\xfb pages"))
    with path.open("rb") as source:
        context = READER.prepare(source, MEMBER)
        found = read(path)
        assert READER.count(source, context) == len(found) > 0
    assert not any(isinstance(item, Rejection) for item in found)
