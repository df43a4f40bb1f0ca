"""A spool is whole or broken, never half; and a COPY line says what the record said."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import spool
from pipeline.screen import first_of_each
from pipeline.text import clean_json
from schemas.privacy import ReadUnder
from schemas.records import DataType, Instant, Point, Record
from sql import copy
from tasks import batches


@given(st.dictionaries(st.text("abc.", min_size=1), st.binary(max_size=300), max_size=5))
@settings(max_examples=30, deadline=None)
def test_sections_come_back_as_they_went(
    tmp_path_factory: pytest.TempPathFactory, sections: dict[str, bytes]
) -> None:
    path = tmp_path_factory.mktemp("spool") / "one"
    spool.write(path, sections)
    assert spool.read(path, *sections) == sections


def test_every_cut_and_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "one"
    sections = {"a": b"first" * 20, "b": b"second" * 20}
    spool.write(path, sections)
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(spool.BrokenSpool):
            spool.read(path, "a", "b")
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        try:
            assert spool.read(path, "a", "b") == sections
        except spool.BrokenSpool:
            continue


def test_a_missing_spool_is_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(spool.BrokenSpool):
        spool.read(tmp_path / "none", "a")


def test_only_the_first_of_equal_keys_goes_on() -> None:
    keys = [b"a" * 16, b"b" * 16, b"a" * 16, b"\0" * 16, b"\0" * 16]
    assert first_of_each(b"".join(keys)).tolist() == [True, True, False, True, False]
    assert first_of_each(b"").tolist() == []


def test_a_mask_keeps_the_right_lines(tmp_path: Path) -> None:
    batch = batches.Batch(ReadUnder("any"), keep_text=False)
    for n in range(5):
        point = Point(source="t", identity=(str(n),), time=None, latitude=float(n), longitude=0.5)
        batch.add(0, 0, [(n, 1, point)])
    batch.write(tmp_path / "s")
    mask = np.array([True, False, True, False, True])
    lines = batches.read_lines(tmp_path / "s", "locations", mask).decode().splitlines()
    assert [line.split("\t")[4] for line in lines] == ["0.0", "2.0", "4.0"]
    none = batches.read_lines(tmp_path / "s", "locations", np.zeros(5, dtype=np.bool_))
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
    line, *_ = copy.document_line(
        _record(title="a\tb\nc\r\\N", metadata={"k": "tab\tand \\ and \n"}), "00", 3, clean_json
    )
    assert "\n" not in line
    fields = line.split("\t")
    assert len(fields) == 15
    assert fields[7] == "a\\tb\\nc\\r\\\\N"
    assert fields[8] == "\\N"


@pytest.mark.parametrize("value", ["\ud800", "a\x00b", 2**70, {"\x00": 1}])
def test_what_postgres_refuses_in_json_is_cleaned(value: object) -> None:
    line = copy.json_field({"k": value}, clean_json)
    assert "\\u0000" not in line
    assert "\ud800" not in line
    line.encode()


@given(st.datetimes(timezones=st.just(UTC)))
def test_moments_stand_as_isoformat_writes_them(at: datetime) -> None:
    line, _, lies = copy.document_line(_record(time=Instant(at, "t")), "00", 0, clean_json)
    assert line.split("\t")[5:7] == [at.isoformat()] * 2
    assert lies == at
    point = Point(source="t", identity=("1",), time=Instant(at, "t"), latitude=1.0, longitude=2.0)
    assert copy.location_line(point, "00", 0, clean_json).split("\t")[3] == at.isoformat()


def test_time_is_kept_as_it_was_written() -> None:
    time = Instant(None, "0044-03-15", None, "out_of_range")
    line, *_ = copy.document_line(_record(time=time), "00", 0, clean_json)
    fields = line.split("\t")
    assert fields[5].startswith("0001-01-01")
    assert fields[6] == "\\N"
    assert '"flag":"out_of_range"' in fields[11]
