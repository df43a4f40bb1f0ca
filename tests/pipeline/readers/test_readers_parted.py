"""Texts between lines of one separator: all are read, however the file is cut."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.readers.parted_text import PartedText
from schemas.files import Member, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

READER = PartedText(separator="====")
MEMBER = Member(path="a", ordinal=0, file=Path(), size=0, sha256="", media_type="text/plain")


def read(
    data: bytes, limits: SliceLimits | None = None, reader: PartedText = READER
) -> list[RawRecord | Rejection]:
    source = io.BytesIO(data)
    context = reader.prepare(source, MEMBER)
    parts = list(reader.slices(source, context, limits or SliceLimits()))
    bounds = [parts[0].start, *(part.end for part in parts)] if parts else [0]
    assert bounds[0] == 0
    assert bounds[-1] == len(data)
    assert all(a.end == b.start for a, b in pairwise(parts))
    return [item for part in parts for item in reader.items(source, part, context)]


PIECES = ("====", "==== ", "=====", "word", "", " ", "\ufeffword", "\ufeff", "a ==== b")
LINES = st.lists(st.sampled_from((*PIECES, "x" * 70_000)))


@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.integers(1, 3))
def test_every_text_is_read_once_however_it_is_cut(
    lines: list[str], end: str, closed: bool, records: int
) -> None:
    data = (end.join(lines) + (end if closed else "")).encode()
    expected, text = [], ""
    for line in [*lines, "===="]:
        if line.strip() == "====":
            bare = text.lstrip("\ufeff \r\n").rstrip()
            expected += [bare] if bare else []
            text = ""
        else:
            text += line + end
    found = read(data)
    assert [item.value for item in found if isinstance(item, RawRecord)] == expected
    assert read(data, SliceLimits(records=records, size=1)) == found
    assert READER.count(io.BytesIO(data), {}) == len(found)
    for item in found:
        assert isinstance(item, RawRecord)
        assert data[item.offset :][: item.length].decode() == item.value


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_counted_as_they_are_read(noise: bytes) -> None:
    data = b"a\n====\n" + noise + b"\n====\nb\n"
    assert READER.count(io.BytesIO(data), {}) == len(read(data))


def test_a_text_that_is_too_long_costs_itself_alone() -> None:
    reader = PartedText(separator="====", item_bytes=100)
    data = b"a\n====\n" + b"x" * 200_000 + b"\n====\nb\n"
    first, long, last = read(data, reader=reader)
    assert (first.value, last.value) == ("a", "b")
    assert isinstance(long, Rejection)
    assert (long.reason, long.length) == (Reason.ITEM_TOO_LARGE, 200_001)
    assert reader.count(io.BytesIO(data), {}) == 3
