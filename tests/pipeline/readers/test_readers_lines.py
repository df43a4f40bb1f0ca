"""Lines: every one of them, at every slicing, long and broken ones too."""

from __future__ import annotations

import io
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.readers.lines import Lines
from schemas.files import Member, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

READER = Lines(item_bytes=12)
MEMBER = Member(path="a", ordinal=0, file=Path("a"), size=0, sha256="", media_type="")
PIECES = [b"one", "zwölf".encode(), b"\n", b"\r\n", b"  ", b"\xff", b"x" * 20, b"\xef\xbb\xbf"]


def read(data: bytes, limits: SliceLimits | None = None) -> list[RawRecord | Rejection]:
    source = io.BytesIO(data)
    context = READER.prepare(source, MEMBER)
    parts = list(READER.slices(source, context, limits or SliceLimits()))
    return [item for part in parts for item in READER.items(source, part, context)]


def test_lines_come_bare_with_their_place() -> None:
    found = read("\ufeff one\r\n\n \t\nzwölf".encode())
    assert found == [RawRecord("one", 4, 3), RawRecord("zwölf", 13, 6)]


def test_what_is_no_line_of_text_is_told() -> None:
    long, bad, good = read(b"y" * 70_000 + b"\n\xff\xfe\nok\n")
    assert isinstance(long, Rejection) and isinstance(bad, Rejection)
    assert (long.reason, long.offset, len(long.raw)) == (Reason.ITEM_TOO_LARGE, 0, 13)
    assert long.length == 70_001
    assert (bad.reason, bad.offset, bad.length) == (Reason.BAD_ENCODING, 70_001, 2)
    assert good == RawRecord("ok", 70_004, 2)


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.integers(1, 3), st.integers(1, 30))
def test_slicing_anyhow_gives_the_same(pieces: list[bytes], records: int, size: int) -> None:
    data = b"".join(pieces)
    whole = read(data)
    assert read(data, SliceLimits(records=records, size=size)) == whole
    source = io.BytesIO(data)
    assert READER.count(source, READER.prepare(source, MEMBER)) == len(whole)
    assert all(0 <= item.offset <= item.offset + item.length <= len(data) for item in whole)
