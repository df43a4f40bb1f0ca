"""A spool is whole or broken, never half; and a COPY line says what the record said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.quality import first_of_each
from pipeline.storage import copy_text, spool_file
from pipeline.text.cleaning import clean_json
from schemas.privacy import ReadUnder
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Point, Record, Rejection
from sql.load import Vectors
from tasks.ingest import chunk, record_spool


@given(st.dictionaries(st.text("abc.", min_size=1), st.binary(max_size=300), max_size=5))
@settings(max_examples=30)
def test_sections_come_back_as_they_went(
    tmp_path_factory: pytest.TempPathFactory, sections: dict[str, bytes]
) -> None:
    path = tmp_path_factory.mktemp("spool") / "one"
    spool_file.write(path, sections)
    assert spool_file.read(path, *sections) == sections


def test_every_cut_and_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "one"
    # Names of one letter and equal sizes: a flipped bit makes one of the other.
    sections = {"a": b"first" * 20, "b": b"secon" * 20, "c": b""}
    spool_file.write(path, sections)
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        for look in (spool_file.check, lambda at: spool_file.read(at, "a", "b", "c")):
            with pytest.raises(spool_file.BrokenSpool):
                look(path)
    for at in range(len(whole)):
        for bit in range(8):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            with pytest.raises(spool_file.BrokenSpool):
                spool_file.read(path, "a", "b", "c")
            with pytest.raises(spool_file.BrokenSpool):
                spool_file.check(path)
    path.write_bytes(whole + b"more")
    with pytest.raises(spool_file.BrokenSpool):
        spool_file.check(path)
    path.write_bytes(whole)
    spool_file.check(path)


# --- a disk that changes what lies on it: each artefact, each region of its file -----------------

Region = tuple[str, int, int]


def _spool(path: Path) -> dict[str, Callable[[Path], object]]:
    batch = record_spool.Batch(ReadUnder("any"), keep_text=True)
    for n in range(9):
        batch.add(
            0,
            0,
            [
                (n, 1, _record(identity=(str(n),), title=f"a {n}", content="words " * n)),
                (n, 1, Point(source="t", identity=(str(n),), time=None, latitude=1, longitude=n)),
                (n, 1, Rejection(reason=Reason.BAD_TIME, detail="x", raw=b"raw")),
            ],
        )
    batch.write(path)
    columns = ("keys", "hashes", "ats", "types", "slots", "lines", "texts", "shared")
    names = [f"{table}.{column}" for table in record_spool.TABLES for column in columns]
    names += ["mentions", "relations", "drift", "rejections", "attached", "items"]
    names += ["privacy", "policy"]
    return {name: lambda at, name=name: spool_file.read(at, name)[name] for name in names}


def _mask(path: Path) -> dict[str, Callable[[Path], object]]:
    masks = {name: np.array([True, False] * 50) for name in record_spool.TABLES}
    record_spool.write_masks(path, masks)
    return {
        name: lambda at, name=name: record_spool.read_mask(at, name).tobytes() for name in masks
    }


def _vectors(path: Path) -> dict[str, Callable[[Path], object]]:
    made = Vectors(
        model_id=1,
        keys=bytes(range(64)),
        pieces=np.arange(4, dtype="<i2"),
        starts=np.arange(4, dtype="<i4"),
        ends=np.arange(4, dtype="<i4") + 9,
        matrix=np.arange(32, dtype="<f4").reshape(4, 8),
    )
    chunk._write_vectors(path, made)
    names = ("keys", "pieces", "starts", "ends", "matrix")
    return {name: lambda at, name=name: spool_file.read(at, name)[name] for name in names}


def regions(whole: bytes) -> list[Region]:
    """The parts of a spool's file, by the layout in docs/explanation/architecture.md."""
    size = int.from_bytes(whole[8:16], "little")
    found = [("head", 0, 20), ("index", 20, 20 + size)]
    start = 20 + size
    for name, (length, _) in orjson.loads(whole[20:start]).items():
        found.append((name, start, start + length))
        start += length
    assert start == len(whole)
    return found


