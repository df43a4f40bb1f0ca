"""Records of no known product: their names are their own, and each row is a fact."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.normalise import ReadContext, outcomes_of
from pipeline.privacy.policy import parse
from pipeline.registry import format_named
from pipeline.services import generic_rows
from pipeline.storage.copy_text import content_hash, document_line
from pipeline.values import record_checks
from schemas.files import Member, SliceLimits
from schemas.identity import record_key
from schemas.privacy import Kind
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import KEYS
from sql import migrate
from tests.support.lake import Database, counts, zipped
from tests.support.reported import Report, examine
from workers.settings import Settings

ANA = "ana@example.org"

#: Every name that means something to those who read the lake, those of the lake's own among them.
NAMES = (*KEYS, "time", "blob", "privacy", "privacy_policy", "beside", "source", "media", "value")
#: What a cell of such a name may hold instead.
VALUES: tuple[Any, ...] = (
    "Ida",
    7,
    ["Ida", 7],
    [{"name": ["Ida"], "addresses": "ida@example.org"}],
    {"name": "Ida", "address": "ida@example.org"},
    {"media_type": "image/png", "sha256": "00"},
    None,
)


def table(rows_: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, NAMES)
    writer.writeheader()
    writer.writerows(
        {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in row.items()
        }
        for row in rows_
    )
    return text.getvalue().encode()


def lines(rows_: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows_)


WRITERS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "rows.csv": table,
    "rows.json": lambda rows_: json.dumps(rows_).encode(),
    "rows.ndjson": lines,
}


def read(folder: Path, name: str, data: bytes, **how: Any) -> Report:
    (folder / name).write_bytes(data)
    return examine(folder / name, folder / "work", **how)


@pytest.mark.parametrize("name", WRITERS)
def test_no_name_of_the_vocabulary_is_taken_for_one(name: str, tmp_path: Path) -> None:
    rows_ = [dict.fromkeys(NAMES, value) for value in VALUES]
    report = read(tmp_path, name, WRITERS[name](rows_))
    assert report.total() == {"rows": len(VALUES), "duplicates": 0, "quarantined": {}}
    for record, row in zip(report.records, rows_, strict=True):
        assert record["metadata"].keys() == {"fields", "file"}
        assert record["metadata"]["file"] == name
        assert record["metadata"]["fields"].keys() == row.keys()
        assert "mentions" not in record
        assert "at" not in record


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("name", KEYS)
def test_a_name_of_another_shape_costs_its_field(name: str, value: Any) -> None:
    """In any format: a product may call something else by a name of the vocabulary."""
    if record_checks.fitted({name: value}) == {name: value}:
        return  # the very shape that it promises
    record = Record(
        data_type=DataType.ACTIVITY, source="a.b", record_type="activity", identity=("1",),
        title="It", metadata={"flags": [], name: value},
    )  # fmt: skip

    form = msgspec.structs.replace(format_named("json.array"), record=lambda item, member: record)
    (settled,) = outcomes_of(ReadContext(form=form, member=MEMBER), RawRecord({}, 0, 0))
    assert isinstance(settled, Record)
    assert settled.metadata["fields"] == {name: value}
    assert record_checks.MISFIT in settled.metadata["flags"]
    assert record_checks.fitted(settled.metadata) is settled.metadata


MEMBER = Member(
    path="a/rows.json", ordinal=0, file=Path(__file__), size=1, sha256="0", media_type="x/y"
)


def test_a_policy_names_a_column_with_or_without_fields() -> None:
    rules = 'rule = [{kind = "email", action = "drop", source = "csv.*", field = "%s"}]'
    for field, fits in (
        ("metadata.mail", True),
        ("metadata.fields.mail", True),
        ("metadata.fields", True),
        ("metadata", True),
        ("metadata.m*", True),
        ("metadata.phone", False),
        ("content", False),
    ):
        (rule,) = parse((rules % field).encode()).rules
        assert rule.fits(Kind.EMAIL, "csv.table", "metadata.fields.mail") is fits, field


# --- rows of older lakes ----------------------------------------------------------------------

#: What the privacy policy did, which no row says itself.
TAG = {"email": {"keep": 2}}
#: Metadata of rows as older lakes have it, and as it stands there after the migration.
MOVED: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"author": "Ida", "n": 1}, {"fields": {"author": "Ida", "n": 1}}),
    ({"flags": ["mojibake_mended"], "misread": [{"field": "content", "read_as": ["cp1252"]}],
      "a": "ä"},
     {"fields": {"a": "ä"}, "flags": ["mojibake_mended"],
      "misread": [{"field": "content", "read_as": ["cp1252"]}]}),
    ({"flags": ["mine"], "misread": "no"}, {"fields": {"flags": ["mine"], "misread": "no"}}),
    ({"flags": ["mine", "nul_replaced"]},
     {"fields": {"flags": ["mine"]}, "flags": ["nul_replaced"]}),
    ({"mail": "a@b.example", "privacy": TAG},
     {"fields": {"mail": "a@b.example"}, "privacy": TAG}),
    ({"privacy": "private"}, {"fields": {"privacy": "private"}}),
    ({"value": [1, 2]}, {"fields": {"value": [1, 2]}}),
)  # fmt: skip


@pytest.mark.services
def test_rows_of_an_older_lake_stay_the_same_rows(
    place: Settings, database: Database, imported: Callable[[str, str, bytes], dict[str, Any]]
) -> None:
    """Down to the older lake, and up again: names move, nothing doubles, nothing is newer."""
    data = lines([{n: v for n, v in old.items() if v != TAG} for old, _ in MOVED])
    first = imported(ANA, "rows.ndjson", data)
    owner = place.url("owner")
    while "0020.fields" in {a.name for a in migrate.status(owner) if a.applied}:
        migrate.downgrade(owner)

    def held() -> list[str]:
        stored = database.rows("SELECT metadata FROM user_data.documents")
        return sorted(json.dumps(row["metadata"], sort_keys=True) for row in stored)

    assert held() == sorted(json.dumps(old, sort_keys=True) for old, _ in MOVED)
    migrate.upgrade(owner)
    assert held() == sorted(json.dumps(new, sort_keys=True) for _, new in MOVED)
    again = imported(ANA, "longer.ndjson", data + b'{"one": "more"}\n')
    assert counts(again) == (len(MOVED) + 1, 1, len(MOVED), 0)
    assert database.rows("SELECT FROM user_data.versions") == []
    assert first["status"] == "done"


def test_a_row_says_the_same_as_in_an_older_lake() -> None:
    """Its hash is over its names as they stood before they had a place of their own."""

    def hashed(record: Record) -> bytes:
        return document_line(record, "00", 0, lambda value: value)[1]

    value = {"author": "Ida", "url": ["x"], "n": 1}
    now = generic_rows.row(value, "json.array", MEMBER)
    old = Record(
        data_type=now.data_type, source=now.source, record_type=now.record_type,
        identity=now.identity, content=now.content, content_type=now.content_type, metadata=value,
    )  # fmt: skip
    assert hashed(now) == hashed(old)
    stored = {**now.told, "beside": ["file"]}
    row = {"source_timestamp": None, "title": None, "content": now.content}
    row["content_type"] = now.content_type
    assert content_hash(row, stored, lambda value: value) == hashed(now)


# --- equal rows -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("limits", [SliceLimits(), SliceLimits(records=1, size=1)])
def test_equal_rows_are_as_many_facts(name: str, limits: SliceLimits, tmp_path: Path) -> None:
    coffee, milk = (dict.fromkeys(NAMES, what) for what in ("coffee", "milk"))
    report = read(tmp_path, name, WRITERS[name]([coffee, milk, coffee, coffee]), limits=limits)
    assert report.total() == {"rows": 4, "duplicates": 0, "quarantined": {}}


@pytest.mark.services
def test_equal_rows_in_many_chunks(
    make_run: Callable[..., Any],
    run: Any,
    imported: Callable[[str, str, bytes], dict[str, Any]],
    database: Database,
) -> None:
    """A number is the row's in its file, whatever the slices; a longer file adds what is new."""
    run.options = make_run(slices=SliceLimits(records=3)).options
    data = b"what,sum\n" + b"coffee,2.50\n" * 20 + b"milk,1.00\n" + b"coffee,2.50\n" * 11
    job = imported(ANA, "one.csv", data)
    assert counts(job) == (32, 32, 0, 0)
    keys = {row["record_key"] for row in database.documents(job["id"])}
    assert len(keys) == 32
    run.options = make_run(slices=SliceLimits(records=7)).options
    assert counts(imported(ANA, "two.csv", data + b"\n")) == (32, 0, 32, 0)
    longer = imported(ANA, "three.csv", b"what,sum\n" + b"coffee,2.50\n" * 40)
    assert counts(longer) == (40, 9, 31, 0)


@pytest.mark.services
def test_a_row_knows_every_file_it_stands_in(
    imported: Callable[[str, str, bytes], dict[str, Any]], database: Database
) -> None:
    albums = {f"Albums/{name}.csv": b"Images\nIMG_1.HEIC\n" for name in ("Trip", "Best of")}
    job = imported(ANA, "part.zip", zipped(albums))
    (row,) = database.documents(job["id"])
    assert row["metadata"]["file"] in albums
    held = database.rows("SELECT other_key FROM user_data.relations WHERE relation = 'part_of'")
    expected = {record_key("document", ("file", path)) for path in albums}
    assert {r["other_key"].bytes for r in held} == expected
