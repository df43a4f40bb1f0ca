"""Bookmarks: whichever unit a program counts in, the moment is the same; a tree of any depth."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.readers.bookmarks import Bookmarks
from pipeline.services import bookmarks
from schemas.errors import BadValue
from schemas.files import Member, SliceLimits
from schemas.records import RawRecord, Rejection

READER = Bookmarks()
MEMBER = Member(path="a.html", ordinal=0, file=Path("a"), size=0, sha256="", media_type="")

_EPOCH, _WEBKIT = datetime(1970, 1, 1, tzinfo=UTC), datetime(1601, 1, 1, tzinfo=UTC)
_UNITS = {
    "s": (_EPOCH, timedelta(seconds=1)),
    "ms": (_EPOCH, timedelta(milliseconds=1)),
    "us": (_EPOCH, timedelta(microseconds=1)),
    "webkit": (_WEBKIT, timedelta(microseconds=1)),
}


@given(
    at=st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2099, 12, 31)),
    unit=st.sampled_from(sorted(_UNITS)),
)
def test_every_unit_is_told_by_its_length(at: datetime, unit: str) -> None:
    epoch, step = _UNITS[unit]
    moment = at.replace(microsecond=0, tzinfo=UTC)
    found = bookmarks.added(str((moment - epoch) // step))
    assert found is not None
    assert (found.at, found.flag) == (moment, None)


@pytest.mark.parametrize("written", ["", "0", "000", " ", "0.0"])
def test_no_time_is_none(written: str) -> None:
    assert bookmarks.added(written) is None


@pytest.mark.parametrize("written", ["yesterday", "12h", "1" * 31])
def test_a_time_that_cannot_be_read_is_kept_and_flagged(written: str) -> None:
    found = bookmarks.added(written)
    assert found is not None
    assert (found.at, found.text, found.flag) == (None, written, "time_unread")


def test_a_tree_is_walked_in_its_order_at_any_depth() -> None:
    tree: dict[str, Any] = {"name": "leaf"}
    for depth in range(5_000):
        tree = {"name": str(depth), "children": [{"name": f"before {depth}"}, tree]}
    found = list(bookmarks.walk([tree], "name"))
    assert [node["name"] for node, _ in found][:2] == ["before 4999", "before 4998"]
    assert len(found) == 5_001
    assert found[1][1] == ("4999", "4998")
    assert len(found[-1][1]) == bookmarks.DEPTH


def test_what_is_no_object_is_said() -> None:
    with pytest.raises(BadValue):
        list(bookmarks.walk([{"children": [3]}], "name"))


PIECES = ["<dt>", "<DT> ", "\n", "<A HREF='x'>t</A>", "<a href=y>", "</a>", "<dd>note ", "words "]
PIECES += ["<dl>", "</dl>", "<h3>f</h3>", "<p>", "<", "<dt x>", " " * 300, "w" * 300]


def read(data: bytes) -> tuple[list[RawRecord | Rejection], int]:
    """The links of a file, and how many are counted."""
    source = io.BytesIO(data)
    context = READER.prepare(source, MEMBER)
    parts = list(READER.slices(source, context, SliceLimits(records=2)))
    found = [item for part in parts for item in READER.items(source, part, context)]
    return found, READER.count(source, context)


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_the_count_is_of_links_and_not_of_those_in_notes(pieces: list[str]) -> None:
    data = "".join(pieces).encode()
    found, counted = read(data)
    if not any(isinstance(item, Rejection) for item in found):
        assert counted == len(found)


def test_a_link_in_a_note_is_part_of_the_note() -> None:
    found, counted = read(b"<DL><DT><A HREF='x'>t</A><DD>see <a href='y'>this</a></DL>")
    assert len(found) == counted == 1