@pytest.mark.parametrize("make", [_spool, _mask, _vectors])
@given(data=st.data())
@settings(max_examples=150)
def test_flipped_bits_are_never_read(
    tmp_path_factory: pytest.TempPathFactory,
    make: Callable[[Path], dict[str, Callable[[Path], object]]],
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("flipped") / "one"
    sections = make(path)
    was = {name: look(path) for name, look in sections.items()}
    whole = path.read_bytes()
    parts = regions(whole)
    assert {name for name, _, _ in parts} == {"head", "index", *sections}
    where, start, stop = data.draw(st.sampled_from(parts), label="region")
    at = data.draw(st.integers(start, stop - 1), label="at")
    # A burst: some bytes in a row, each of which may change, the first of which does.
    first = data.draw(st.integers(1, 255), label="flip")
    rest = data.draw(st.binary(max_size=3), label="flips behind it")
    flips = bytes([first]) + rest[: stop - at - 1]
    changed = bytes(a ^ b for a, b in zip(whole[at : at + len(flips)], flips, strict=True))
    path.write_bytes(whole[:at] + changed + whole[at + len(flips) :])
    with pytest.raises(spool_file.BrokenSpool):
        spool_file.check(path)
    for name, look in sections.items():
        if where in ("head", "index", name):
            with pytest.raises(spool_file.BrokenSpool):
                look(path)
        else:
            assert look(path) == was[name]


def test_a_missing_spool_is_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(spool_file.BrokenSpool):
        spool_file.read(tmp_path / "none", "a")


def test_only_the_first_of_equal_keys_goes_on() -> None:
    keys = [b"a" * 16, b"b" * 16, b"a" * 16, b"\0" * 16, b"\0" * 16]
    assert first_of_each(b"".join(keys)).tolist() == [True, True, False, True, False]
    assert first_of_each(b"").tolist() == []


def test_a_mask_keeps_the_right_lines(tmp_path: Path) -> None:
    batch = record_spool.Batch(ReadUnder("any"), keep_text=False)
    for n in range(5):
        point = Point(source="t", identity=(str(n),), time=None, latitude=float(n), longitude=0.5)
        batch.add(0, 0, [(n, 1, point)])
    batch.write(tmp_path / "s")
    mask = np.array([True, False, True, False, True])
    lines = record_spool.read_lines(tmp_path / "s", "locations", mask).decode().splitlines()
    assert [line.split("\t")[4] for line in lines] == ["0.0", "2.0", "4.0"]
    none = record_spool.read_lines(tmp_path / "s", "locations", np.zeros(5, dtype=np.bool_))
    assert none == b""


def _record(**changes: object) -> Record:
    fields: dict[str, object] = {
        "data_type": DataType.DOCUMENT,
        "source": "t",
        "record_type": "note",
        "identity": ("1",),
    }
    return Record(**{**fields, **changes})  # type: ignore[arg-type]


def test_what_copy_text_reserves_is_escaped() -> None:
    line, *_ = copy_text.document_line(
        _record(title="a\tb\nc\r\\N", metadata={"k": "tab\tand \\ and \n"}), "00", 3, clean_json
    )
    assert "\n" not in line
    fields = line.split("\t")
    assert len(fields) == 15
    assert fields[7] == "a\\tb\\nc\\r\\\\N"
    assert fields[8] == "\\N"


@pytest.mark.parametrize("value", ["\ud800", "a\x00b", 2**70, {"\x00": 1}])
def test_what_postgres_refuses_in_json_is_cleaned(value: object) -> None:
    line = copy_text.json_field({"k": value}, clean_json)
    assert "\\u0000" not in line
    assert "\ud800" not in line
    line.encode()


@given(st.datetimes(timezones=st.just(UTC)))
def test_moments_stand_as_isoformat_writes_them(at: datetime) -> None:
    line, _, lies = copy_text.document_line(_record(time=Instant(at, "t")), "00", 0, clean_json)
    assert line.split("\t")[5:7] == [at.isoformat()] * 2
    assert lies == at
    point = Point(source="t", identity=("1",), time=Instant(at, "t"), latitude=1.0, longitude=2.0)
    assert copy_text.location_line(point, "00", 0, clean_json).split("\t")[3] == at.isoformat()


def test_time_is_kept_as_it_was_written() -> None:
    time = Instant(None, "0044-03-15", None, "out_of_range")
    line, *_ = copy_text.document_line(_record(time=time), "00", 0, clean_json)
    fields = line.split("\t")
    assert fields[5].startswith("0001-01-01")
    assert fields[6] == "\\N"
    assert '"flag":"out_of_range"' in fields[11]
