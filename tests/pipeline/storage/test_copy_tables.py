"""Each field of a line of COPY stands under its column."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from pipeline.render import Renderer
from pipeline.storage import copy_text
from pipeline.text.cleaning import clean_json
from schemas.copy_tables import (
    COPY_TABLES,
    DOCUMENTS,
    LOCATIONS,
    MENTIONS,
    METRICS,
    RELATIONS,
    CopyTable,
)
from schemas.records import DataType, Instant, Metric, Point, Record, Related
from schemas.vocabulary import Relation

AT = Instant(datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), "as written")
UNTIL = Instant(datetime(2024, 1, 2, 4, tzinfo=UTC), "the end")
KEY = "0123456789abcdef" * 2


def by_name(table: CopyTable, line: str) -> dict[str, str]:
    return dict(zip(table.columns, line.split("\t"), strict=True))


def test_a_location_says_each_value_under_its_column() -> None:
    point = Point(
        source="a.gps", identity=("1",), time=AT, latitude=1.5, longitude=2.5,
        altitude_m=3.5, accuracy_m=4.5, metadata={"x": 1},
    )  # fmt: skip
    said = by_name(LOCATIONS, copy_text.location_line(point, KEY, 7, clean_json))
    assert orjson.loads(said.pop("metadata"))["x"] == 1
    assert said == {
        "slot": "7", "source": "a.gps", "record_key": KEY, "at": "2024-01-02T03:04:05+00:00",
        "latitude": "1.5", "longitude": "2.5", "altitude_m": "3.5", "accuracy_m": "4.5",
    }  # fmt: skip


def test_a_metric_says_each_value_under_its_column() -> None:
    metric = Metric(
        source="a.watch", identity=("1",), time=AT, until=UNTIL, name="steps", value=9.5,
        unit="count", metadata={"x": 1},
    )  # fmt: skip
    said = by_name(METRICS, copy_text.metric_line(metric, KEY, 7, clean_json))
    assert orjson.loads(said.pop("metadata"))["x"] == 1
    assert said == {
        "slot": "7", "source": "a.watch", "record_key": KEY, "at": "2024-01-02T03:04:05+00:00",
        "until": "2024-01-02T04:00:00+00:00", "name": "steps", "value": "9.5", "unit": "count",
    }  # fmt: skip


def a_record(**more: object) -> Record:
    facts = {
        "data_type": DataType.EMAIL, "source": "a.mail", "record_type": "message",
        "identity": ("1",), "time": AT, "title": "the title", "content": "the content",
        "content_type": "text/html", "language": "en", "metadata": {"x": 1}, **more,
    }  # fmt: skip
    return Record(**facts)  # type: ignore[arg-type]


def test_a_document_says_each_value_under_its_column() -> None:
    base = "f" * 32
    line, digest, _ = copy_text.document_line(a_record(mutable=True), KEY, 7, clean_json, (base, 3))
    said = by_name(DOCUMENTS, line)
    assert orjson.loads(said.pop("metadata"))["x"] == 1
    assert said == {
        "slot": "7", "data_type": "email", "source": "a.mail", "record_type": "message",
        "record_key": KEY, "partition_at": "0001-01-01T00:00:00+00:00",
        "source_timestamp": "2024-01-02T03:04:05+00:00", "title": "the title",
        "content": "the content", "content_type": "text/html", "language": "en",
        "content_hash": digest.hex(), "base_key": base, "nth": "3",
    }  # fmt: skip


def test_what_stands_in_a_document_goes_by_its_key() -> None:
    other = Related(Relation.REPLY_TO, "message", ("0",))
    record = a_record(metadata={"sender": {"address": "bo@example.org"}}, related=(other,))
    one = Renderer(keep_text=True).render(record, 0, 1, 0)
    (mention,), (relation,) = one.mentions, one.relations
    assert by_name(DOCUMENTS, one.line)["record_key"] == one.key.hex()
    assert by_name(MENTIONS, mention)["record_key"] == one.key.hex()
    assert by_name(MENTIONS, mention)["value"] == "bo@example.org"
    assert by_name(RELATIONS, relation)["record_key"] == one.key.hex()
    assert by_name(RELATIONS, relation)["relation"] == Relation.REPLY_TO
    assert "the content" in one.text


def test_a_table_is_known_by_its_name() -> None:
    assert all(table.name == name for name, table in COPY_TABLES.items())
