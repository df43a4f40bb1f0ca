"""CSV files of two tables, and bookmark files: what stands before an item holds for any slicing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.readers import html_blocks
from pipeline.readers.bookmarks import Bookmarks
from pipeline.readers.csv.preamble import CsvPreamble
from schemas.files import Member, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection
from tests.support.formats import carried

MEMBER = Member(path="a", ordinal=0, file=Path("a"), size=0, sha256="", media_type="")
LIST = 'Id,Note\nL1,"one\n\nnote"\n\nVideo,Added\n'


def read(
    reader: Any, data: bytes, records: int = 10_000, size: int = 1 << 23
) -> list[RawRecord | Rejection]:
    source = io.BytesIO(data)
    context = carried(reader.prepare(source, MEMBER))
    slices = list(reader.slices(source, context, SliceLimits(records=records, size=size)))
    assert all(part.start < part.end for part in slices)
    return [item for part in slices for item in reader.items(source, part, context)]


def test_each_table_has_its_own_header() -> None:
    first, *rows = read(CsvPreamble(), (LIST + "a,1\nb,2\n\n\n").encode())
    assert isinstance(first, RawRecord)
    assert first.value == {"Id": "L1", "Note": "one\n\nnote"}
    assert first.around == {"table": "preamble"}
    assert [row.value for row in rows if isinstance(row, RawRecord)] == [
        {"Video": "a", "Added": "1"},
        {"Video": "b", "Added": "2"},
    ]
    assert all(isinstance(r, RawRecord) and r.around["preamble"] == first.value for r in rows)


def test_a_file_of_one_table_is_its_first() -> None:
    (row,) = read(CsvPreamble(), b"Id,Note\nL1,x\n")
    assert isinstance(row, RawRecord)
    assert row.around == {"table": "preamble"}


@given(
    st.lists(st.sampled_from(["a,1", '"b\n\nb",2', "", "c", 'd,"x'])),
    st.integers(1, 3),
    st.integers(1, 60),
)
def test_tables_cut_anyhow_are_the_same(rows: list[str], records: int, size: int) -> None:
    data = (LIST + "".join(row + "\n" for row in rows)).encode()
    expected = read(CsvPreamble(), data)
    assert read(CsvPreamble(), data, records, size) == expected
    if 'd,"x' not in rows:
        source = io.BytesIO(data)
        context = CsvPreamble().prepare(source, MEMBER)
        assert CsvPreamble().count(source, context) == len(expected)


def folder(name: str, *inside: str) -> str:
    return f"<DT><H3>{name}</H3>\n<DL><p>\n{''.join(inside)}</DL><p>\n"


def link(name: str) -> str:
    return f'<DT><A HREF="https://example.org/{name}">{name}</A>\n'


BOOKMARKS = (
    "<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<H1>Bookmarks</H1>\n<DL><p>\n"
    + link("top")
    + folder("A &amp; B", link("in"), folder("deep", link("deeper")), link("in again"))
    + folder("empty")
    + link("last")
    + "</DL><p>\n"
).encode()
FOLDERS = [[], ["A & B"], ["A & B", "deep"], ["A & B"], []]


@pytest.mark.parametrize("records", [1, 2, 3, 100])
@pytest.mark.parametrize("window", [1, 7, 1 << 20])
def test_every_link_has_its_folders(
    records: int, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html_blocks, "_BLOCK", window)
    items = read(Bookmarks(), BOOKMARKS, records)
    assert [i.around["folders"] for i in items if isinstance(i, RawRecord)] == FOLDERS
    source = io.BytesIO(BOOKMARKS)
    assert Bookmarks().count(source, Bookmarks().prepare(source, MEMBER)) == len(FOLDERS)


def test_a_file_whose_folders_are_open_is_cut_off() -> None:
    at = BOOKMARKS.index(b"</DL>")
    items = read(Bookmarks(), BOOKMARKS[:at])
    assert [i.around["folders"] for i in items if isinstance(i, RawRecord)] == FOLDERS[:3]
    last = items[-1]
    assert isinstance(last, Rejection)
    assert (last.reason, last.length) == (Reason.TRUNCATED, 0)
